/** The manifest: what Python tells the browser about a model. It and the trace are their only interface. */
import type { Shape } from "./ops";

export interface Layer {
  name: string;
  kind: string;
  /** (C, H, W) or (N) */
  shape: Shape;
  /** The layers whose activations are its inputs, or "image". */
  inputs: string[];
  parameters: number;
  /** One number for height and width, or both. */
  kernel_size?: number | [number, number];
  stride?: number | [number, number];
  padding?: number | [number, number];
  dilation?: number | [number, number];
  groups?: number;
  negative_slope?: number;
}

export interface Unknown {
  measure: string;
  threshold: number;
  /** The layer whose channel means are checked; null for a network without maps. */
  layer: string | null;
  /** (channels): the range of the channels' means for photos of the classes. */
  least: number[];
  most: number[];
}

export interface Manifest {
  version: number;
  name: string;
  title: string;
  parameters: number;
  input: { name: "image"; shape: Shape; normalization: { mean: number[]; std: number[] } | null };
  classes: { name: string; labels: Record<string, string> }[];
  layers: Layer[];
  /** The weights file: float32, one tensor after the other. */
  weights: { name: string; shape: Shape }[];
  /** A trace file: one activation after the other; the missing ones are computed from these. */
  trace: { name: string; dtype: "uint8" | "float16" | "float32" }[];
  /** `key` is the name of its file. */
  examples: { name: string; key: string; label: string; source: "drawing" | "picture" | "photo"; file?: string }[];
  /** What the set is called that photos come from. */
  data?: string | null;
  figures: { accuracy: number; likelihood: number; photos: number } | null;
  /** The rule for pictures of none of the classes: see unknown.ts. */
  unknown: Unknown | null;
}

export const MANIFEST_VERSION = 2;

/** The name of the network's input among its layers' inputs. */
export const IMAGE: string = "image";

/** A layer by its name; undefined for the image and unknown names. */
export const layerOf = (manifest: Manifest, name: string): Layer | undefined =>
  manifest.layers.find((layer) => layer.name === name);

/** The layer whose output are the logits. */
export const lastOf = (manifest: Manifest): Layer => manifest.layers.at(-1)!;

/** The shape of an activation by name, the input's under "image". */
export function shapeOf(manifest: Manifest, name: string): Shape {
  if (name === IMAGE) return manifest.input.shape;
  const layer = layerOf(manifest, name);
  if (!layer) throw new RangeError(`no layer "${name}"; layers are ${manifest.layers.map((l) => l.name).join(", ")}`);
  return layer.shape;
}

/** The shapes of a layer's inputs. */
export const inputShapes = (manifest: Manifest, layer: Layer): Shape[] =>
  layer.inputs.map((name) => shapeOf(manifest, name));
