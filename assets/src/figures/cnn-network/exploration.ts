/**
 * What one figure shows: the picture's trace, the map in the foreground, the maps that are switched off; and all of it as the page's address.
 *
 * It has no DOM but the address. The picture is the store's, for all figures alike; the rest is this figure's own.
 */

import type { Manifest } from "../../arithmetic/manifest";
import { forward, type MapName, type Trace, type Weights } from "../../arithmetic/trace";
import { loadGlobal } from "../../data/loading";
import { nextTask } from "../../data/slices";
import { OWN, PAINTED, type Picture, store } from "../../data/store";
import { SHARINGS, type Sharing } from "../../drawing/network";
import * as address from "../../elements/address";
import type { Look } from "./look";
import * as looks from "./look";

/** What the figure draws. */
export interface Seen {
  /** The trace as it came. */
  base: Trace | null;
  /** The trace to draw: the same, or computed here, exactly and without the maps that are switched off, where numbers are looked into. */
  trace: Trace | null;
  /** The map in the foreground and the view of it; null for the whole network. */
  look: Look | null;
  off: readonly MapName[];
  /** Which layers share their colours, and whether shapes and scales are written beside them. */
  sharing: Sharing;
  details: boolean;
  /** Here once the explorer is loaded, and the explorer with it. */
  weights: Weights | null;
  /** The trace that is compared with. */
  other: Trace | null;
  /** A label: something about the address that the reader should know. */
  note: string;
}

const NOTHING: readonly MapName[] = [];
const SOON = 350; // milliseconds: browsers limit how often an address is written

export class Exploration {
  seen: Seen = {
    base: null,
    trace: null,
    look: null,
    off: NOTHING,
    sharing: "layer",
    details: true,
    weights: null,
    other: null,
    note: "",
  };
  /** The picture that is on show, or on its way. */
  shown: Picture | null = null;
  private asked = 0;
  private turn = 0;
  private restoring = false;
  private writing = 0;

  /** `figure` is its id, "" for one without an address; `changed` hears of all that is seen anew, `failed` when there is nothing to see. */
  constructor(
    readonly manifest: Manifest,
    private readonly example: string | undefined,
    private readonly figure: () => string,
    private readonly changed: () => void,
    private readonly failed: () => void,
  ) {}

  private set(change: Partial<Seen>) {
    const seen = { ...this.seen, ...change };
    this.seen = { ...seen, trace: this.varied(seen) };
    this.changed();
  }

  /** Show the store's picture, or the first example; then what the address says. */
  async start(): Promise<void> {
    this.shown = this.first;
    if (store.picture) await this.showPicture();
    else store.show(this.shown);
    void store.restore();
  }

  private get first() {
    return { model: this.manifest.name, example: this.example ?? this.manifest.examples[0].name };
  }

  /** Bring the trace of the store's picture; a later picture overtakes an earlier one, and a failure leaves what is there. */
  async showPicture(): Promise<void> {
    const { picture } = store;
    if (picture && ("own" in picture || picture.model === this.manifest.name)) this.shown = picture; // not another model's
    if (!picture && this.shown && "own" in this.shown) this.shown = this.first; // it was forgotten
    if (!this.shown) return;
    const asked = ++this.asked;
    const base = await store.trace(this.manifest.name, this.shown).catch(() => null);
    if (!this.seen.base) await nextTask(); // what read it has worked for long enough
    if (asked !== this.asked) return;
    const before = this.seen.base;
    const { look } = this.seen;
    if (base)
      this.set({ base, look: look?.other === base.source ? { ...look, other: this.otherThan(base.source) } : look });
    else if (!before) return this.failed();
    if (!before) return this.restore();
    if (base && base.source !== before.source && this.inAddress) this.write(false);
    if (base && look?.view === "compare") this.show(this.seen.look); // with another one, if it was this that it was compared with
  }

  /** An example to compare a picture with. */
  private otherThan(source: string): string {
    return (this.manifest.examples.find((example) => example.name !== source) ?? this.manifest.examples[0]).name;
  }

  private kept: { base: Trace; off: readonly MapName[]; trace: Trace } | null = null;

  private varied({ base, look, off, weights }: Seen): Trace | null {
    const exact = base?.source === PAINTED && !off.length;
    if (!base || !weights || exact || (!look && !off.length)) return base;
    if (this.kept?.base !== base || this.kept.off !== off) {
      this.kept = {
        base,
        off,
        trace: { source: base.source, layers: forward(this.manifest, weights, base.layers.image, off) },
      };
    }
    return this.kept.trace;
  }

  /** Load what the stage needs, once. Whether it is there. */
  async load(): Promise<boolean> {
    try {
      const [weights] = await Promise.all([
        store.weights(this.manifest.name),
        loadGlobal("scripts/cnn-network.explorer", "explorer"),
      ]);
      if (!this.seen.weights) this.set({ weights });
      return true;
    } catch (error) {
      store.fail(error);
      return false;
    }
  }

  /** Choose a picture above the figure. */
  choose(picture: Picture): void {
    this.set({ note: "" });
    store.show(picture);
    void store.trace(this.manifest.name, picture).then(
      () => this.write(false),
      () => undefined,
    );
  }

  /** Put a map in the foreground. Whether it is there. */
  async open({ layer, channel }: MapName): Promise<boolean> {
    const { base } = this.seen;
    if (!base || !(await this.load())) return false;
    this.show({
      layer,
      channel,
      view: looks.viewsOf(this.manifest, layer)[0],
      at: null,
      from: 0,
      other: this.otherThan(base.source),
    });
    this.write(true);
    return true;
  }

  /** Back to the whole network. */
  close(): void {
    this.show(null);
    this.write(true);
  }

  /** Another view of it, another map or unit; `scrub` for what the back button should pass over. */
  change(change: Partial<Look>, scrub: boolean): void {
    if (!this.seen.look) return;
    this.show({ ...this.seen.look, ...change });
    this.write(!scrub);
  }

  /** Switch a map off, or on again. */
  async toggle(map: MapName): Promise<void> {
    if (!(await this.load())) return;
    const { off } = this.seen;
    const isOff = off.some((one) => one.layer === map.layer && one.channel === map.channel);
    this.set({
      off: isOff ? off.filter((one) => one.layer !== map.layer || one.channel !== map.channel) : [...off, map],
    });
    this.write(false);
  }

  /** Draw the network in another way. */
  drawn(change: Partial<Pick<Seen, "sharing" | "details">>): void {
    this.set(change);
    this.write(false);
  }

  allOn(): void {
    this.set({ off: NOTHING });
    this.write(false);
  }

  private show(look: Look | null, off = this.seen.off) {
    this.set({ look, off: off.length ? off : NOTHING });
    if (look?.view !== "compare" || look.other === this.seen.other?.source) return;
    const { name } = this.manifest;
    void store.trace(name, { model: name, example: look.other }).then(
      (other) => this.seen.look?.other === other.source && this.set({ other }),
      () => undefined,
    );
  }

  /** Whether the page's address is about this figure, or about none. */
  private get inAddress(): boolean {
    const { figure } = address.parse(location.hash);
    return !figure || figure === this.figure();
  }

  /** Show what the page's address says of this figure. Of two that overlap the later one counts. */
  async restore(): Promise<void> {
    const { anchor, figure, values } = address.parse(location.hash);
    if (!this.figure()) return;
    const turn = ++this.turn;
    if (figure !== this.figure()) {
      this.restoring = false; // what was on its way is not wanted any more
      // Another place of the page leaves the figure as it is; the page as it was opened, or the figure as a whole, has nothing in the foreground.
      if (anchor && anchor !== this.figure()) return;
      if (this.seen.look || this.seen.off.length) this.show(null, NOTHING);
      // The picture stays as it is, and so the address has to name it.
      if (!figure && this.seen.base && Object.values(this.address().values).some((value) => value)) this.write(false);
      return;
    }
    this.stopWriting();
    this.restoring = true;
    try {
      await store.restore(); // the picture that the reader gave on the page before
      let note = await this.restorePicture(values.example);
      if (!this.seen.base) return; // the first picture is on its way, and restores again
      const needed = values.layer || values.off;
      if (turn !== this.turn || (needed && !(await this.load())) || turn !== this.turn) return;
      const { base } = this.seen;
      const look = values.layer && base ? looks.fromValues(this.manifest, base, values) : null;
      if (values.layer && !look) note = "layer_is_gone";
      this.set({
        note,
        sharing: SHARINGS.find((one) => one === values.colours) ?? "layer",
        details: values.details !== "off",
      });
      this.show(look, looks.offFromText(this.manifest, values.off));
    } finally {
      if (turn === this.turn) this.restoring = false;
    }
  }

  /** Show the picture that an address names; without one, what is on show stays. What the reader should know of it. */
  private async restorePicture(name: string | undefined): Promise<string> {
    if (!name || name === this.seen.base?.source) return "";
    const own = name === OWN ? store.own : null;
    const known = this.manifest.examples.find((example) => example.name === name);
    store.show(own ? { own } : known ? { model: this.manifest.name, example: known.name } : this.first);
    await this.showPicture();
    return own || known ? "" : name === OWN || name === PAINTED ? "own_is_gone" : "example_is_gone";
  }

  /** What is on show, as the part of an address behind "#". */
  hash(): string {
    return address.format(this.address());
  }

  private address(): address.Address {
    const { look, off, base, sharing, details } = this.seen;
    const drawn = { colours: sharing === "layer" ? "" : sharing, details: details ? "" : "off" };
    const example = base?.source ?? "";
    const plain = example === this.first.example && !look && !off.length;
    return {
      anchor: this.figure(),
      figure: this.figure(),
      values: {
        example: plain ? "" : example,
        ...(look ? looks.toValues(look) : {}),
        off: looks.offToText(off),
        ...drawn,
      },
    };
  }

  /** Write what is on show into the page's address: a step of its own at once, all else soon. */
  write(push: boolean): void {
    if (this.restoring || !this.figure()) return;
    if (push) {
      this.stopWriting();
      address.go(this.address(), true);
    } else this.writing ||= setTimeout(() => this.writeNow(), SOON);
  }

  writeNow(): void {
    this.stopWriting();
    if (this.figure() && !this.restoring) address.go(this.address(), false);
  }

  /** Write what waits to be written, for a link that takes the address along. */
  flush(): void {
    if (this.writing) this.writeNow();
  }

  /** The figure leaves the page. */
  leave(): void {
    this.stopWriting();
  }

  private stopWriting() {
    clearTimeout(this.writing);
    this.writing = 0;
  }
}
