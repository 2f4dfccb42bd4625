/** Two pictures in one layer: the same maps, in the same colours. */
import { html } from "lit";
import * as explain from "../../../arithmetic/explain";
import type { Trace } from "../../../arithmetic/trace";
import * as stores from "../../../data/store";
import * as draw from "../../../drawing/colours";
import * as texts from "../../../drawing/text";
import * as words from "../../../drawing/words";
import type { Given } from "./given";
import { legend, map, mapName, picture } from "./parts";

const { text } = texts;

export function compare(given: Given, other: Trace | null) {
  const { manifest, look, trace, theme } = given;
  const { layer } = look;
  const [count] = explain.spatial(trace.layers[layer].shape);
  const grey = layer === "image";
  // One scale for both: that of the picture with the larger values.
  const extents = [trace, other].filter((one) => one !== null).map((one) => draw.extentOf(one.layers[layer].data));
  const extent = extents.reduce((a, b) => (b.extent > a.extent ? b : a));
  const scale = grey ? draw.greyScale : draw.activationScale(extent.extent, theme, extent.clipped);
  const narrow = given.width < 700;
  const cell = narrow
    ? (given.width - 24 - 12) / 3
    : Math.max(40, Math.min(96, (given.width - 210) / Math.min(count, 10) - 8));
  const rows = [trace, ...(other ? [other] : [])];
  const name = (source: string) => {
    const example = manifest.examples.find((candidate) => candidate.name === source);
    return example
      ? words.exampleName(manifest, example)
      : text(source === stores.PAINTED ? "painted_picture" : "own_picture");
  };
  return html`<div class="st-compare">
    <label class="st-other">${text("compare_with")} <select @change=${(event: Event) => given.go({ other: (event.target as HTMLSelectElement).value })}>
      ${manifest.examples.filter((example) => example.name !== trace.source).map((example) => html`<option value=${example.name} ?selected=${example.name === look.other}>${words.exampleName(manifest, example)}</option>`)}</select></label>
    ${rows.map(
      (one) => html`<section class="st-picture-row" aria-label=${name(one.source)}>
      <figure>${picture(one.layers.image, narrow ? 72 : 110, name(one.source))}<figcaption>${name(one.source)}</figcaption></figure>
      <ol .style=${`--cell:${cell.toFixed(1)}px`}>${Array.from({ length: count }, (_, c) => html`<li>${map(one.layers[layer], c, scale, cell, mapName(given, layer, c))}</li>`)}</ol>
    </section>`,
    )}
    <div class="st-legends">${legend(scale, layer)}</div>
  </div>`;
}
