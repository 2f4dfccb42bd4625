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
import { data, draw, html, layout as layouts, LitElement, network, nothing, paintCrop, painter, slices, store as stores, svg, text as texts, theme as themes, words } from "../core";
import type { Layout, Place, Rect } from "../layout";
import type { Manifest } from "../manifest";
import type { Picture, Task } from "../store";
import type { Trace } from "../trace";

/** The width of a sheet of A4 or Letter between its margins, in CSS pixels. */
const BUILT_AT_ONCE = 4; // layers: on a phone about 50 ms
const PAPER = 660;

const { store, OWN } = stores;
const { text } = texts;

/** What is on show. */
interface State {
  manifest: Manifest | null;
  trace: Trace | null;
  task: Task;
  /** The map that is pointed at, has the focus, or was chosen; its links light up. */
  active: { layer: string; channel: number } | null;
  /** The one map that the tab key reaches. */
  stop: { layer: string; channel: number };
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
  private shown: Picture | null = null;
  /** How many layers have their maps in the page: at first a few at a time, each time in a task of its own. */
  private built = 0;
  private building: Promise<void> | null = null;
  private asked = 0;
  // In the next frame: a new layout in this one changes the height that is observed, which WebKit reports as an error.
  private observer = new ResizeObserver(() => requestAnimationFrame(() => this.measure()));
  private listening = new AbortController();

  constructor() {
    super();
    this.state = { manifest: null, trace: null, task: store.task, active: null, stop: { layer: "image", channel: 0 }, width: 0, room: 0 };
  }

  /** The trace on show: `{source, layers: {conv_1_1: {shape, data}}}`. */
  get trace(): Trace | null {
    return this.state.trace;
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
    store.addEventListener("change", () => void this.showPicture(), { signal });
    store.addEventListener("task", () => this.set({ task: store.task }), { signal });
    addEventListener("resize", () => this.measure(), { signal });
    addEventListener("beforeprint", () => this.print(true), { signal });
    addEventListener("afterprint", () => this.print(false), { signal });
    document.addEventListener("pointerdown", (event) => !this.contains(event.target as Node) && this.state.active && this.set({ active: null }), { signal });
    this.observer.observe(this);
    this.measure();
    void this.start();
  }

  override disconnectedCallback() {
    super.disconnectedCallback();
    this.listening.abort();
    this.observer.disconnect();
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
      this.set({ manifest });
      this.shown = this.firstExample(manifest);
      if (store.picture) await this.showPicture();
      else store.show(this.shown);
      void store.restore();
    } catch (error) {
      store.fail(error);
      this.dataset.state = "error";
    }
  }

  private firstExample(manifest: Manifest): Picture {
    return { model: this.model, example: this.example ?? manifest.examples[0].name };
  }

  /** Bring the trace of the picture on show; a later picture overtakes an earlier one, and a failure leaves what is there. */
  private async showPicture() {
    const { picture } = store;
    if (picture && ("own" in picture || picture.model === this.model)) this.shown = picture; // not another model's example
    if (!picture && this.shown && "own" in this.shown && this.state.manifest) this.shown = this.firstExample(this.state.manifest); // it was forgotten
    if (!this.shown) return;
    const asked = ++this.asked;
    const trace = await store.trace(this.model, this.shown).catch(() => null);
    if (!this.state.trace) await slices.nextTask(); // what read it has worked for long enough
    if (asked !== this.asked) return;
    if (trace) this.set({ trace });
    else if (!this.state.trace) this.dataset.state = "error";
  }

  override willUpdate() {
    const { manifest, trace, width, room } = this.state;
    if (!manifest || !width) return;
    if (this.measured !== `${width} ${room}`) {
      this.measured = `${width} ${room}`;
      this.layout = layouts.layoutNetwork(manifest, width, room);
      this.links = layouts.allLinks(manifest, this.layout);
    }
    if (trace && (this.view?.trace !== trace || this.view.layout !== this.layout)) this.view = network.compute(manifest, trace, this.layout!);
  }
  private measured = "";

  override render() {
    const { manifest, trace, task } = this.state;
    if (!manifest || !this.layout) {
      return html`<p class="cn-message" role="status">${task.step === "failed" ? text(task.reason, { file: task.file }) : text("loading")}</p>`;
    }
    return html`
      ${this.renderBar(manifest)}
      <div class="cn-head">
        <div class="cn-status">
          ${trace?.source === OWN && store.own ? html`<own-picture></own-picture>` : nothing}
          <p class="cn-summary" role="status" aria-live="polite">${this.renderSummary(manifest, trace)}</p>
          ${this.renderTask(task)}
        </div>
        ${this.renderTray(manifest)}
      </div>
      <div class="cn-network" data-direction=${this.layout.direction} role="group" aria-label=${text("network_label", { title: manifest.title })}
        .style=${`height:${this.layout.height}px`} @keydown=${this.onKey} @pointerleave=${() => this.set({ active: this.focused() })}>
        ${this.renderLinks(manifest, this.layout)}
        <canvas class="cn-maps" aria-hidden="true" .style=${`width:${this.layout.width}px;height:${this.layout.height}px`}></canvas>
        ${this.layout.picture ? html`<div class="cn-picture" .style=${box(this.layout.picture)}></div>` : nothing}
        ${this.layout.bands.slice(0, this.built).map((band) => this.renderBand(manifest, band))}
        ${this.renderClasses(manifest, this.layout)}
        ${this.layout.legends.map((rect, scale) => this.renderLegend(rect, scale))}
      </div>`;
  }

  // The strip of examples, the reader's own picture, and the ways to give one.
  private renderBar(manifest: Manifest) {
    const source = this.state.trace?.source;
    const strip = `models/${manifest.name}/examples.webp`;
    const count = manifest.examples.length;
    return html`<div class="cn-bar">
      <div class="cn-strip" role="group" aria-label=${text("examples")}>
        ${manifest.examples.map((example, i) => {
          const name = words.exampleName(manifest, example);
          return html`<button type="button" data-example=${example.name} aria-pressed=${source === example.name} aria-label=${name} title=${name}
            @click=${() => store.show({ model: this.model, example: example.name })}>
            <span class="cn-thumbnail" .style=${`background-image:url("${data.siteUrl(strip)}");background-size:${count * 100}% 100%;background-position:${count > 1 ? (100 * i) / (count - 1) : 0}% 0`}></span>
          </button>`;
        })}
        ${store.own
          ? html`<button type="button" data-example=${OWN} aria-pressed=${source === OWN} aria-label=${text("own_picture")} title=${store.own.file.name}
              @click=${() => store.own && store.show({ own: store.own })}><canvas class="cn-thumbnail" data-map="own"></canvas></button>`
          : nothing}
      </div>
      <picture-input></picture-input>
    </div>`;
  }

  private renderSummary(manifest: Manifest, trace: Trace | null) {
    if (!trace || !this.view) return text("loading");
    const example = manifest.examples.find((candidate) => candidate.name === trace.source);
    const shown = example ? words.exampleName(manifest, example) : text("own_picture");
    const { best, probabilities } = this.view;
    return html`<span class="cn-shown">${shown}</span>
      <span class="cn-verdict">${text("verdict", { title: manifest.title })} <strong>${words.className(manifest, manifest.classes[best].name)}</strong>
        <span class="number">${texts.percent(probabilities[best])}</span></span>
      ${this.view.unknown ? html`<span class="cn-doubt">${text("none_of_these", { count: manifest.classes.length })}</span>` : nothing}`;
  }

  private renderTask(task: Task) {
    if (task.step === "failed") return html`<p class="cn-message cn-error" role="alert">${text(task.reason, { file: task.file })}</p>`;
    if (task.step === "idle") {
      const notes = this.state.trace?.source === OWN ? (store.own?.notes ?? []) : [];
      return notes.map((note) => html`<p class="cn-message">${text(note)}</p>`);
    }
    if (!("share" in task)) return html`<p class="cn-message">${text(task.step)}</p>`;
    return html`<p class="cn-message cn-progress"><label>${text(task.step)} <progress max="1" .value=${task.share!}></progress></label>
      <span class="number">${texts.wholePercent(task.share!)}</span></p>`;
  }

  private renderLinks(manifest: Manifest, layout: Layout) {
    const { active } = this.state;
    const target = active && this.rectOf(active);
    return html`<svg class="cn-links" aria-hidden="true" width=${layout.width} height=${layout.height} viewBox="0 0 ${layout.width} ${layout.height}">
      ${this.links.map((d) => svg`<path d=${d}></path>`)}
      ${active && target ? svg`<path class="is-active" d=${layouts.linksInto(manifest, layout, active.layer, active.channel, target)}></path>` : nothing}
    </svg>`;
  }

  private renderBand(manifest: Manifest, band: layouts.Band) {
    const layer = manifest.layers.find((candidate) => candidate.name === band.layer);
    const shape = layer ? layer.shape : manifest.input.shape;
    const { active } = this.state;
    const parents = active && this.layout ? layouts.parents(manifest, this.layout, active.layer, active.channel) : [];
    return html`<div class="cn-band" role="group" aria-label="${band.layer}, ${texts.dimensions(shape)}">
      <p class="cn-label" .style=${box(band.label)} title=${band.layer}><span>${band.layer}</span><small class="number">${texts.dimensions(shape)}</small></p>
      ${band.places.map((place) => {
        const { layer, channel } = place;
        const here = same(active, place);
        return html`<button type="button" class="cn-map" data-layer=${layer} data-channel=${channel} .style=${box(place)}
          ?data-active=${here} ?data-parent=${parents.includes(place)} tabindex=${same(this.state.stop, place) ? 0 : -1}
          aria-label=${words.mapInWords(manifest, place, this.view?.summaries.get(network.key(place)))}
          @pointerenter=${(event: PointerEvent) => event.pointerType === "mouse" && this.set({ active: { layer, channel } })}
          @focus=${() => this.set({ active: { layer, channel }, stop: { layer, channel } })}
          @click=${(event: Event) => this.choose(event.currentTarget as HTMLElement, { layer, channel })}></button>`;
      })}
    </div>`;
  }

  private renderClasses(manifest: Manifest, layout: Layout) {
    const { active } = this.state;
    return html`<ul class="cn-classes" aria-label=${text("classes")}>
      ${manifest.classes.map(({ name }, i) => {
        const probability = this.view?.probabilities[i] ?? 0;
        return html`<li data-class=${name} data-probability=${probability.toFixed(4)} ?data-best=${i === this.view?.best}
          ?data-active=${same(active, { layer: "logits", channel: i })} .style=${box(layout.classes[i])}
          @pointerenter=${() => this.set({ active: { layer: "logits", channel: i } })}>
          <span class="cn-class">${words.className(manifest, name)}</span>
          <span class="cn-percent number">${texts.percent(probability)}</span>
          <span class="cn-bar-track"><span class="cn-bar-fill" .style=${`transform:scaleX(${probability})`}></span></span>
        </li>`;
      })}
    </ul>`;
  }

  private renderLegend(rect: Rect, scale: number) {
    const { extent, clipped } = this.view?.extents[scale] ?? { extent: 0, clipped: false };
    const [least, most] = clipped ? ["≤\u2009", "≥\u2009"] : ["", ""];
    const ends = scale === 0 ? ["0", "1"] : [least + texts.decimal(-extent), most + texts.decimal(extent)];
    return html`<div class="cn-legend" .style=${box(rect)} role="img" aria-label=${text("legend", { low: ends[0], high: ends[1] })}>
      <canvas data-legend=${scale}></canvas>
      <span class="number">${ends[0]}</span>${scale === 0 ? nothing : html`<span class="number">0</span>`}<span class="number">${ends[1]}</span>
    </div>`;
  }

  /** The map pointed at, large, in words. */
  private renderTray(manifest: Manifest) {
    const place = this.state.active && this.placeOf(this.state.active);
    return html`<div class="cn-lens">
      <div class="cn-hints"><p>${text("how_to_point")} <span class="cn-drop">${text("how_to_type")}</span></p>${manifest.figures
        ? html`<p class="cn-figures number"><a href=${data.pageUrl(`models/${manifest.name}/index.html`)}>${text("figures", {
            parameters: texts.integer(manifest.parameters),
            accuracy: texts.percent(manifest.figures.accuracy),
            photos: texts.integer(manifest.figures.photos),
          })}</a></p>`
        : nothing}</div>
      ${place && this.view
        ? html`<div class="cn-tray"><canvas class="cn-large" data-map="large" aria-hidden="true"></canvas>
            <div><p><strong>${place.layer}</strong> ${words.channelName(manifest, place)}</p>
            <p>${words.facts(manifest, place, network.summaryOf(this.view, place))}</p><p>${words.origin(manifest, place)}</p></div>
            <button type="button" class="cn-close" aria-label=${text("close")} @click=${() => this.set({ active: null })}>×</button></div>`
        : nothing}
    </div>`;
  }

  /** Show a map in the tray, and keep it in view where the tray lies over the page. */
  private choose(map: HTMLElement, unit: { layer: string; channel: number }) {
    this.set({ active: unit, stop: unit });
    void this.updateComplete.then(() => {
      const tray = this.querySelector<HTMLElement>(".cn-tray");
      const covered = tray && getComputedStyle(tray).position === "fixed" ? map.getBoundingClientRect().bottom - tray.getBoundingClientRect().top + 12 : 0;
      if (covered > 0) scrollBy({ top: covered, behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    });
  }

  private placeOf({ layer, channel }: { layer: string; channel: number }): Place | null {
    return this.layout?.bands.find((band) => band.layer === layer)?.places[channel] ?? null;
  }

  private rectOf(unit: { layer: string; channel: number }): Rect | null {
    if (unit.layer === "logits") return this.layout?.direction === "columns" ? this.layout.classes[unit.channel] : null;
    return this.placeOf(unit);
  }

  private focused() {
    const map = document.activeElement?.closest<HTMLElement>(".cn-map");
    return map && this.contains(map) ? { layer: map.dataset.layer!, channel: Number(map.dataset.channel) } : null;
  }

  private onKey = (event: KeyboardEvent) => {
    const focused = this.focused();
    const place = focused && this.placeOf(focused);
    if (!place || !this.layout || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Escape") return this.set({ active: null });
    const next = layouts.neighbour(this.layout, place, event.key);
    if (!next) return;
    event.preventDefault();
    this.querySelector<HTMLElement>(`[data-layer="${next.layer}"][data-channel="${next.channel}"]`)?.focus();
  };

  override updated() {
    if (this.layout && this.built < this.layout.bands.length) {
      this.building ??= slices.nextTask().then(() => {
        this.building = null;
        this.built += BUILT_AT_ONCE;
        this.requestUpdate();
      });
      return;
    }
    const { view } = this;
    if (!view) return;
    this.paintLarge();
    this.paintOwn();
    const theme = themes.theme();
    if (this.painted?.view === view && this.painted.theme === theme) return;
    this.painted = { view, theme };
    const stale = () => this.view !== view || themes.theme() !== theme || !this.isConnected;
    this.painting = this.paint(view, stale);
    void this.painting.then(() => this.findWords(view, stale));
  }

  /** Paint all maps: the first time, when a hundred of them take longer than a frame, in slices. */
  private async paint(view: network.View, stale: () => boolean) {
    const { trace, layout } = view;
    const maps = this.querySelector<HTMLCanvasElement>(".cn-maps")!;
    const finest = painter.prepare(maps, layout);
    const jobs = [
      () => painter.paintPicture(maps, finest, layout, trace),
      ...layout.bands.map((band) => () => painter.paintBand(maps, finest, band, trace, this.scale(band.scale))),
      ...view.extents.map((_, scale) => () => draw.paintLegend(this.querySelector<HTMLCanvasElement>(`[data-legend="${scale}"]`)!, this.scale(scale))),
    ];
    if (this.onPaper || this.dataset.state === "ready") jobs.forEach((job) => job());
    else if (!(await slices.inSlices(jobs, stale))) return;
    this.dataset.state = "ready";
  }

  /** Say of every map what it shows, for those who cannot see it. */
  private async findWords(view: network.View, stale: () => boolean) {
    const places = view.layout.bands.flatMap((band) => band.places);
    if (!stale() && (await slices.inSlices(places.map((place) => () => network.summaryOf(view, place)), stale))) this.requestUpdate();
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
    draw.paintHeatmap(canvas, network.unitsOf(this.view!.trace, place), place.units.width, place.units.height, this.scale(band.scale));
  }

  private paintLarge() {
    const place = this.state.active && this.placeOf(this.state.active);
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

const same = (a: { layer: string; channel: number } | null, b: { layer: string; channel: number }) => a?.layer === b.layer && a.channel === b.channel;

const box = ({ x, y, width, height }: Rect) => `left:${x.toFixed(1)}px;top:${y.toFixed(1)}px;width:${width.toFixed(1)}px;height:${height.toFixed(1)}px`;

customElements.define("cnn-network", CnnNetwork);
