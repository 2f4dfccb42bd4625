/**
 * The arithmetic of a convolutional network on plain arrays, as readable as it can be.
 *
 * Every function is pure, follows PyTorch's definition of the same name, and is held to it by tests.
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

/** How many places a window of `kernel_size` finds along `length`. */
export function outputSize(length: number, kernel_size: number, stride: number, padding: number): number {
  return Math.floor((length + 2 * padding - kernel_size) / stride) + 1;
}

export interface Window {
  kernel_size: number;
  stride: number;
  padding: number;
}

/** Rows and columns of a map, the first and the last included. */
export interface Region {
  top: number;
  left: number;
  bottom: number;
  right: number;
}

/** x (I, H, W), weight (O, I, k, k), bias (O) → (O, H', W'): cross-correlation, as every framework calls convolution. */
export function conv2d(x: Tensor, weight: Tensor, bias: Tensor, { kernel_size: k, stride, padding }: Window): Tensor {
  const [inputs, height, width] = x.shape;
  const outputs = weight.shape[0];
  const [h, w] = [outputSize(height, k, stride, padding), outputSize(width, k, stride, padding)];
  const y = tensor([outputs, h, w]);
  const sum = new Float64Array(h * w);
  for (let o = 0; o < outputs; o++) {
    sum.fill(bias.data[o]);
    for (let i = 0; i < inputs; i++) {
      for (let ky = 0; ky < k; ky++) {
        for (let kx = 0; kx < k; kx++) {
          const value = weight.data[((o * inputs + i) * k + ky) * k + kx];
          const [firstX, lastX] = inside(kx - padding, stride, width, w);
          const [firstY, lastY] = inside(ky - padding, stride, height, h);
          for (let row = firstY; row <= lastY; row++) {
            const from = (i * height + row * stride + ky - padding) * width + kx - padding;
            for (let column = firstX; column <= lastX; column++)
              sum[row * w + column] += value * x.data[from + column * stride];
          }
        }
      }
    }
    y.data.set(sum, o * h * w);
  }
  return y;
}

/** What each input channel gives to output channel `o`, before they are added up: x (I, H, W) → (I, H', W'). */
export function convParts(x: Tensor, weight: Tensor, o: number, window: Window): Tensor {
  const [inputs, height, width] = x.shape;
  const k = window.kernel_size;
  const none = tensor([1]);
  const parts = Array.from({ length: inputs }, (_, i) =>
    conv2d(tensor([1, height, width], channel(x, i)), tensor([1, 1, k, k], kernel(weight, o, i)), none, window),
  );
  const [, h, w] = parts[0].shape;
  const y = tensor([inputs, h, w]);
  parts.forEach((part, i) => y.data.set(part.data, i * h * w));
  return y;
}

/** The k × k weights from input channel `i` to output channel `o` of a weight (O, I, k, k). */
export function kernel(weight: Tensor, o: number, i: number): Float32Array {
  const [, inputs, k] = weight.shape;
  return weight.data.subarray((o * inputs + i) * k * k, (o * inputs + i + 1) * k * k);
}

/** The units below a window at output place (row, column), row by row, with `outside` where it stands over the padding. */
export function windowAt(
  map: Float32Array,
  width: number,
  row: number,
  column: number,
  { kernel_size: k, stride, padding }: Window,
  outside = 0,
): number[] {
  const height = map.length / width;
  return Array.from({ length: k * k }, (_, i) => {
    const [y, x] = [row * stride - padding + Math.floor(i / k), column * stride - padding + (i % k)];
    return y >= 0 && y < height && x >= 0 && x < width ? map[y * width + x] : outside;
  });
}

/** The first and last output place whose input, `place * stride + offset`, lies in 0 … length − 1. */
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

/** The same function of every unit. */
export const map = (x: Tensor, f: (value: number) => number): Tensor => tensor(x.shape, x.data.map(f));

/** x (C, H, W) → (C, H', W'): the largest unit of each window; padding never wins. */
export const maxPool2d = (x: Tensor, window: Window): Tensor =>
  pool(x, window, (values) => values.reduce((a, b) => Math.max(a, b), -Infinity));

/** x (C, H, W) → (C, H', W'): the mean of each window, padding counted as zeros. */
export const avgPool2d = (x: Tensor, window: Window): Tensor =>
  pool(x, window, (values) => values.reduce((a, b) => a + b, 0) / window.kernel_size ** 2);

function pool(x: Tensor, { kernel_size: k, stride, padding }: Window, reduce: (values: number[]) => number): Tensor {
  const [channels, height, width] = x.shape;
  const [h, w] = [outputSize(height, k, stride, padding), outputSize(width, k, stride, padding)];
  const y = tensor([channels, h, w]);
  const values: number[] = [];
  for (let c = 0; c < channels; c++) {
    for (let row = 0; row < h; row++) {
      for (let column = 0; column < w; column++) {
        values.length = 0;
        for (let iy = Math.max(0, row * stride - padding); iy < Math.min(height, row * stride - padding + k); iy++) {
          for (
            let ix = Math.max(0, column * stride - padding);
            ix < Math.min(width, column * stride - padding + k);
            ix++
          ) {
            values.push(x.data[(c * height + iy) * width + ix]);
          }
        }
        y.data[(c * h + row) * w + column] = reduce(values);
      }
    }
  }
  return y;
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
