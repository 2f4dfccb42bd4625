/**
 * A trace: every layer's activation for one picture. Three producers make the same thing: PyTorch when the site is
 * built (the examples), onnxruntime-web (the reader's picture), and `forward` here (where the network itself is
 * varied, or WebAssembly is missing).
 */
import { kindOf } from "./kinds";
import { IMAGE, type Layer, lastOf, type Manifest, shapeOf } from "./manifest";
import { channel, normalize, size, softmax, type Tensor, tensor } from "./ops";

export interface Trace {
  /** What the picture is: an example's name, or "own". */
  readonly source: string;
  /** By layer, the input as `image` in [0, 1]. */
  readonly layers: Readonly<Record<string, Tensor>>;
}

export type Weights = Readonly<Record<string, Tensor>>;

/** A feature map by its layer and channel. */
export interface MapName {
  layer: string;
  channel: number;
}

/**
 * Run the network on an image (C, H, W) in [0, 1]. Feature maps that are switched off are set to zero
 * everywhere, and all later layers are computed from that.
 */
export function forward(
  manifest: Manifest,
  weights: Weights,
  image: Tensor,
  off: readonly MapName[] = [],
): Record<string, Tensor> {
  const taken: Record<string, Tensor> = { [IMAGE]: normalized(manifest, image) };
  const layers: Record<string, Tensor> = { [IMAGE]: image };
  for (const layer of manifest.layers) taken[layer.name] = layers[layer.name] = compute(layer, weights, taken, off);
  return layers;
}

/**
 * The logits with the activation of `name` replaced by `x`; only what depends on it is recomputed.
 */
export function forwardFrom(
  manifest: Manifest,
  weights: Weights,
  layers: Readonly<Record<string, Tensor>>,
  name: string,
  x: Tensor,
  off: readonly MapName[] = [],
): Tensor {
  const taken = { ...layers, [IMAGE]: normalized(manifest, layers[IMAGE]) };
  taken[name] = name === IMAGE ? normalized(manifest, x) : x;
  const changed = new Set([name]);
  for (const layer of manifest.layers) {
    if (layer.name === name || !layer.inputs.some((input) => changed.has(input))) continue;
    taken[layer.name] = compute(layer, weights, taken, off);
    changed.add(layer.name);
  }
  return taken[lastOf(manifest).name];
}

function compute(
  layer: Layer,
  weights: Weights,
  taken: Readonly<Record<string, Tensor>>,
  off: readonly MapName[],
): Tensor {
  const inputs = layer.inputs.map((input) => taken[input]);
  let x = kindOf(layer).forward(inputs, layer, weights[`${layer.name}.weight`], weights[`${layer.name}.bias`]);
  const here = off.filter((map) => map.layer === layer.name);
  if (here.length) x = tensor(x.shape, x.data.slice());
  for (const { channel: c } of here) channel(x, c).fill(0);
  return x;
}

/** The input of the first layers: the normalised image. */
export function normalized({ input: { normalization } }: Manifest, image: Tensor): Tensor {
  return normalization ? normalize(image, normalization.mean, normalization.std) : image;
}

/** The probabilities of a trace, in the order of the classes. */
export const probabilities = (manifest: Manifest, trace: Trace): Float32Array =>
  softmax(trace.layers[lastOf(manifest).name]).data;

/** uint8 pixels (C, H, W) → the network's input in [0, 1]. */
export const toImage = (manifest: Manifest, pixels: Uint8Array): Tensor =>
  tensor(
    manifest.input.shape,
    Float32Array.from(pixels, (value) => value / 255),
  );

/** The activations of a trace file; those that it does not contain are computed. */
export function decodeTrace(manifest: Manifest, bytes: Uint8Array): Record<string, Tensor> {
  const stored: Record<string, Tensor> = {};
  let offset = 0;
  for (const { name, dtype } of manifest.trace) {
    const shape = shapeOf(manifest, name);
    const length = size(shape) * WIDTH[dtype];
    stored[name] = tensor(shape, read(bytes.subarray(offset, offset + length), dtype));
    offset += length;
  }
  if (offset !== bytes.length) throw new RangeError(`a trace of ${bytes.length} bytes, ${offset} expected`);
  const image = tensor(
    manifest.input.shape,
    stored[IMAGE].data.map((value) => value / 255),
  );
  const taken: Record<string, Tensor> = { [IMAGE]: normalized(manifest, image) };
  const layers: Record<string, Tensor> = { [IMAGE]: image };
  for (const layer of manifest.layers) {
    taken[layer.name] = layers[layer.name] = stored[layer.name] ?? compute(layer, {}, taken, []);
  }
  return layers;
}

/** The weights file as tensors by name. */
export function decodeWeights(manifest: Manifest, bytes: Uint8Array): Weights {
  const values = read(bytes, "float32");
  let offset = 0;
  return Object.fromEntries(
    manifest.weights.map(({ name, shape }) => {
      const start = offset;
      offset += size(shape);
      return [name, tensor(shape, values.slice(start, offset))];
    }),
  );
}

const WIDTH = { uint8: 1, float16: 2, float32: 4 } as const;

function read(bytes: Uint8Array, dtype: keyof typeof WIDTH): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Float32Array(Math.floor(bytes.byteLength / WIDTH[dtype]));
  for (let i = 0; i < values.length; i++) {
    if (dtype === "uint8") values[i] = bytes[i];
    else values[i] = dtype === "float16" ? float16(view.getUint16(2 * i, true)) : view.getFloat32(4 * i, true);
  }
  return values;
}

/** By the five bits of the exponent: what the ten bits of the fraction count, in 1024ths. */
const FRACTION = Float64Array.from({ length: 31 }, (_, exponent) => 2 ** (Math.max(exponent, 1) - 25));

/**
 * IEEE 754 binary16: one sign bit, five of exponent, ten of fraction; an exponent of 0 means that no leading 1 is
 * implied.
 */
function float16(bits: number): number {
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction ? NaN : bits & 0x8000 ? -Infinity : Infinity;
  const magnitude = FRACTION[exponent] * (exponent ? 1024 + fraction : fraction);
  return bits & 0x8000 ? -magnitude : magnitude;
}
