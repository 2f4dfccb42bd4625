/**
 * The stage: one map of the network and how it is computed. `<network-stage>` shows the view that its look describes;
 * it fires "look" events when the reader changes the look, and "close".
 */
import { html, nothing } from "lit";
import { channelsOf, sources } from "../../../arithmetic/channels";
import type { Ranked } from "../../../arithmetic/explain";
import * as explain from "../../../arithmetic/explain";
import * as kinds from "../../../arithmetic/kinds";
import type { Manifest } from "../../../arithmetic/manifest";
import type { MapName, Trace, Weights } from "../../../arithmetic/trace";
import { store } from "../../../data/store";
import { run } from "../../../data/work";
import type * as draw from "../../../drawing/colours";
import * as texts from "../../../drawing/text";
import * as themes from "../../../drawing/theme";
import * as words from "../../../drawing/words";
import { LightElement } from "../../../elements/light-element";
import "../../../elements/live-line";
import { Player } from "../../../elements/player";
import * as looks from "../look";
import * as network from "../view";
import { flatten, linear, softmax, unitName } from "./classes";
import { compare } from "./compare";
import { convolution } from "./convolution";
import type { Given, Look, ViewName } from "./given";
import { input } from "./input-view";
import { affine, concat, mean, sum } from "./merge-views";
import { mapName, ownScale, stepOf, unitOf } from "./parts";
import { position, stepsOf, viewOf } from "./player";
import { reach } from "./reach-view";
import { activation, pooling } from "./unit-views";
import { whatIf } from "./what-if";
import { windowView } from "./window-view";

const { text } = texts;

/** How a layer is shown as a whole, by what its kind says. */
const views: Record<kinds.Kind["view"], (given: Given) => unknown> = {
  convolution,
  activation,
  pooling,
  flatten,
  linear,
  affine,
  sum,
  concat,
  mean,
};

export interface StageGiven {
  manifest: Manifest;
  weights: Weights;
  trace: Trace;
  /** The trace to compare with, once it is loaded. */
  other: Trace | null;
  off: readonly MapName[];
  look: Look;
  scales: Readonly<Record<string, draw.Scale>>;
  width: number;
}

const WITHOUT_NUMBERS: readonly ViewName[] = ["what_if", "compare"]; // but maps and percentages
const FINE = 5; // decimals, instead of two

class NetworkStage extends LightElement {
  static override properties = { given: {}, isFine: { state: true } };
  declare given: StageGiven;
  /** Whether numbers are written with more decimals. */
  declare isFine: boolean;
  private player = new Player(
    () => stepsOf(this.full()),
    () => this.requestUpdate(),
  );

  constructor() {
    super();
    this.isFine = false;
  }

  override connectedCallback() {
    super.connectedCallback();
    addEventListener("beforeprint", this.onPrint);
  }

  override disconnectedCallback() {
    super.disconnectedCallback();
    removeEventListener("beforeprint", this.onPrint);
    this.stopRanking();
    this.ranked = null;
    this.player.play(false);
  }

  /** Stop playing before printing, to show whole maps. */
  private onPrint = () => {
    this.player.play(false);
    this.performUpdate();
  };

  private go(change: Partial<Look>, scrub = false) {
    if (!scrub) this.player.play(false);
    this.dispatchEvent(new CustomEvent("look", { detail: { change, scrub } }));
  }

  private full(): Given {
    const { manifest, weights, trace, look, scales, width } = this.given;
    const given = {
      manifest,
      weights,
      trace,
      look,
      width,
      drawn: null,
      theme: themes.theme(),
      scaleOf: (layer) => scales[layer] ?? ownScale(trace.layers[layer], themes.theme()),
      go: (change, scrub) => this.go(change, scrub),
      number: (x) => texts.rounded(x, this.isFine ? FINE : 2),
    } satisfies Given;
    return this.player.isPlaying ? { ...given, drawn: position(given) + 1 } : given;
  }

  override render() {
    const given = this.full();
    const { manifest, look } = given;
    const own = looks.viewsOf(manifest, look.layer);
    const shown = viewOf(given);
    const count = channelsOf(manifest, look.layer);
    return html`<section class="st" aria-label=${this.named(given)} tabindex="-1" @keydown=${this.onKey}>
      <div class="st-top">
        <button type="button" class="cn-quiet st-back" @click=${() => this.dispatchEvent(new Event("close"))}>${text("whole_network")}</button>
        <ol class="st-rail" aria-label=${text("layers")}>${["image", ...manifest.layers.map((layer) => layer.name)].map(
          (name) => html`<li>
          <button type="button" data-rail=${name} aria-current=${name === look.layer ? "true" : nothing} @click=${() => this.go({ layer: name, view: looks.viewsOf(manifest, name)[0], channel: this.channelIn(name), at: null, from: 0 })}>${name}</button></li>`,
        )}</ol>
      </div>
      <div class="st-head">
        <p class="st-name"><strong>${look.layer}</strong> ${
          count > 1 && shown !== "compare"
            ? html`<button type="button" class="st-turn" data-turn="-1" aria-label=${text("previous_map")} @click=${() => this.turn(-1, count)}>‹</button>
            <span class="number st-which">${this.which(given)}</span>
            <button type="button" class="st-turn" data-turn="1" aria-label=${text("next_map")} @click=${() => this.turn(1, count)}>›</button>`
            : nothing
        }</p>
        ${
          own.length > 1
            ? html`<div class="st-tabs" role="group" aria-label=${text("views")}>${own.map(
                (view) => html`<button type="button" data-view=${view} aria-pressed=${view === shown}
          @click=${() => this.go({ view })}>${text(`view_${view === "map" && look.layer === manifest.layers.at(-1)!.name ? "logit" : view}`)}</button>`,
              )}</div>`
            : nothing
        }
      </div>
      <p class="st-line"><span class="st-sentence">${this.line(given, shown)}</span> ${this.lessonLink(given, shown)}</p>
      ${this.player.render(look.at === null)}
      <live-line .text=${this.line(given, shown)}></live-line>
      ${WITHOUT_NUMBERS.includes(shown) ? nothing : this.digits()}
      <div class="st-view" data-view=${shown}>${this.view(given, shown)}</div>
    </section>`;
  }

  private digits() {
    return html`<label class="st-digits"><input type="checkbox" .checked=${this.isFine} @change=${(event: Event) => {
      this.isFine = (event.target as HTMLInputElement).checked;
    }}> ${text("more_digits")}</label>`;
  }

  private view(given: Given, shown: ViewName): unknown {
    const { look } = given;
    if (shown === "window") return windowView(given);
    if (shown === "softmax") return softmax(given);
    if (shown === "field") return reach(given);
    if (shown === "what_if")
      return whatIf(given, this.ranking(given), this.given.off, (channel) =>
        this.dispatchEvent(new CustomEvent("toggle", { detail: { layer: look.layer, channel } })),
      );
    if (shown === "compare") return compare(given, this.given.other);
    return look.layer === "image" ? input(given) : views[kinds.kindOf(stepOf(given).layer).view](given);
  }

  /**
   * The maps of the layer once they are ranked; the rest of the network runs once for each, in the worker. While they
   * are on show they keep their order.
   */
  private ranking({ manifest, weights, trace, look: { layer } }: Given): readonly Ranked[] {
    const before = this.ranked;
    if (before?.trace === trace && before.layer === layer) return before.maps;
    this.stopRanking();
    const isSame = before?.layer === layer;
    const order = isSame && before.trace.source === trace.source ? before.order : [];
    const ranked = (this.ranked = {
      trace,
      layer,
      maps: isSame ? before.maps : [],
      order,
      controller: new AbortController(),
    });
    const { signal } = ranked.controller;
    const show = (maps: readonly Ranked[]) => {
      if (!order.length) order.push(...maps.map((map) => map.channel));
      ranked.maps = order.map((channel) => maps.find((map) => map.channel === channel)!);
      this.requestUpdate();
    };
    void run("rank", { manifest, weights, trace, layer, off: this.given.off }, { signal }).then(
      show,
      (error: unknown) => {
        if (signal.aborted) return;
        this.ranked = null; // begun anew when it is looked at again
        store.fail(error);
      },
    );
    return ranked.maps;
  }

  private stopRanking() {
    this.ranked?.controller.abort();
  }
  private ranked: {
    trace: Trace;
    layer: string;
    maps: readonly Ranked[];
    order: number[];
    controller: AbortController;
  } | null = null;

  private named(given: Given) {
    return `${given.look.layer}, ${this.which(given)}`;
  }

  private which({ manifest, look }: Given) {
    const last = manifest.layers.at(-1)!.name;
    const linear = manifest.layers.some((layer) => layer.name === look.layer && kinds.kindOf(layer).view === "linear");
    return look.layer === last || linear
      ? unitName(manifest, look.layer, look.channel)
      : words.channelName(manifest, look);
  }

  /** A sentence about the current view, with its numbers. */
  private line(given: Given, shown: ViewName): string {
    const { manifest, look } = given;
    if (shown === "compare" || shown === "what_if" || shown === "softmax") return text(`line_${shown}`);
    if (this.given.off.some((map) => map.layer === look.layer && map.channel === look.channel)) return text("line_off");
    const place = unitOf(given);
    if (look.layer === "image")
      return text("line_image", {
        row: place[0],
        column: place[1],
        size: texts.dimensions(manifest.input.shape.slice(1)),
      });
    const { layer, input: incoming } = stepOf(given);
    const before = layer.inputs.join(text("and"));
    const { view } = kinds.kindOf(layer);
    const [source] = sources(manifest, layer, look.channel);
    const count = source.channels?.length ?? explain.spatial(incoming.shape)[0];
    if (view === "linear")
      return text(layer === manifest.layers.at(-1) ? "line_linear" : "line_hidden", {
        class: unitName(manifest, layer.name, look.channel),
      });
    if (view === "flatten") return text("line_flatten", { before });
    if (view === "convolution" && shown === "map") return text("line_conv", { count, before });
    const values = {
      row: place[0],
      column: place[1],
      value: texts.decimal(this.valueAt(given, place)),
      before,
      kind: layer.kind,
      kernel: words.kernelSize(layer),
      count,
      map: mapName(given, look.layer, look.channel),
    };
    const key = shown === "field" ? "line_field" : shown === "window" ? "line_window" : `line_${layer.kind}`;
    return text(texts.hasText(key) ? key : "line_function", values);
  }

  private valueAt({ look, trace }: Given, [row, column]: readonly [number, number]) {
    const x = trace.layers[look.layer];
    const [, height, width] = explain.spatial(x.shape);
    return x.data[(look.channel * height + row) * width + column];
  }

  /** A link to the lesson's section on this kind of layer, if there is one: an element with the id `about-KIND`. */
  private lessonLink({ manifest, look }: Given, shown: ViewName) {
    const kind =
      shown === "softmax" ? "softmax" : (manifest.layers.find((layer) => layer.name === look.layer)?.kind ?? "image");
    const id = `about-${kind}`;
    return document.getElementById(id) ? html`<a href="#${id}">${text("in_the_lesson")}</a>` : nothing;
  }

  private turn(by: number, count: number) {
    this.go({ channel: (this.given.look.channel + by + count) % count, at: this.given.look.at }, true);
  }

  /** The same channel in another layer, if it exists; for the classes, the best one. */
  private channelIn(layer: string) {
    const { manifest, trace, look } = this.given;
    const last = manifest.layers.at(-1)!.name;
    return layer === last
      ? network.best(manifest, trace)
      : look.layer === last
        ? 0
        : Math.min(look.channel, channelsOf(manifest, layer) - 1);
  }

  private onKey = (event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    this.dispatchEvent(new Event("close"));
  };

  override willUpdate() {
    this.player.check();
    this.hadFocus = this.contains(document.activeElement);
  }
  private hadFocus = false;

  override updated() {
    // If the focused element is gone with its view, focus the stage.
    if (this.hadFocus && !this.contains(document.activeElement))
      this.querySelector<HTMLElement>(".st")?.focus({ preventScroll: true });
    this.showName();
    this.showOther();
  }

  /** Keep the list in sync with the picture, also after going back. */
  private showOther() {
    const list = this.querySelector<HTMLSelectElement>(".st-other select");
    if (list) list.value = this.given.look.other;
  }

  /** Scroll the current layer's name into view. */
  private showName() {
    const {
      look: { layer },
      width,
    } = this.given;
    const shown = `${layer} ${width}`;
    const name = this.querySelector<HTMLElement>(`[data-rail="${layer}"]`);
    const rail = name?.closest<HTMLElement>(".st-rail");
    if (shown !== this.railed && name && rail)
      rail.scrollLeft = name.offsetLeft - rail.offsetLeft - (rail.clientWidth - name.offsetWidth) / 2;
    this.railed = shown;
  }
  private railed = "";
}

customElements.define("network-stage", NetworkStage);
