/** The player's position: a unit of the current map. */
import { spatial } from "../../../arithmetic/explain";
import { kindOf } from "../../../arithmetic/kinds";
import { type Steps, stepsOfMap } from "../../../elements/player";
import { viewsOf } from "../look";
import type { Given, ViewName } from "./given";
import { unitOf } from "./parts";

const SPEEDS = [2, 8, 30]; // units per second, for views with numbers
const WHOLE_SPEEDS = [30, 120, 480]; // of a whole convolution
const PLAYED: readonly ViewName[] = ["map", "window", "field"];

/** The view of a look; the first one if the layer does not have the one that it names. */
export function viewOf({ manifest, look }: Given): ViewName {
  const views = viewsOf(manifest, look.layer);
  return views.includes(look.view) ? look.view : views[0];
}

/** The index of the current unit in reading order. */
export function position(given: Given): number {
  const [row, column] = unitOf(given);
  return row * spatial(given.trace.layers[given.look.layer].shape)[2] + column;
}

/** The units of the current map; null for a view that has no steps. */
export function stepsOf(given: Given): Steps | null {
  const { manifest, look } = given;
  const layer = manifest.layers.find((candidate) => candidate.name === look.layer);
  const view = viewOf(given);
  if (layer?.shape.length !== 3 || !PLAYED.includes(view)) return null;
  const [, height, width] = layer.shape;
  const isWhole = view === "map" && kindOf(layer).view === "convolution";
  return stepsOfMap([height, width], unitOf(given), {
    speeds: isWhole ? WHOLE_SPEEDS : SPEEDS,
    of: `${look.layer} ${look.view}`,
    go: (at) => given.go({ at }, true),
  });
}
