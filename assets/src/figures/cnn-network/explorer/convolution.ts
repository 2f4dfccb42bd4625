/** A whole convolution: every input map, its kernel and contribution, and the sum of all contributions and the bias. */
import { html, nothing } from "lit";
import * as explain from "../../../arithmetic/explain";
import * as kinds from "../../../arithmetic/kinds";
import * as ops from "../../../arithmetic/ops";
import * as draw from "../../../drawing/colours";
import * as texts from "../../../drawing/text";
import type { Given } from "./given";
import { inputScale, joins, legend, map, mapName, ownScale, slice, stepOf, unitOf } from "./parts";

const { text } = texts;

const MOST_ROWS = 24; // what fits on a screen without scrolling
const STRONGEST_ROWS = 12; // shown if there are more
const FAINT = 0.02; // share of the scale below which values are invisible

/** The contribution of each incoming map of its group to the channel of the look: (I / groups, H', W'). */
export function partsOf(given: Given): ops.Tensor {
  const { layer, input, output } = stepOf(given);
  const { channel } = given.look;
  if (kept?.output !== output || kept.channel !== channel) {
    kept = {
      output,
      channel,
      parts: ops.convParts(input, given.weights[`${layer.name}.weight`], channel, kinds.window(layer)),
    };
  }
  return kept.parts;
}
let kept: { output: ops.Tensor; channel: number; parts: ops.Tensor } | null = null;

/** The scale of a layer's kernels, one for all of them. */
export const kernelScaleOf = ({ weights, theme }: Given, layer: string) =>
  draw.weightScale(ops.largest(weights[`${layer}.weight`].data), theme);

export function convolution(given: Given) {
  const { look, theme, weights } = given;
  const { layer, before, input, output } = stepOf(given);
  const weight = weights[`${layer.name}.weight`];
  const parts = partsOf(given);
  const { first, count } = ops.groupOf(input, weight, look.channel);
  const { shown, rest } = strongestParts(parts);
  const partScale = ownScale(parts, theme);
  const kernelScale = kernelScaleOf(given, layer.name);
  const scale = given.scaleOf(layer.name);
  const narrow = given.width < 700;
  const rows = shown.length + (rest ? 1 : 0);
  const cell = narrow
    ? Math.min(84, (given.width - 96) / 3)
    : Math.max(34, Math.min(given.width > 1500 ? 92 : 76, 560 / rows - 9));
  const at = unitOf(given);
  const computed = { unit: at, drawn: given.drawn };
  const region = explain.regionAt(at, kinds.window(layer), input.shape);
  const row = (i: number) => {
    const own = ops.tensor([1, ...weight.shape.slice(2)], ops.kernel(weight, look.channel, i));
    const name = mapName(given, before, first + i);
    return html`<li><button type="button" class="st-row" data-from=${i} aria-label=${text("open_window", { map: name })}
      @click=${() => given.go({ view: "window", from: i })}>
      <span class="st-parent" data-fly="${before}/${first + i}">${map(input, first + i, inputScale(given, { before, input }), cell, name, { region })}</span><i>×</i>
      <span class="st-kernel" title=${kernelText(own)}>${map(own, 0, kernelScale, cell * 0.72, text("kernel_of", { channel: first + i }))}</span><i>=</i>
      <span class="st-part">${map(parts, i, partScale, cell, text("part_of", { channel: first + i }), computed)}${nothingOf(slice(parts, i), partScale)}</span></button></li>`;
  };
  const result = narrow ? Math.min(220, given.width - 40) : Math.min(320, given.width / 6);
  return html`<div class="st-conv" data-narrow=${narrow}>
    <ol class="st-rows" .style=${`--cell:${cell.toFixed(1)}px`}>
      ${shown.map(row)}
      ${rest ? html`<li class="st-rest"><span>${text("other_maps", { count: count - shown.length })}</span><span class="st-part">${map(rest, 0, partScale, cell, text("other_maps", { count: count - shown.length }), computed)}</span></li>` : nothing}
    </ol>
    ${joins(rows)}
    <div class="st-sum">
      <span class="st-plus" aria-hidden="true">+</span>
      <span class="st-bias number">${text("bias", { value: texts.decimal(weights[`${layer.name}.bias`].data[look.channel]) })}</span>
      <span class="st-arrow" aria-hidden="true"></span>
      <span class="st-result" data-fly="${layer.name}/${look.channel}">${map(output, look.channel, scale, result, mapName(given, layer.name, look.channel), computed)}</span>
    </div>
    <div class="st-legends">${legend(kernelScale, text("legend_weights"))}${legend(partScale, text("legend_parts"))}${legend(scale, layer.name)}</div>
  </div>`;
}

/**
 * The contributions to show, strongest first where there are too many for one view; `rest` is the sum of the others.
 */
function strongestParts(parts: ops.Tensor): { shown: number[]; rest: ops.Tensor | null } {
  const all = Array.from({ length: parts.shape[0] }, (_, i) => i);
  if (all.length <= MOST_ROWS) return { shown: all, rest: null };
  const strength = all.map((i) => slice(parts, i).reduce((sum, value) => sum + Math.abs(value), 0));
  const ordered = all.sort((a, b) => strength[b] - strength[a]);
  const others = ordered.slice(STRONGEST_ROWS).map((i) => ops.tensor([1, ...parts.shape.slice(1)], slice(parts, i)));
  return { shown: ordered.slice(0, STRONGEST_ROWS), rest: ops.add(others) };
}

/** A note on a map that looks empty. */
function nothingOf(values: Float32Array, scale: draw.Scale) {
  const most = ops.largest(values);
  return most > FAINT * scale.extent ? nothing : html`<small class="st-nothing number">${most ? "≈ 0" : "0"}</small>`;
}

/** A kernel's weights, line by line. */
const kernelText = ({ shape: [, height, width], data }: ops.Tensor) =>
  Array.from({ length: height }, (_, row) =>
    Array.from(data.subarray(row * width, (row + 1) * width), texts.decimal).join("  "),
  ).join("\n");
