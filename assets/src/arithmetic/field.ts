/** Receptive fields: the units of each earlier layer, and at last of the picture, that one unit depends on. */
import { kindOf } from "./kinds";
import { inputShape, type Manifest, shapeOf } from "./manifest";
import type { Region, Shape } from "./ops";

/** What one unit depends on in an earlier activation: `region` as far as it lies inside, and its whole size, border included. */
export interface Field {
  layer: string;
  region: Region;
  /** Height and width without the border's cut. */
  size: [number, number];
  /** The one channel that it depends on; null for all. */
  channel: number | null;
}

/**
 * The fields of the unit (channel, y, x) of `layer`, from the layer itself back to "image". A vector's unit has y = 0, and channel and x
 * as its strips have them: a flattened activation has one strip for each map that it came from.
 */
export function fields(manifest: Manifest, layer: string, channel: number, y: number, x: number): Field[] {
  let index = layer === "image" ? -1 : manifest.layers.findIndex((candidate) => candidate.name === layer);
  let region: Region = { top: y, left: x, bottom: y, right: x };
  let only: number | null = channel;
  const found: Field[] = [clipped(layer, region, shapeOf(manifest, layer), only)];
  for (; index >= 0; index--) {
    const entry = manifest.layers[index];
    const before = inputShape(manifest, index);
    const kind = kindOf(entry);
    if (entry.kind === "flatten" && before.length === 3 && region.left === region.right) {
      // The layer that is asked of counts its units strip by strip, map by map; any vector after it counts them all.
      const area = before[1] * before[2];
      if (entry.name !== layer) only = Math.floor(region.left / area);
      const [top, left] = [Math.floor((region.left % area) / before[2]), region.left % before[2]];
      region = { top, left, bottom: top, right: left };
    } else region = kind.field(region, entry, before);
    if (kind.mixes) only = null;
    found.push(clipped(index ? manifest.layers[index - 1].name : "image", region, before, only));
  }
  return found;
}

function clipped(layer: string, { top, left, bottom, right }: Region, shape: Shape, channel: number | null): Field {
  const [height, width] = shape.length === 3 ? shape.slice(1) : [1, shape[0]];
  const region = {
    top: Math.max(0, top),
    left: Math.max(0, left),
    bottom: Math.min(height - 1, bottom),
    right: Math.min(width - 1, right),
  };
  return { layer, region, size: [bottom - top + 1, right - left + 1], channel };
}
