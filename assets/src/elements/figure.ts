/**
 * The base class of all figures. A figure declares its options and its state in `<tag>.json`, draws its state, and
 * changes it in response to events. This class does the rest: loading when it comes near the viewport, the address and
 * the back button, errors as a sentence, size, theme, reduced motion, print, and sharing.
 *
 *     class PoolingLab extends Figure<State> {
 *       static override properties = propertiesOf(declaration);
 *       protected override readonly declaration = declaration;
 *       protected override draw() { return html`…`; }
 *     }
 *     customElements.define("pooling-lab", PoolingLab);
 */
import { html, LitElement, type PropertyDeclarations } from "lit";
import { LoadError } from "../data/loading";
import { nextTask } from "../data/slices";
import { hasText, text } from "../drawing/text";
import { onTheme } from "../drawing/theme";
import * as address from "./address";
import "./share-panel";
import "./translated";
import type { SharedFile } from "./share-panel";
import { type Declaration, initialState, readState, writeState } from "./state";
import { asPng, inPage, type StillGiven } from "./still";

const SOON = 350; // milliseconds: browsers limit how often an address is written
const NEAR = "600px"; // a figure this far outside the viewport is loaded
/** The width of a sheet of A4 or Letter between its margins, in CSS pixels. */
const PAPER = 660;
const SAVED = 1376; // CSS pixels: the width of a saved picture, as on a window of 1,440

/** Shown on a page that is not Strata's, so that it has no labels; in English, for the page's author. */
const FOREIGN =
  "This figure needs the labels and the style sheet of a page that Strata built. To show it on another page, use the embed code below the figure on its own page.";

/** An error message: a label and its values. */
export interface Problem {
  label: string;
  values?: Record<string, string | number>;
}

/** The properties of a figure's class: its options, as attributes. */
export const propertiesOf = (declaration: Declaration): PropertyDeclarations =>
  Object.fromEntries(Object.keys(declaration.options).map((name) => [name, { attribute: name }]));

export abstract class Figure<State extends object> extends LitElement {
  static override properties: PropertyDeclarations = {
    state: { state: true },
    width: { state: true },
    problem: { state: true },
    isLoaded: { state: true },
  };

  protected abstract readonly declaration: Declaration;
  /** What the reader has chosen. Use `change` to change it. */
  declare state: State;
  /** The available width in CSS pixels; 0 until it is known. */
  declare width: number;
  declare protected problem: Problem | null;
  /** Whether `load` has finished. */
  declare protected isLoaded: boolean;
  protected initial!: State;
  /** Aborted when the figure leaves the page. */
  protected listening = new AbortController();
  protected onPaper = false;
  private started = false;
  private turn = 0;
  private restoring = false;
  private writing = 0;
  // In the next frame: a new layout in this one changes the height that is observed, which WebKit reports as an error.
  private sizes = new ResizeObserver(() => requestAnimationFrame(() => this.measure()));
  private nearness = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && this.start(), {
    rootMargin: NEAR,
  });

  constructor() {
    super();
    this.width = 0;
    this.problem = null;
    this.isLoaded = false;
  }

  /** The figure's content, once it is loaded and has a width. */
  protected abstract draw(): unknown;

  /** Load what the first drawing needs. */
  protected async load(): Promise<void> {}

  /** The state in an address; `initial` for fields that it does not name. */
  protected read(values: Readonly<Record<string, string>>): State {
    return readState(this.declaration, values, this.initial, null);
  }

  /** The values for the address. */
  protected written(): Record<string, string> {
    return writeState(this.declaration, this.state, this.initial);
  }

  /** The element to focus after a link or the back button. */
  protected focusRestored(_values: Readonly<Record<string, string>>): void {}

  // Light DOM, for the page's styles, links and tests. The content for pages without JavaScript is removed.
  override createRenderRoot() {
    this.replaceChildren();
    return this;
  }

  override connectedCallback() {
    this.initial ??= this.firstState();
    this.state ??= this.initial;
    super.connectedCallback();
    this.classList.add("fig");
    this.listening = new AbortController();
    const { signal } = this.listening;
    onTheme(() => this.requestUpdate(), signal);
    addEventListener("resize", () => this.measure(), { signal });
    addEventListener("beforeprint", () => this.print(true), { signal });
    addEventListener("afterprint", () => this.print(false), { signal });
    document.addEventListener("leave", () => this.writing && this.writeNow(), { signal });
    addEventListener("popstate", () => void this.onAddress(), { signal });
    this.sizes.observe(this);
    this.nearness.observe(this);
    this.measure();
  }

  override disconnectedCallback() {
    super.disconnectedCallback();
    this.listening.abort();
    this.sizes.disconnect();
    this.nearness.disconnect();
    this.stopWriting();
  }

  /** The state before the reader has changed anything: the lesson's options and the defaults. */
  private firstState(): State {
    const options = Object.keys(this.declaration.options);
    const given = Object.fromEntries(options.map((name) => [name, this.getAttribute(name) ?? undefined]));
    return initialState(this.declaration, given) as State;
  }

  /** The figure's id in its lesson; "" for one that has no address. */
  get figureId(): string {
    return (this.isConnected && this.closest("figure")?.id) || "";
  }

  protected get prefersStill(): boolean {
    return matchMedia("(prefers-reduced-motion: reduce)").matches;
  }

  private start() {
    if (this.started) return;
    this.started = true;
    this.nearness.disconnect();
    this.dataset.state = "loading";
    this.problem = this.missing();
    if (this.problem) {
      this.dataset.state = "error";
      return;
    }
    void this.load()
      .then(async () => {
        this.isLoaded = true;
        await this.restore();
        await this.updateComplete;
        if (address.parse(location.hash).figure === this.figureId) void this.focusRestored(this.named.values);
      })
      .catch((error: unknown) => this.fail(error));
  }

  /** What the page lacks that the figure needs. */
  private missing(): Problem | null {
    const hasStyles = getComputedStyle(this).getPropertyValue("--background") !== "";
    if (!hasText("loading") || !hasStyles) return { label: "" };
    const options = Object.entries(this.declaration.options);
    const [name] =
      options.find(([option, field]) => "required" in field && field.required && !this.hasAttribute(option)) ?? [];
    return name ? { label: "option_missing", values: { name } } : null;
  }

  /** Show an error message. */
  protected fail(error: unknown) {
    if (error instanceof LoadError) this.problem = { label: "file_missing", values: { file: error.file } };
    else {
      console.error(error);
      this.problem = { label: "unexpected_error" };
    }
    this.dataset.state = "error";
  }

  /** The figure is complete. */
  protected ready() {
    this.dataset.state = "ready";
  }

  protected measure() {
    const width = this.clientWidth;
    if (width && !this.onPaper && width !== this.width) this.width = width;
  }

  /** Lay out for paper, or for the screen again, synchronously, since browsers do not wait before printing. */
  protected print(onPaper: boolean) {
    this.onPaper = onPaper;
    if (!this.isLoaded) return this.start();
    this.width = onPaper ? PAPER : this.clientWidth;
    this.performUpdate();
  }

  override render() {
    const { problem } = this;
    if (problem)
      return html`<p class="fig-message" role="alert" translate="no">${hasText(problem.label) ? text(problem.label, problem.values) : FOREIGN}</p>`;
    if (!this.isLoaded || !this.width)
      return html`<p class="fig-message" role="status">${hasText("loading") ? text("loading") : "…"}</p>`;
    return this.draw();
  }

  /** An error while drawing is an error of the figure: it does not stay at "loading". */
  protected override performUpdate() {
    try {
      super.performUpdate();
    } catch (error) {
      if (this.problem) throw error;
      this.fail(error);
    }
  }

  protected override updated(_changed: Map<PropertyKey, unknown>) {
    if (this.isLoaded && this.width && !this.problem) this.ready();
  }

  /** Change the state. With `push`, the back button undoes it; else the current address is replaced, after a delay. */
  protected change(change: Partial<State>, push = false): void {
    this.state = { ...this.state, ...change };
    this.write(push);
  }

  // The address

  /** This figure's part of the page's address. */
  protected get named() {
    return address.parse(location.hash);
  }

  /** Whether the page's address is about this figure, or about none. */
  protected get isInAddress(): boolean {
    const { figure } = this.named;
    return !figure || figure === this.figureId;
  }

  private onAddress = async () => {
    const { figure, values } = this.named;
    const hadFocus = this.contains(document.activeElement);
    await this.restore();
    await this.updateComplete;
    if (figure && figure === this.figureId) this.focusRestored(values);
    else if (hadFocus && document.activeElement === document.body) this.focusRestored({});
  };

  /** Restore this figure's state from the page's address. If two calls overlap, the later one wins. */
  protected async restore(): Promise<void> {
    const { anchor, figure, values } = this.named;
    const id = this.figureId;
    if (!id || !this.isLoaded) return;
    const turn = ++this.turn;
    if (figure !== id) {
      this.restoring = false; // cancel the pending one
      // A link to another anchor changes nothing; the initial address, or a link to the figure itself, resets it.
      if (!anchor || anchor === id) await this.enter(null, () => turn === this.turn);
      return;
    }
    this.stopWriting();
    this.restoring = true;
    try {
      await this.enter(values, () => turn === this.turn);
    } finally {
      if (turn === this.turn) this.restoring = false;
    }
  }

  /** Restore the state in an address; null resets it. A call that is no longer `current` changes nothing. */
  protected async enter(values: Readonly<Record<string, string>> | null, current: () => boolean): Promise<void> {
    await nextTask();
    if (current()) this.state = values ? this.read(values) : this.initial;
  }

  /** The current state as the part of an address after "#". */
  hash(): string {
    return address.format(this.address());
  }

  private address(): address.Address {
    return { anchor: this.figureId, figure: this.figureId, values: this.written() };
  }

  /** Write the state into the page's address: immediately for a new history entry, otherwise after a delay. */
  protected write(push: boolean): void {
    if (this.restoring || !this.figureId) return;
    if (push) {
      this.stopWriting();
      address.go(this.address(), true);
    } else this.writing ||= setTimeout(() => this.writeNow(), SOON);
  }

  protected writeNow(): void {
    this.stopWriting();
    if (this.figureId && !this.restoring) address.go(this.address(), false);
  }

  private stopWriting() {
    clearTimeout(this.writing);
    this.writing = 0;
  }

  // Sharing

  /** The share panel: a link, pictures, and the embed code; `files` are specific to the figure. */
  protected share(title: string, files: readonly SharedFile[] = []) {
    return html`<share-panel .given=${{
      title,
      figure: this.figureId,
      hash: () => this.hash(),
      write: () => this.writeNow(),
      picture: () => ({ svg: inPage(this.still(this.stillGiven)), name: this.fileName }),
      files,
    }}></share-panel>`;
  }

  /** The figure's still picture (`still.ts`), which the reader can save in its current state. */
  protected abstract readonly still: (given: StillGiven<State>) => unknown;

  /** The input of the still picture. */
  protected get stillGiven(): StillGiven<State> {
    return { state: this.state, manifest: null, trace: null, width: SAVED, hasText: true, image: asPng };
  }

  /** The name of a saved picture's file. */
  protected get fileName(): string {
    return this.localName;
  }
}
