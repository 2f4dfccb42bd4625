/** The arithmetic that the explorer shows, without its drawing: every term of every sum. */
import { lastOf, type Manifest } from "./manifest";
import * as ops from "./ops";
import { forwardFrom, type MapName, type Trace, type Weights } from "./trace";

/** A vector counts as one map; to be visible, its units are arranged in rows. */
export function spatial(shape: readonly number[]): [number, number, number] {
  if (shape.length === 3) return [shape[0], shape[1], shape[2]];
  const width = rowLength(shape[0]);
  return [1, shape[0] / width, width];
}

/** The longest row that divides `count` units into a block that is wider than high, at most four times. */
function rowLength(count: number): number {
  for (let width = Math.ceil(Math.sqrt(count)); width <= 4 * Math.sqrt(count); width++)
    if (count % width === 0) return width;
  return count;
}

/** The arithmetic of one unit, each sum as the network computes it. */
export interface Sum {
  window: number[];
  kernel: number[];
  products: number[];
  /** The contribution of each input map, the bias, and their sum, which is the unit. */
  parts: number[];
  bias: number;
  total: number;
}

/** The sum behind one unit of a convolution; `from` is one of the channels of its group, counted within the group. */
export function sumAt(
  input: ops.Tensor,
  weight: ops.Tensor,
  bias: ops.Tensor,
  channel: number,
  from: number,
  [row, column]: readonly [number, number],
  window: ops.Window,
): Sum {
  const width = input.shape[2];
  const { first, count } = ops.groupOf(input, weight, channel);
  const of = (i: number) => {
    const values = ops.windowAt(ops.channel(input, first + i), width, row, column, window);
    const kernel = [...ops.kernel(weight, channel, i)];
    return { window: values, kernel, products: values.map((value, at) => value * kernel[at]) };
  };
  const parts = Array.from({ length: count }, (_, i) => of(i).products.reduce((a, b) => a + b, 0));
  const total = Math.fround(parts.reduce((a, b) => a + b, bias.data[channel]));
  return { ...of(from), parts, bias: bias.data[channel], total };
}

/** The height and width of a window in cells, gaps included. */
const spans = ({ kernel_size, dilation }: ops.Window): ops.Pair => [
  dilation[0] * (kernel_size[0] - 1) + 1,
  dilation[1] * (kernel_size[1] - 1) + 1,
];

/** The position of the window whose centre is nearest to (y, x). */
export function placeOf(
  y: number,
  x: number,
  window: ops.Window,
  [, height, width]: readonly number[],
): [number, number] {
  const { stride, padding } = window;
  const along = (position: number, length: number, axis: 0 | 1) =>
    Math.min(
      length - 1,
      Math.max(0, Math.round((position + padding[axis] - (spans(window)[axis] - 1) / 2) / stride[axis])),
    );
  return [along(y, height, 0), along(x, width, 1)];
}

/** The units under the window at an output position, clipped to the map. */
export function regionAt(
  [row, column]: readonly [number, number],
  window: ops.Window,
  [, height, width]: readonly number[],
): ops.Region {
  const { stride, padding } = window;
  const [top, left] = [row * stride[0] - padding[0], column * stride[1] - padding[1]];
  const [h, w] = spans(window);
  return {
    top: Math.max(0, top),
    left: Math.max(0, left),
    bottom: Math.min(height - 1, top + h - 1),
    right: Math.min(width - 1, left + w - 1),
  };
}

/** A linear layer's weights for one of its units, arranged as maps, and the contribution of each input unit. */
export function weighed(
  x: ops.Tensor,
  weight: ops.Tensor,
  output: number,
): { weights: ops.Tensor; products: ops.Tensor; sums: number[] } {
  const shape = spatial(x.shape);
  const weights = ops.tensor(shape, weight.data.subarray(output * x.data.length, (output + 1) * x.data.length));
  const products = ops.tensor(
    shape,
    x.data.map((value, i) => value * weights.data[i]),
  );
  const sums = Array.from({ length: shape[0] }, (_, c) => {
    const [from, to] = [c * shape[1] * shape[2], (c + 1) * shape[1] * shape[2]];
    let sum = 0;
    for (let i = from; i < to; i++) sum += x.data[i] * weights.data[i];
    return sum;
  });
  return { weights, products, sums };
}

/** The steps of softmax; the largest logit is subtracted first to avoid overflow. */
export function softmaxSteps(logits: readonly number[]): {
  most: number;
  exponentials: number[];
  sum: number;
  probabilities: number[];
} {
  const most = Math.max(...logits);
  const exponentials = logits.map((z) => Math.exp(z - most));
  const sum = exponentials.reduce((a, b) => a + b, 0);
  return { most, exponentials, sum, probabilities: exponentials.map((e) => e / sum) };
}

/** The probabilities of all classes with one more map switched off. */
export function without(
  manifest: Manifest,
  weights: Weights,
  trace: Trace,
  layer: string,
  channel: number,
  off: readonly MapName[],
): Float32Array {
  const x = trace.layers[layer];
  const silenced = ops.tensor(x.shape, x.data.slice());
  ops.channel(silenced, channel).fill(0);
  return ops.softmax(forwardFrom(manifest, weights, trace.layers, layer, silenced, off)).data;
}

/** The effect of a map: the probability of the predicted class without it, and the prediction without it. */
export interface Ranked {
  channel: number;
  probability: number;
  best: number;
}

/** The predicted class of a trace and its probability. */
export function answerOf(manifest: Manifest, trace: Trace): { answer: number; probability: number } {
  const all = ops.softmax(trace.layers[lastOf(manifest).name]).data;
  const answer = all.indexOf(Math.max(...all));
  return { answer, probability: all[answer] };
}

/** One job for each map of a layer; each runs the rest of the network. The result is sorted, largest effect first. */
export function rankJobs(
  { manifest, weights, trace }: { manifest: Manifest; weights: Weights; trace: Trace },
  layer: string,
  maps: Ranked[],
  off: readonly MapName[] = [],
): (() => void)[] {
  const { answer } = answerOf(manifest, trace);
  return Array.from({ length: trace.layers[layer].shape[0] }, (_, channel) => () => {
    const probabilities = without(manifest, weights, trace, layer, channel, off);
    maps.push({ channel, probability: probabilities[answer], best: probabilities.indexOf(Math.max(...probabilities)) });
    maps.sort((a, b) => a.probability - b.probability || a.channel - b.channel);
  });
}
