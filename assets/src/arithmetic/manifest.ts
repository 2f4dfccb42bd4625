/** The manifest: what Python tells the browser about one model. It and the trace are the only contract between them. */
import type { Shape } from "./ops";

export interface Layer {
  name: string;
  kind: string;
  /** (C, H, W) or (N) */
  shape: Shape;
  parameters: number;
  kernel_size?: number;
  stride?: number;
  padding?: number;
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
  examples: { name: string; label: string; source: "drawing" | "picture" | "photo"; file?: string }[];
  /** What the set is called that photos come from. */
  data?: string | null;
  figures: { accuracy: number; likelihood: number; photos: number } | null;
  /** How to tell that a picture looks like none of the classes: see unknown.ts. */
  unknown: Unknown | null;
}

export const MANIFEST_VERSION = 1;

/** The shape that layer `index` takes in. */
export const inputShape = (manifest: Manifest, index: number): Shape =>
  index === 0 ? manifest.input.shape : manifest.layers[index - 1].shape;

/** The shape of an activation by name, the input's under "image". */
export function shapeOf(manifest: Manifest, name: string): Shape {
  if (name === "image") return manifest.input.shape;
  const layer = manifest.layers.find((candidate) => candidate.name === name);
  if (!layer) throw new RangeError(`no layer "${name}"; layers are ${manifest.layers.map((l) => l.name).join(", ")}`);
  return layer.shape;
}
