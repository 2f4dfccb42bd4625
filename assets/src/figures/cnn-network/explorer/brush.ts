/** A brush for painting on the network's input, shown enlarged; the network updates with every stroke. */
import { html } from "lit";
import * as texts from "../../../drawing/text";
import { LightElement } from "../../../elements/light-element";

const { text } = texts;

export interface BrushGiven {
  /** uint8 (C, H, W): the initial picture, to which `reset` returns. */
  pixels: Uint8Array;
  shape: readonly number[];
  /** Run the network on what was painted, null for the original picture; resolves when the result is shown. */
  paint(pixels: Uint8Array | null): Promise<void>;
}

const COLOURS = {
  white: "#ffffff",
  black: "#1d1f24",
  red: "#d83a2b",
  orange: "#f2a11e",
  yellow: "#f4dd3b",
  green: "#3f9a4c",
  blue: "#2f6fd0",
  brown: "#8a5a3b",
};
const GREYS = { white: "#ffffff", light_grey: "#c0c0c0", grey: "#808080", dark_grey: "#404040", black: "#000000" };
const RADII = [0.6, 1.6, 3.2, 6];
const UNDOS = 50;

class PictureBrush extends LightElement {
  static override properties = {
    given: {},
    colour: { state: true },
    radius: { state: true },
    cursor: { state: true },
    undos: { state: true },
  };
  declare given: BrushGiven;
  declare colour: string;
  declare radius: number;
  /** The brush's position when moved by the arrow keys; null while the pointer paints. */
  declare cursor: readonly [number, number] | null;
  declare undos: Uint8Array[];
  private pixels = new Uint8Array();
  private from: BrushGiven | null = null;
  private last: [number, number] | null = null;
  /** The pointer that paints, if there are several. */
  private pointer: number | null = null;
  private showing = false;
  private dirty = false;

  constructor() {
    super();
    this.colour = COLOURS.red;
    this.radius = 2;
    this.cursor = null;
    this.undos = [];
  }

  override willUpdate() {
    this.hadFocus = this.contains(document.activeElement);
    if (this.from?.pixels === this.given.pixels) return;
    this.from = this.given;
    this.pixels = this.given.pixels.slice();
    this.undos = [];
    if (this.given.shape[0] === 1) this.colour = GREYS.white;
  }

  override render() {
    const [channels, height, width] = this.given.shape;
    const palette = channels === 1 ? GREYS : COLOURS;
    return html`<div class="br" role="group" aria-label=${text("paint_label")}>
      <div class="br-paper"><canvas tabindex="0" role="application" aria-label=${text("paint_paper")} width=${width} height=${height}
        @pointerdown=${this.onDown} @pointermove=${this.onMove} @pointerup=${this.onUp} @pointercancel=${this.onUp} @keydown=${this.onKey}></canvas>
        ${this.cursor ? html`<span class="br-cursor" .style=${`left:${(100 * (this.cursor[1] + 0.5)) / width}%;top:${(100 * (this.cursor[0] + 0.5)) / height}%`}></span>` : ""}</div>
      <div class="br-tools">
        <div class="br-colours" role="group" aria-label=${text("paint_colour")}>${Object.entries(palette).map(
          ([
            name,
            colour,
          ]) => html`<button type="button" .style=${`background:${colour}`} aria-label=${text(`colour_${name}`)} title=${text(`colour_${name}`)} aria-pressed=${colour === this.colour}
          @click=${() => (this.colour = colour)}></button>`,
        )}${channels === 1 ? "" : html`<input type="color" aria-label=${text("paint_any_colour")} .value=${this.colour} @input=${(event: Event) => (this.colour = (event.target as HTMLInputElement).value)}>`}</div>
        <div class="br-sizes" role="group" aria-label=${text("paint_size")}>${RADII.map(
          (
            radius,
            i,
          ) => html`<button type="button" aria-label=${text("paint_radius", { size: Math.round(2 * radius) })} aria-pressed=${i === this.radius} @click=${() => (this.radius = i)}>
          <span .style=${`width:${4 + 3 * radius}px;height:${4 + 3 * radius}px`}></span></button>`,
        )}</div>
        <div class="br-actions"><button type="button" class="cn-quiet" ?disabled=${!this.undos.length} @click=${this.undo}>${text("undo")}</button>
          <button type="button" class="cn-quiet" ?disabled=${!this.undos.length} @click=${this.reset}>${text("paint_reset")}</button>
          <button type="button" class="cn-quiet" @click=${() => this.dispatchEvent(new Event("close"))}>${text("paint_done")}</button></div>
        <p class="cn-hint">${text("paint_hint")}</p>
      </div></div>`;
  }

  override updated() {
    this.draw();
    // A button that becomes disabled loses the focus.
    if (this.hadFocus && (!this.contains(document.activeElement) || document.activeElement!.matches(":disabled")))
      this.querySelector("canvas")!.focus({ preventScroll: true });
  }
  private hadFocus = false;

  private draw() {
    const [channels, height, width] = this.given.shape;
    const area = height * width;
    const image = new ImageData(width, height);
    for (let i = 0; i < area; i++) {
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = this.pixels[Math.min(c, channels - 1) * area + i];
      image.data[4 * i + 3] = 255;
    }
    this.querySelector("canvas")?.getContext("2d")?.putImageData(image, 0, 0);
  }

  private onDown = (event: PointerEvent) => {
    if (event.button !== 0 || this.last) return;
    this.pointer = event.pointerId;
    (event.target as Element).setPointerCapture(event.pointerId);
    this.cursor = null;
    this.keep();
    this.last = this.placeOf(event);
    this.dab(...this.last);
    this.show();
  };

  private onMove = (event: PointerEvent) => {
    if (!this.last || event.pointerId !== this.pointer) return;
    const [y, x] = this.placeOf(event);
    const steps = Math.max(1, Math.ceil(Math.hypot(y - this.last[0], x - this.last[1])));
    for (let i = 1; i <= steps; i++)
      this.dab(this.last[0] + ((y - this.last[0]) * i) / steps, this.last[1] + ((x - this.last[1]) * i) / steps);
    this.last = [y, x];
    this.show();
  };

  private onUp = (event: PointerEvent) => {
    if (event.pointerId === this.pointer) this.last = null;
  };

  private onKey = (event: KeyboardEvent) => {
    const [, height, width] = this.given.shape;
    const [y, x] = this.cursor ?? [Math.floor(height / 2), Math.floor(width / 2)];
    const by = event.shiftKey ? 5 : 1;
    const step = (
      { ArrowUp: [-by, 0], ArrowDown: [by, 0], ArrowLeft: [0, -by], ArrowRight: [0, by] } as Record<
        string,
        [number, number]
      >
    )[event.key];
    if (step)
      this.cursor = [Math.min(height - 1, Math.max(0, y + step[0])), Math.min(width - 1, Math.max(0, x + step[1]))];
    else if (event.key === " " || event.key === "Enter") {
      this.cursor = [y, x];
      this.keep();
      this.dab(y + 0.5, x + 0.5);
      this.show();
    } else if (event.key === "z" && (event.ctrlKey || event.metaKey)) this.undo();
    else return;
    event.preventDefault();
  };

  /** Fractional row and column under the pointer. */
  private placeOf(event: PointerEvent): [number, number] {
    const box = this.querySelector("canvas")!.getBoundingClientRect();
    const [, height, width] = this.given.shape;
    return [((event.clientY - box.top) / box.height) * height, ((event.clientX - box.left) / box.width) * width];
  }

  private keep() {
    this.undos = [...this.undos.slice(-UNDOS + 1), this.pixels.slice()];
  }

  private dab(y: number, x: number) {
    const [channels, height, width] = this.given.shape;
    const radius = RADII[this.radius];
    const rgb = [1, 3, 5].map((at) => parseInt(this.colour.slice(at, at + 2), 16));
    for (let row = Math.max(0, Math.floor(y - radius)); row <= Math.min(height - 1, Math.ceil(y + radius)); row++) {
      for (
        let column = Math.max(0, Math.floor(x - radius));
        column <= Math.min(width - 1, Math.ceil(x + radius));
        column++
      ) {
        if (Math.hypot(row + 0.5 - y, column + 0.5 - x) > Math.max(radius, 0.5)) continue;
        for (let c = 0; c < channels; c++) this.pixels[(c * height + row) * width + column] = rgb[c];
      }
    }
  }

  private undo = () => {
    const before = this.undos.at(-1);
    if (!before) return;
    this.pixels = before.slice();
    this.undos = this.undos.slice(0, -1);
    this.show();
  };

  private reset = () => {
    this.pixels = this.given.pixels.slice();
    this.undos = [];
    this.show();
  };

  /** Show what is painted; further strokes are shown together afterwards. */
  private show() {
    this.draw();
    this.dirty = true;
    if (!this.showing) void this.follow();
  }

  private async follow() {
    this.showing = true;
    while (this.dirty && this.isConnected) {
      this.dirty = false;
      await this.given.paint(this.undos.length ? this.pixels.slice() : null);
      await new Promise((next) => requestAnimationFrame(next));
    }
    this.showing = false;
  }
}

customElements.define("picture-brush", PictureBrush);
