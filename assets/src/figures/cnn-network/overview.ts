/** Status lines and highlights of <cnn-network>: templates without state. */
import { html, nothing, svg } from "lit";
import * as fields from "../../arithmetic/field";
import type { Manifest } from "../../arithmetic/manifest";
import * as ops from "../../arithmetic/ops";
import type { MapName, Weights } from "../../arithmetic/trace";
import type { Task } from "../../data/store";
import * as stores from "../../data/store";
import * as draw from "../../drawing/colours";
import type { Layout, Place, Rect } from "../../drawing/layout";
import * as layouts from "../../drawing/layout";
import * as texts from "../../drawing/text";
import * as themes from "../../drawing/theme";
import * as words from "../../drawing/words";
import "../../elements/live-line";
import { type Pointed, placeOf } from "./pointing";
import type * as network from "./view";

const { text } = texts;
const { PAINTED } = stores;

/** The current picture and the prediction, with a warning if the picture may belong to none of the classes. */
export function summary(manifest: Manifest, view: network.View | null, off: readonly MapName[]) {
  if (!view) return html`<p class="cn-summary">${text("loading")}</p>`;
  const { trace, best, probabilities, unknown } = view;
  const example = manifest.examples.find((candidate) => candidate.name === trace.source);
  const shown = example
    ? words.exampleName(manifest, example)
    : text(trace.source === PAINTED ? "painted_picture" : "own_picture");
  const verdict = text("verdict", { title: manifest.title });
  const name = words.className(manifest, manifest.classes[best].name);
  const share = texts.percent(probabilities[best]);
  const doubt = unknown && !off.length ? text("none_of_these", { count: manifest.classes.length }) : "";
  return html`<p class="cn-summary"><span class="cn-shown">${shown}</span>
      <span class="cn-verdict">${verdict} <strong>${name}</strong> <span class="number">${share}</span></span>
      ${doubt ? html`<span class="cn-doubt">${doubt}</span>` : nothing}</p>
    <live-line .text=${`${shown}. ${verdict} ${name} ${share} ${doubt}`}></live-line>`;
}

/** Progress, errors and `notes` about the reader's picture. */
export function progress(task: Task, notes: readonly string[]) {
  if (task.step === "failed")
    return html`<p class="cn-message cn-error" role="alert">${text(task.reason, { file: task.file })}</p>`;
  if (task.step === "idle")
    return [...notes, ...(task.note ? [task.note] : [])].map((note) => html`<p class="cn-message">${text(note)}</p>`);
  if (!("share" in task)) return html`<p class="cn-message">${text(task.step)}</p>`;
  return html`<p class="cn-message cn-progress"><label>${text(task.step)} <progress max="1" .value=${task.share!}></progress></label>
    <span class="number">${texts.wholePercent(task.share!)}</span></p>`;
}

/** The maps that are switched off, with a button to switch them on. */
export function switchedOff(off: readonly MapName[], allOn: () => void) {
  return off.length
    ? html`<p class="cn-message cn-off">${text("switched_off", { maps: off.map(({ layer, channel }) => `${layer} ${channel}`).join(", ") })}
        <button type="button" class="cn-quiet" @click=${allOn}>${text("all_on")}</button></p>`
    : nothing;
}

/** All links, one path per layer, and the highlighted ones into the map or class pointed at. */
export function links(manifest: Manifest, layout: Layout, all: readonly string[], active: MapName | null) {
  const target = active && targetOf(layout, active);
  return html`<svg class="cn-links" aria-hidden="true" width=${layout.width} height=${layout.height} viewBox="0 0 ${layout.width} ${layout.height}">
    ${all.map((d) => svg`<path d=${d}></path>`)}
    ${active && target ? svg`<path class="is-active" d=${layouts.linksInto(manifest, layout, active.layer, active.channel, target)}></path>` : nothing}
  </svg>`;
}

/** The receptive field of the unit pointed at, in every earlier layer and in the picture. */
function fieldOf(manifest: Manifest, layout: Layout, { active, unit }: Pointed) {
  if (!active || !unit || active.layer === layout.last) return nothing;
  const outline = (rect: Rect, { top, left, bottom, right }: fields.Field["region"], height: number, width: number) =>
    ["cn-halo", "cn-field"].map(
      (
        name,
      ) => svg`<rect class=${name} x=${rect.x + (rect.width * left) / width} y=${rect.y + (rect.height * top) / height}
      width=${(rect.width * (right - left + 1)) / width} height=${(rect.height * (bottom - top + 1)) / height}></rect>`,
    );
  return fields.fields(manifest, active.layer, active.channel, ...unit).map(({ layer, region, channels }, i) => {
    const band = layout.bands.find((candidate) => candidate.layer === layer);
    if (!band || (i > 0 && band.places[0].units.height === 1)) return nothing;
    const { units } = band.places[0];
    const tall = units.width === 1 ? { ...region, top: region.left, bottom: region.right, left: 0, right: 0 } : region;
    const places = channels ? band.places.filter((place) => channels.includes(place.channel)) : band.places;
    return [
      ...places.map((place) => outline(place, tall, units.height, units.width)),
      layer === "image" && layout.picture ? outline(layout.picture, region, units.height, units.width) : nothing,
    ];
  });
}

/** The marks of `fieldOf`, over the maps. */
export const fieldMarks = (manifest: Manifest, layout: Layout, pointed: Pointed) =>
  html`<svg class="cn-links" aria-hidden="true" width=${layout.width} height=${layout.height} viewBox="0 0 ${layout.width} ${layout.height}">${fieldOf(manifest, layout, pointed)}</svg>`;

/** The kernels on the links into the convolution map pointed at. */
export function kernels(manifest: Manifest, layout: Layout, weights: Weights | null, active: MapName | null) {
  const layer = manifest.layers.find((candidate) => candidate.name === active?.layer);
  if (!active || !weights || layer?.kind !== "conv") return nothing;
  const weight = weights[`${layer.name}.weight`];
  const scale = draw.weightScale(draw.extentOf(weight.data, 0).extent, themes.theme());
  const columns = layout.direction === "columns";
  const parents = layouts.parents(manifest, layout, active.layer, active.channel);
  if (!columns && parents.some((place) => place.y !== parents[0].y)) return nothing; // no room between two lines of maps
  return parents.map((place, i) => {
    const side = Math.min(columns ? 22 : 12, 0.5 * place.width);
    const [x, y] = columns
      ? [place.x + place.width + 5, place.y + (place.height - side) / 2]
      : [place.x + (place.width - side) / 2, place.y + place.height + 1];
    return html`<heat-map class="cn-kernel" aria-hidden="true" .style=${box({ x, y, width: side, height: side })}
      .given=${{ values: ops.kernel(weight, active.channel, i), width: weight.shape[3], scale }}></heat-map>`;
  });
}

/** The legend of a scale by its number; the first is the picture's. */
export function legend(rect: Rect, scale: number, view: network.View | null) {
  const { extent, clipped } = view?.extents[scale] ?? { extent: 0, clipped: false };
  const [least, most] = clipped ? ["≤\u2009", "≥\u2009"] : ["", ""];
  const ends = scale === 0 ? ["0", "1"] : [least + texts.decimal(-extent), most + texts.decimal(extent)];
  return html`<div class="cn-legend" .style=${box(rect)} role="img" aria-label=${text("legend", { low: ends[0], high: ends[1] })}>
    <canvas data-legend=${scale}></canvas>
    <span class="number">${ends[0]}</span>${scale === 0 ? nothing : html`<span class="number">0</span>`}<span class="number">${ends[1]}</span>
  </div>`;
}

/** Where the links into a map or class end; on a narrow screen the classes have none. */
const targetOf = (layout: Layout, map: MapName): Place | null =>
  map.layer === layout.last && layout.direction === "rows" ? null : placeOf(layout, map);

/** A layer's name, linked to the lesson's section on its kind if there is one: an element with the id `about-KIND`. */
export const lessonOn = (kind: string, name: string) =>
  document.getElementById(`about-${kind}`) ? html`<a href="#about-${kind}">${name}</a>` : html`<span>${name}</span>`;

/** The position of each map in the window, by `layer/channel`. */
export function places(figure: HTMLElement): Map<string, DOMRect> {
  const maps = [...figure.querySelectorAll<HTMLElement>(".cn-map")];
  return new Map(maps.map((map) => [`${map.dataset.layer}/${map.dataset.channel}`, map.getBoundingClientRect()]));
}

/** Animate the elements that stage and network share from their old to their new positions. */
export function fly(figure: HTMLElement, from: Map<string, DOMRect>) {
  for (const element of figure.querySelectorAll<HTMLElement>("[data-fly]")) {
    const before = from.get(element.dataset.fly!);
    const after = element.getBoundingClientRect();
    if (!before?.width || !after.width) continue;
    const start = `translate(${before.left - after.left}px, ${before.top - after.top}px) scale(${before.width / after.width}, ${before.height / after.height})`;
    element.animate(
      [
        { transform: start, transformOrigin: "0 0" },
        { transform: "none", transformOrigin: "0 0" },
      ],
      { duration: 300, easing: "cubic-bezier(0.2, 0, 0, 1)" },
    );
  }
}

export const box = ({ x, y, width, height }: Rect) =>
  `left:${x.toFixed(1)}px;top:${y.toFixed(1)}px;width:${width.toFixed(1)}px;height:${height.toFixed(1)}px`;
