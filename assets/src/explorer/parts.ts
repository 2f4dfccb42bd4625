/** The pieces that views are made of: a map, a grid of numbers, a legend, a name. */
import { draw, explain, html, kinds, nothing, ops, svg, text as texts, words } from "../core";
import type { Layer, Manifest } from "../manifest";
import type { Region, Tensor } from "../ops";
import type { Given } from "./given";

const { text } = texts;

export interface Marks {
  unit?: readonly [number, number] | null;
  region?: Region | null;
}

/** One map of a layer's activation, `size` pixels wide; with `onPoint`, it can be pointed at. */
export function map(x: Tensor, channel: number, scale: draw.Scale, size: number, name: string, marks: Marks = {}, onPoint?: (y: number, x: number) => void, stride = 1) {
  const [, height, width] = explain.spatial(x.shape);
  return html`<heat-map class="hm" .style=${`width:${size.toFixed(1)}px;height:${Math.max(8, (size * height) / width).toFixed(1)}px`} .given=${{ values: slice(x, channel), width, scale, ...marks }}
    role=${onPoint ? "application" : "img"} aria-label=${onPoint ? text("point_at_map", { map: name }) : name} tabindex=${onPoint ? 0 : nothing} data-stride=${stride}
    @point=${onPoint ? (event: CustomEvent) => onPoint(event.detail.y, event.detail.x) : nothing}></heat-map>`;
}

/** The picture in its own colours. */
export function picture(x: Tensor, size: number, name: string, marks: Marks = {}) {
  return html`<heat-map class="hm" .style=${`width:${size.toFixed(1)}px;height:${((size * x.shape[1]) / x.shape[2]).toFixed(1)}px`}
    .given=${{ values: x.data, width: x.shape[2], scale: draw.greyScale, image: x.shape, ...marks }} role="img" aria-label=${name}></heat-map>`;
}

export function slice(x: Tensor, channel: number): Float32Array {
  const [count, height, width] = explain.spatial(x.shape);
  return x.data.subarray(Math.min(channel, count - 1) * height * width, (Math.min(channel, count - 1) + 1) * height * width);
}

/** k × k numbers on their colours. `marked` is the index of one that stands out. */
export function numbers(values: readonly number[], columns: number, scale: draw.Scale, marked = -1) {
  return html`<span class="st-numbers number" data-columns=${columns} .style=${`grid-template-columns:repeat(${columns},auto)`}>${values.map((value, i) => {
    const [background, colour] = colours(value, scale);
    return html`<span .style=${`background:${background};color:${colour}`} ?data-marked=${i === marked}>${texts.decimal(value)}</span>`;
  })}</span>`;
}

/** The colour of a value, and black or white, whichever can be read on it. */
function colours(value: number, scale: draw.Scale): [string, string] {
  const [r, g, b] = draw.heatmap(Float32Array.of(value), scale);
  const linear = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  const luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  return [`rgb(${r},${g},${b})`, luminance > 0.179 ? "#000" : "#fff"];
}

/** A scale as a strip with its ends. */
export function legend(scale: draw.Scale, clipped: boolean, label: string) {
  const grey = scale === draw.greyScale;
  const [low, high] = grey ? ["0", "1"] : [(clipped ? "≤\u2009" : "") + texts.decimal(-scale.extent), (clipped ? "≥\u2009" : "") + texts.decimal(scale.extent)];
  const steps = 129;
  const values = Float32Array.from({ length: steps }, (_, i) => (grey ? i / (steps - 1) : (2 * i) / (steps - 1) - 1) * (scale.extent || 1));
  return html`<div class="st-legend" role="img" aria-label="${label}: ${text("legend", { low, high })}"><span>${label}</span>
    <heat-map .given=${{ values, width: steps, scale: scale.extent ? scale : { ...scale, extent: 1 } }}></heat-map>
    <span class="number">${low}</span>${grey ? nothing : html`<span class="number">0</span>`}<span class="number">${high}</span></div>`;
}

/** The layer of the look, the one before it (or the input), and what comes in, as it is computed with. */
export interface Step {
  layer: Layer;
  before: string;
  input: Tensor;
  output: Tensor;
}

export function stepOf({ manifest, trace, look }: Given): Step {
  const index = manifest.layers.findIndex((layer) => layer.name === look.layer);
  const before = index ? manifest.layers[index - 1].name : "image";
  return { layer: manifest.layers[index], before, input: inputOf(manifest, trace.layers, index), output: trace.layers[look.layer] };
}

/** What layer `index` takes in: the first one the normalised picture. */
export function inputOf(manifest: Manifest, layers: Readonly<Record<string, Tensor>>, index: number): Tensor {
  if (index > 0) return layers[manifest.layers[index - 1].name];
  const { normalization } = manifest.input;
  return normalization ? ops.normalize(layers.image, normalization.mean, normalization.std) : layers.image;
}

/** The scale in which what comes into a layer is shown: the picture's grey where it is the picture as it is, else diverging. */
export function inputScale(given: Given, { before, input }: Step): draw.Scale {
  if (before !== "image") return given.scaleOf(before);
  return input === given.trace.layers.image ? draw.greyScale : draw.activationScale(draw.extentOf(input.data).extent, given.theme);
}

/** "conv_1_1, channel 4", the input's channels by their colours. */
export const mapName = ({ manifest }: Given, layer: string, channel: number) => `${layer}, ${words.channelName(manifest, { layer, channel })}`;

export const mixes = (layer: Layer) => kinds.kindOf(layer).mixes;

/** Where the strongest unit of a map is. */
export function strongest(values: Float32Array, width: number): [number, number] {
  let best = 0;
  values.forEach((value, i) => value > values[best] && (best = i));
  return [Math.floor(best / width), best % width];
}

/** The lines from so many rows into one sum. */
export const joins = (count: number) => html`<svg class="st-join" viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
  ${Array.from({ length: count }, (_, i) => svg`<path vector-effect="non-scaling-stroke" d="M0,${(100 * (i + 0.5)) / count}C55,${(100 * (i + 0.5)) / count} 45,50 100,50"></path>`)}</svg>`;
