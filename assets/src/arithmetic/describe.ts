/** Summary statistics of a feature map. */
import type { Tensor } from "./ops";

export interface Summary {
  min: number;
  max: number;
  /** Share of the units below zero, and of those that are exactly zero. */
  below: number;
  zero: number;
  /** Where the largest value is: the label of one of nine regions. */
  where: `at_${"top" | "middle" | "bottom"}_${"left" | "centre" | "right"}`;
}

/** Of one H × W slice; a vector counts as one row. */
export function summarise(values: Float32Array, width: number): Summary {
  let [min, max, argmax, below, zero] = [Infinity, -Infinity, 0, 0, 0];
  values.forEach((value, i) => {
    if (value > max) [max, argmax] = [value, i];
    if (value < min) min = value;
    if (value < 0) below++;
    if (value === 0) zero++;
  });
  const height = values.length / width;
  const third = (position: number, length: number) => Math.min(2, Math.floor((3 * (position + 0.5)) / length));
  const row = (["top", "middle", "bottom"] as const)[third(Math.floor(argmax / width), height)];
  const column = (["left", "centre", "right"] as const)[third(argmax % width, width)];
  return { min, max, below: below / values.length, zero: zero / values.length, where: `at_${row}_${column}` };
}

/** The strip of a flattened activation that came from channel `c`, or all of any other vector. */
export function slice(x: Tensor, c: number, length: number): Float32Array {
  return x.data.subarray(c * length, (c + 1) * length);
}
