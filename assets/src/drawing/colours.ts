/**
 * Colours and heatmaps. One meaning, one colour: activations diverge from zero, and zero is the page's own background.
 */
import { lab } from "d3-color";
import type { Theme } from "./theme";

/** Colour stops from the most negative to the most positive; the middle one is `--background` in styles/site.css. */
export const ACTIVATIONS: Record<Theme, string[]> = {
  light: ["#7a1f12", "#c8492c", "#efab8f", "#fcfcfa", "#93bde3", "#2f74b5", "#123a66"],
  dark: ["#ffd9c7", "#f08b66", "#8a3d29", "#14161a", "#28527f", "#5c9fe0", "#cfe6ff"],
};

/** Weights have other colours than activations: purple for negative, green for positive. */
export const WEIGHTS: Record<Theme, string[]> = {
  light: ["#4a1259", "#8b4f9f", "#cdb0d6", "#fcfcfa", "#a5d2a8", "#3f8f55", "#0d4a26"],
  dark: ["#ecd2f5", "#bb85cf", "#5d3370", "#14161a", "#215a36", "#55b074", "#c9f2d2"],
};

const STEPS = 256; // on each side of zero

/**
 * `2 · STEPS + 1` RGBA colours from −1 to 1, made when a theme first needs them: mixed in Lab, where equal steps look
 * equal.
 */
const tables: Record<string, Uint32Array> = {};
const greys = table(["#000", "#fff"]);

function table(colours: string[]): Uint32Array {
  const stops = colours.map((colour) => lab(colour));
  return Uint32Array.from({ length: 2 * STEPS + 1 }, (_, i) => {
    const at = (i / (2 * STEPS)) * (stops.length - 1);
    const [from, to] = [stops[Math.floor(at)], stops[Math.ceil(at)]];
    const mix = (key: "l" | "a" | "b") => from[key] + (to[key] - from[key]) * (at % 1);
    const { r, g, b } = lab(mix("l"), mix("a"), mix("b")).rgb().clamp();
    return ((255 << 24) | (Math.round(b) << 16) | (Math.round(g) << 8) | Math.round(r)) >>> 0; // little-endian RGBA
  });
}

/** How values become colours: from −extent to extent diverging, or grey from 0 to 1. */
export interface Scale {
  readonly extent: number;
  readonly colours: Uint32Array;
  /** Whether it was made for values that go beyond it. */
  readonly clipped?: boolean;
}

export const activationScale = (extent: number, theme: Theme, clipped = false): Scale => ({
  extent,
  clipped,
  colours: (tables[theme] ??= table(ACTIVATIONS[theme])),
});
export const weightScale = (extent: number, theme: Theme): Scale => ({
  extent,
  colours: (tables[`weights ${theme}`] ??= table(WEIGHTS[theme])),
});
export const greyScale: Scale = { extent: 1, colours: greys };

/**
 * The magnitude that only a share `beyond` of the values exceeds, so that a few outliers do not make the rest pale;
 * `clipped` says whether any value exceeds it. The scale is symmetric about zero.
 */
export function extentOf(values: Float32Array, beyond = 0.002): { extent: number; clipped: boolean } {
  let largest = 0;
  for (const value of values) largest = Math.max(largest, Math.abs(value));
  const counts = new Uint32Array(1024);
  if (largest > 0) for (const value of values) counts[Math.min(1023, Math.floor((Math.abs(value) / largest) * 1024))]++;
  let above = 0;
  let bin = 1024;
  while (bin > 1 && above + counts[bin - 1] <= values.length * beyond) above += counts[--bin];
  return { extent: (largest * bin) / 1024, clipped: above > 0 };
}

/** One RGBA colour a value, as bytes. */
export function heatmap(values: Float32Array, { extent, colours }: Scale): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint32Array(values.length);
  const last = colours.length - 1;
  // Grey runs over 0 … extent, a diverging scale over −extent … extent.
  const [offset, factor] = colours === greys ? [0, last / extent] : [last / 2, extent > 0 ? last / 2 / extent : 0];
  for (let i = 0; i < pixels.length; i++)
    pixels[i] = colours[Math.min(last, Math.max(0, Math.round(offset + values[i] * factor)))];
  return new Uint8ClampedArray(pixels.buffer);
}

/** An image (3, H, W) or (1, H, W) in [0, 1] in its own colours: RGBA bytes. */
export function imageColours(
  data: Float32Array,
  [channels, height, width]: readonly number[],
): Uint8ClampedArray<ArrayBuffer> {
  const area = width * height;
  const pixels = new Uint8ClampedArray(4 * area);
  for (let i = 0; i < area; i++) {
    for (let c = 0; c < 3; c++) pixels[4 * i + c] = data[Math.min(c, channels - 1) * area + i] * 255;
    pixels[4 * i + 3] = 255;
  }
  return pixels;
}

/** Paint values (height × width), one pixel each; CSS scales them. */
export function paintHeatmap(
  canvas: HTMLCanvasElement,
  values: Float32Array,
  width: number,
  height: number,
  scale: Scale,
): void {
  paint(canvas, heatmap(values, scale), width, height);
}

function paint(canvas: HTMLCanvasElement, pixels: Uint8ClampedArray<ArrayBuffer>, width: number, height: number): void {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  canvas.getContext("2d")!.putImageData(new ImageData(pixels, width, height), 0, 0);
}

/** Paint an image (3, H, W) or (1, H, W) in [0, 1] in its own colours. */
export function paintImage(canvas: HTMLCanvasElement, data: Float32Array, shape: readonly number[]): void {
  paint(canvas, imageColours(data, shape), shape[2], shape[1]);
}

/** Paint a scale as a strip, for a legend. */
export function paintLegend(canvas: HTMLCanvasElement, scale: Scale): void {
  const steps = 2 * STEPS + 1;
  const values = Float32Array.from(
    { length: steps },
    (_, i) => (scale === greyScale ? i / (steps - 1) : (2 * i) / (steps - 1) - 1) * scale.extent,
  );
  paintHeatmap(canvas, values, steps, 1, scale.extent ? scale : { ...scale, extent: 1 });
}
