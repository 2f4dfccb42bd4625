/** One unit of a convolution: the numbers below the window, the kernel's, their products, and the sum over all incoming maps with the bias. */
import { draw, html, kinds, ops, text as texts } from "../core";
import { partsOf } from "./convolution";
import type { Given } from "./given";
import { inputScale, legend, map, mapName, numbers, slice, stepOf, strongest } from "./parts";

const { text } = texts;

/** The arithmetic of one unit, each sum as the network computes it. */
export interface Sum {
  window: number[];
  kernel: number[];
  products: number[];
  /** What each incoming map gives, the bias, and all together: the unit. */
  parts: number[];
  bias: number;
  total: number;
}

export function sumAt(input: ops.Tensor, weight: ops.Tensor, bias: ops.Tensor, channel: number, from: number, [row, column]: readonly [number, number], window: ops.Window): Sum {
  const [inputs, , width] = input.shape;
  const of = (i: number) => {
    const values = ops.windowAt(ops.channel(input, i), width, row, column, window);
    const kernel = [...ops.kernel(weight, channel, i)];
    return { window: values, kernel, products: values.map((value, at) => value * kernel[at]) };
  };
  const parts = Array.from({ length: inputs }, (_, i) => of(i).products.reduce((a, b) => a + b, 0));
  return { ...of(from), parts, bias: bias.data[channel], total: Math.fround(parts.reduce((a, b) => a + b, bias.data[channel])) };
}

/** The unit that a view shows before the reader has chosen one: the strongest. */
export function unitOf(given: Given): readonly [number, number] {
  const { look } = given;
  const { output } = stepOf(given);
  const [height, width] = output.shape.slice(1);
  if (look.at && look.at[0] < height && look.at[1] < width) return look.at;
  return strongest(slice(output, look.channel), width);
}

/** The place of a window whose middle is nearest to (y, x). */
export function placeOf(y: number, x: number, { kernel_size: k, stride, padding }: ops.Window, [, height, width]: readonly number[]): [number, number] {
  const along = (position: number, length: number) => Math.min(length - 1, Math.max(0, Math.round((position + padding - (k - 1) / 2) / stride)));
  return [along(y, height), along(x, width)];
}

/** The units below the window at an output place, as far as they are inside. */
export function regionAt([row, column]: readonly [number, number], { kernel_size: k, stride, padding }: ops.Window, [, height, width]: readonly number[]): ops.Region {
  const [top, left] = [row * stride - padding, column * stride - padding];
  return { top: Math.max(0, top), left: Math.max(0, left), bottom: Math.min(height - 1, top + k - 1), right: Math.min(width - 1, left + k - 1) };
}

export function windowView(given: Given) {
  const { look, theme, weights } = given;
  const step = stepOf(given);
  const { layer, before, input, output } = step;
  const window = kinds.window(layer);
  const at = unitOf(given);
  const from = Math.min(look.from, input.shape[0] - 1);
  const { parts, extent, weightExtent } = partsOf(given);
  const sum = sumAt(input, weights[`${layer.name}.weight`], weights[`${layer.name}.bias`], look.channel, from, at, window);
  const kernelScale = draw.weightScale(weightExtent, theme);
  const productScale = draw.activationScale(extent.extent, theme);
  const scale = inputScale(given, step);
  const k = window.kernel_size;
  const narrow = given.width < 700;
  const size = narrow ? Math.min(300, given.width - 24) : Math.max(170, Math.min(270, (given.width - 150 - 3 * Math.min(k, 4) * 54) / 2.62));
  const point = (y: number, x: number) => given.go({ at: [y, x] }, true);
  return html`<div class="st-window" data-narrow=${narrow}>
    <figure class="st-side"><figcaption>${mapName(given, before, from)}</figcaption>
      ${map(input, from, scale, size, mapName(given, before, from), { region: regionAt(at, window, input.shape) }, (y, x) => point(...placeOf(y, x, window, output.shape)), window.stride)}</figure>
    <div class="st-arithmetic" data-columns=${k}>
      <div class="st-term"><small>${text("window")}</small>${numbers(sum.window, k, scale)}</div><i>×</i>
      <div class="st-term"><small>${text("kernel")}</small>${numbers(sum.kernel, k, kernelScale)}</div><i>=</i>
      <div class="st-term"><small>${text("products")}</small>${numbers(sum.products, k, productScale)}</div>
      <p class="st-line-sum number">${text("adds_up_to")} <strong data-sum>${texts.decimal(sum.parts[from])}</strong></p>
    </div>
    <figure class="st-side"><figcaption>${text("part_of", { channel: from })}</figcaption>
      ${map(parts, from, productScale, size * 0.62, text("part_of", { channel: from }), { unit: at }, point)}</figure>
    <figure class="st-side"><figcaption>${mapName(given, layer.name, look.channel)}</figcaption>
      ${map(output, look.channel, given.scaleOf(layer.name), size, mapName(given, layer.name, look.channel), { unit: at }, point)}</figure>
  </div>
  <div class="st-total number" role="group" aria-label=${text("all_maps")}>
    ${sum.parts.map((part, i) => html`${i ? html`<i>+</i>` : ""}<button type="button" class="st-addend" data-from=${i} aria-pressed=${i === from} @click=${() => given.go({ from: i }, true)}>
      <small>${i}</small>${texts.decimal(part)}</button>`)}
    <i>+</i><span class="st-addend"><small>${text("bias_word")}</small>${texts.decimal(sum.bias)}</span><i>=</i>
    <strong class="st-addend" data-total>${texts.decimal(sum.total)}</strong>
  </div>
  <div class="st-legends">${legend(kernelScale, false, text("legend_weights"))}${legend(productScale, extent.clipped, text("legend_parts"))}${legend(given.scaleOf(layer.name), false, layer.name)}</div>`;
}
