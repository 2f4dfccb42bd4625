/** One unit of a convolution: the window, the kernel, their products, and the sum over all input maps and the bias. */
import { html } from "lit";
import * as explain from "../../../arithmetic/explain";
import * as kinds from "../../../arithmetic/kinds";
import * as ops from "../../../arithmetic/ops";
import * as texts from "../../../drawing/text";
import { kernelScaleOf, partsOf } from "./convolution";
import type { Given } from "./given";
import { inputScale, legend, map, mapName, numbers, opener, ownScale, pointing, stepOf, unitOf } from "./parts";

const { text } = texts;

export function windowView(given: Given) {
  const { look, theme, weights } = given;
  const step = stepOf(given);
  const { layer, before, input, output } = step;
  const window = kinds.window(layer);
  const at = unitOf(given);
  const parts = partsOf(given);
  const { first, count } = ops.groupOf(input, weights[`${layer.name}.weight`], look.channel);
  const from = Math.min(look.from, count - 1);
  const source = first + from; // `from` counts within the group
  const sum = explain.sumAt(
    input,
    weights[`${layer.name}.weight`],
    weights[`${layer.name}.bias`],
    look.channel,
    from,
    at,
    window,
  );
  const kernelScale = kernelScaleOf(given, layer.name);
  const productScale = ownScale(parts, theme);
  const scale = inputScale(given, step);
  const [, k] = window.kernel_size;
  const narrow = given.width < 700;
  const size = narrow
    ? Math.min(300, given.width - 24)
    : Math.max(170, Math.min(270, (given.width - 150 - 3 * Math.min(k, 4) * 54) / 2.62));
  const [, height, width] = output.shape;
  const go = (at: [number, number]) => given.go({ at }, true);
  const computed = { unit: at, drawn: given.drawn };
  const here = pointing(at, height, width, go);
  const below = pointing(at, height, width, go, (y, x) => explain.placeOf(y, x, window, output.shape));
  return html`<div class="st-window" data-narrow=${narrow}>
    <figure class="st-side"><figcaption>${opener(given, before, source)}</figcaption>
      ${map(input, source, scale, size, mapName(given, before, source), { region: explain.regionAt(at, window, input.shape) }, below)}</figure>
    <div class="st-arithmetic" data-wide=${k > 3}>
      <div class="st-term"><small>${text("window")}</small>${numbers(sum.window, k, scale, given.number)}</div><i>×</i>
      <div class="st-term"><small>${text("kernel")}</small>${numbers(sum.kernel, k, kernelScale, given.number)}</div><i>=</i>
      <div class="st-term"><small>${text("products")}</small>${numbers(sum.products, k, productScale, given.number)}</div>
      <p class="st-line-sum number">${text("adds_up_to")} <strong data-sum>${given.number(sum.parts[from])}</strong></p>
    </div>
    <figure class="st-side"><figcaption>${text("part_of", { channel: source })}</figcaption>
      ${map(parts, from, productScale, size * 0.62, text("part_of", { channel: source }), computed, here)}</figure>
    <figure class="st-side"><figcaption>${mapName(given, layer.name, look.channel)}</figcaption>
      ${map(output, look.channel, given.scaleOf(layer.name), size, mapName(given, layer.name, look.channel), computed, here)}</figure>
  </div>
  <div class="st-total number" role="group" aria-label=${text("all_maps")}>
    ${sum.parts.map(
      (
        part,
        i,
      ) => html`${i ? html`<i>+</i>` : ""}<button type="button" class="st-addend" data-from=${i} aria-pressed=${i === from} @click=${() => given.go({ from: i }, true)}>
      <small>${first + i}</small>${given.number(part)}</button>`,
    )}
    <i>+</i><span class="st-addend"><small>${text("bias_word")}</small>${given.number(sum.bias)}</span><i>=</i>
    <strong class="st-addend" data-total>${given.number(sum.total)}</strong>
  </div>
  <div class="st-legends">${legend(kernelScale, text("legend_weights"))}${legend(productScale, text("legend_parts"))}${legend(given.scaleOf(layer.name), layer.name)}</div>`;
}
