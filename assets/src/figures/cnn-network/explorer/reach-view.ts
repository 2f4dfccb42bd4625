/** The receptive field of one unit: what it depends on in every layer before it, back to the picture. */
import { html } from "lit";
import * as explain from "../../../arithmetic/explain";
import type { Field } from "../../../arithmetic/field";
import * as fields from "../../../arithmetic/field";
import type * as ops from "../../../arithmetic/ops";
import * as texts from "../../../drawing/text";
import type { Given } from "./given";
import { map, mapName, picture, pointing, slice, unitOf } from "./parts";

const { text } = texts;

/** The channel to show: the one with the largest value inside the region. */
export function loudest(x: ops.Tensor, { region, channels }: Field): number {
  const [count, , width] = explain.spatial(x.shape);
  const peak = (c: number) => {
    const values = slice(x, c);
    let most = -Infinity;
    for (let y = region.top; y <= region.bottom; y++)
      for (let column = region.left; column <= region.right; column++)
        most = Math.max(most, values[y * width + column]);
    return most;
  };
  return (channels ?? Array.from({ length: count }, (_, c) => c)).reduce((a, b) => (peak(b) > peak(a) ? b : a));
}

export function reach(given: Given) {
  const { manifest, look, trace } = given;
  const at = unitOf(given);
  const found = fields.fields(manifest, look.layer, look.channel, ...at).reverse();
  const image = found[0];
  const narrow = given.width < 700;
  const large = narrow ? Math.min(320, given.width - 24) : 300;
  const steps = found
    .slice(1)
    .filter((field) => trace.layers[field.layer].shape.length === 3 || field.layer === look.layer);
  return html`<div class="st-reach" data-narrow=${narrow}>
    <figure class="st-side"><figcaption>${text("picture_patch", { size: texts.dimensions(image.size) })}</figcaption>
      ${picture(trace.layers.image, large, text("picture_patch", { size: texts.dimensions(image.size) }), { region: image.region })}</figure>
    <ol class="st-path">${steps.map((field) => {
      const x = trace.layers[field.layer];
      const channel = loudest(x, field);
      const own = field.layer === look.layer;
      const name = mapName(given, field.layer, channel);
      return html`<li><span class="st-path-name">${field.layer}</span>
        ${map(
          x,
          channel,
          given.scaleOf(field.layer),
          narrow ? 84 : 104,
          name,
          own ? { unit: at } : { region: field.region },
          own ? pointing(at, x.shape[1], x.shape[2], (to) => given.go({ at: to }, true)) : undefined,
        )}
        <small class="number" data-field=${field.layer}>${texts.dimensions(field.size)}</small></li>`;
    })}</ol>
  </div>
  <div class="st-legends">${narrow ? "" : html`<p>${text("reach_note")}</p>`}</div>`;
}
