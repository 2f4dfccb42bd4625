/** A layer's channels in the widest sense: feature maps, strips of a vector, units, classes. */
import { kindOf } from "./kinds";
import { inputShapes, type Layer, lastOf, layerOf, type Manifest } from "./manifest";
import type { Trace } from "./trace";

/** A layer's channels, a flattened activation's strips, a linear layer's units, the classes: how many there are. */
export function channelsOf(manifest: Manifest, name: string): number {
  const layer = layerOf(manifest, name);
  if (!layer) return manifest.input.shape[0];
  if (layer === lastOf(manifest)) return manifest.classes.length;
  if (layer.shape.length === 3 || kindOf(layer).view === "linear") return layer.shape[0];
  return stripsOf(manifest, layer);
}

/** A flattened activation keeps a strip for each map that it came from; any other vector is one strip. */
export function stripsOf(manifest: Manifest, layer: Layer): number {
  const [input] = inputShapes(manifest, layer);
  return layer.kind === "flatten" && input.length === 3 ? input[0] : 1;
}

/** The maps that channel `c` of a layer is computed from, input by input; null stands for all channels of an input. */
export const sources = (
  manifest: Manifest,
  layer: Layer,
  c: number,
): { layer: string; channels: readonly number[] | null }[] =>
  layer.inputs.map((input, i) => ({
    layer: input,
    channels: kindOf(layer).reads(c, i, layer, inputShapes(manifest, layer)),
  }));

/** The channel that contains a layer's largest value. */
export function strongestChannel(manifest: Manifest, trace: Trace, layer: string): number {
  const { data } = trace.layers[layer];
  let best = 0;
  data.forEach((value, i) => value > data[best] && (best = i));
  return Math.floor(best / (data.length / channelsOf(manifest, layer)));
}
