/**
 * All feature maps of a network on one canvas: with one each, the browser would composite a hundred layers per frame.
 */

import type { Trace } from "../arithmetic/trace";
import { heatmap, imageColours, type Scale } from "./colours";
import type { Band, Layout, Rect } from "./layout";

const FINEST = 2; // device pixels per CSS pixel: more would only cost memory
const LARGEST = 16_000_000; // device pixels: the largest canvas that all browsers support

/** Set the resolution of `canvas` to the screen's, and clear it. Returns the device pixels per CSS pixel. */
export function prepare(canvas: HTMLCanvasElement, { width, height }: { width: number; height: number }): number {
  const finest = Math.min(FINEST, Math.max(1, devicePixelRatio), Math.sqrt(LARGEST / (width * height)));
  canvas.width = Math.round(width * finest);
  canvas.height = Math.round(height * finest);
  return finest;
}

/** Paint a layer's maps where the layout has them, one unit a rectangle, without smoothing. */
export function paintBand(canvas: HTMLCanvasElement, finest: number, band: Band, trace: Trace, scale: Scale): void {
  const { width, height } = band.places[0].units;
  // Channels lie one after the other, so that all of a layer's maps are one tall picture.
  paintParts(canvas, finest, heatmap(trace.layers[band.layer].data, scale), width, height, band.places);
}

/** Paint the picture in its own colours. */
export function paintPicture(
  canvas: HTMLCanvasElement,
  finest: number,
  { picture }: Layout,
  { layers: { image } }: Trace,
): void {
  if (picture)
    paintParts(canvas, finest, imageColours(image.data, image.shape), image.shape[2], image.shape[1], [picture]);
}

const tall = typeof document === "undefined" ? null : document.createElement("canvas");

function paintParts(
  canvas: HTMLCanvasElement,
  finest: number,
  pixels: Uint8ClampedArray<ArrayBuffer>,
  width: number,
  height: number,
  rects: readonly Rect[],
): void {
  tall!.width = width;
  tall!.height = pixels.length / 4 / width;
  tall!.getContext("2d", { willReadFrequently: true })!.putImageData(new ImageData(pixels, width), 0, 0);
  const context = canvas.getContext("2d")!;
  context.imageSmoothingEnabled = false;
  rects.forEach((rect, i) => {
    const [left, top] = [Math.round(rect.x * finest), Math.round(rect.y * finest)];
    const [right, bottom] = [Math.round((rect.x + rect.width) * finest), Math.round((rect.y + rect.height) * finest)];
    context.drawImage(tall!, 0, i * height, width, height, left, top, right - left, bottom - top);
  });
}
