/** What the figure shows beyond the whole network: one map and a view of it. */
import type { Manifest } from "../../arithmetic/manifest";
import type { MapName } from "../../arithmetic/trace";
import type { PictureState } from "../../elements/picture-figure";
import { type Declaration, viewsOf as viewsBy } from "../../elements/state";
import json from "./cnn-network.json";
import type { Sharing } from "./view";

export const declaration = json as Declaration;

/** `map`: how the whole map is computed; `window`: one unit of a convolution; `field`: what a unit depends on. */
export type ViewName = "map" | "window" | "field" | "what_if" | "compare" | "softmax";

/** What the reader can change, as `cnn-network.json` declares it. */
export interface State extends PictureState {
  /** The layer in the foreground; null for the whole network. */
  layer: string | null;
  channel: number | null;
  view: ViewName | null;
  at: readonly [number, number] | null;
  from: number;
  with: string | null;
  /** The maps that are switched off. */
  off: readonly MapName[];
  colours: Sharing;
  /** Whether shapes and scales are written beside the layers. */
  details: boolean;
}

/** Everything that a view depends on besides the trace. */
export interface Look {
  layer: string;
  channel: number;
  view: ViewName;
  /** The unit of the map that is looked at, row and column; null until one is chosen. */
  at: readonly [number, number] | null;
  /** The channel of the input that is looked at. */
  from: number;
  /** The example that is compared with; "" for the first other one. */
  other: string;
}

/** The views that a layer has, the first one first. */
export const viewsOf = (manifest: Manifest, layer: string): ViewName[] =>
  viewsBy(declaration, manifest, layer) as ViewName[];

/** The look that a state describes; null for the whole network. */
export const lookOf = ({ layer, channel, view, at, from, with: other }: State): Look | null =>
  layer === null ? null : { layer, channel: channel ?? 0, view: view ?? "map", at, from, other: other ?? "" };

/** The part of the state that a look describes. */
export function stateOf(look: Look | null): Pick<State, "layer" | "channel" | "view" | "at" | "from" | "with"> {
  if (!look) return { layer: null, channel: null, view: null, at: null, from: 0, with: null };
  const { layer, channel, view, at, from, other } = look;
  return { layer, channel, view, at, from, with: view === "compare" ? other || null : null };
}
