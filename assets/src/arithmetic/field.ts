/** Receptive fields: the units of each earlier layer, and the pixels of the picture, that one unit depends on. */
import { kindOf } from "./kinds";
import { IMAGE, inputShapes, type Layer, layerOf, type Manifest, shapeOf } from "./manifest";
import type { Region, Shape } from "./ops";

/**
 * What one unit depends on in an earlier activation: `region` as far as it lies inside, and its whole size, border
 * included.
 */
export interface Field {
  layer: string;
  region: Region;
  /** Height and width without clipping at the border. */
  size: [number, number];
  /** The channels that it depends on; null for all. */
  channels: readonly number[] | null;
}

/**
 * The fields of the unit (channel, y, x) of `layer`: of the layer itself, of every layer that it depends on, nearest
 * first, and of "image" at the end. If several paths lead to a layer, its field is the rectangle around all of them. A
 * vector's unit has y = 0, and channel and x as its strips have them: a flattened activation has one strip for each
 * map.
 */
export function fields(manifest: Manifest, layer: string, channel: number, y: number, x: number): Field[] {
  const start: Reach = { region: { top: y, left: x, bottom: y, right: x }, channels: [channel] };
  const reached = new Map([[layer, start]]);
  const found: Field[] = [];
  const order = [...manifest.layers].reverse().map(({ name }) => name);
  for (const name of [...order, IMAGE]) {
    const reach = reached.get(name);
    if (!reach) continue;
    found.push(clipped(name, reach, shapeOf(manifest, name)));
    const entry = layerOf(manifest, name);
    if (!entry) continue;
    const shapes = inputShapes(manifest, entry);
    entry.inputs.forEach((input, i) => {
      const into = below(entry, reach, i, shapes, name === layer);
      if (into) reached.set(input, joined(reached.get(input), into));
    });
  }
  return found;
}

interface Reach {
  region: Region;
  /** null for all. */
  channels: readonly number[] | null;
}

/** The units of the `i`-th input that a layer's units depend on; null for none. */
function below(
  entry: Layer,
  { region, channels }: Reach,
  i: number,
  shapes: readonly Shape[],
  isFirst: boolean,
): Reach | null {
  const kind = kindOf(entry);
  const input = shapes[i];
  if (entry.kind === "flatten") {
    if (input.length === 1 || region.left !== region.right)
      return { region: kind.field(region, entry, input), channels: isFirst ? channels : null };
    // The layer that is asked of counts its units strip by strip, map by map; any vector after it counts them all.
    const area = input[1] * input[2];
    const [top, left] = [Math.floor((region.left % area) / input[2]), region.left % input[2]];
    return {
      region: { top, left, bottom: top, right: left },
      channels: isFirst ? channels : [Math.floor(region.left / area)],
    };
  }
  const read = channels?.map((channel) => kind.reads(channel, i, entry, shapes)) ?? [null];
  const all = read.some((one) => one === null) ? null : union(read.flatMap((one) => one ?? []));
  return all?.length === 0 ? null : { region: kind.field(region, entry, input), channels: all };
}

const union = (channels: readonly number[]): number[] => [...new Set(channels)].sort((a, b) => a - b);

function joined(a: Reach | undefined, b: Reach): Reach {
  if (!a) return b;
  const region = {
    top: Math.min(a.region.top, b.region.top),
    left: Math.min(a.region.left, b.region.left),
    bottom: Math.max(a.region.bottom, b.region.bottom),
    right: Math.max(a.region.right, b.region.right),
  };
  return { region, channels: a.channels && b.channels && union([...a.channels, ...b.channels]) };
}

function clipped(layer: string, { region: { top, left, bottom, right }, channels }: Reach, shape: Shape): Field {
  const [height, width] = shape.length === 3 ? shape.slice(1) : [1, shape[0]];
  const region = {
    top: Math.max(0, top),
    left: Math.max(0, left),
    bottom: Math.min(height - 1, bottom),
    right: Math.min(width - 1, right),
  };
  return { layer, region, size: [bottom - top + 1, right - left + 1], channels };
}
