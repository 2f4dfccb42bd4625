/**
 * The stage: one map of the network in the foreground, and how it came about. `<network-stage>` shows what its look says, by the
 * kind of the layer; all that the reader does comes back as "look" events, and "close".
 */
import { draw, explain, html, LitElement, looks, network, nothing, slices, text as texts, theme as themes, words } from "../core";
import type { Ranked } from "../explain";
import type { Manifest } from "../manifest";
import type { MapName, Trace, Weights } from "../trace";
import { flatten, linear, softmax, unitName } from "./classes";
import { compare } from "./compare";
import { convolution } from "./convolution";
import "./heat-map";
import type { Given, Look, ViewName } from "./given";
import { mapName, stepOf } from "./parts";
import { pinned, reach } from "./reach-view";
import { activation, pooling } from "./unit-views";
import { unitOf, windowView } from "./window-view";
import { whatIf } from "./what-if";

const { text } = texts;

/** The view of a layer as a whole, by its kind. */
const views: Record<string, (given: Given) => unknown> = { conv: convolution, max_pool: pooling, avg_pool: pooling, flatten, linear, relu: activation, leaky_relu: activation, sigmoid: activation, tanh: activation, dropout: activation };

export interface StageGiven {
  manifest: Manifest;
  weights: Weights;
  trace: Trace;
  /** The trace to compare with, once it is here. */
  other: Trace | null;
  off: readonly MapName[];
  look: Look;
  scales: Readonly<Record<string, draw.Scale>>;
  width: number;
}

const SPEEDS = [2, 8, 30]; // places a second

class NetworkStage extends LitElement {
  static override properties = { given: {}, playing: { state: true }, speed: { state: true } };
  declare given: StageGiven;
  declare playing: boolean;
  declare speed: number;
  private timer = 0;

  constructor() {
    super();
    this.playing = false;
    this.speed = 1;
  }

  override createRenderRoot() {
    return this;
  }

  override disconnectedCallback() {
    super.disconnectedCallback();
    this.play(false);
  }

  private go(change: Partial<Look>, scrub = false) {
    if (!scrub) this.play(false);
    this.dispatchEvent(new CustomEvent("look", { detail: { change, scrub } }));
  }

  private full(): Given {
    const { manifest, weights, trace, look, scales, width } = this.given;
    return {
      manifest, weights, trace, look, width, theme: themes.theme(),
      scaleOf: (layer) => scales[layer] ?? draw.activationScale(draw.extentOf(trace.layers[layer].data).extent, themes.theme()),
      go: (change, scrub) => this.go(change, scrub),
    };
  }

  override render() {
    const given = this.full();
    const { manifest, look } = given;
    const own = looks.viewsOf(manifest, look.layer);
    const shown = own.includes(look.view) ? look.view : own[0];
    const count = looks.channelsOf(manifest, look.layer);
    return html`<section class="st" aria-label=${this.named(given)} tabindex="-1" @keydown=${this.onKey}>
      <div class="st-top">
        <button type="button" class="cn-quiet st-back" @click=${() => this.dispatchEvent(new Event("close"))}>${text("whole_network")}</button>
        <ol class="st-rail" aria-label=${text("layers")}>${["image", ...manifest.layers.map((layer) => layer.name)].map((name) => html`<li>
          <button type="button" data-rail=${name} aria-current=${name === look.layer ? "true" : nothing} @click=${() => this.go({ layer: name, view: "map", channel: this.channelIn(name), at: null, from: 0 })}>${name}</button></li>`)}</ol>
      </div>
      <div class="st-head">
        <p class="st-name"><strong>${look.layer}</strong> ${count > 1 && shown !== "compare"
          ? html`<button type="button" class="st-turn" data-turn="-1" aria-label=${text("previous_map")} @click=${() => this.turn(-1, count)}>‹</button>
            <span class="number st-which">${this.which(given)}</span>
            <button type="button" class="st-turn" data-turn="1" aria-label=${text("next_map")} @click=${() => this.turn(1, count)}>›</button>` : nothing}</p>
        ${own.length > 1 ? html`<div class="st-tabs" role="group" aria-label=${text("views")}>${own.map((view) => html`<button type="button" data-view=${view} aria-pressed=${view === shown}
          @click=${() => this.go({ view })}>${text(`view_${view === "map" && look.layer === manifest.layers.at(-1)!.name ? "logit" : view}`)}</button>`)}</div>` : nothing}
      </div>
      <p class="st-line">${this.line(given, shown)} ${this.lessonLink(given, shown)}</p>
      ${shown === "map" && this.playable(given) || shown === "window" ? this.renderPlayer(given) : nothing}
      <div class="st-view" data-view=${shown}>${this.view(given, shown)}</div>
    </section>`;
  }

  private view(given: Given, shown: ViewName): unknown {
    const { manifest, look } = given;
    if (shown === "window") return windowView(given);
    if (shown === "softmax") return softmax(given);
    if (shown === "field") return reach(given);
    if (shown === "what_if") return whatIf(given, this.ranking(given), this.given.off, (channel) => this.dispatchEvent(new CustomEvent("toggle", { detail: { layer: look.layer, channel } })));
    if (shown === "compare") return compare(given, this.given.other);
    return views[manifest.layers.find((layer) => layer.name === look.layer)!.kind](given);
  }

  /** The maps of the layer as far as they are ranked; the rest of the network runs once for each, in slices. */
  private ranking(given: Given): readonly Ranked[] {
    const { trace, look: { layer } } = given;
    if (this.ranked?.trace !== trace || this.ranked.layer !== layer) {
      const ranked = (this.ranked = { trace, layer, maps: [] as Ranked[] });
      void slices.nextTask().then(async () => {
        await slices.inSlices(explain.rankJobs(given, layer, ranked.maps), () => this.ranked !== ranked);
        this.requestUpdate();
      });
    }
    return this.ranked.maps;
  }
  private ranked: { trace: Trace; layer: string; maps: Ranked[] } | null = null;

  private named(given: Given) {
    return `${given.look.layer}, ${this.which(given)}`;
  }

  private which({ manifest, look }: Given) {
    const last = manifest.layers.at(-1)!.name;
    return look.layer === last ? unitName(manifest, last, look.channel) : words.channelName(manifest, look);
  }

  /** What is on show, in one sentence with its numbers; read out when it changes. */
  private line(given: Given, shown: ViewName): unknown {
    const { manifest, look } = given;
    if (shown === "compare") return text("line_compare");
    if (shown === "what_if") return text("line_what_if");
    if (shown === "softmax") return text("line_softmax");
    if (shown === "field") {
      const at = pinned(given);
      return html`<span role="status">${text("line_field", { row: at[0], column: at[1], map: mapName(given, look.layer, look.channel), value: texts.decimal(this.valueAt(given, at)) })}</span>`;
    }
    const { layer, before, input } = stepOf(given);
    const inputs = explain.spatial(input.shape)[0];
    if (layer.kind === "linear") return text("line_linear", { class: unitName(manifest, layer.name, look.channel) });
    if (layer.kind === "flatten") return text("line_flatten", { before });
    if (shown === "map" && layer.kind === "conv") return text("line_conv", { count: inputs, before });
    const at = unitOf(given);
    const values = { row: at[0], column: at[1], value: texts.decimal(this.valueAt(given, at)), before, kind: layer.kind, kernel_size: layer.kernel_size ?? 1, count: inputs };
    const key = layer.kind === "conv" ? "line_window" : layer.kind === "relu" ? "line_relu" : layer.kind === "max_pool" ? "line_max_pool" : layer.kind === "avg_pool" ? "line_avg_pool" : "line_function";
    return html`<span role="status">${text(key, values)}</span>`;
  }

  private valueAt({ look, trace }: Given, [row, column]: readonly [number, number]) {
    const x = trace.layers[look.layer];
    const [, height, width] = explain.spatial(x.shape);
    return x.data[(look.channel * height + row) * width + column];
  }

  /** The part of the lesson on this kind of layer, where the page has one: an element with the id `about-KIND`. */
  private lessonLink({ manifest, look }: Given, shown: ViewName) {
    const kind = shown === "softmax" ? "softmax" : manifest.layers.find((layer) => layer.name === look.layer)?.kind ?? "image";
    const id = `about-${kind}`;
    return document.getElementById(id) ? html`<a href="#${id}">${text("in_the_lesson")}</a>` : nothing;
  }

  private playable({ manifest, look }: Given) {
    const kind = manifest.layers.find((layer) => layer.name === look.layer)?.kind;
    return kind !== undefined && kind !== "conv" && kind !== "linear" && kind !== "flatten" && manifest.layers.find((layer) => layer.name === look.layer)!.shape.length === 3;
  }

  private renderPlayer(given: Given) {
    const [, height, width] = given.trace.layers[given.look.layer].shape;
    const [row, column] = unitOf(given);
    const position = row * width + column;
    const to = (place: number) => this.go({ at: [Math.floor(place / width), place % width] }, true);
    return html`<div class="st-player">
      <button type="button" class="st-step" aria-label=${text("step_back")} @click=${() => (this.play(false), to(Math.max(0, position - 1)))}>‹</button>
      <button type="button" class="cn-quiet st-play" aria-pressed=${this.playing} @click=${() => this.play(!this.playing)}>${text(this.playing ? "pause" : "play")}</button>
      <button type="button" class="st-step" aria-label=${text("step_on")} @click=${() => (this.play(false), to(Math.min(height * width - 1, position + 1)))}>›</button>
      <input type="range" min="0" max=${height * width - 1} .value=${String(position)} aria-label=${text("scrub")} @input=${(event: Event) => (this.play(false), to(Number((event.target as HTMLInputElement).value)))}>
      <span class="number">${row}, ${column}</span>
      <label>${text("speed")} <select @change=${(event: Event) => { this.speed = (event.target as HTMLSelectElement).selectedIndex; if (this.playing) this.play(true); }}>
        ${SPEEDS.map((speed, i) => html`<option ?selected=${i === this.speed}>${text("places_a_second", { speed })}</option>`)}</select></label>
    </div>`;
  }

  private play(on: boolean) {
    clearInterval(this.timer);
    this.playing = on;
    if (!on) return;
    this.timer = setInterval(() => {
      const given = this.full();
      const [, height, width] = given.trace.layers[given.look.layer].shape;
      const [row, column] = unitOf(given);
      const next = (row * width + column + 1) % (height * width);
      this.go({ at: [Math.floor(next / width), next % width] }, true);
    }, 1000 / SPEEDS[this.speed]);
  }

  private turn(by: number, count: number) {
    this.go({ channel: (this.given.look.channel + by + count) % count, at: this.given.look.at }, true);
  }

  /** The same channel in another layer, as far as it has one; of the classes the best. */
  private channelIn(layer: string) {
    const { manifest, trace, look } = this.given;
    const last = manifest.layers.at(-1)!.name;
    return layer === last ? network.best(trace) : look.layer === last ? 0 : Math.min(look.channel, looks.channelsOf(manifest, layer) - 1);
  }

  private onKey = (event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    this.dispatchEvent(new Event("close"));
  };

  /** The layer on show stays in sight among the names of the layers. */
  override updated() {
    const { layer } = this.given.look;
    const name = this.querySelector<HTMLElement>(`[data-rail="${layer}"]`);
    const rail = name?.closest<HTMLElement>(".st-rail");
    if (layer !== this.railed && name && rail) rail.scrollLeft = name.offsetLeft - rail.offsetLeft - (rail.clientWidth - name.offsetWidth) / 2;
    this.railed = layer;
  }
  private railed = "";

  override willUpdate() {
    if (this.playing && this.given.look.view !== "window" && !this.playable(this.full())) this.play(false);
  }
}

customElements.define("network-stage", NetworkStage);
