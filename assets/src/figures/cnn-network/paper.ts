/** The state of painting: pixels, the trace they come from, and the previous picture. */
import type { Trace } from "../../arithmetic/trace";
import type { Picture } from "../../data/store";
import { PAINTED } from "../../data/store";

export interface Paper {
  /** uint8 (C, H, W) */
  pixels: Uint8Array;
  of: Trace;
  before: Picture;
}

export const paperOf = (of: Trace, before: Picture): Paper => ({
  pixels: Uint8Array.from(of.layers.image.data, (value) => Math.round(255 * value)),
  of,
  before,
});

/** The paper once `base` is on show: another one where that is another picture. */
export const paperAfter = (paper: Paper | null, base: Trace, shown: Picture): Paper | null =>
  paper && base !== paper.of && base.source !== PAINTED ? paperOf(base, shown) : paper;
