/** The whole network as a still picture, in SVG: the layout and the scales of the live figure, in the light theme. */
import { nothing, svg } from "lit";
import { heatmap, imageColours } from "../../drawing/colours";
import { allLinks, type Band, type Layout, layoutNetwork, type Place, type Rect } from "../../drawing/layout";
import { percent } from "../../drawing/text";
import { className } from "../../drawing/words";
import type { StillGiven } from "../../elements/still";
import type { State } from "./look";
import { compute, scaleOf, unitsOf, type View } from "./view";

const ROOM = 570; // pixels: the network's height on a window of 1,440 × 900
const n = (value: number) => value.toFixed(1);

export function still({ state, manifest, trace, width, hasText, image }: StillGiven<Pick<State, "colours">>) {
  if (!manifest || !trace) throw new RangeError("the network's still needs its manifest and a trace");
  const layout = layoutNetwork(manifest, width, ROOM);
  const view = compute(manifest, trace, layout, state.colours);
  const height = Math.ceil(layout.height);
  const picture = (rect: Rect, rgba: Uint8ClampedArray, w: number, h: number) =>
    svg`<image x=${n(rect.x)} y=${n(rect.y)} width=${n(rect.width)} height=${n(rect.height)} preserveAspectRatio="none" style="image-rendering:pixelated" href=${image(rgba, w, h)} />`;
  const map = (place: Place, { scale }: Band) => {
    const { units } = place;
    const pixels = heatmap(unitsOf(trace, place), scaleOf(view, scale, "light"));
    return [
      picture(place, pixels, units.width, units.height),
      svg`<rect x=${n(place.x)} y=${n(place.y)} width=${n(place.width)} height=${n(place.height)} fill="none" stroke="var(--line)" />`,
    ];
  };
  const [, rows, columns] = manifest.input.shape;
  const pixels = layout.picture && imageColours(trace.layers.image.data, manifest.input.shape);
  return svg`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width=${width} height=${height} font-family="system-ui, sans-serif" font-size="12" fill="var(--text)">
    <rect width="100%" height="100%" fill="var(--background)" />
    ${allLinks(manifest, layout).map((d) => svg`<path d=${d} fill="none" stroke="var(--link-line)" stroke-width="0.7" opacity="0.55" />`)}
    ${layout.picture && pixels ? picture(layout.picture, pixels, columns, rows) : nothing}
    ${layout.bands.map((band) => [hasText ? name(layout, band) : nothing, band.places.map((place) => map(place, band))])}
    ${layout.classes.map((rect, i) => classBar(layout, rect, view, i, hasText ? className(manifest, manifest.classes[i].name) : ""))}
  </svg>`;
}

const name = ({ direction }: Layout, { layer, label }: Band) =>
  direction === "rows"
    ? svg`<text x=${n(label.x)} y=${n(label.y + 14)} font-weight="600">${layer}</text>`
    : svg`<text x=${n(label.x + label.width / 2)} y=${n(label.y + label.height - 10)} font-weight="600" font-size="11" text-anchor="middle">${layer}</text>`;

/** A class's name, its probability, and a bar of that length. */
function classBar({ direction }: Layout, rect: Rect, view: View, channel: number, label: string) {
  const isRow = direction === "rows";
  const probability = view.probabilities[channel];
  const isBest = channel === view.best;
  const middle = rect.y + rect.height / 2;
  const [x, y, width, height] = isRow
    ? [rect.x + 112, middle - 3, rect.width - 180, 6]
    : [rect.x + 8, middle + 4, rect.width - 8, 5];
  const baseline = n(isRow ? y + 9 : y - 6);
  const weight = isBest ? 650 : 400;
  const ink = isBest ? "var(--text)" : "var(--muted)";
  return svg`${
    label
      ? svg`<text x=${n(isRow ? rect.x : x)} y=${baseline} font-weight=${weight} fill=${ink}>${label}</text>
    <text x=${n(rect.x + rect.width)} y=${baseline} font-weight=${weight} fill=${ink} text-anchor="end">${percent(probability)}</text>`
      : nothing
  }<rect x=${n(x)} y=${n(y)} width=${n(width)} height=${height} rx="3" fill="var(--faint)" />
    <rect x=${n(x)} y=${n(y)} width=${n(width * probability)} height=${height} rx="3" fill=${isBest ? "var(--accent)" : "var(--muted)"} />`;
}
