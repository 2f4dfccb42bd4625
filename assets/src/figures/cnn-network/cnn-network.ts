/**
 * The whole network at work on one picture: every feature map of every layer, how they are linked, and what the
 * network makes of it. The reader learns that a prediction is many small steps, and sees each of them.
 *
 *     /// cnn-network | overview
 *         model: tinyvgg
 *         example: koala
 *     A caption.
 *     ///
 */
import { html, LitElement, nothing } from "lit";
import * as fields from "../../arithmetic/field";
import type { Manifest } from "../../arithmetic/manifest";
import type { MapName, Trace } from "../../arithmetic/trace";
import * as data from "../../data/loading";
import * as slices from "../../data/slices";
import type { Picture, Task } from "../../data/store";
import * as stores from "../../data/store";
import * as draw from "../../drawing/colours";
import type { Layout, Place } from "../../drawing/layout";
import * as layouts from "../../drawing/layout";
import * as network from "../../drawing/network";
import * as painter from "../../drawing/painter";
import * as texts from "../../drawing/text";
import * as themes from "../../drawing/theme";
import * as words from "../../drawing/words";
import * as address from "../../elements/address";
import { paintCrop } from "../../elements/own-picture";
import * as explorations from "./exploration";
import type { Look } from "./look";
import * as overview from "./overview";

const BUILT_FIRST = 4; // layers: on a phone about 50 ms
const BUILDING = 15; // milliseconds at once; the browser's own work on what was built takes about as long
const WORDS_AFTER = 250; // milliseconds: not for every stroke of a brush
/** The width of a sheet of A4 or Letter between its margins, in CSS pixels. */
const PAPER = 660;

const { store, OWN, PAINTED } = stores;
const { text } = texts;

/** What is on show. */
interface State {
  manifest: Manifest | null;
  task: Task;
  /** The map that is pointed at, has the focus, or was chosen; its links light up. */
  active: MapName | null;
  /** The unit of that map that is pointed at: row and column. */
  unit: readonly [number, number] | null;
  /** The one map that the tab key reaches. */
  stop: MapName;
  /** What is painted on, while the brush is out. */
  paper: Paper | null;
  width: number;
  room: number;
}

class CnnNetwork extends LitElement {
  static override properties = { model: {}, example: {}, state: { state: true } };
  declare model: string;
  declare example: string | undefined;
  declare state: State;
  private layout: Layout | null = null;
  private view: network.View | null = null;
  private links: string[] = [];
  private painting: Promise<void> = Promise.resolve();
  private painted: { view: network.View; theme: themes.Theme } | null = null;
  private showing: Promise<void> = Promise.resolve();
  /** How many layers have their maps in the page: at first a few at a time, each time in a task of its own. */
  private built = 0;
  private pace = BUILT_FIRST;
  private building: Promise<void> | null = null;
  // In the next frame: a new layout in this one changes the height that is observed, which WebKit reports as an error.
  private observer = new ResizeObserver(() => requestAnimationFrame(() => this.measure()));
  private listening = new AbortController();

  constructor() {
    super();
    this.state = {
      manifest: null,
      task: store.task,
      active: null,
      unit: null,
      stop: { layer: "image", channel: 0 },
      paper: null,
      width: 0,
      room: 0,
    };
  }

  /** The trace on show: `{source, layers: {conv_1_1: {shape, data}}}`. */
  get trace(): Trace | null {
    return this.seen.trace;
  }

  // Light DOM: the page's own styles reach it, and so do links and tests. What the page shows without JavaScript goes.
  override createRenderRoot() {
    this.replaceChildren();
    return this;
  }

  override connectedCallback() {
    super.connectedCallback();
    this.listening = new AbortController();
    const { signal } = this.listening;
    themes.onTheme(() => this.requestUpdate(), signal);
    store.addEventListener("change", () => (this.showing = this.exploration?.showPicture() ?? this.showing), {
      signal,
    });
    store.addEventListener("task", () => this.set({ task: store.task }), { signal });
    addEventListener("resize", () => this.measure(), { signal });
    addEventListener("beforeprint", () => this.print(true), { signal });
    addEventListener("afterprint", () => this.print(false), { signal });
    document.addEventListener("leave", () => this.exploration?.flush(), { signal });
    addEventListener("popstate", () => void this.onAddress(), { signal });
    document.addEventListener(
      "pointerdown",
      (event) => !this.contains(event.target as Node) && this.state.active && this.set({ active: null, unit: null }),
      { signal },
    );
    this.observer.observe(this);
    this.measure();
    void this.start();
  }

  override disconnectedCallback() {
    super.disconnectedCallback();
    this.listening.abort();
    this.observer.disconnect();
    this.exploration?.leave();
    this.painted = null; // what was not painted yet is, when the figure is put back
  }

  private set(change: Partial<State>) {
    this.state = { ...this.state, ...change };
  }

  private measure() {
    const width = this.clientWidth;
    // What stands above the network takes about this much of the window.
    const room = Math.min(Math.max(innerHeight - 330, 400), 1100);
    if (width && !this.onPaper && (width !== this.state.width || room !== this.state.room)) this.set({ width, room });
  }

  /** Lay out for paper, or for the screen again, and paint at once: a browser that prints does not wait. */
  private print(onPaper: boolean) {
    this.onPaper = onPaper;
    if (!this.view) return;
    this.built = Infinity;
    this.set({ width: onPaper ? PAPER : this.clientWidth, active: null });
    this.performUpdate();
  }
  private onPaper = false;

  private async start() {
    if (!this.view) this.dataset.state = "loading";
    try {
      const manifest = await store.manifest(this.model);
      await slices.nextTask(); // what brought it has worked for long enough
      this.exploration = new explorations.Exploration(
        manifest,
        this.example,
        () => (this.isConnected ? this.figureId : ""),
        () => this.onSeen(),
        () => (this.dataset.state = "error"),
      );
      this.set({ manifest });
      await this.exploration.start();
      if (address.parse(location.hash).figure === this.figureId) void this.onAddress();
    } catch (error) {
      store.fail(error);
      this.dataset.state = "error";
    }
  }

  /** What is seen has changed. The paper on which the brush paints is another once another picture is on show. */
  private onSeen() {
    const { look, base } = this.exploration!.seen;
    const { paper, stop } = this.state;
    const other = paper && base && base !== paper.of && base.source !== PAINTED;
    this.set({
      paper: other ? paperOf(base, this.exploration!.shown!) : paper,
      stop: look ? { layer: look.layer, channel: look.channel } : stop,
    });
  }
  private exploration: explorations.Exploration | null = null;

  private get seen(): explorations.Seen {
    return this.exploration?.seen ?? EMPTY;
  }

  private get figureId(): string {
    return this.closest("figure")?.id ?? "";
  }

  /** Open a map: its parents and itself move from their places in the network to those on the stage. */
  private async open(map: MapName) {
    const from = new Map(
      [...this.querySelectorAll<HTMLElement>(".cn-map")].map((element) => [
        `${element.dataset.layer}/${element.dataset.channel}`,
        element.getBoundingClientRect(),
      ]),
    );
    if (!(await this.exploration?.open(map))) return;
    await this.updateComplete;
    this.toStage();
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) overview.fly(this, from);
  }

  /** Give the stage the focus, and bring it into view. */
  private toStage() {
    const stage = this.querySelector<HTMLElement>(".st");
    stage?.focus({ preventScroll: true });
    const box = stage?.getBoundingClientRect();
    if (box && (box.top < 0 || box.bottom > innerHeight)) stage!.scrollIntoView({ block: "start" });
  }

  /** What the address says is restored; who came by a link or the back button finds the focus there. */
  private onAddress = async () => {
    const { figure, values } = address.parse(location.hash);
    const wasOnStage = this.querySelector("network-stage")?.contains(document.activeElement);
    await this.exploration?.restore();
    await this.updateComplete;
    if (figure && figure === this.figureId && values.layer) this.toStage();
    else if (wasOnStage && document.activeElement === document.body)
      this.mapAt(this.state.stop)?.focus({ preventScroll: true });
  };

  /** Back to the whole network, and to the map that was in the foreground. */
  private close = () => {
    const { stop } = this.state;
    this.exploration!.close();
    void this.updateComplete.then(() => this.mapAt(stop)?.focus());
  };

  private allOn = () => {
    this.exploration!.allOn();
    // The button goes with what it was for.
    void this.updateComplete.then(() =>
      (this.querySelector<HTMLElement>(".st") ?? this.mapAt(this.state.stop))?.focus({ preventScroll: true }),
    );
  };

  private mapAt({ layer, channel }: MapName): HTMLElement | null {
    return this.querySelector<HTMLElement>(
      layer === layouts.LAST
        ? `.cn-classes [data-channel="${channel}"]`
        : `[data-layer="${layer}"][data-channel="${channel}"]`,
    );
  }

  override willUpdate() {
    const { manifest, width, room } = this.state;
    const { trace, sharing } = this.seen;
    if (!manifest || !width) return;
    if (this.measured !== `${width} ${room}`) {
      this.measured = `${width} ${room}`;
      this.layout = layouts.layoutNetwork(manifest, width, room);
      this.links = layouts.allLinks(manifest, this.layout);
    }
    if (trace && (this.view?.trace !== trace || this.view.layout !== this.layout || this.sharing !== sharing)) {
      this.view = network.compute(manifest, trace, this.layout!, sharing);
      this.sharing = sharing;
    }
  }
  private measured = "";
  private sharing: network.Sharing = "layer";

  override render() {
    const { manifest, task, active, unit } = this.state;
    const { trace, weights, off, note } = this.seen;
    if (!manifest || !this.layout) {
      return html`<p class="cn-message" role="status">${task.step === "failed" ? text(task.reason, { file: task.file }) : text("loading")}</p>`;
    }
    return html`
      ${this.renderBar(manifest)}
      <div class="cn-head">
        <div class="cn-status">
          ${trace?.source === OWN && store.own ? html`<own-picture></own-picture>` : nothing}
          <p class="cn-summary" role="status" aria-live=${this.state.paper ? "off" : "polite"}>${overview.summary(manifest, this.view, off)}</p>
          ${overview.progress(task, trace?.source === OWN ? (store.own?.notes ?? []) : [])}
          ${overview.switchedOff(off, this.allOn)}
          ${note ? html`<p class="cn-message" role="status">${text(note)}</p>` : nothing}
        </div>
        ${this.renderTray(manifest)}
      </div>
      ${this.renderStage(manifest)}
      <div class="cn-network" ?data-plain=${!this.seen.details} ?hidden=${this.seen.look !== null} data-direction=${this.layout.direction} role="group" aria-label=${text("network_label", { title: manifest.title })}
        .style=${`height:${this.layout.height}px`} @keydown=${this.onKey} @pointerleave=${() => this.set({ active: this.focused(), unit: null })}>
        ${overview.links(manifest, this.layout, this.links, active)}
        <canvas class="cn-maps" aria-hidden="true" .style=${`width:${this.layout.width}px;height:${this.layout.height}px`}></canvas>
        ${this.layout.picture ? html`<div class="cn-picture" .style=${overview.box(this.layout.picture)}></div>` : nothing}
        ${this.layout.bands.slice(0, this.built).map((band) => this.renderBand(manifest, band))}
        <svg class="cn-links" aria-hidden="true" width=${this.layout.width} height=${this.layout.height} viewBox="0 0 ${this.layout.width} ${this.layout.height}">${overview.field(manifest, this.layout, active, unit)}</svg>
        ${overview.kernels(manifest, this.layout, weights, active)}
        ${this.renderClasses(manifest, this.layout)}
        ${this.layout.legends.map((rect, scale) => overview.legend(rect, scale, this.view))}
      </div>
      ${this.renderFoot(manifest)}`;
  }

  // The strip of examples, the reader's own picture, and the ways to give one.
  private renderBar(manifest: Manifest) {
    const source = this.seen.trace?.source;
    const strip = `models/${manifest.name}/examples.webp`;
    const count = manifest.examples.length;
    return html`<div class="cn-bar">
      <div class="cn-strip" role="group" aria-label=${text("examples")}>
        ${manifest.examples.map((example, i) => {
          const name = words.exampleName(manifest, example);
          return html`<button type="button" data-example=${example.name} aria-pressed=${source === example.name} aria-label=${name} title=${name}
            @click=${() => this.exploration!.choose({ model: this.model, example: example.name })}>
            <span class="cn-thumbnail" .style=${`background-image:url("${data.siteUrl(strip)}");background-size:${count * 100}% 100%;background-position:${count > 1 ? (100 * i) / (count - 1) : 0}% 0`}></span>
          </button>`;
        })}
        ${
          store.own
            ? html`<button type="button" data-example=${OWN} aria-pressed=${source === OWN} aria-label=${text("own_picture")} title=${store.own.file.name}
              @click=${() => store.own && this.exploration!.choose({ own: store.own })}><canvas class="cn-thumbnail" data-map="own"></canvas></button>`
            : nothing
        }
      </div>
      <picture-input></picture-input>
      <button type="button" class="cn-quiet cn-paint" aria-pressed=${this.state.paper !== null} @click=${this.takeBrush}>${text("paint")}</button>
    </div>
    ${this.renderBrush(manifest)}`;
  }

  /** Take the brush, to paint on what the network sees, or lay it aside. */
  private takeBrush = () => {
    const { base } = this.seen;
    const { shown } = this.exploration!;
    if (this.state.paper) return this.set({ paper: null });
    void this.exploration!.load().then((here) => here && base && this.set({ paper: paperOf(base, shown!) }));
  };

  private layAside = () => {
    this.set({ paper: null });
    this.querySelector<HTMLElement>(".cn-paint")!.focus();
  };

  private renderBrush(manifest: Manifest) {
    const { paper } = this.state;
    if (!paper) return nothing;
    const paint = async (painted: Uint8Array | null) => {
      store.show(painted ? { painted, model: this.model } : paper.before);
      await this.showing;
      await this.updateComplete;
    };
    this.brush =
      this.brush?.pixels === paper.pixels ? this.brush : { pixels: paper.pixels, shape: manifest.input.shape, paint };
    return html`<picture-brush .given=${this.brush} @close=${this.layAside}></picture-brush>`;
  }
  private brush: {
    pixels: Uint8Array;
    shape: readonly number[];
    paint(painted: Uint8Array | null): Promise<void>;
  } | null = null;

  /** What lies below the network: how it is drawn, and what can be taken along. */
  private renderFoot(manifest: Manifest) {
    const { trace, look, weights, sharing, details } = this.seen;
    if (!trace || !weights) return html`<div class="cn-foot"></div>`;
    return html`<div class="cn-foot">
      ${
        look
          ? nothing
          : html`<div class="cn-switches"><span id="sharing-${this.figureId}">${text("colours_by")}</span><span class="st-tabs" role="group" aria-labelledby="sharing-${this.figureId}">
        ${network.SHARINGS.map((one) => html`<button type="button" data-sharing=${one} aria-pressed=${one === sharing} @click=${() => this.exploration!.drawn({ sharing: one })}>${text(`colours_by_${one}`)}</button>`)}</span>
        <label><input type="checkbox" .checked=${details} @change=${(event: Event) => this.exploration!.drawn({ details: (event.target as HTMLInputElement).checked })}> ${text("details")}</label></div>`
      }
      <take-along .given=${{ manifest, trace, sharing, figure: this.figureId, hash: this.exploration!.hash(), write: () => this.exploration!.writeNow() }}></take-along>
    </div>`;
  }

  private renderStage(manifest: Manifest) {
    const { look, weights, trace, other, off } = this.seen;
    const { width } = this.state;
    if (!look || !weights || !trace || !this.view) return nothing;
    const theme = themes.theme();
    const scales = Object.fromEntries(
      this.layout!.bands.map((band) => [band.layer, network.scaleOf(this.view!, band.scale, theme)]),
    );
    return html`<network-stage .given=${{ manifest, weights, trace, other, off, look, scales, width }} 
      @look=${({ detail }: CustomEvent<{ change: Partial<Look>; scrub: boolean }>) => this.exploration!.change(detail.change, detail.scrub)}
      @close=${this.close} @toggle=${({ detail }: CustomEvent<MapName>) => void this.exploration!.toggle(detail)}></network-stage>`;
  }

  private renderBand(manifest: Manifest, band: layouts.Band) {
    const layer = manifest.layers.find((candidate) => candidate.name === band.layer);
    const shape = layer ? layer.shape : manifest.input.shape;
    const { active } = this.state;
    const parents = active && this.layout ? layouts.parents(manifest, this.layout, active.layer, active.channel) : [];
    return html`<div class="cn-band" role="group" aria-label="${band.layer}, ${texts.dimensions(shape)}">
      <p class="cn-label" .style=${overview.box(band.label)} title=${band.layer}>${overview.lessonOn(layer?.kind ?? "image", band.layer)}<small class="number">${texts.dimensions(shape)}</small></p>
      ${band.places.map((place) => {
        const { layer, channel } = place;
        const here = overview.same(active, place);
        return html`<button type="button" class="cn-map" data-layer=${layer} data-channel=${channel} .style=${overview.box(place)}
          ?data-active=${here} ?data-parent=${parents.includes(place)} tabindex=${overview.same(this.state.stop, place) ? 0 : -1}
          aria-label=${words.mapInWords(manifest, place, this.view?.summaries.get(network.key(place)))}
          @pointermove=${(event: PointerEvent) => event.pointerType === "mouse" && this.pointAt(place, event)}
          ?data-off=${this.seen.off.some((map) => overview.same(map, place))}
          @focus=${() => this.set({ active: { layer, channel }, unit: null, stop: { layer, channel } })}
          @click=${() => void this.open({ layer, channel })}></button>`;
      })}
    </div>`;
  }

  private renderClasses(manifest: Manifest, layout: Layout) {
    const { active } = this.state;
    return html`<ul class="cn-classes" aria-label=${text("classes")}>
      ${manifest.classes.map(({ name }, i) => {
        const probability = this.view?.probabilities[i] ?? 0;
        return html`<li data-class=${name} data-probability=${probability.toFixed(4)} ?data-best=${i === this.view?.best}
          ?data-active=${overview.same(active, { layer: layouts.LAST, channel: i })} .style=${overview.box(layout.classes[i])}
          @pointerenter=${() => this.set({ active: { layer: layouts.LAST, channel: i }, unit: null })}>
          <button type="button" class="cn-class-open" data-channel=${i} tabindex=${overview.same(this.state.stop, { layer: layouts.LAST, channel: i }) ? 0 : -1}
            aria-label=${text("open_class", { class: words.className(manifest, name), probability: texts.percent(probability) })}
            @focus=${() => this.set({ active: { layer: layouts.LAST, channel: i }, unit: null, stop: { layer: layouts.LAST, channel: i } })}
            @click=${() => void this.open({ layer: layouts.LAST, channel: i })}></button>
          <span class="cn-class">${words.className(manifest, name)}</span>
          <span class="cn-percent number">${texts.percent(probability)}</span>
          <span class="cn-bar-track"><span class="cn-bar-fill" .style=${`transform:scaleX(${probability})`}></span></span>
        </li>`;
      })}
    </ul>`;
  }

  /** The map pointed at, large, in words. */
  private renderTray(manifest: Manifest) {
    const { active, unit } = this.state;
    const { look } = this.seen;
    const place = active && active.layer !== layouts.LAST && !look ? overview.placeOf(this.layout, active) : null;
    return html`<div class="cn-lens">
      <div class="cn-hints">${look ? nothing : html`<p>${text("how_to_point")} <span class="cn-drop">${text("how_to_type")}</span></p>`}${
        manifest.figures
          ? html`<p class="cn-figures number"><a href=${data.pageUrl(`models/${manifest.name}/index.html`)}>${text(
              "figures",
              {
                parameters: texts.integer(manifest.parameters),
                accuracy: texts.percent(manifest.figures.accuracy),
                photos: texts.integer(manifest.figures.photos),
              },
            )}</a></p>`
          : nothing
      }</div>
      ${
        place && this.view
          ? html`<div class="cn-tray"><canvas class="cn-large" data-map="large" aria-hidden="true"></canvas>
            <div><p><strong>${place.layer}</strong> ${words.channelName(manifest, place)}</p>
            <p>${unit ? this.unitInWords(manifest, place, unit) : words.facts(manifest, place, network.summaryOf(this.view, place))}</p><p>${words.origin(manifest, place)}</p></div></div>`
          : nothing
      }
    </div>`;
  }

  private unitInWords(manifest: Manifest, place: Place, [y, x]: readonly [number, number]) {
    const size = fields.fields(manifest, place.layer, place.channel, y, x).at(-1)!.size;
    const value = network.unitsOf(this.view!.trace, place)[y * (place.units.width === 1 ? 1 : place.units.width) + x];
    return text(place.layer === "image" ? "unit_of_picture" : "unit_sees", {
      row: y,
      column: x,
      value: texts.decimal(value),
      size: texts.dimensions(size),
    });
  }

  /** Which unit of a map the pointer is over. */
  private pointAt(place: Place, event: PointerEvent) {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const along = (position: number, start: number, length: number, count: number) =>
      Math.min(count - 1, Math.max(0, Math.floor(((position - start) / length) * count)));
    const [y, x] = [
      along(event.clientY, box.top, box.height, place.units.height),
      along(event.clientX, box.left, box.width, place.units.width),
    ];
    const unit: [number, number] = place.units.width === 1 ? [0, y] : [y, x]; // a strip that stands upright is still one row
    const { active, unit: before } = this.state;
    if (overview.same(active, place) && before?.[0] === unit[0] && before[1] === unit[1]) return;
    this.set({ active: { layer: place.layer, channel: place.channel }, unit });
  }

  private focused() {
    const map = document.activeElement?.closest<HTMLElement>(".cn-map, .cn-class-open");
    return map && this.contains(map)
      ? { layer: map.dataset.layer ?? layouts.LAST, channel: Number(map.dataset.channel) }
      : null;
  }

  private onKey = (event: KeyboardEvent) => {
    const focused = this.focused();
    const place = focused && overview.placeOf(this.layout, focused);
    if (!place || !this.layout || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Escape") return this.set({ active: null, unit: null });
    const next = layouts.neighbour(this.layout, place, event.key);
    if (!next) return;
    event.preventDefault();
    this.mapAt(next)?.focus();
  };

  override updated() {
    if (this.layout && this.built < this.layout.bands.length) {
      this.building ??= slices.nextTask().then(() => {
        this.building = null;
        const started = performance.now();
        this.built += this.pace;
        this.requestUpdate();
        this.performUpdate(); // now, so that it can be timed
        this.pace = Math.max(BUILT_FIRST, Math.floor((this.pace * BUILDING) / (performance.now() - started)));
      });
      return;
    }
    const { view } = this;
    if (!view) return;
    this.paintLarge();
    this.paintOwn();
    if (this.seen.look && this.dataset.state === "ready") return; // the network is not seen now; it is painted when it comes back
    const theme = themes.theme();
    if (this.painted?.view === view && this.painted.theme === theme) return;
    this.painted = { view, theme };
    const stale = () => this.view !== view || themes.theme() !== theme || !this.isConnected;
    this.painting = this.paint(view, stale);
    void this.painting.then(() => setTimeout(() => void this.findWords(view, stale), WORDS_AFTER));
  }

  /** Paint all maps: the first time, when a hundred of them take longer than a frame, in slices. */
  private async paint(view: network.View, stale: () => boolean) {
    const { trace, layout } = view;
    const maps = this.querySelector<HTMLCanvasElement>(".cn-maps")!;
    const finest = painter.prepare(maps, layout);
    const jobs = [
      () => painter.paintPicture(maps, finest, layout, trace),
      ...layout.bands.map((band) => () => painter.paintBand(maps, finest, band, trace, this.scale(band.scale))),
      ...view.extents.map(
        (_, scale) => () =>
          draw.paintLegend(this.querySelector<HTMLCanvasElement>(`[data-legend="${scale}"]`)!, this.scale(scale)),
      ),
    ];
    if (this.onPaper || this.dataset.state === "ready") jobs.forEach((job) => job());
    else if (!(await slices.inSlices(jobs, stale))) return;
    this.dataset.state = "ready";
    this.ready ??= setTimeout(() => void this.exploration?.load(), 300); // so that the first map opens at once
  }
  private ready: number | undefined;

  /** Say of every map what it shows, for those who cannot see it. */
  private async findWords(view: network.View, stale: () => boolean) {
    const places = view.layout.bands.flatMap((band) => band.places);
    if (
      !stale() &&
      (await slices.inSlices(
        places.map((place) => () => network.summaryOf(view, place)),
        stale,
      ))
    )
      this.requestUpdate();
  }

  /** An update is complete once its maps are painted. */
  protected override async getUpdateComplete() {
    const complete = await super.getUpdateComplete();
    await this.painting;
    return complete;
  }

  private canvas(map: string): HTMLCanvasElement {
    return this.querySelector<HTMLCanvasElement>(`canvas[data-map="${map}"]`)!;
  }

  private scale(scale: number): draw.Scale {
    return network.scaleOf(this.view!, scale, themes.theme());
  }

  private paintMap(canvas: HTMLCanvasElement, place: Place) {
    const band = this.layout!.bands.find((candidate) => candidate.layer === place.layer)!;
    draw.paintHeatmap(
      canvas,
      network.unitsOf(this.view!.trace, place),
      place.units.width,
      place.units.height,
      this.scale(band.scale),
    );
  }

  private paintLarge() {
    const { active } = this.state;
    const place = active && active.layer !== layouts.LAST ? overview.placeOf(this.layout, active) : null;
    const canvas = this.canvas("large");
    if (place && canvas) this.paintMap(canvas, place);
  }

  private paintOwn() {
    const canvas = this.canvas("own");
    const { own } = store;
    if (canvas && own && this.ownPainted !== own) paintCrop(canvas, own);
    this.ownPainted = own;
  }
  private ownPainted: object | null = null;
}

const EMPTY: explorations.Seen = {
  base: null,
  trace: null,
  look: null,
  off: [],
  sharing: "layer",
  details: true,
  weights: null,
  other: null,
  note: "",
};

/** What the brush paints on: pixels, the trace that they come from, and the picture that was on show before. */
interface Paper {
  pixels: Uint8Array;
  of: Trace;
  before: Picture;
}

const paperOf = (of: Trace, before: Picture): Paper => ({
  pixels: Uint8Array.from(of.layers.image.data, (value) => Math.round(255 * value)),
  of,
  before,
});

customElements.define("cnn-network", CnnNetwork);
