/** What can be looked at of a layer, one at a time: its feature maps, strips of a vector, units, classes. */
import { kindOf } from "./kinds";
import { inputShape, type Manifest, shapeOf } from "./manifest";
import type { Trace } from "./trace";

/** A layer's channels, a flattened activation's strips, a linear layer's units, the classes: how many there are. */
export function channelsOf(manifest: Manifest, layer: string): number {
  if (layer === manifest.layers.at(-1)!.name) return manifest.classes.length;
  const shape = shapeOf(manifest, layer);
  if (shape.length === 3) return shape[0];
  const index = manifest.layers.findIndex((candidate) => candidate.name === layer);
  const entry = manifest.layers[index];
  if (kindOf(entry).view === "linear") return shape[0];
  const before = inputShape(manifest, index);
  return entry.kind === "flatten" && before.length === 3 ? before[0] : 1;
}

/** The channel with the largest unit of a layer. */
export function strongestChannel(manifest: Manifest, trace: Trace, layer: string): number {
  const { data } = trace.layers[layer];
  let best = 0;
  data.forEach((value, i) => value > data[best] && (best = i));
  return Math.floor(best / (data.length / channelsOf(manifest, layer)));
}
