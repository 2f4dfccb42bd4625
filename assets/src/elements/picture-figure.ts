/**
 * Base class for figures of a network and a picture: the figure's own example, or the reader's picture, which all
 * figures of the page share. It provides the trace and the state that refers to the network.
 */
import type { Manifest } from "../arithmetic/manifest";
import type { Trace } from "../arithmetic/trace";
import { nextTask } from "../data/slices";
import { holdsOwn, OWN, PAINTED, type Picture, store } from "../data/store";
import { Figure } from "./figure";
import { readState, writeState } from "./state";

/**
 * The state of a figure with a picture: the name of an example, "own" or "painted"; null for the figure's first
 * example.
 */
export interface PictureState {
  example: string | null;
}

export abstract class PictureFigure<State extends PictureState> extends Figure<State> {
  declare model: string;
  declare example: string | undefined;
  protected manifest!: Manifest;
  /** The trace of the picture on show. */
  protected base: Trace | null = null;
  /** The picture that is shown, or being loaded. */
  protected picture!: Picture;
  /** The picture that `base` is the trace of. */
  private shown: Picture | null = null;
  /** The label of a note about the address. */
  protected note = "";
  private computing = new AbortController();

  override connectedCallback() {
    super.connectedCallback();
    const { signal } = this.listening;
    store.addEventListener("own", () => void this.onOwn(), { signal });
    store.addEventListener("task", () => this.requestUpdate(), { signal });
  }

  override disconnectedCallback() {
    super.disconnectedCallback();
    this.computing.abort();
  }

  protected override async load(): Promise<void> {
    this.manifest = await store.manifest(this.model);
    await nextTask(); // the current task has taken long enough
    this.picture = this.firstPicture;
    const { own } = store;
    await this.show(own ? { own } : this.picture, true);
    void store.restore();
  }

  protected get firstExample(): string {
    return this.example ?? this.manifest.examples[0].name;
  }

  private get firstPicture(): Picture {
    return { model: this.manifest.name, example: this.firstExample };
  }

  /** An example to compare a picture with. */
  protected otherThan(source: string): string {
    const { examples } = this.manifest;
    return (examples.find((example) => example.name !== source) ?? examples[0]).name;
  }

  /** Show a picture; a later one overtakes it, and a failure changes nothing, unless it `mustCome`. True if shown. */
  protected async show(picture: Picture, mustCome = false): Promise<boolean> {
    this.computing.abort();
    const { signal } = (this.computing = new AbortController());
    this.picture = picture;
    try {
      const trace = await store.trace(this.manifest.name, picture, signal);
      if (!this.base) await nextTask(); // the current task has taken long enough
      if (signal.aborted) return false;
      this.base = trace;
      this.shown = picture;
      this.onPicture(trace);
      this.requestUpdate();
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      this.picture = this.shown ?? this.firstPicture;
      if (mustCome) throw error;
      store.fail(error, "own" in picture ? picture.own.file.name : "");
      return false;
    }
  }

  /** Called when another trace is shown. */
  protected onPicture(trace: Trace): void {
    this.state = { ...this.state, example: trace.source };
  }

  /** Choose a picture in this figure. */
  protected async choose(picture: Picture): Promise<void> {
    this.note = "";
    if (!("own" in picture)) store.stopFollowing();
    if (await this.show(picture)) this.write(false);
  }

  /** The reader added a picture, moved its crop, or removed it. */
  private async onOwn() {
    if (!this.isLoaded) return;
    const { own } = store;
    if (own) {
      if ((await this.show({ own })) && this.isInAddress) this.write(false);
    } else if (holdsOwn(this.picture) || (this.shown && holdsOwn(this.shown))) {
      const next = holdsOwn(this.picture) ? this.firstPicture : this.picture;
      this.forgetPicture();
      if ((await this.show(next)) && this.isInAddress) this.write(false);
    }
  }

  /** Drop the trace of a picture that was removed. */
  protected forgetPicture(): void {
    this.computing.abort();
    this.base = null;
    this.shown = null;
    this.requestUpdate();
  }

  protected override read(values: Readonly<Record<string, string>>): State {
    const state = readState(
      this.declaration,
      values,
      this.initial,
      this.base && { manifest: this.manifest, trace: this.base },
    );
    return { ...state, example: this.base?.source ?? null };
  }

  protected override written(): Record<string, string> {
    const values = writeState(this.declaration, this.state, { ...this.initial, example: this.firstExample });
    const others = Object.keys(values).some((name) => name !== "example");
    // A link to a view names the picture too, since another one may be shown.
    return others && this.base ? { example: this.base.source, ...values } : values;
  }

  protected override async enter(
    values: Readonly<Record<string, string>> | null,
    current: () => boolean,
  ): Promise<void> {
    if (!values) {
      // The picture stays the same, so the address has to name it.
      this.state = { ...this.initial, example: this.base?.source ?? null };
      if (!this.named.figure && Object.keys(this.written()).length) this.write(false);
      return;
    }
    await store.restore(); // the reader's picture from the previous page
    if (!current()) return;
    const note = await this.enterPicture(values.example);
    if (!current() || !this.base) return;
    await this.prepare(values);
    if (!current()) return;
    this.note = note || this.noteOn(values);
    this.state = this.read(values);
  }

  /** Load what the state in an address needs. */
  protected async prepare(_values: Readonly<Record<string, string>>): Promise<void> {}

  /** The label of a note about an address that names something that does not exist. */
  protected noteOn(_values: Readonly<Record<string, string>>): string {
    return "";
  }

  /** Show the picture that an address names, if any. Returns the label of a note about it. */
  private async enterPicture(name: string | undefined): Promise<string> {
    if (!name || name === this.base?.source) return "";
    const own = name === OWN ? store.own : null;
    const isKnown = this.manifest.examples.some((example) => example.name === name);
    await this.show(own ? { own } : isKnown ? { model: this.manifest.name, example: name } : this.firstPicture);
    return own || isKnown ? "" : name === OWN || name === PAINTED ? "own_is_gone" : "example_is_gone";
  }

  protected override get stillGiven() {
    return { ...super.stillGiven, manifest: this.manifest, trace: this.base };
  }

  protected override get fileName() {
    return `${this.manifest.name}-${this.base?.source}`;
  }
}
