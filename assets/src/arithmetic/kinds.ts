/**
 * The table of layer kinds: each entry contains everything specific to the kind.
 * `model/kinds.py` is this table's counterpart in Python; a new kind is one entry in each.
 */

import type { Layer } from "./manifest";
import type { Pair, Region, Shape, Tensor, Window } from "./ops";
import * as ops from "./ops";

export interface Kind {
  /** The output's shape for those of its inputs. */
  shape(inputs: readonly Shape[], layer: Layer): Shape;
  /** The layer's activation; `weight` and `bias` for a kind that has them. */
  forward(inputs: readonly Tensor[], layer: Layer, weight: Tensor, bias: Tensor): Tensor;
  /** How the explorer shows such a layer: see explorer/stage.ts. */
  view: "convolution" | "activation" | "pooling" | "flatten" | "linear" | "affine" | "sum" | "concat" | "mean";
  /** Whether the layer has weights of its own. */
  weights: boolean;
  /** Whether its values can leave the range of its input, so that its heatmaps need their own scale. */
  rescales: boolean;
  /** The channels of the `i`-th input that an output channel is computed from; null for all of them. */
  reads(channel: number, i: number, layer: Layer, inputs: readonly Shape[]): readonly number[] | null;
  /** The units of an input that a region of the output depends on; with padding, it extends beyond the border. */
  field(region: Region, layer: Layer, input: Shape): Region;
}

/** A value in height and in width, which the manifest writes as one number where they are the same. */
const pair = (value: number | readonly number[] | undefined, otherwise: number): Pair =>
  typeof value === "number" || value === undefined ? [value ?? otherwise, value ?? otherwise] : [value[0], value[1]];

export const window = (layer: Pick<Layer, "kernel_size" | "stride" | "padding" | "dilation">): Window => ({
  kernel_size: pair(layer.kernel_size, 1),
  stride: pair(layer.stride, 1),
  padding: pair(layer.padding, 0),
  dilation: pair(layer.dilation, 1),
});

const below: Kind["field"] = ({ top, left, bottom, right }, layer) => {
  const { kernel_size, stride, padding, dilation } = window(layer);
  const reach = (axis: 0 | 1) => dilation[axis] * (kernel_size[axis] - 1);
  return {
    top: top * stride[0] - padding[0],
    left: left * stride[1] - padding[1],
    bottom: bottom * stride[0] - padding[0] + reach(0),
    right: right * stride[1] - padding[1] + reach(1),
  };
};
const same: Kind["field"] = (region) => region;
const whole: Kind["field"] = (_, __, input) => {
  const [height, width] = input.length === 3 ? input.slice(1) : [1, input[0]];
  return { top: 0, left: 0, bottom: height - 1, right: width - 1 };
};

/** Defaults for kinds that process each map separately. */
const each = {
  weights: false,
  rescales: false,
  reads: (channel: number) => [channel],
  field: same,
} satisfies Partial<Kind>;

const activation = (f: (value: number, layer: Layer) => number, rescales = false): Kind => ({
  ...each,
  view: "activation",
  shape: ([input]) => input,
  forward: ([x], layer) => ops.map(x, (value) => f(value, layer)),
  rescales,
});

const pooledShape: Kind["shape"] = ([[channels, height, width]], layer) => [
  channels,
  ...ops.windowShape(height, width, window(layer)),
];

const pool = (forward: (x: Tensor, window: Window) => Tensor): Kind => ({
  ...each,
  view: "pooling",
  shape: pooledShape,
  forward: ([x], layer) => forward(x, window(layer)),
  field: below,
});

export const kinds: Record<string, Kind> = {
  conv: {
    view: "convolution",
    shape: (inputs, layer) => [layer.shape[0], ...pooledShape(inputs, layer).slice(1)],
    forward: ([x], layer, weight, bias) => ops.conv2d(x, weight, bias, window(layer), layer.groups),
    weights: true,
    rescales: true,
    reads(channel, _, { shape, groups = 1 }, [input]) {
      if (groups === 1) return null;
      const count = input[0] / groups;
      const first = Math.floor((channel * groups) / shape[0]) * count;
      return Array.from({ length: count }, (_, at) => first + at);
    },
    field: below,
  },
  linear: {
    view: "linear",
    shape: (_, layer) => [layer.shape[0]],
    forward: ([x], _, weight, bias) => ops.linear(x, weight, bias),
    weights: true,
    rescales: true,
    reads: () => null,
    field: whole,
  },
  batch_norm: {
    ...each,
    view: "affine",
    shape: ([input]) => input,
    forward: ([x], _, weight, bias) => ops.affine(x, weight, bias),
    weights: true,
    rescales: true,
  },
  relu: activation((x) => Math.max(0, x)),
  leaky_relu: activation((x, layer) => (x < 0 ? x * layer.negative_slope! : x)),
  gelu: activation((x) => (x * (1 + ops.erf(x / Math.SQRT2))) / 2),
  silu: activation((x) => x / (1 + Math.exp(-x))),
  sigmoid: activation((x) => 1 / (1 + Math.exp(-x)), true),
  tanh: activation(Math.tanh),
  dropout: activation((x) => x), // only active in training
  max_pool: pool(ops.maxPool2d),
  avg_pool: pool(ops.avgPool2d),
  global_avg_pool: {
    ...each,
    view: "mean",
    shape: ([[channels]]) => [channels, 1, 1],
    forward: ([x]) => ops.globalAvgPool2d(x),
    field: whole,
  },
  flatten: {
    ...each,
    view: "flatten",
    shape: ([input]) => [ops.size(input)],
    forward: ([x]) => ops.flatten(x),
    field: whole,
  },
  add: {
    ...each,
    view: "sum",
    shape: ([input]) => input,
    forward: (inputs) => ops.add(inputs),
    rescales: true,
  },
  concat: {
    ...each,
    view: "concat",
    shape: (inputs) => [inputs.reduce((sum, shape) => sum + shape[0], 0), ...inputs[0].slice(1)],
    forward: (inputs) => ops.concat(inputs),
    rescales: true, // its inputs may differ in range
    reads(channel, i, _, inputs) {
      const { input, channel: own } = concatSource(channel, inputs);
      return input === i ? [own] : [];
    },
  },
};

/** Which input of a `concat`, and which of its channels, an output channel is. */
export function concatSource(channel: number, inputs: readonly Shape[]): { input: number; channel: number } {
  let first = 0;
  for (const [input, [count]] of inputs.entries()) {
    if (channel < first + count) return { input, channel: channel - first };
    first += count;
  }
  throw new RangeError(`no channel ${channel}`);
}

export function kindOf(layer: Layer): Kind {
  const kind = kinds[layer.kind];
  if (!kind) throw new RangeError(`layer "${layer.name}" is of a kind "${layer.kind}" that this page does not know`);
  return kind;
}
