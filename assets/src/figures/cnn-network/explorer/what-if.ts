/** Ablation: the prediction with each of a layer's maps switched off in turn. */
import { html } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { Ranked } from "../../../arithmetic/explain";
import * as explain from "../../../arithmetic/explain";
import * as texts from "../../../drawing/text";
import * as words from "../../../drawing/words";
import type { Given } from "./given";
import { map, mapName } from "./parts";

const { text } = texts;

export function whatIf(
  given: Given,
  maps: readonly Ranked[],
  off: readonly { layer: string; channel: number }[],
  toggle: (channel: number) => void,
) {
  const { manifest, look, trace } = given;
  const { answer, probability } = explain.answerOf(manifest, trace);
  const name = words.className(manifest, manifest.classes[answer].name);
  const isOff = (channel: number) => off.some((map) => map.layer === look.layer && map.channel === channel);
  return html`<div class="st-what-if">
    <p class="st-with number">${text(off.length ? "as_it_is" : "with_all", { class: name, probability: texts.percent(probability) })}</p>
    <ol class="st-ranking">${repeat(
      maps,
      ({ channel }) => channel,
      ({
        channel,
        probability: left,
        best,
      }) => html`<li ?data-here=${channel === look.channel} data-rank=${channel} data-without=${left.toFixed(4)}>
      ${map(trace.layers[look.layer], channel, given.scaleOf(look.layer), 48, mapName(given, look.layer, channel))}
      <span class="st-rank-name">${words.channelName(manifest, { layer: look.layer, channel })}</span>
      <span class="st-rank-bar"><span .style=${`--share:${left.toFixed(4)}`}></span><b .style=${`left:${(100 * probability).toFixed(2)}%`}></b></span>
      <span class="st-rank-share number">${texts.percent(left)}</span>
      <span class="st-rank-best">${best === answer ? "" : words.className(manifest, manifest.classes[best].name)}</span>
      <button type="button" class="cn-quiet" aria-label="${text(isOff(channel) ? "switch_on" : "switch_off")}: ${mapName(given, look.layer, channel)}" @click=${() => toggle(channel)}>${text(isOff(channel) ? "switch_on" : "switch_off")}</button></li>`,
    )}</ol>
  </div>`;
}
