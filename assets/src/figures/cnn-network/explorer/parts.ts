/** Parts of views: a map, a grid of numbers, a legend, a name. */
import { html, nothing, svg } from "lit";
import * as explain from "../../../arithmetic/explain";
import { IMAGE, type Layer, layerOf, type Manifest } from "../../../arithmetic/manifest";
import type { Region, Tensor } from "../../../arithmetic/ops";
import * as traces from "../../../arithmetic/trace";
import * as draw from "../../../drawing/colours";
import * as texts from "../../../drawing/text";
import * as words from "../../../drawing/words";
import * as looks from "../look";
import type { Given } from "./given";

const { text } = texts;

export interface Marks {
  unit?: readonly [number, number] | null;
  region?: Region | null;
  /** How many units are shown, in reading order; null for all. */
  drawn?: number | null;
}

/** Handlers for pointing at a map and for arrow keys; with `tabbed` false it is not a tab stop. */
export interface Pointing {
  to(y: number, x: number): void;
  by(y: number, x: number): void;
  tabbed?: boolean;
}

/** One map of a layer's activation, `size` pixels wide; with `pointing`, it can be pointed at. */
export function map(
  x: Tensor,
  channel: number,
  scale: draw.Scale,
  size: number,
  name: string,
  marks: Marks = {},
  pointing?: Pointing,
) {
  const [, height, width] = explain.spatial(x.shape);
  const tabbed = pointing && pointing.tabbed !== false;
  return html`<heat-map class="hm" .style=${`width:${size.toFixed(1)}px;height:${Math.max(8, (size * height) / width).toFixed(1)}px`} .given=${{ values: slice(x, channel), width, scale, ...marks }}
    role=${tabbed ? "application" : "img"} aria-label=${tabbed ? text("point_at_map", { map: name }) : name} tabindex=${pointing ? (tabbed ? 0 : -1) : nothing}
    @point=${pointing ? ({ detail: { y, x } }: CustomEvent) => pointing.to(y, x) : nothing} @step=${pointing ? ({ detail: { y, x } }: CustomEvent) => pointing.by(y, x) : nothing}></heat-map>`;
}

/** Handlers for a map of `height` × `width` whose current unit is `at`. */
export function pointing(
  [row, column]: readonly [number, number],
  height: number,
  width: number,
  go: (at: [number, number]) => void,
  to: (y: number, x: number) => [number, number] = (y, x) => [y, x],
): Pointing {
  const inside = (n: number, length: number) => Math.min(length - 1, Math.max(0, n));
  return { to: (y, x) => go(to(y, x)), by: (y, x) => go([inside(row + y, height), inside(column + x, width)]) };
}

/** The picture in its own colours. */
export function picture(x: Tensor, size: number, name: string, marks: Marks = {}, pointing?: Pointing) {
  return html`<heat-map class="hm" .style=${`width:${size.toFixed(1)}px;height:${((size * x.shape[1]) / x.shape[2]).toFixed(1)}px`}
    .given=${{ values: x.data, width: x.shape[2], scale: draw.greyScale, image: x.shape, ...marks }} role="img" aria-label=${name} tabindex=${pointing ? -1 : nothing}
    @point=${pointing ? ({ detail: { y, x: column } }: CustomEvent) => pointing.to(y, column) : nothing}></heat-map>`;
}

export function slice(x: Tensor, channel: number): Float32Array {
  const [count, height, width] = explain.spatial(x.shape);
  return x.data.subarray(
    Math.min(channel, count - 1) * height * width,
    (Math.min(channel, count - 1) + 1) * height * width,
  );
}

/** k × k numbers on their colours; NaN is an empty cell. `marked` is the index of a highlighted one. */
export function numbers(
  values: readonly number[],
  columns: number,
  scale: draw.Scale,
  written: (x: number) => string,
  marked = -1,
) {
  return html`<span class="st-numbers number" data-size=${columns <= 3 ? "large" : columns <= 5 ? "middle" : "small"} .style=${`grid-template-columns:repeat(${columns},auto)`}>${values.map(
    (value, i) => {
      if (Number.isNaN(value)) return html`<span></span>`; // padding, which max-pooling ignores
      const [background, colour] = colours(value, scale);
      return html`<span .style=${`background:${background};color:${colour}`} ?data-marked=${i === marked} .textContent=${written(value)}></span>`;
    },
  )}</span>`;
}

/** The colour of a value, and black or white for readable text on it. */
function colours(value: number, scale: draw.Scale): [string, string] {
  const [r, g, b] = draw.heatmap(Float32Array.of(value), scale);
  const linear = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  const luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  return [`rgb(${r},${g},${b})`, luminance > 0.179 ? "#000" : "#fff"];
}

/** A legend: a strip of colours with the ends of the scale. */
export function legend(scale: draw.Scale, label: string) {
  const { clipped } = scale;
  const grey = scale === draw.greyScale;
  const [low, high] = grey
    ? ["0", "1"]
    : [
        (clipped ? "≤\u2009" : "") + texts.decimal(-scale.extent),
        (clipped ? "≥\u2009" : "") + texts.decimal(scale.extent),
      ];
  const steps = 129;
  const values = Float32Array.from(
    { length: steps },
    (_, i) => (grey ? i / (steps - 1) : (2 * i) / (steps - 1) - 1) * (scale.extent || 1),
  );
  return html`<div class="st-legend" role="img" aria-label="${label}: ${text("legend", { low, high })}"><span>${label}</span>
    <heat-map .given=${{ values, width: steps, scale: scale.extent ? scale : { ...scale, extent: 1 } }}></heat-map>
    <span class="number">${low}</span>${grey ? nothing : html`<span class="number">0</span>`}<span class="number">${high}</span></div>`;
}

/**
 * The layer of the look, the first layer that it takes in (or "image"), and that activation, as it is computed with.
 */
export interface Step {
  layer: Layer;
  before: string;
  input: Tensor;
  output: Tensor;
}

export function stepOf({ manifest, trace, look }: Given): Step {
  const layer = layerOf(manifest, look.layer)!;
  const [before] = layer.inputs;
  return { layer, before, input: taken(manifest, trace.layers, before), output: trace.layers[look.layer] };
}

/** An activation as a layer takes it in: of the image the normalised one. */
export function taken(manifest: Manifest, layers: Readonly<Record<string, Tensor>>, name: string): Tensor {
  const x = layers[name];
  if (name !== IMAGE) return x;
  let input = inputs.get(x);
  if (!input) inputs.set(x, (input = traces.normalized(manifest, x)));
  return input;
}

const inputs = new WeakMap<Tensor, Tensor>();

/**
 * The scale in which what comes into a layer is shown: the picture's grey where it is the picture as it is, else
 * diverging.
 */
export function inputScale(given: Given, { before, input }: Pick<Step, "before" | "input">): draw.Scale {
  if (before !== IMAGE) return given.scaleOf(before);
  return input === given.trace.layers.image ? draw.greyScale : ownScale(input, given.theme);
}

/** A scale of an activation's own. */
export function ownScale(x: Tensor, theme: Given["theme"]): draw.Scale {
  let found = extents.get(x);
  if (!found) extents.set(x, (found = draw.extentOf(x.data)));
  return draw.activationScale(found.extent, theme, found.clipped);
}
const extents = new WeakMap<Tensor, { extent: number; clipped: boolean }>();

/** "conv_1_1, channel 4", the input's channels by their colours. */
export const mapName = ({ manifest }: Given, layer: string, channel: number) =>
  `${layer}, ${words.channelName(manifest, { layer, channel })}`;

/** The unit of the look's map that is on show: the strongest, before the reader has chosen one. */
export function unitOf({ look, trace }: Given): readonly [number, number] {
  const x = trace.layers[look.layer];
  const [, height, width] = explain.spatial(x.shape);
  if (look.at && look.at[0] < height && look.at[1] < width) return look.at;
  return strongest(slice(x, look.channel), width);
}

function strongest(values: Float32Array, width: number): [number, number] {
  let best = 0;
  values.forEach((value, i) => value > values[best] && (best = i));
  return [Math.floor(best / width), best % width];
}

/** The name of a map that leads to it. */
export function opener(given: Given, layer: string, channel: number) {
  const { manifest } = given;
  return html`<button type="button" class="st-open" data-open=${layer} @click=${() => given.go({ layer, channel, view: looks.viewsOf(manifest, layer)[0], at: null, from: 0 })}>${mapName(given, layer, channel)}</button>`;
}

/** The lines from so many rows into one sum. */
export const joins = (
  count: number,
) => html`<svg class="st-join" viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
  ${Array.from({ length: count }, (_, i) => svg`<path vector-effect="non-scaling-stroke" d="M0,${(100 * (i + 0.5)) / count}C55,${(100 * (i + 0.5)) / count} 45,50 100,50"></path>`)}</svg>`;
