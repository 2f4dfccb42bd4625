/** The network's input: one number for each pixel and colour channel. */
import { html, nothing } from "lit";
import * as explain from "../../../arithmetic/explain";
import * as texts from "../../../drawing/text";
import * as words from "../../../drawing/words";
import type { Given } from "./given";
import { map, mapName, picture, pointing, unitOf } from "./parts";

const { text } = texts;

export function input(given: Given) {
  const { manifest, trace } = given;
  const { image } = trace.layers;
  const [channels, height, width] = explain.spatial(image.shape);
  const at = unitOf(given);
  const here = pointing(at, height, width, (to) => given.go({ at: to }, true));
  const narrow = given.width < 700;
  const size = narrow ? Math.min(300, given.width - 24) : Math.min(270, given.width / (channels + 1) - 40);
  return html`<div class="st-trio" data-narrow=${narrow}>
    ${channels === 3 ? html`<figure class="st-side"><figcaption>${text("picture_itself")}</figcaption>${picture(image, size, text("picture_itself"), { unit: at }, here)}</figure>` : nothing}
    ${Array.from(
      { length: channels },
      (_, c) => html`<figure class="st-side"><figcaption>${words.channelName(manifest, { layer: "image", channel: c })}
        <strong class="number" data-pixel=${c}>${texts.decimal(image.data[(c * height + at[0]) * width + at[1]])}</strong></figcaption>
      ${map(image, c, given.scaleOf("image"), size, mapName(given, "image", c), { unit: at }, { ...here, tabbed: c === 0 })}</figure>`,
    )}
  </div>
  ${manifest.input.normalization ? html`<div class="st-legends"><p>${text("normalized_note")}</p></div>` : nothing}`;
}
