/**
 * A figure's still picture: for pages without JavaScript, print, social cards, and for the reader to save. Each figure
 * that has one exports `still(given)` from `still.ts` in its folder; the build calls it in Node
 * (assets/tools/figures.mjs), the page by `Figure.still`.
 */
import type { Manifest } from "../arithmetic/manifest";
import type { Trace } from "../arithmetic/trace";
import { markup, standalone } from "../drawing/markup";

export interface StillGiven<State> {
  state: State;
  /** For a figure of a network: its manifest and trace. */
  manifest: Manifest | null;
  trace: Trace | null;
  /** CSS pixels. */
  width: number;
  /** Whether to write names and numbers; a social card has none, since it is drawn without fonts. */
  hasText: boolean;
  /** RGBA pixels as an image's address. */
  image(rgba: Uint8ClampedArray, width: number, height: number): string;
}

/** The drawing as an SVG of the page: `template` is an SVG with the page's custom properties as colours. */
export function inPage(template: unknown): string {
  const style = getComputedStyle(document.documentElement);
  return `${standalone(markup(template), (name) => style.getPropertyValue(name))}\n`;
}

/** RGBA pixels as a PNG in a data address. */
export function asPng(rgba: Uint8ClampedArray, width: number, height: number): string {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d")!.putImageData(new ImageData(new Uint8ClampedArray(rgba), width, height), 0, 0);
  return canvas.toDataURL();
}
