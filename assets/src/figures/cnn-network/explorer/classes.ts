/** The last steps: the logits as weighted sums of all units, and softmax, which turns them into probabilities. */
import { html } from "lit";
import * as explain from "../../../arithmetic/explain";
import { IMAGE, type Layer, layerOf, type Manifest } from "../../../arithmetic/manifest";
import * as ops from "../../../arithmetic/ops";
import * as draw from "../../../drawing/colours";
import * as texts from "../../../drawing/text";
import * as words from "../../../drawing/words";
import type { Given } from "./given";
import { inputScale, joins, legend, map, mapName, opener, ownScale, pointing, stepOf, taken } from "./parts";

const { text } = texts;

/** The input maps of a linear layer and the layer they belong to: the one before a flatten, if there is one. */
export function mapsBefore(given: Given, layer: Layer): { layer: string; x: ops.Tensor } {
  const { manifest, trace } = given;
  const [input] = layer.inputs;
  let name = input;
  for (let entry = layerOf(manifest, name); entry && ["flatten", "dropout"].includes(entry.kind); ) {
    [name] = entry.inputs;
    entry = layerOf(manifest, name);
  }
  // The layer's input units, arranged as maps again.
  const { shape } = taken(manifest, trace.layers, name);
  return { layer: name, x: ops.tensor(shape, taken(manifest, trace.layers, input).data) };
}

export const unitName = (manifest: Manifest, layer: string, unit: number) =>
  layer === manifest.layers.at(-1)!.name
    ? words.className(manifest, manifest.classes[unit].name)
    : text("unit", { unit });

export function linear(given: Given) {
  const { manifest, look, theme, weights: all } = given;
  const step = stepOf(given);
  const { layer, x } = mapsBefore(given, step.layer);
  const unit = Math.min(look.channel, step.output.data.length - 1);
  const { weights, products, sums } = explain.weighed(x, all[`${step.layer.name}.weight`], unit);
  const [count, height, width] = explain.spatial(x.shape);
  const from = Math.min(look.from, count - 1);
  const at = look.at && look.at[0] < height && look.at[1] < width ? look.at : strongestProduct(products, from);
  const position = (from * height + at[0]) * width + at[1];
  const weightScale = draw.weightScale(ops.largest(weights.data), theme);
  const productScale = ownScale(products, theme);
  const scale = inputScale(given, {
    before: layer,
    input: layer === IMAGE ? taken(manifest, given.trace.layers, layer) : x,
  });
  const narrow = given.width < 700;
  const cell = narrow ? Math.min(84, (given.width - 130) / 3) : Math.max(38, Math.min(96, 560 / count - 9));
  const point = (i: number, tabbed = false) => ({
    ...pointing(at, height, width, (to) => given.go({ from: i, at: to }, true)),
    tabbed: tabbed && i === from,
  });
  const bias = all[`${step.layer.name}.bias`].data[unit];
  const maps = ops.tensor([count, height, width], x.data);
  return html`<div class="st-conv st-linear" data-narrow=${narrow}>
    <ol class="st-rows" .style=${`--cell:${cell.toFixed(1)}px`}>
      ${Array.from({ length: count }, (_, i) => {
        const marks = { unit: i === from ? at : null };
        return html`<li class="st-row" data-from=${i} ?data-here=${i === from}>
          <span class="st-parent" data-fly="${layer}/${i}">${map(maps, i, scale, cell, mapName(given, layer, i), marks, point(i, true))}</span><i>×</i>
          <span class="st-part">${map(weights, i, weightScale, cell, text("weights_of", { channel: i }), marks, point(i))}</span><i>=</i>
          <span class="st-part">${map(products, i, productScale, cell, text("part_of", { channel: i }), marks, point(i))}</span>
          <span class="st-row-sum number">${given.number(sums[i])}</span></li>`;
      })}
    </ol>
    ${joins(count)}
    <div class="st-sum">
      <span class="st-plus" aria-hidden="true">+</span>
      <span class="st-bias number">${text("bias", { value: given.number(bias) })}</span>
      <span class="st-arrow" aria-hidden="true"></span>
      <p class="st-outcome"><small>${unitName(manifest, step.layer.name, unit)}</small><strong class="number" data-total>${given.number(step.output.data[unit])}</strong></p>
      <div class="st-one number">
        <p>${mapName(given, layer, from)}: ${text("unit_at", { row: at[0], column: at[1] })}</p>
        <p class="st-formula"><span>${given.number(x.data[position])}</span> × <span>${given.number(weights.data[position])}</span> = <strong data-product>${given.number(products.data[position])}</strong></p>
        <p class="st-vector-at">${text("place_in_vector", { place: texts.integer(position), last: texts.integer(x.data.length - 1) })}</p>
        <span class="st-vector"><heat-map .given=${{ values: x.data, width: x.data.length, scale }} role="img" aria-label=${text("whole_vector", { count: texts.integer(x.data.length) })}></heat-map>
          <b .style=${`left:${((100 * (position + 0.5)) / x.data.length).toFixed(2)}%`}></b></span>
      </div>
    </div>
    <div class="st-legends">${legend(weightScale, text("legend_weights"))}${legend(productScale, text("legend_parts"))}${legend(scale, layer)}</div>
  </div>`;
}

function strongestProduct(products: ops.Tensor, from: number): [number, number] {
  const values = ops.channel(products, from);
  let best = 0;
  values.forEach((value, i) => Math.abs(value) > Math.abs(values[best]) && (best = i));
  return [Math.floor(best / products.shape[2]), best % products.shape[2]];
}

/** A unit of a flattened activation, and where it comes from. */
export function flatten(given: Given) {
  const { look } = given;
  const step = stepOf(given);
  const [, height, width] = explain.spatial(step.input.shape);
  const at = look.at && look.at[0] < height && look.at[1] < width ? look.at : ([0, 0] as const);
  const channel = Math.min(look.channel, explain.spatial(step.input.shape)[0] - 1);
  const position = (channel * height + at[0]) * width + at[1];
  const scale = inputScale(given, step);
  const { length } = step.output.data;
  const size = given.width < 700 ? given.width - 24 : 260;
  return html`<div class="st-flatten">
    <figure class="st-side"><figcaption>${opener(given, step.before, channel)}</figcaption>
      ${map(
        step.input,
        channel,
        scale,
        size,
        mapName(given, step.before, channel),
        { unit: at },
        pointing(at, height, width, (to) => given.go({ at: to }, true)),
      )}</figure>
    <div class="st-middle">
      <p class="st-formula number">(${channel} × ${height} + ${at[0]}) × ${width} + ${at[1]} = <strong data-total>${texts.integer(position)}</strong></p>
      <p class="number">${text("place_in_vector", { place: texts.integer(position), last: texts.integer(length - 1) })} ${text("its_value", { value: given.number(step.output.data[position]) })}</p>
      <span class="st-vector"><heat-map .given=${{ values: step.output.data, width: length, scale }} role="img" aria-label=${text("whole_vector", { count: texts.integer(length) })}></heat-map>
        <b .style=${`left:${((100 * (position + 0.5)) / length).toFixed(2)}%`}></b></span>
    </div>
  </div>`;
}

/** Every logit, its exponential, their sum, and the quotient. */
export function softmax(given: Given) {
  const { manifest, look, trace } = given;
  const logits = [...trace.layers[manifest.layers.at(-1)!.name].data];
  const { most, exponentials, sum, probabilities } = explain.softmaxSteps(logits);
  const reach = Math.max(...logits.map(Math.abs), 1e-9);
  const here = Math.min(look.channel, logits.length - 1);
  return html`<div class="st-softmax">
    <table class="number">
      <thead><tr><th scope="col">${text("class")}</th><th scope="col">${text("logit")} <i>z</i></th><th scope="col"><i>z</i> − ${given.number(most)}</th><th scope="col"><i>e</i><sup>z − ${given.number(most)}</sup></th><th scope="col">÷ ${texts.fine(sum)}</th></tr></thead>
      <tbody>${manifest.classes.map(
        (
          { name },
          i,
        ) => html`<tr ?data-here=${i === here} @pointerenter=${(event: PointerEvent) => event.pointerType === "mouse" && given.go({ channel: i }, true)}>
        <th scope="row"><button type="button" aria-pressed=${i === here} @focus=${() => i !== here && given.go({ channel: i }, true)} @click=${() => given.go({ channel: i }, true)}>${words.className(manifest, name)}</button></th>
        <td><span class="st-bar" data-negative=${logits[i] < 0} .style=${`--share:${(Math.abs(logits[i]) / reach).toFixed(4)}`}></span>${given.number(logits[i])}</td>
        <td>${given.number(logits[i] - most)}</td><td>${texts.fine(exponentials[i])}</td>
        <td><strong data-probability=${probabilities[i].toFixed(4)}>${texts.percent(probabilities[i])}</strong><span class="st-share" .style=${`--share:${probabilities[i].toFixed(4)}`}></span></td></tr>`,
      )}</tbody>
    </table>
    <p class="st-terms number" aria-hidden="true">${text("softmax_sum")} ${exponentials.map((value, i) => html`${i ? " + " : ""}<span ?data-here=${i === here}>${texts.fine(value)}</span>`)} = <strong>${texts.fine(sum)}</strong></p>
    <p class="st-formula number">${words.className(manifest, manifest.classes[here].name)}: ${texts.fine(exponentials[here])} ÷ ${texts.fine(sum)} = <strong>${texts.percent(probabilities[here])}</strong></p>
  </div>`;
}
