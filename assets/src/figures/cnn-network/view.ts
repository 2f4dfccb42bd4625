/** Values for the drawing of a whole network, computed from a trace. */
import { type Summary, slice, summarise } from "../../arithmetic/describe";
import { lastOf, type Manifest } from "../../arithmetic/manifest";
import { probabilities as probabilitiesOf, type Trace } from "../../arithmetic/trace";
import { looksUnknown } from "../../arithmetic/unknown";
import { activationScale, extentOf, greyScale, type Scale } from "../../drawing/colours";
import type { Layout, Place } from "../../drawing/layout";
import type { Theme } from "../../drawing/theme";

/** Computed when the trace or the layout changes, not when the pointer moves. */
export interface View {
  trace: Trace;
  layout: Layout;
  probabilities: Float32Array;
  best: number;
  /** Whether the picture looks like none of the classes. */
  unknown: boolean;
  /**
   * Of each scale, computed from the layer that it begins with; what follows (ReLU, pooling) stays within its range.
   */
  extents: { extent: number; clipped: boolean }[];
  /** Of each map that was asked for, by `layer/channel`: see `summaryOf`. */
  summaries: Map<string, Summary>;
}

/**
 * How many layers share a scale: each that rescales with those that follow it, all up to a pooling, or the whole
 * network.
 */
export const SHARINGS = ["layer", "block", "network"] as const;
export type Sharing = (typeof SHARINGS)[number];

export function compute(manifest: Manifest, trace: Trace, layout: Layout, sharing: Sharing = "layer"): View {
  const probabilities = probabilitiesOf(manifest, trace);
  const own = layout.legends.map((_, scale) =>
    scale === 0
      ? { extent: 1, clipped: false }
      : extentOf(trace.layers[layout.bands.find((band) => band.scale === scale)!.layer].data),
  );
  const groups = groupsOf(manifest, layout, sharing);
  const extents = own.map((extent, scale) =>
    scale === 0
      ? extent
      : own
          .filter((_, other) => other > 0 && groups[other] === groups[scale])
          .reduce((a, b) => (b.extent > a.extent ? b : a)),
  );
  return {
    trace,
    layout,
    probabilities,
    best: best(manifest, trace),
    unknown:
      manifest.unknown !== null && looksUnknown(trace.layers, trace.layers[lastOf(manifest).name], manifest.unknown),
    extents,
    summaries: new Map(),
  };
}

/** By scale, the number of the group that it shares its colours with. */
function groupsOf(manifest: Manifest, layout: Layout, sharing: Sharing): number[] {
  let block = 0;
  return layout.legends.map((_, scale) => {
    const layers = layout.bands.filter((band) => band.scale === scale).map((band) => band.layer);
    const own = sharing === "layer" ? scale : sharing === "block" ? block : 0;
    if (manifest.layers.some((layer) => layers.includes(layer.name) && layer.kind.endsWith("_pool"))) block++;
    return own;
  });
}

/** The index of the predicted class. */
export function best(manifest: Manifest, trace: Trace): number {
  const { data } = trace.layers[lastOf(manifest).name];
  return data.indexOf(Math.max(...data));
}

export const key = ({ layer, channel }: { layer: string; channel: number }) => `${layer}/${channel}`;

/** A map's summary, computed on demand: for a hundred maps it takes longer than a frame. */
export function summaryOf({ trace, summaries }: View, place: Place): Summary {
  let summary = summaries.get(key(place));
  if (!summary) summaries.set(key(place), (summary = summarise(unitsOf(trace, place), place.units.width)));
  return summary;
}

export const unitsOf = (trace: Trace, place: Place): Float32Array =>
  slice(trace.layers[place.layer], place.channel, place.units.width * place.units.height);

export const scaleOf = (view: View, scale: number, theme: Theme): Scale =>
  scale === 0 ? greyScale : activationScale(view.extents[scale].extent, theme, view.extents[scale].clipped);
