/** The whole network for one picture: what its drawing needs of a trace, and the drawing as SVG where nothing is alive. */
import { type Summary, slice, summarise } from "../arithmetic/describe";
import type { Manifest } from "../arithmetic/manifest";
import { probabilities as probabilitiesOf, type Trace } from "../arithmetic/trace";
import { looksUnknown } from "../arithmetic/unknown";
import { activationScale, extentOf, greyScale, heatmap, imageColours, type Scale } from "./colours";
import { allLinks, type Layout, layoutNetwork, type Place, type Rect } from "./layout";
import type { Theme } from "./theme";

/** What the drawing needs of a trace; computed when the trace or the layout changes, not when the pointer moves. */
export interface View {
  trace: Trace;
  layout: Layout;
  probabilities: Float32Array;
  best: number;
  /** Whether the picture looks like none of the classes. */
  unknown: boolean;
  /** Of each scale, computed from the layer that it begins with; what follows (ReLU, pooling) stays within its range. */
  extents: { extent: number; clipped: boolean }[];
  /** Of each map that was asked for, by `layer/channel`: see `summaryOf`. */
  summaries: Map<string, Summary>;
}

/** How many layers share a scale: each that rescales with those that follow it, all up to a pooling, or the whole network. */
export const SHARINGS = ["layer", "block", "network"] as const;
export type Sharing = (typeof SHARINGS)[number];

export function compute(manifest: Manifest, trace: Trace, layout: Layout, sharing: Sharing = "layer"): View {
  const probabilities = probabilitiesOf(trace);
  const own = layout.legends.map((_, scale) =>
    scale === 0
      ? { extent: 1, clipped: false }
      : extentOf(trace.layers[layout.bands.find((band) => band.scale === scale)!.layer].data),
  );
  const groups = groupsOf(manifest, layout, sharing);
  const extents = own.map((extent, scale) =>
    scale === 0
      ? extent
      : own
          .filter((_, other) => other > 0 && groups[other] === groups[scale])
          .reduce((a, b) => (b.extent > a.extent ? b : a)),
  );
  return {
    trace,
    layout,
    probabilities,
    best: best(trace),
    unknown: manifest.unknown !== null && looksUnknown(trace.layers, manifest.unknown),
    extents,
    summaries: new Map(),
  };
}

/** By scale, the number of the group that it shares its colours with. */
function groupsOf(manifest: Manifest, layout: Layout, sharing: Sharing): number[] {
  let block = 0;
  return layout.legends.map((_, scale) => {
    const layers = layout.bands.filter((band) => band.scale === scale).map((band) => band.layer);
    const own = sharing === "layer" ? scale : sharing === "block" ? block : 0;
    if (manifest.layers.some((layer) => layers.includes(layer.name) && layer.kind.endsWith("_pool"))) block++;
    return own;
  });
}

/** The number of the class that a trace makes most probable. */
export function best(trace: Trace): number {
  const { data } = trace.layers.logits;
  return data.indexOf(Math.max(...data));
}

export const key = ({ layer, channel }: { layer: string; channel: number }) => `${layer}/${channel}`;

/** What can be said of a map, computed when it is first asked for: of a hundred maps that takes longer than a frame. */
export function summaryOf({ trace, summaries }: View, place: Place): Summary {
  let summary = summaries.get(key(place));
  if (!summary) summaries.set(key(place), (summary = summarise(unitsOf(trace, place), place.units.width)));
  return summary;
}

export const unitsOf = (trace: Trace, place: Place): Float32Array =>
  slice(trace.layers[place.layer], place.channel, place.units.width * place.units.height);

export const scaleOf = (view: View, scale: number, theme: Theme): Scale =>
  scale === 0 ? greyScale : activationScale(view.extents[scale].extent, theme, view.extents[scale].clipped);

/** What a still picture needs besides: how to write RGBA pixels as an image's address, and the classes' names. */
export interface Still {
  image(rgba: Uint8ClampedArray, width: number, height: number): string;
  classes: string[];
  /** Which layers share their colours; each its own without it. */
  sharing?: Sharing;
  /** Whether to write names and numbers; a card for other sites has none, since it is drawn without fonts. */
  lettered: boolean;
}

/** The figure as SVG: the same layout and colours as the live one, for pages without JavaScript, print, and cards. */
export function drawNetwork(
  manifest: Manifest,
  trace: Trace,
  width: number,
  room: number,
  { image, classes, sharing, lettered }: Still,
): string {
  const layout = layoutNetwork(manifest, width, room);
  const view = compute(manifest, trace, layout, sharing);
  const box = ({ x, y, width: w, height: h }: Rect) =>
    `x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${w.toFixed(1)}" height="${h.toFixed(1)}"`;
  const picture = (rect: Rect, rgba: Uint8ClampedArray, w: number, h: number) =>
    `<image ${box(rect)} preserveAspectRatio="none" style="image-rendering:pixelated" href="${image(rgba, w, h)}"/>`;
  const map = (place: Place, scale: number) =>
    picture(
      place,
      heatmap(unitsOf(trace, place), scaleOf(view, scale, "light")),
      place.units.width,
      place.units.height,
    ) + `<rect ${box(place)} fill="none" stroke="#dfe0dc"/>`;
  const letters = (x: number, y: number, text: string, more = "") =>
    lettered ? `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${escapeXml(text)}</text>` : "";
  const [, height, side] = manifest.input.shape;
  const rows = layout.direction === "rows";
  const bar = (rect: Rect): Rect =>
    rows
      ? { x: rect.x + 112, y: rect.y + rect.height / 2 - 3, width: rect.width - 180, height: 6 }
      : { x: rect.x + 8, y: rect.y + rect.height / 2 + 4, width: rect.width - 8, height: 5 };
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${Math.ceil(layout.height)}" width="${width}" height="${Math.ceil(layout.height)}" font-family="system-ui, sans-serif" font-size="12" fill="#1d1f24">`,
    `<rect width="100%" height="100%" fill="#fcfcfa"/>`,
    ...allLinks(manifest, layout).map(
      (d) => `<path d="${d}" fill="none" stroke="#c9ccd2" stroke-width="0.7" opacity="0.55"/>`,
    ),
    layout.picture
      ? picture(layout.picture, imageColours(trace.layers.image.data, manifest.input.shape), side, height)
      : "",
    ...layout.bands.flatMap((band) => {
      const { label } = band;
      const name = rows
        ? letters(label.x, label.y + 14, band.layer, 'font-weight="600"')
        : letters(
            label.x + label.width / 2,
            label.y + label.height - 10,
            band.layer,
            'font-weight="600" font-size="11" text-anchor="middle"',
          );
      return [name, ...band.places.map((place) => map(place, band.scale))];
    }),
    ...layout.classes.flatMap((rect, i) => {
      const track = bar(rect);
      const best = i === view.best;
      return [
        letters(
          rows ? rect.x : track.x,
          rows ? track.y + 9 : track.y - 6,
          classes[i],
          best ? 'font-weight="650"' : 'fill="#5d626c"',
        ),
        letters(
          rect.x + rect.width,
          rows ? track.y + 9 : track.y - 6,
          `${(100 * view.probabilities[i]).toFixed(1)}%`,
          `text-anchor="end" ${best ? 'font-weight="650"' : 'fill="#5d626c"'}`,
        ),
        `<rect ${box(track)} rx="3" fill="#ecece8"/><rect ${box({ ...track, width: track.width * view.probabilities[i] })} rx="3" fill="${best ? "#5a3ac0" : "#5d626c"}"/>`,
      ];
    }),
    "</svg>\n",
  ].join("\n");
}

const escapeXml = (text: string) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");
