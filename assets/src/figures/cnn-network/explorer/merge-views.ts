/** Layers with several inputs, and layers that reduce or rescale a whole map. */
import { html } from "lit";
import { concatSource } from "../../../arithmetic/kinds";
import { inputShapes } from "../../../arithmetic/manifest";
import { channel as channelOf } from "../../../arithmetic/ops";
import { text } from "../../../drawing/text";
import type { Given } from "./given";
import { inputScale, map, mapName, opener, pointing, slice, stepOf, taken, unitOf } from "./parts";

const sizeOf = (width: number, count: number) =>
  width < 700 ? Math.min(300, width - 24) : Math.min(300, (width - 90 * count) / (count + 1));

/** The map of the look itself, to point at. */
function result(given: Given, size: number) {
  const { layer, output } = stepOf(given);
  const { look } = given;
  const at = unitOf(given);
  const [, height, width] = output.shape;
  const name = mapName(given, layer.name, look.channel);
  const marks = { unit: at, drawn: given.drawn };
  return html`<figure class="st-side"><figcaption>${name}</figcaption>
    ${map(
      output,
      look.channel,
      given.scaleOf(layer.name),
      size,
      name,
      marks,
      pointing(at, height, width, (to) => given.go({ at: to }, true)),
    )}</figure>`;
}

/** The element-wise sum of several maps. */
export function sum(given: Given) {
  const { manifest, trace, look } = given;
  const { layer, output } = stepOf(given);
  const at = unitOf(given);
  const [, height, width] = output.shape;
  const index = at[0] * width + at[1];
  const inputs = layer.inputs.map((name) => ({ name, x: taken(manifest, trace.layers, name) }));
  const values = inputs.map(({ x }) => slice(x, look.channel)[index]);
  const size = sizeOf(given.width, inputs.length);
  const here = { ...pointing(at, height, width, (to) => given.go({ at: to }, true)), tabbed: false };
  return html`<div class="st-merge" data-narrow=${given.width < 700}>
    ${inputs.map(
      ({ name, x }, i) => html`${i ? html`<i class="st-sign">+</i>` : ""}
      <figure class="st-side"><figcaption>${opener(given, name, look.channel)}</figcaption>
        ${map(x, look.channel, inputScale(given, { before: name, input: x }), size, mapName(given, name, look.channel), { unit: at }, here)}</figure>`,
    )}
    <i class="st-sign">=</i>${result(given, size)}
    <p class="st-formula number" .textContent=${`${values.map(given.number).join(" + ")} = ${given.number(values.reduce((a, b) => a + b, 0))}`}></p>
  </div>`;
}

/** One of the concatenated maps, and the input it comes from. */
export function concat(given: Given) {
  const { manifest, trace, look } = given;
  const { layer, output } = stepOf(given);
  const at = unitOf(given);
  const [, height, width] = output.shape;
  const source = concatSource(look.channel, inputShapes(manifest, layer));
  const name = layer.inputs[source.input];
  const x = taken(manifest, trace.layers, name);
  const size = sizeOf(given.width, 1);
  const here = { ...pointing(at, height, width, (to) => given.go({ at: to }, true)), tabbed: false };
  const [first] = inputShapes(manifest, layer)
    .slice(0, source.input)
    .reduce(([sum], shape) => [sum + shape[0]], [0]);
  return html`<div class="st-merge" data-narrow=${given.width < 700}>
    <figure class="st-side"><figcaption>${opener(given, name, source.channel)}</figcaption>
      ${map(x, source.channel, inputScale(given, { before: name, input: x }), size, mapName(given, name, source.channel), { unit: at }, here)}</figure>
    <i class="st-sign">→</i>${result(given, size)}
    <p class="st-formula number" .textContent=${`${first} + ${source.channel} = ${look.channel}`}></p>
  </div>`;
}

/** The mean of a whole map. */
export function mean(given: Given) {
  const { look } = given;
  const step = stepOf(given);
  const values = channelOf(step.input, look.channel);
  const total = values.reduce((a, b) => a + b, 0);
  const size = sizeOf(given.width, 1);
  const name = mapName(given, step.before, look.channel);
  return html`<div class="st-merge" data-narrow=${given.width < 700}>
    <figure class="st-side"><figcaption>${opener(given, step.before, look.channel)}</figcaption>
      ${map(step.input, look.channel, inputScale(given, step), size, name)}</figure>
    <i class="st-sign">→</i>${result(given, Math.min(120, size))}
    <p class="st-formula number" .textContent=${text("formula_whole_mean", { sum: given.number(total), count: values.length, y: given.number(total / values.length) })}></p>
  </div>`;
}

/** Each map times its own weight, plus a bias: batch normalisation after training. */
export function affine(given: Given) {
  const { look, weights } = given;
  const step = stepOf(given);
  const { layer, before, input, output } = step;
  const at = unitOf(given);
  const [, height, width] = output.shape;
  const x = slice(input, look.channel)[at[0] * width + at[1]];
  const [weight, bias] = ["weight", "bias"].map((name) => weights[`${layer.name}.${name}`].data[look.channel]);
  const size = sizeOf(given.width, 1);
  const here = { ...pointing(at, height, width, (to) => given.go({ at: to }, true)), tabbed: false };
  const sign = bias < 0 ? "−" : "+";
  return html`<div class="st-merge" data-narrow=${given.width < 700}>
    <figure class="st-side"><figcaption>${opener(given, before, look.channel)}</figcaption>
      ${map(input, look.channel, inputScale(given, step), size, mapName(given, before, look.channel), { unit: at }, here)}</figure>
    <i class="st-sign">→</i>${result(given, size)}
    <p class="st-formula number" .textContent=${`${given.number(weight)} · ${given.number(x)} ${sign} ${given.number(Math.abs(bias))} = ${given.number(weight * x + bias)}`}></p>
  </div>`;
}
