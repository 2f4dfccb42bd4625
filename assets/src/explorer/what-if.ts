/** What a layer's maps do for the answer: the classes with each of them switched off in turn. */
import { html, ops, text as texts, traces, words } from "../core";
import type { Manifest } from "../manifest";
import type { Trace, Weights } from "../trace";
import type { Given } from "./given";
import { map, mapName } from "./parts";

const { text } = texts;

/** The probabilities without one map: of each class. */
export function without(manifest: Manifest, weights: Weights, trace: Trace, layer: string, channel: number): Float32Array {
  const x = trace.layers[layer];
  const silenced = ops.tensor(x.shape, x.data.slice());
  ops.channel(silenced, channel).fill(0);
  return ops.softmax(traces.forwardFrom(manifest, weights, layer, silenced)).data;
}

/** One row a map: how probable the answer is without it, the most important first; and what the network says instead. */
export interface Ranked {
  channel: number;
  probability: number;
  best: number;
}

export function rank({ manifest, weights, trace }: Pick<Given, "manifest" | "weights" | "trace">, layer: string): { answer: number; probability: number; maps: Ranked[] } {
  const all = ops.softmax(trace.layers[manifest.layers.at(-1)!.name]).data;
  const answer = all.indexOf(Math.max(...all));
  const maps = Array.from({ length: trace.layers[layer].shape[0] }, (_, channel) => {
    const probabilities = without(manifest, weights, trace, layer, channel);
    return { channel, probability: probabilities[answer], best: probabilities.indexOf(Math.max(...probabilities)) };
  });
  return { answer, probability: all[answer], maps: maps.sort((a, b) => a.probability - b.probability || a.channel - b.channel) };
}

export function whatIf(given: Given, off: readonly { layer: string; channel: number }[], toggle: (channel: number) => void) {
  const { manifest, look, trace } = given;
  const { answer, probability, maps } = rank(given, look.layer);
  const name = words.className(manifest, manifest.classes[answer].name);
  const isOff = (channel: number) => off.some((map) => map.layer === look.layer && map.channel === channel);
  return html`<div class="st-what-if">
    <p class="st-with number">${text("with_all", { class: name, probability: texts.percent(probability) })}</p>
    <ol class="st-ranking">${maps.map(({ channel, probability: left, best }) => html`<li ?data-here=${channel === look.channel} data-rank=${channel} data-without=${left.toFixed(4)}>
      ${map(trace.layers[look.layer], channel, given.scaleOf(look.layer), 48, mapName(given, look.layer, channel))}
      <span class="st-rank-name">${words.channelName(manifest, { layer: look.layer, channel })}</span>
      <span class="st-rank-bar"><span .style=${`--share:${left.toFixed(4)}`}></span><b .style=${`left:${(100 * probability).toFixed(2)}%`}></b></span>
      <span class="st-rank-share number">${texts.percent(left)}</span>
      <span class="st-rank-best">${best === answer ? "" : words.className(manifest, manifest.classes[best].name)}</span>
      <button type="button" class="cn-quiet" aria-pressed=${isOff(channel)} @click=${() => toggle(channel)}>${text(isOff(channel) ? "switch_on" : "switch_off")}</button></li>`)}</ol>
  </div>`;
}
