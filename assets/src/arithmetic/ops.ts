/**
 * The arithmetic of a convolutional network on plain arrays, as readable as it can be.
 *
 * Every function is pure, follows PyTorch's definition of the same name, and is tested against it.
 * Sums run in float64 and are rounded to float32 once.
 */

/** Channels, height, width; or one number for a vector. */
export type Shape = readonly number[];

export interface Tensor {
  readonly shape: Shape;
  readonly data: Float32Array;
}

export const size = (shape: Shape): number => shape.reduce((product, n) => product * n, 1);

export function tensor(shape: Shape, data: Float32Array = new Float32Array(size(shape))): Tensor {
  if (data.length !== size(shape))
    throw new RangeError(`${data.length} numbers for a tensor of shape ${shape.join(" × ")}`);
  return { shape, data };
}

/** One feature map: the H × W slice of a channel. Of a vector: its one number. */
export function channel(x: Tensor, c: number): Float32Array {
  const area = size(x.shape.slice(1));
  return x.data.subarray(c * area, (c + 1) * area);
}

/** The number of window positions along `length`. */
export function outputSize(length: number, kernel_size: number, stride: number, padding: number, dilation = 1): number {
  return Math.floor((length + 2 * padding - dilation * (kernel_size - 1) - 1) / stride) + 1;
}

/** In height and in width. */
export type Pair = readonly [number, number];

export interface Window {
  kernel_size: Pair;
  stride: Pair;
  padding: Pair;
  dilation: Pair;
}

/** The height and width of the output. */
export const windowShape = (
  height: number,
  width: number,
  { kernel_size, stride, padding, dilation }: Window,
): Pair => [
  outputSize(height, kernel_size[0], stride[0], padding[0], dilation[0]),
  outputSize(width, kernel_size[1], stride[1], padding[1], dilation[1]),
];

/** Rows and columns of a map, the first and the last included. */
export interface Region {
  top: number;
  left: number;
  bottom: number;
  right: number;
}

/**
 * x (I, H, W), weight (O, I / groups, h, w), bias (O) → (O, H', W'): cross-correlation, as every framework calls
 * convolution. With groups, each output channel sees its own group of the input channels.
 */
export function conv2d(x: Tensor, weight: Tensor, bias: Tensor, window: Window, groups = 1): Tensor {
  const [inputs, height, width] = x.shape;
  const [outputs, own, kh, kw] = weight.shape;
  const { stride, padding, dilation } = window;
  const [h, w] = windowShape(height, width, window);
  const y = tensor([outputs, h, w]);
  const sum = new Float64Array(h * w);
  for (let o = 0; o < outputs; o++) {
    sum.fill(bias.data[o]);
    const first = Math.floor((o * groups) / outputs) * (inputs / groups);
    for (let i = 0; i < own; i++) {
      for (let ky = 0; ky < kh; ky++) {
        for (let kx = 0; kx < kw; kx++) {
          const value = weight.data[((o * own + i) * kh + ky) * kw + kx];
          const [offsetY, offsetX] = [ky * dilation[0] - padding[0], kx * dilation[1] - padding[1]];
          const [firstX, lastX] = inside(offsetX, stride[1], width, w);
          const [firstY, lastY] = inside(offsetY, stride[0], height, h);
          for (let row = firstY; row <= lastY; row++) {
            const from = ((first + i) * height + row * stride[0] + offsetY) * width + offsetX;
            for (let column = firstX; column <= lastX; column++)
              sum[row * w + column] += value * x.data[from + column * stride[1]];
          }
        }
      }
    }
    y.data.set(sum, o * h * w);
  }
  return y;
}

/** The input channels that output channel `o` of a convolution sees: the first of its group, and how many. */
export function groupOf(x: Tensor, weight: Tensor, o: number): { first: number; count: number } {
  const count = weight.shape[1];
  const groups = x.shape[0] / count;
  return { first: Math.floor((o * groups) / weight.shape[0]) * count, count };
}

/** The contribution of each input channel of its group to output channel `o`: x (I, H, W) → (I / groups, H', W'). */
export function convParts(x: Tensor, weight: Tensor, o: number, window: Window): Tensor {
  const [, height, width] = x.shape;
  const { first, count } = groupOf(x, weight, o);
  const [kh, kw] = window.kernel_size;
  const none = tensor([1]);
  const parts = Array.from({ length: count }, (_, i) =>
    conv2d(
      tensor([1, height, width], channel(x, first + i)),
      tensor([1, 1, kh, kw], kernel(weight, o, i)),
      none,
      window,
    ),
  );
  const [, h, w] = parts[0].shape;
  const y = tensor([count, h, w]);
  parts.forEach((part, i) => y.data.set(part.data, i * h * w));
  return y;
}

/** The weights from the `i`-th input channel of its group to output channel `o`, of a weight (O, I / groups, h, w). */
export function kernel(weight: Tensor, o: number, i: number): Float32Array {
  const [, own, kh, kw] = weight.shape;
  return weight.data.subarray((o * own + i) * kh * kw, (o * own + i + 1) * kh * kw);
}

/**
 * The units under a window at output place (row, column), row by row, with `outside` where it stands over the padding.
 */
export function windowAt(
  map: Float32Array,
  width: number,
  row: number,
  column: number,
  { kernel_size: [kh, kw], stride, padding, dilation }: Window,
  outside = 0,
): number[] {
  const height = map.length / width;
  return Array.from({ length: kh * kw }, (_, i) => {
    const y = row * stride[0] - padding[0] + Math.floor(i / kw) * dilation[0];
    const x = column * stride[1] - padding[1] + (i % kw) * dilation[1];
    return y >= 0 && y < height && x >= 0 && x < width ? map[y * width + x] : outside;
  });
}

/** The first and last output position whose input, `place * stride + offset`, lies in 0 … length − 1. */
function inside(offset: number, stride: number, length: number, places: number): [number, number] {
  return [Math.max(0, Math.ceil(-offset / stride)), Math.min(places - 1, Math.floor((length - 1 - offset) / stride))];
}

/** x (I), weight (O, I), bias (O) → (O). */
export function linear(x: Tensor, weight: Tensor, bias: Tensor): Tensor {
  const [outputs, inputs] = weight.shape;
  const y = tensor([outputs]);
  for (let o = 0; o < outputs; o++) {
    let sum = bias.data[o];
    for (let i = 0; i < inputs; i++) sum += weight.data[o * inputs + i] * x.data[i];
    y.data[o] = sum;
  }
  return y;
}

/** The largest magnitude; 0 of nothing. A spread into Math.max fails for a hundred thousand numbers. */
export const largest = (values: Float32Array): number =>
  values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/** Apply a function to every unit. */
export const map = (x: Tensor, f: (value: number) => number): Tensor => tensor(x.shape, x.data.map(f));

/** x (C, H, W) → (C, H', W'): the largest unit of each window; padding never wins. */
export const maxPool2d = (x: Tensor, window: Window): Tensor =>
  pool(x, window, (values) => values.reduce((a, b) => Math.max(a, b), -Infinity));

/** x (C, H, W) → (C, H', W'): the mean of each window, padding counted as zeros. */
export const avgPool2d = (x: Tensor, window: Window): Tensor =>
  pool(x, window, (values) => values.reduce((a, b) => a + b, 0) / size(window.kernel_size));

function pool(x: Tensor, window: Window, reduce: (values: number[]) => number): Tensor {
  const [channels, height, width] = x.shape;
  const [h, w] = windowShape(height, width, window);
  const {
    kernel_size: [kh, kw],
    stride,
    padding,
  } = window;
  const y = tensor([channels, h, w]);
  const values: number[] = [];
  for (let c = 0; c < channels; c++) {
    for (let row = 0; row < h; row++) {
      for (let column = 0; column < w; column++) {
        values.length = 0;
        const [top, left] = [row * stride[0] - padding[0], column * stride[1] - padding[1]];
        for (let iy = Math.max(0, top); iy < Math.min(height, top + kh); iy++) {
          for (let ix = Math.max(0, left); ix < Math.min(width, left + kw); ix++) {
            values.push(x.data[(c * height + iy) * width + ix]);
          }
        }
        y.data[(c * h + row) * w + column] = reduce(values);
      }
    }
  }
  return y;
}

/** (C, H, W) → (C, 1, 1): the mean of each map. */
export const globalAvgPool2d = (x: Tensor): Tensor =>
  tensor(
    [x.shape[0], 1, 1],
    Float32Array.from(
      { length: x.shape[0] },
      (_, c) => channel(x, c).reduce((a, b) => a + b, 0) / size(x.shape.slice(1)),
    ),
  );

/** x (C, H, W), weight (C), bias (C): each map times its weight, plus its bias. */
export function affine(x: Tensor, weight: Tensor, bias: Tensor): Tensor {
  const y = tensor(x.shape);
  for (let c = 0; c < x.shape[0]; c++)
    channel(y, c).set(channel(x, c).map((value) => value * weight.data[c] + bias.data[c]));
  return y;
}

/** The sum of tensors of one shape. */
export function add(inputs: readonly Tensor[]): Tensor {
  const y = new Float64Array(inputs[0].data.length);
  for (const { data } of inputs) data.forEach((value, i) => (y[i] += value));
  return tensor(inputs[0].shape, Float32Array.from(y));
}

/** The channels of tensors (C, H, W), one tensor after the other. */
export function concat(inputs: readonly Tensor[]): Tensor {
  const [, height, width] = inputs[0].shape;
  const y = tensor([inputs.reduce((sum, { shape }) => sum + shape[0], 0), height, width]);
  let offset = 0;
  for (const { data } of inputs) {
    y.data.set(data, offset);
    offset += data.length;
  }
  return y;
}

/** The error function: its series near zero, the continued fraction of erfc beyond. */
export function erf(x: number): number {
  const z = Math.abs(x);
  if (z > 6) return Math.sign(x);
  if (z > 3) {
    let fraction = 0;
    for (let n = 60; n > 0; n--) fraction = n / 2 / (z + fraction);
    return Math.sign(x) * (1 - Math.exp(-z * z) / Math.sqrt(Math.PI) / (z + fraction));
  }
  let [sum, term] = [z, z];
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (-z * z) / n;
    sum += term / (2 * n + 1);
  }
  return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
}

/** (C, H, W) → (C·H·W), channel by channel, row by row. */
export const flatten = (x: Tensor): Tensor => tensor([x.data.length], x.data);

/** Logits (N) → probabilities (N): exp(x − max) / Σ exp(x − max), which stays finite for large logits. */
export function softmax(logits: Tensor): Tensor {
  const max = logits.data.reduce((a, b) => Math.max(a, b), -Infinity);
  const exponentials = Array.from(logits.data, (x) => Math.exp(x - max));
  const sum = exponentials.reduce((a, b) => a + b, 0);
  return tensor(
    logits.shape,
    Float32Array.from(exponentials, (e) => e / sum),
  );
}

/** (x − mean) / std, a value a channel. */
export function normalize(x: Tensor, mean: readonly number[], std: readonly number[]): Tensor {
  const y = tensor(x.shape);
  for (let c = 0; c < x.shape[0]; c++) channel(y, c).set(channel(x, c).map((value) => (value - mean[c]) / std[c]));
  return y;
}
