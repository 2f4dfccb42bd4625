/**
 * The whole network for one picture: every feature map of every layer, their links, and the class probabilities.
 * The reader learns that a prediction consists of many small steps, and can look at each of them.
 *
 *     /// cnn-network | overview
 *         model: tinyvgg
 *         example: koala
 *     A caption.
 *     ///
 */
import { html, nothing } from "lit";
import { lastOf } from "../../arithmetic/manifest";
import type { MapName, Trace, Weights } from "../../arithmetic/trace";
import { loadBytes, loadGlobal } from "../../data/loading";
import { nextTask } from "../../data/slices";
import { holdsOwn, OWN, store } from "../../data/store";
import { allLinks, type Layout, layoutNetwork, type Place } from "../../drawing/layout";
import { text } from "../../drawing/text";
import { theme } from "../../drawing/theme";
import { propertiesOf } from "../../elements/figure";
import { paintCrop } from "../../elements/own-picture";
import { PictureFigure } from "../../elements/picture-figure";
import { type Actions, band, classes } from "./bands";
import { declaration, type Look, lookOf, type State, stateOf, viewsOf } from "./look";
import { MapPainter } from "./maps";
import * as overview from "./overview";
import { type Paper, paperAfter, paperOf } from "./paper";
import { elementOf, focused, NOWHERE, next, type Pointed, placeOf, same, unitAt } from "./pointing";
import { still } from "./still";
import { pictures, tray } from "./tray";
import { Variation } from "./variation";
import { compute, SHARINGS, type Sharing, scaleOf, type View } from "./view";

const BUILT_FIRST = 4; // layers: on a phone about 50 ms
const BUILDING = 15; // milliseconds per task; the browser's layout takes about as long again
const NONE: readonly MapName[] = [];

class CnnNetwork extends PictureFigure<State> {
  static override properties = {
    ...propertiesOf(declaration),
    pointed: { state: true },
    paper: { state: true },
    room: { state: true },
  };
  protected override readonly declaration = declaration;
  declare pointed: Pointed;
  /** The state of painting; null when not painting. */
  declare paper: Paper | null;
  /** The height that the network has in the window. */
  declare room: number;
  /** Set once the explorer is loaded. */
  private weights: Weights | null = null;
  /** The trace that is compared with. */
  private other: Trace | null = null;
  private variation = new Variation();
  private layout: Layout | null = null;
  private links: string[] = [];
  private view: View | null = null;
  private drawn = ""; // what the view was computed for, beside the trace
  private painter = new MapPainter(this, () => this.requestUpdate());
  /** How many layers have their maps in the page; at first, a few are added per task. */
  private built = 0;
  private pace = BUILT_FIRST;
  private building: Promise<void> | null = null;

  constructor() {
    super();
    this.pointed = NOWHERE;
    this.paper = null;
    this.room = 0;
  }

  /** The trace on show: `{source, layers: {conv_1_1: {shape, data}}}`. */
  get trace(): Trace | null {
    if (!this.base) return null;
    const { off, layer } = this.state;
    return this.variation.trace(this.manifest, this.base, this.weights, off, layer !== null);
  }

  /** The name of the layer whose units the classes are. */
  private get last(): string {
    return lastOf(this.manifest).name;
  }

  private get look(): Look | null {
    return this.weights && lookOf(this.state);
  }

  override connectedCallback() {
    super.connectedCallback();
    const { signal } = this.listening;
    document.addEventListener("pointerdown", (event) => !this.contains(event.target as Node) && this.point(null), {
      signal,
    });
  }

  override disconnectedCallback() {
    super.disconnectedCallback();
    this.painter.forget();
  }

  protected override measure() {
    super.measure();
    // What stands above the network takes about this much of the window.
    const room = Math.min(Math.max(innerHeight - 330, 400), 1100);
    if (!this.onPaper && room !== this.room) this.room = room;
  }

  protected override print(onPaper: boolean) {
    this.built = Infinity;
    this.pointed = { ...this.pointed, active: null };
    super.print(onPaper);
  }

  // The state

  protected override onPicture(trace: Trace) {
    super.onPicture(trace);
    this.paper = paperAfter(this.paper, trace, this.picture);
    this.compareAgain();
  }

  protected override forgetPicture() {
    super.forgetPicture();
    this.view = null;
    this.other = null;
    this.variation = new Variation();
    this.paper = null;
    this.brushGiven = null;
    this.ownPainted = null;
    this.painter.forget();
  }

  protected override async prepare(values: Readonly<Record<string, string>>) {
    if (values.layer || values.off) await this.loadExplorer();
  }

  protected override read(values: Readonly<Record<string, string>>): State {
    const state = super.read(values);
    return this.weights ? state : { ...state, ...stateOf(null), off: NONE };
  }

  protected override noteOn({ layer }: Readonly<Record<string, string>>) {
    const isThere = !layer || layer === "image" || this.manifest.layers.some(({ name }) => name === layer);
    return isThere ? "" : "layer_is_gone";
  }

  /** Load the explorer, once; returns whether it is available. */
  private async loadExplorer(): Promise<boolean> {
    try {
      const weights = store.weights(this.manifest.name);
      await loadGlobal("scripts/cnn-network.explorer", "explorer");
      this.weights = await weights;
      this.requestUpdate();
      return true;
    } catch (error) {
      store.fail(error);
      return false;
    }
  }

  private changeLook(change: Partial<Look>, scrub = false) {
    if (this.look) this.change(stateOf({ ...this.look, ...change }), !scrub);
  }

  /** The picture to compare with, if the view needs it. */
  private compareAgain() {
    const { base } = this;
    if (!base || this.state.view !== "compare") return;
    const wanted = this.otherName;
    if (this.other?.source === wanted) return;
    const { name } = this.manifest;
    const show = (trace: Trace) => {
      if (this.otherName !== wanted) return;
      this.other = trace;
      this.requestUpdate();
    };
    void store.trace(name, { model: name, example: wanted }, this.listening.signal).then(show, () => undefined);
  }

  private get otherName(): string {
    const { source } = this.base!;
    const wanted = this.state.with;
    const isThere = this.manifest.examples.some(({ name }) => name === wanted);
    return wanted && isThere && wanted !== source ? wanted : this.otherThan(source);
  }

  // Events

  private act: Actions = {
    point: (map, event) => this.point(map, event),
    focus: (map) => (this.pointed = { active: map, unit: null, stop: map }),
    open: ({ layer, channel }) => void this.open({ layer, channel }),
  };

  private point(map: MapName | null, event?: PointerEvent) {
    const { active, unit: before } = this.pointed;
    if (!map) {
      if (active) this.pointed = { ...this.pointed, active: null, unit: null };
      return;
    }
    const unit = event ? unitAt(map as Place, event) : null;
    if (same(active, map) && before?.[0] === unit?.[0] && before?.[1] === unit?.[1]) return;
    this.pointed = { ...this.pointed, active: { layer: map.layer, channel: map.channel }, unit };
  }

  /** Open a map: it and its parents move from the network to the stage. */
  private async open({ layer, channel }: MapName) {
    const from = overview.places(this);
    if (!this.base || !(await this.loadExplorer())) return;
    const other = this.otherThan(this.base.source);
    this.change(stateOf({ layer, channel, view: viewsOf(this.manifest, layer)[0], at: null, from: 0, other }), true);
    await this.updateComplete;
    this.toStage();
    if (!this.prefersStill) overview.fly(this, from);
  }

  /** Return to the whole network and focus the map that was open. */
  private close = () => {
    const { stop } = this.pointed;
    this.change(stateOf(null), true);
    void this.updateComplete.then(() => elementOf(this, this.last, stop)?.focus());
  };

  private toggle = async (map: MapName) => {
    if (!(await this.loadExplorer())) return;
    const { off } = this.state;
    const rest = off.filter((one) => !same(one, map));
    this.change({ off: rest.length < off.length ? rest : [...off, map] });
  };

  private allOn = () => {
    this.change({ off: NONE });
    // The button disappears after the click.
    const stage = () => this.querySelector<HTMLElement>(".st") ?? elementOf(this, this.last, this.pointed.stop);
    void this.updateComplete.then(() => stage()?.focus({ preventScroll: true }));
  };

  /** Give the stage the focus, and bring it into view. */
  private toStage() {
    const stage = this.querySelector<HTMLElement>(".st");
    stage?.focus({ preventScroll: true });
    const box = stage?.getBoundingClientRect();
    if (box && (box.top < 0 || box.bottom > innerHeight)) stage!.scrollIntoView({ block: "start" });
  }

  protected override focusRestored(values: Readonly<Record<string, string>>) {
    if (values.layer) this.toStage();
    else elementOf(this, this.last, this.pointed.stop)?.focus({ preventScroll: true });
  }

  private onKey = (event: KeyboardEvent) => {
    const map = focused(this, this.last);
    const place = map && placeOf(this.layout, map);
    if (!place || !this.layout) return;
    if (event.key === "Escape") return this.point(null);
    const to = next(this.layout, place, event);
    if (!to) return;
    event.preventDefault();
    elementOf(this, this.last, to)?.focus();
  };

  /** Start or stop painting on the network's input. */
  private takeBrush = () => {
    if (this.paper) return this.stopPainting();
    const { base } = this;
    if (base) void this.loadExplorer().then((here) => here && (this.paper = paperOf(base, this.picture)));
  };

  private stopPainting = () => {
    this.paper = null;
    this.querySelector<HTMLElement>(".cn-paint")!.focus();
  };

  private paint = async (painted: Uint8Array | null) => {
    if (!this.paper) return;
    const { before } = this.paper;
    await this.choose(painted ? { painted, model: this.model, onOwn: holdsOwn(before) } : before);
    await this.updateComplete;
  };

  // The drawing

  override willUpdate() {
    const { look, trace, width, room } = this;
    if (look && !same(this.pointed.stop, look))
      this.pointed = { ...this.pointed, stop: { layer: look.layer, channel: look.channel } };
    if (!this.isLoaded || !width) return;
    const { colours } = this.state;
    const measured = `${width} ${room}`;
    if (!this.drawn.startsWith(`${measured} `)) {
      this.layout = layoutNetwork(this.manifest, width, room);
      this.links = allLinks(this.manifest, this.layout);
    }
    if (trace && (this.view?.trace !== trace || this.drawn !== `${measured} ${colours}`)) {
      this.view = compute(this.manifest, trace, this.layout!, colours);
    }
    this.drawn = `${measured} ${colours}`;
    this.compareAgain();
  }

  protected override draw() {
    const { manifest, layout, base, pointed, look } = this;
    if (!layout) return nothing;
    const { off, details } = this.state;
    const box = { width: `${layout.width}px`, height: `${layout.height}px` };
    return html`
      ${this.drawBar()}
      <div class="cn-head">
        <div class="cn-status">
          ${base?.source === OWN && store.own ? html`<own-picture></own-picture>` : nothing}
          ${overview.summary(manifest, this.view, off)}
          ${overview.progress(store.task, base?.source === OWN ? (store.own?.notes ?? []) : [])}
          ${overview.switchedOff(off, this.allOn)}
          ${this.note ? html`<p class="cn-message" role="status">${text(this.note)}</p>` : nothing}
        </div>
        ${tray(manifest, this.view, look ? null : layout, pointed)}
      </div>
      ${this.drawStage()}
      <div class="cn-network" ?data-plain=${!details} ?hidden=${look !== null} data-direction=${layout.direction} role="group"
        aria-label=${text("network_label", { title: manifest.title })} .style=${`height:${box.height}`}
        @keydown=${this.onKey} @pointerleave=${() => (this.pointed = { ...pointed, active: focused(this, this.last), unit: null })}>
        ${overview.links(manifest, layout, this.links, pointed.active)}
        <canvas class="cn-maps" aria-hidden="true" .style=${`width:${box.width};height:${box.height}`}></canvas>
        ${layout.picture ? html`<div class="cn-picture" .style=${overview.box(layout.picture)}></div>` : nothing}
        ${layout.bands.slice(0, this.built).map((one) => band(manifest, layout, one, this.view, pointed, off, this.act))}
        ${overview.fieldMarks(manifest, layout, pointed)}
        ${overview.kernels(manifest, layout, this.weights, pointed.active)}
        ${classes(manifest, layout, this.view, pointed, this.act)}
        ${layout.legends.map((rect, scale) => overview.legend(rect, scale, this.view))}
      </div>
      ${this.drawFoot()}`;
  }

  /** The strip of examples, the reader's own picture, the ways to give one, and the brush. */
  private drawBar() {
    const { manifest, paper, base } = this;
    return html`<div class="cn-bar">
      ${pictures(manifest, base?.source, (picture) => void this.choose(picture))}
      <picture-input></picture-input>
      <button type="button" class="cn-quiet cn-paint" aria-pressed=${paper !== null} @click=${this.takeBrush}>${text("paint")}</button>
    </div>
    ${paper ? html`<picture-brush .given=${this.brush(paper)} @close=${this.stopPainting}></picture-brush>` : nothing}`;
  }

  private brush(paper: Paper) {
    const { pixels } = paper;
    if (this.brushGiven?.pixels !== pixels)
      this.brushGiven = { pixels, shape: this.manifest.input.shape, paint: this.paint };
    return this.brushGiven;
  }
  private brushGiven: { pixels: Uint8Array; shape: readonly number[]; paint: CnnNetwork["paint"] } | null = null;

  private drawStage() {
    const { manifest, look, weights, trace, view, layout, width, other } = this;
    if (!look || !weights || !trace || !view || !layout) return nothing;
    const scales = Object.fromEntries(layout.bands.map((one) => [one.layer, scaleOf(view, one.scale, theme())]));
    const given = {
      manifest,
      weights,
      trace,
      other,
      off: this.state.off,
      look: { ...look, other: this.otherName },
      scales,
      width,
    };
    return html`<network-stage .given=${given} @close=${this.close}
      @look=${({ detail }: CustomEvent<{ change: Partial<Look>; scrub: boolean }>) => this.changeLook(detail.change, detail.scrub)}
      @toggle=${({ detail }: CustomEvent<MapName>) => void this.toggle(detail)}></network-stage>`;
  }

  /** Below the network: drawing options and the share panel. */
  private drawFoot() {
    const { manifest, weights, look } = this;
    if (!weights) return html`<div class="cn-foot"></div>`;
    const { colours, details } = this.state;
    const id = `sharing-${this.figureId}`;
    const choice = (one: Sharing) =>
      html`<button type="button" data-sharing=${one} aria-pressed=${one === colours} @click=${() => this.change({ colours: one })}>${text(`colours_by_${one}`)}</button>`;
    const onnx = {
      label: "ONNX",
      name: `${manifest.name}.onnx`,
      content: () => loadBytes(`models/${manifest.name}/model.onnx`),
    };
    return html`<div class="cn-foot">
      ${
        look
          ? nothing
          : html`<div class="cn-switches"><span id=${id}>${text("colours_by")}</span><span class="st-tabs" role="group" aria-labelledby=${id}>${SHARINGS.map(choice)}</span>
          <label><input type="checkbox" .checked=${details} @change=${(event: Event) => this.change({ details: (event.target as HTMLInputElement).checked })}> ${text("details")}</label></div>`
      }
      ${this.share(manifest.title, [onnx])}
    </div>`;
  }

  protected override readonly still = still;

  protected override get stillGiven() {
    return { ...super.stillGiven, trace: this.trace };
  }

  protected override updated() {
    const { view, layout } = this;
    if (!layout || !this.isLoaded || this.problem) return;
    if (this.built < layout.bands.length) {
      this.building ??= nextTask().then(() => this.build());
      return;
    }
    if (!view) return;
    this.paintCanvases(view);
    if (this.look && this.dataset.state === "ready") return; // hidden; painted when shown again
    this.painter.paint(view, this.onPaper || this.dataset.state === "ready", () => this.ready());
  }

  /** Put some more layers into the page. */
  private build() {
    this.building = null;
    const started = performance.now();
    this.built += this.pace;
    this.requestUpdate();
    this.performUpdate(); // now, so that it can be timed
    this.pace = Math.max(BUILT_FIRST, Math.floor((this.pace * BUILDING) / (performance.now() - started)));
  }

  protected override ready() {
    if (this.dataset.state !== "ready") setTimeout(() => void this.loadExplorer(), 300); // so that the first map opens at once
    super.ready();
  }

  /** An update is complete once its maps are painted. */
  protected override async getUpdateComplete() {
    const complete = await super.getUpdateComplete();
    await this.painter.done;
    return complete;
  }

  /** Paint the enlarged map pointed at and the thumbnail of the reader's picture. */
  private paintCanvases(view: View) {
    const { active } = this.pointed;
    const place = active && active.layer !== this.last ? placeOf(this.layout, active) : null;
    const large = this.querySelector<HTMLCanvasElement>('canvas[data-map="large"]');
    if (place && large) this.painter.paintMap(large, view, place);
    const { own } = store;
    const thumbnail = this.querySelector<HTMLCanvasElement>('canvas[data-map="own"]');
    if (thumbnail && own && this.ownPainted !== own) paintCrop(thumbnail, own);
    this.ownPainted = own;
  }
  private ownPainted: object | null = null;
}

customElements.define("cnn-network", CnnNetwork);
