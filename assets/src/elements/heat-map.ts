/**
 * A feature map, one pixel per unit, enlarged. `.given` sets its values, the marked unit and the marked region. It
 * fires a "point" event with the {y, x} of the unit pointed at, and a "step" event for arrow keys.
 */

import type { Region } from "../arithmetic/ops";
import * as draw from "../drawing/colours";

export interface MapGiven {
  values: Float32Array;
  width: number;
  scale: draw.Scale;
  /** In its own colours instead: an image (C, H, W). */
  image?: readonly number[];
  unit?: readonly [number, number] | null;
  region?: Region | null;
  /** How many units are shown, in reading order; null for all. */
  drawn?: number | null;
}

class HeatMap extends HTMLElement {
  private canvas = document.createElement("canvas");
  private region = mark("hm-region");
  private unit = mark("hm-unit");
  private shown: MapGiven | null = null;

  constructor() {
    super();
    this.addEventListener(
      "pointermove",
      (event) => (event.pointerType === "mouse" || event.buttons) && this.point(event),
    );
    this.addEventListener("pointerdown", (event) => this.point(event));
    this.addEventListener("keydown", this.onKey);
  }

  connectedCallback() {
    if (!this.canvas.isConnected) this.append(this.canvas, this.region, this.unit);
  }

  set given(given: MapGiven) {
    const before = this.shown;
    this.shown = given;
    const height = this.height;
    if (
      !before ||
      !sameValues(before.values, given.values) ||
      before.scale.extent !== given.scale.extent ||
      before.scale.colours !== given.scale.colours
    ) {
      if (given.image) draw.paintImage(this.canvas, given.values, given.image);
      else draw.paintHeatmap(this.canvas, given.values, given.width, height, given.scale);
    }
    this.canvas.style.clipPath = given.drawn == null ? "" : upTo(given.drawn, given.width, height);
    place(this.region, given.region ?? null, given.width, height);
    const { unit } = given;
    place(
      this.unit,
      unit ? { top: unit[0], bottom: unit[0], left: unit[1], right: unit[1] } : null,
      given.width,
      height,
    );
  }

  private get height() {
    const { values, width, image } = this.shown!;
    return image ? image[1] : values.length / width;
  }

  private get pointable() {
    return this.hasAttribute("tabindex");
  }

  private point(event: PointerEvent) {
    if (!this.shown || !this.pointable) return;
    const box = this.getBoundingClientRect();
    const along = (position: number, start: number, length: number, count: number) =>
      Math.min(count - 1, Math.max(0, Math.floor(((position - start) / length) * count)));
    const [y, x] = [
      along(event.clientY, box.top, box.height, this.height),
      along(event.clientX, box.left, box.width, this.shown.width),
    ];
    this.dispatchEvent(new CustomEvent("point", { detail: { y, x } }));
  }

  private onKey = (event: KeyboardEvent) => {
    const step = STEPS[event.key];
    if (!step || !this.shown || !this.pointable || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.dispatchEvent(new CustomEvent("step", { detail: { y: step[0], x: step[1] } }));
  };
}

/** Whether two slices share the same memory. */
const sameValues = (a: Float32Array, b: Float32Array) =>
  a.buffer === b.buffer && a.byteOffset === b.byteOffset && a.length === b.length;

const STEPS: Record<string, [number, number]> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/** The part of a map covered by its first units: whole rows and part of one. */
function upTo(count: number, width: number, height: number): string {
  const [column, row] = [count % width, Math.floor(count / width)];
  const [x, top, bottom] = [column / width, row / height, Math.min(1, (row + 1) / height)].map(
    (share) => `${(100 * share).toFixed(3)}%`,
  );
  return `polygon(0 0, 100% 0, 100% ${top}, ${x} ${top}, ${x} ${bottom}, 0 ${bottom})`;
}

function mark(name: string): HTMLElement {
  const element = document.createElement("div");
  element.className = name;
  element.hidden = true;
  return element;
}

function place(element: HTMLElement, region: Region | null, width: number, height: number) {
  element.hidden = !region;
  if (!region) return;
  const share = (n: number, of: number) => `${((100 * n) / of).toFixed(3)}%`;
  Object.assign(element.style, {
    left: share(region.left, width),
    top: share(region.top, height),
    width: share(region.right - region.left + 1, width),
    height: share(region.bottom - region.top + 1, height),
  });
}

customElements.define("heat-map", HeatMap);
