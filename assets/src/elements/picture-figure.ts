/**
 * A figure of a network at work on a picture: an example of its own, or the reader's picture, which all figures of the page
 * share. Its trace, and the state that refers to the network, come from here.
 */
import type { Manifest } from "../arithmetic/manifest";
import type { Trace } from "../arithmetic/trace";
import { nextTask } from "../data/slices";
import { OWN, PAINTED, type Picture, store } from "../data/store";
import { Figure } from "./figure";
import { readState, writeState } from "./state";

/** The state of a figure with a picture: the name of an example, "own" or "painted"; null for the figure's first example. */
export interface PictureState {
  example: string | null;
}

export abstract class PictureFigure<State extends PictureState> extends Figure<State> {
  declare model: string;
  declare example: string | undefined;
  protected manifest!: Manifest;
  /** The trace of the picture on show. */
  protected base: Trace | null = null;
  /** The picture that is on show, or on its way. */
  protected picture!: Picture;
  /** Something about the address that the reader should know: a label. */
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
    await nextTask(); // what brought it has worked for long enough
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

  /** Show a picture; a later one overtakes it, and a failure leaves what is there, unless it `mustCome`. Whether it is on show. */
  protected async show(picture: Picture, mustCome = false): Promise<boolean> {
    this.computing.abort();
    const { signal } = (this.computing = new AbortController());
    const before = this.picture;
    this.picture = picture;
    try {
      const trace = await store.trace(this.manifest.name, picture, signal);
      if (!this.base) await nextTask(); // what read it has worked for long enough
      if (signal.aborted) return false;
      this.base = trace;
      this.onPicture(trace);
      this.requestUpdate();
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      this.picture = before;
      if (mustCome) throw error;
      store.fail(error, "own" in picture ? picture.own.file.name : "");
      return false;
    }
  }

  /** Another trace is on show. */
  protected onPicture(trace: Trace): void {
    this.state = { ...this.state, example: trace.source };
  }

  /** Choose a picture in this figure. */
  protected async choose(picture: Picture): Promise<void> {
    this.note = "";
    if (!("own" in picture)) store.stopFollowing();
    if (await this.show(picture)) this.write(false);
  }

  /** The reader gave a picture, moved its crop, or had it forgotten. */
  private async onOwn() {
    if (!this.isLoaded) return;
    const { own } = store;
    if (own) {
      if ((await this.show({ own })) && this.isInAddress) this.write(false);
    } else if ("own" in this.picture) {
      this.forgetPicture();
      if ((await this.show(this.firstPicture)) && this.isInAddress) this.write(false);
    }
  }

  /** No trace of a picture that was forgotten stays. */
  protected forgetPicture(): void {
    this.computing.abort();
    this.base = null;
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
    // A link to more than a picture names the picture too: the one on show may be another.
    return others && this.base ? { example: this.base.source, ...values } : values;
  }

  protected override async enter(
    values: Readonly<Record<string, string>> | null,
    current: () => boolean,
  ): Promise<void> {
    if (!values) {
      // The picture stays as it is, and so the address has to name it.
      this.state = { ...this.initial, example: this.base?.source ?? null };
      if (!this.named.figure && Object.keys(this.written()).length) this.write(false);
      return;
    }
    await store.restore(); // the picture that the reader gave on the page before
    if (!current()) return;
    const note = await this.enterPicture(values.example);
    if (!current() || !this.base) return;
    await this.prepare(values);
    if (!current()) return;
    this.note = note || this.noteOn(values);
    this.state = this.read(values);
  }

  /** Bring what the state that an address names needs. */
  protected async prepare(_values: Readonly<Record<string, string>>): Promise<void> {}

  /** What the reader should know of an address that names what is not there: a label. */
  protected noteOn(_values: Readonly<Record<string, string>>): string {
    return "";
  }

  /** Show the picture that an address names; without one, what is on show stays. What the reader should know of it. */
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
