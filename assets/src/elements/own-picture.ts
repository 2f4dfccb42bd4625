/** A thumbnail of the reader's picture with its crop square, which can be moved; the picture can be removed. */
import { html, nothing } from "lit";
import type { OwnPicture } from "../data/picture";
import { store } from "../data/store";
import { text } from "../drawing/text";
import { LightElement } from "./light-element";

const LONGEST = 92; // pixels on the page

class OwnPictureElement extends LightElement {
  private listening = new AbortController();
  private painted: ImageBitmap | null = null;

  override connectedCallback() {
    super.connectedCallback();
    this.listening = new AbortController();
    store.addEventListener("own", () => this.requestUpdate(), { signal: this.listening.signal });
  }

  override disconnectedCallback() {
    super.disconnectedCallback();
    this.listening.abort();
    this.painted = null;
  }

  override render() {
    const { own } = store;
    if (!own) return nothing;
    const { width, height } = own.bitmap;
    const scale = LONGEST / Math.max(width, height, 1);
    const { left, top, side } = own.crop;
    const box = (x: number, y: number, w: number, h: number) =>
      `left:${x * scale}px;top:${y * scale}px;width:${w * scale}px;height:${h * scale}px`;
    return html`<div class="cn-own" .style=${`width:${width * scale}px;height:${height * scale}px`} @pointerdown=${this.onDrag} @pointermove=${this.onDrag}>
        <canvas aria-hidden="true"></canvas><span class="cn-crop" .style=${box(left, top, side, side)}></span>
      </div>
      <div class="cn-own-controls">
        ${
          width === height
            ? nothing
            : html`<input type="range" min="0" .max=${String(Math.abs(width - height))} .value=${String(left + top)}
          aria-label=${text("move_crop")} title=${text("move_crop")} @input=${(event: Event) => this.move(Number((event.target as HTMLInputElement).value))} />`
        }
        <button type="button" class="cn-quiet" @click=${() => store.forget()}>${text("forget")}</button>
      </div>`;
  }

  override updated() {
    const { own } = store;
    const canvas = this.querySelector("canvas");
    if (own && canvas && this.painted !== own.bitmap) paintPicture(canvas, own);
    this.painted = own?.bitmap ?? null;
  }

  /** Move the square along the longer side so that it begins at `start`. */
  private move(start: number) {
    const own = store.own!;
    const { width, height } = own.bitmap;
    const at = Math.round(Math.min(Math.abs(width - height), Math.max(0, start)));
    const crop = { left: width > height ? at : 0, top: width > height ? 0 : at, side: own.crop.side };
    if (crop.left !== own.crop.left || crop.top !== own.crop.top) store.crop(crop);
  }

  private onDrag = (event: PointerEvent) => {
    if (event.buttons !== 1 || !store.own) return;
    event.preventDefault();
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const { width, height } = store.own.bitmap;
    const [share, length] =
      width > height
        ? [(event.clientX - box.left) / box.width, width]
        : [(event.clientY - box.top) / box.height, height];
    this.move(share * length - store.own.crop.side / 2);
  };
}

/** The whole picture, small. */
function paintPicture(canvas: HTMLCanvasElement, { bitmap }: OwnPicture): void {
  const scale = (2 * LONGEST) / Math.max(bitmap.width, bitmap.height);
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d")!;
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
}

/** The crop square as a thumbnail. */
export function paintCrop(canvas: HTMLCanvasElement, { bitmap, crop }: OwnPicture): void {
  const side = (canvas.width = canvas.height = 112); // twice its size on the page
  const context = canvas.getContext("2d")!;
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#fff";
  context.fillRect(0, 0, side, side);
  context.drawImage(bitmap, crop.left, crop.top, crop.side, crop.side, 0, 0, side, side);
}

customElements.define("own-picture", OwnPictureElement);
