/** What a figure shows beyond the whole network: one map and a view of it; and the same as part of an address. */
import { kindOf } from "../../arithmetic/kinds";
import { type Manifest, shapeOf } from "../../arithmetic/manifest";
import type { MapName, Trace } from "../../arithmetic/trace";

/** `map`: how the whole map comes about; `window`: one unit of a convolution; `field`: what a unit depends on. */
export type ViewName = "map" | "window" | "field" | "what_if" | "compare" | "softmax";

/** All that a view depends on beside the trace. */
export interface Look {
  layer: string;
  channel: number;
  view: ViewName;
  /** The unit of the map that is looked at, row and column; null until one is chosen. */
  at: readonly [number, number] | null;
  /** The channel of the layer before that is looked at. */
  from: number;
  /** The example that is compared with. */
  other: string;
}

/** The views that a layer has, the first one first. */
export function viewsOf(manifest: Manifest, layer: string): ViewName[] {
  const entry = manifest.layers.find((candidate) => candidate.name === layer);
  if (!entry) return ["map", "compare"]; // the picture itself
  if (entry === manifest.layers.at(-1)) return ["map", "softmax"];
  const own: ViewName[] = kindOf(entry).view === "convolution" ? ["map", "window"] : ["map"];
  return [...own, ...(entry.shape.length === 3 ? (["field", "what_if"] as const) : []), "compare"];
}

/** How many maps of a layer can be looked at: its channels, a flattened activation's strips, a linear layer's units, the classes. */
export function channelsOf(manifest: Manifest, layer: string): number {
  if (layer === manifest.layers.at(-1)!.name) return manifest.classes.length;
  const shape = shapeOf(manifest, layer);
  if (shape.length === 3) return shape[0];
  if (manifest.layers.some((entry) => entry.name === layer && kindOf(entry).view === "linear")) return shape[0];
  const index = manifest.layers.findIndex((candidate) => candidate.name === layer);
  const before = index > 0 ? manifest.layers[index - 1].shape : manifest.input.shape;
  return manifest.layers[index].kind === "flatten" && before.length === 3 ? before[0] : 1;
}

/** In an address a map can be named by a rule, since weights change: the one with the largest unit. */
export const STRONGEST = "strongest";

/** A look as the values of an address. */
export function toValues({ layer, channel, view, at, from, other }: Look): Record<string, string> {
  return {
    layer,
    channel: String(channel),
    view,
    at: at ? at.join(".") : "",
    from: from ? String(from) : "",
    with: view === "compare" ? other : "",
  };
}

/** The look that an address names, as far as this network has it; null for the whole network. */
export function fromValues(manifest: Manifest, trace: Trace, values: Readonly<Record<string, string>>): Look | null {
  const { layer } = values;
  if (layer !== "image" && !manifest.layers.some((candidate) => candidate.name === layer)) return null;
  const views = viewsOf(manifest, layer);
  const at = /^(\d+)\.(\d+)$/.exec(values.at ?? "");
  const examples = manifest.examples.map((example) => example.name);
  return {
    layer,
    channel:
      values.channel === STRONGEST
        ? strongestChannel(manifest, trace, layer)
        : whole(values.channel, channelsOf(manifest, layer)),
    view: views.find((view) => view === values.view) ?? views[0],
    at: at ? [Number(at[1]), Number(at[2])] : null,
    from: whole(values.from, Infinity),
    other:
      examples.includes(values.with) && values.with !== trace.source
        ? values.with
        : (examples.find((name) => name !== trace.source) ?? examples[0]),
  };
}

const whole = (text: string | undefined, end: number) =>
  /^\d+$/.test(text ?? "") && Number(text) < end ? Number(text) : 0;

/** The channel with the largest unit of a layer. */
export function strongestChannel(manifest: Manifest, trace: Trace, layer: string): number {
  const { data } = trace.layers[layer];
  let best = 0;
  data.forEach((value, i) => value > data[best] && (best = i));
  return Math.floor(best / (data.length / channelsOf(manifest, layer)));
}

/** Maps that are switched off, in an address: "conv_1_1.4 relu_2_1.0". */
export const offToText = (off: readonly MapName[]): string =>
  off.map(({ layer, channel }) => `${layer}.${channel}`).join(" ");

export function offFromText(manifest: Manifest, text = ""): MapName[] {
  return text.split(" ").flatMap((part) => {
    const found = /^(.+)\.(\d+)$/.exec(part);
    const layer = manifest.layers
      .slice(0, -1)
      .find((candidate) => candidate.name === found?.[1] && candidate.shape.length === 3);
    return layer && Number(found![2]) < layer.shape[0] ? [{ layer: layer.name, channel: Number(found![2]) }] : [];
  });
}
