/** The manifest: what Python tells the browser about one model. It and the trace are the only contract between them. */
import type { Shape } from "./ops";

export interface Layer {
  name: string;
  kind: string;
  /** (C, H, W) or (N) */
  shape: Shape;
  /** The layers whose activations it takes in, or "image". */
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
  /** The layer whose channels are looked at; null for a network without maps. */
  layer: string | null;
  /** (channels): the least and the most that its channels are, on average, for photos of the classes. */
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
  /** A trace file: one activation after the other; what it lacks follows from what it has. */
  trace: { name: string; dtype: "uint8" | "float16" | "float32" }[];
  /** `key` is the name of its file. */
  examples: { name: string; key: string; label: string; source: "drawing" | "picture" | "photo"; file?: string }[];
  /** What the set is called that photos come from. */
  data?: string | null;
  figures: { accuracy: number; likelihood: number; photos: number } | null;
  /** How to tell that a picture looks like none of the classes: see unknown.ts. */
  unknown: Unknown | null;
}

export const MANIFEST_VERSION = 2;

/** The name of the network's input among its layers' inputs. */
export const IMAGE: string = "image";

/** A layer by its name; undefined for the image and for what is not there. */
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

/** The shapes that a layer takes in. */
export const inputShapes = (manifest: Manifest, layer: Layer): Shape[] =>
  layer.inputs.map((name) => shapeOf(manifest, name));
