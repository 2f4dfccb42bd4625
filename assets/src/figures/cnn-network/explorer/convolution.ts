/** A convolution as a whole: every map that comes in, its kernel, what they give, and their sum with the bias. */
import { html, nothing } from "lit";
import * as explain from "../../../arithmetic/explain";
import * as kinds from "../../../arithmetic/kinds";
import * as ops from "../../../arithmetic/ops";
import * as draw from "../../../drawing/colours";
import * as texts from "../../../drawing/text";
import type { Given } from "./given";
import { inputScale, joins, legend, map, mapName, ownScale, slice, stepOf, unitOf } from "./parts";

const { text } = texts;

const FAINT = 0.02; // of a scale: what stays below it cannot be seen

/** What each incoming map gives to the channel of the look: (I, H', W'). */
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
  const step = stepOf(given);
  const { layer, before, input, output } = step;
  const parts = partsOf(given);
  const [inputs] = input.shape;
  const k = layer.kernel_size!;
  const partScale = ownScale(parts, theme);
  const kernelScale = kernelScaleOf(given, layer.name);
  const scale = given.scaleOf(layer.name);
  const narrow = given.width < 700;
  const cell = narrow
    ? Math.min(84, (given.width - 96) / 3)
    : Math.max(34, Math.min(given.width > 1500 ? 92 : 76, 560 / inputs - 9));
  const at = unitOf(given);
  const computed = { unit: at, drawn: given.drawn };
  const region = explain.regionAt(at, kinds.window(layer), input.shape);
  const bias = weights[`${layer.name}.bias`].data[look.channel];
  const kernelTensor = (i: number) =>
    ops.tensor([1, k, k], ops.kernel(weights[`${layer.name}.weight`], look.channel, i));
  return html`<div class="st-conv" data-narrow=${narrow}>
    <ol class="st-rows" .style=${`--cell:${cell.toFixed(1)}px`}>
      ${Array.from(
        { length: inputs },
        (
          _,
          i,
        ) => html`<li><button type="button" class="st-row" data-from=${i} aria-label=${text("open_window", { map: mapName(given, before, i) })}
        @click=${() => given.go({ view: "window", from: i })}>
        <span class="st-parent" data-fly="${before}/${i}">${map(input, i, inputScale(given, step), cell, mapName(given, before, i), { region })}</span><i>×</i>
        <span class="st-kernel" title=${kernelText(kernelTensor(i).data, k)}>${map(kernelTensor(i), 0, kernelScale, cell * 0.72, text("kernel_of", { channel: i }))}</span><i>=</i>
        <span class="st-part">${map(parts, i, partScale, cell, text("part_of", { channel: i }), computed)}${nothingOf(slice(parts, i), partScale)}</span></button></li>`,
      )}
    </ol>
    ${joins(inputs)}
    <div class="st-sum">
      <span class="st-plus" aria-hidden="true">+</span>
      <span class="st-bias number">${text("bias", { value: texts.decimal(bias) })}</span>
      <span class="st-arrow" aria-hidden="true"></span>
      <span class="st-result" data-fly="${layer.name}/${look.channel}">${map(output, look.channel, scale, narrow ? Math.min(220, given.width - 40) : Math.min(320, given.width / 6), mapName(given, layer.name, look.channel), computed)}</span>
    </div>
    <div class="st-legends">${legend(kernelScale, text("legend_weights"))}${legend(partScale, text("legend_parts"))}${legend(scale, layer.name)}</div>
  </div>`;
}

/** A map that looks empty says that it is. */
function nothingOf(values: Float32Array, scale: draw.Scale) {
  const most = ops.largest(values);
  return most > FAINT * scale.extent ? nothing : html`<small class="st-nothing number">${most ? "≈ 0" : "0"}</small>`;
}

/** A kernel's weights, line by line. */
const kernelText = (values: Float32Array, k: number) =>
  Array.from({ length: k }, (_, row) =>
    Array.from(values.subarray(row * k, (row + 1) * k), texts.decimal).join("  "),
  ).join("\n");
