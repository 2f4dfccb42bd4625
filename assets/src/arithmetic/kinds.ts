/**
 * One table of layer kinds: a kind's entry holds all that is particular to it.
 * `model/kinds.py` is this table's counterpart in Python; a new kind is one entry in each.
 */

import type { Layer } from "./manifest";
import type { Region, Shape, Tensor, Window } from "./ops";
import * as ops from "./ops";

export interface Kind {
  /** The output's shape for an input's. */
  shape(input: Shape, layer: Layer): Shape;
  /** The layer's activation; `weight` and `bias` for a kind that has them. */
  forward(x: Tensor, layer: Layer, weight: Tensor, bias: Tensor): Tensor;
  /** How the explorer shows such a layer: see explorer/stage.ts. */
  view: "convolution" | "activation" | "pooling" | "flatten" | "linear";
  /** Whether the layer has weights of its own. */
  weights: boolean;
  /** Whether its values can leave the range of its input's, so that its heatmaps need a scale of their own. */
  rescales: boolean;
  /** Whether each output channel looks at every input channel, or at its own alone. */
  mixes: boolean;
  /** The input's units that those of a region of the output depend on; beyond the border where there is padding. */
  field(region: Region, layer: Layer, input: Shape): Region;
}

export const window = (layer: Layer): Window => ({
  kernel_size: layer.kernel_size!,
  stride: layer.stride!,
  padding: layer.padding!,
});

function windowShape([channels, height, width]: Shape, layer: Layer): Shape {
  const { kernel_size, stride, padding } = window(layer);
  return [
    channels,
    ops.outputSize(height, kernel_size, stride, padding),
    ops.outputSize(width, kernel_size, stride, padding),
  ];
}

const below: Kind["field"] = ({ top, left, bottom, right }, layer) => {
  const { kernel_size, stride, padding } = window(layer);
  const [first, last] = [-padding, -padding + kernel_size - 1];
  return {
    top: top * stride + first,
    left: left * stride + first,
    bottom: bottom * stride + last,
    right: right * stride + last,
  };
};
const same: Kind["field"] = (region) => region;
const whole: Kind["field"] = (_, __, input) => {
  const [height, width] = input.length === 3 ? input.slice(1) : [1, input[0]];
  return { top: 0, left: 0, bottom: height - 1, right: width - 1 };
};

const each = (f: (value: number, layer: Layer) => number, rescales = false): Kind => ({
  view: "activation",
  shape: (input) => input,
  forward: (x, layer) => ops.map(x, (value) => f(value, layer)),
  weights: false,
  rescales,
  mixes: false,
  field: same,
});

const pool = (forward: (x: Tensor, window: Window) => Tensor): Kind => ({
  view: "pooling",
  shape: windowShape,
  forward: (x, layer) => forward(x, window(layer)),
  weights: false,
  rescales: false,
  mixes: false,
  field: below,
});

export const kinds: Record<string, Kind> = {
  conv: {
    view: "convolution",
    shape: (input, layer) => [layer.shape[0], ...windowShape(input, layer).slice(1)],
    forward: (x, layer, weight, bias) => ops.conv2d(x, weight, bias, window(layer)),
    weights: true,
    rescales: true,
    mixes: true,
    field: below,
  },
  linear: {
    view: "linear",
    shape: (_, layer) => [layer.shape[0]],
    forward: (x, _, weight, bias) => ops.linear(x, weight, bias),
    weights: true,
    rescales: true,
    mixes: true,
    field: whole,
  },
  relu: each((x) => Math.max(0, x)),
  leaky_relu: each((x, layer) => (x < 0 ? x * layer.negative_slope! : x)),
  sigmoid: each((x) => 1 / (1 + Math.exp(-x)), true),
  tanh: each(Math.tanh),
  dropout: each((x) => x), // it only acts while a network trains
  max_pool: pool(ops.maxPool2d),
  avg_pool: pool(ops.avgPool2d),
  flatten: {
    view: "flatten",
    shape: (input) => [ops.size(input)],
    forward: (x) => ops.flatten(x),
    weights: false,
    rescales: false,
    mixes: false,
    field: whole,
  },
};

export function kindOf(layer: Layer): Kind {
  const kind = kinds[layer.kind];
  if (!kind) throw new RangeError(`layer "${layer.name}" is of a kind "${layer.kind}" that this page does not know`);
  return kind;
}
