/** Descriptions of a network in the page's language, from the manifest and the trace. */

import { sources } from "../arithmetic/channels";
import type { Summary } from "../arithmetic/describe";
import { window } from "../arithmetic/kinds";
import { type Layer, layerOf, type Manifest, shapeOf } from "../arithmetic/manifest";
import { decimal, dimensions, hasText, integer, language, text, wholePercent } from "./text";

/** One feature map, or a strip of a vector. */
interface Map {
  layer: string;
  channel: number;
}

/** A class's name in the page's language. */
export function className(manifest: Manifest, name: string): string {
  const labels = manifest.classes.find((entry) => entry.name === name)?.labels ?? {};
  return labels[language] ?? name;
}

/** An example's name, and for a photo its source. */
export function exampleName(manifest: Manifest, { label, source, file }: Manifest["examples"][number]): string {
  const name = className(manifest, label);
  return source === "photo"
    ? text("photo", { class: name, file: file ?? "", data: manifest.data ?? "" })
    : text(source, { class: name });
}

export function channelName(manifest: Manifest, { layer, channel }: Map): string {
  if (layer === "image" && manifest.input.shape[0] === 3)
    return text(["red_channel", "green_channel", "blue_channel"][channel]);
  const shape = shapeOf(manifest, layer);
  const vector =
    shape.length === 1 && manifest.layers.find((candidate) => candidate.name === layer)?.kind !== "flatten";
  return vector ? text("whole_vector", { count: integer(shape[0]) }) : text("channel", { channel });
}

/** The range of a map's values, the place of the maximum, and the share of negative units (of zeros for ReLU). */
export function facts(manifest: Manifest, map: Map, { min, max, below, zero, where }: Summary): string {
  if (min === max) return text("everywhere", { value: decimal(min) });
  const kind = manifest.layers.find((layer) => layer.name === map.layer)?.kind;
  const range = text("facts", { min: decimal(min), max: decimal(max), where: text(where) });
  if (kind === "relu") return range + text("share_zero", { share: wholePercent(zero) });
  return min < 0 ? range + text("share_below", { share: wholePercent(below) }) : range;
}

/** A map's description for screen readers. */
export function mapInWords(manifest: Manifest, map: Map, summary: Summary | undefined): string {
  const name = `${map.layer}, ${channelName(manifest, map)}`;
  return summary ? `${name}: ${facts(manifest, map, summary)}` : name;
}

/** The size of a layer's window: 3 × 3. */
export const kernelSize = (layer: Layer): string => dimensions(window(layer).kernel_size);

/** How a map is computed: one sentence for each kind of layer. */
export function origin(manifest: Manifest, { layer: name, channel }: Map): string {
  const layer = layerOf(manifest, name);
  if (!layer) return text(manifest.input.shape[0] === 1 ? "origin_grey" : "origin_image");
  const [source] = sources(manifest, layer, channel);
  const count = source.channels?.length ?? shapeOf(manifest, source.layer)[0];
  const key = hasText(`origin_${layer.kind}`) ? `origin_${layer.kind}` : "origin_other";
  const before = layer.inputs.join(text("and"));
  return text(key, { before, kind: layer.kind, kernel: kernelSize(layer), count, channel });
}
