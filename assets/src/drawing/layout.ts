/**
 * The layout of a network, computed from the manifest and the available space; nothing is specific to a network.
 *
 * On wide screens, layers are columns from left to right; on narrow ones, rows from top to bottom.
 */

import { sources, stripsOf } from "../arithmetic/channels";
import { kindOf } from "../arithmetic/kinds";
import { lastOf, layerOf, type Manifest } from "../arithmetic/manifest";

export interface Rect {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** One feature map on show; of a vector, one strip of its units. */
export interface Place extends Rect {
  layer: string;
  channel: number;
  /** The size in units, as painted. */
  units: { width: number; height: number };
  /** The left and right edge of the block of maps that it stands in: links begin and end there. */
  block: { left: number; right: number };
}

/** A layer (or the input, "image") with its maps. */
export interface Band {
  layer: string;
  /** Its scale's number: a layer that rescales and all that follow it within its range share one. */
  scale: number;
  label: Rect;
  places: Place[];
  /** How many places stand in a column of it, where the network runs to the right. */
  perColumn: number;
}

export interface Layout {
  direction: "columns" | "rows";
  width: number;
  height: number;
  /** The picture in its own colours; null when the input has one channel and shows it anyway. */
  picture: Rect | null;
  bands: Band[];
  /** One a class, in order: they stand for the last layer, whose name `last` is. */
  classes: Rect[];
  last: string;
  /** One a scale: its legend. */
  legends: Rect[];
}

const LABEL = 34; // height of a layer's name and shape above a column
const LEGEND = 34; // height of a legend below
const CLASSES = 168; // width of the column of classes
const COLUMN = 76; // the least distance of columns from middle to middle, for their names
const STRIP = 10; // thickness of a vector's strip
const PICTURE = 1.7; // the picture's size in maps
const LEAST = 28; // the least size of a map that can be told apart and touched
const PITCH = 1.16; // the distance of maps in a column, in maps
const GAP = 6;
const BLOCK_GAP = 4; // between the columns of a block
const WRAPPED = 24; // more channels than that stand in several columns
const COLUMN_LENGTH = 16; // maps per column of such a block
const CLASS_STEP = 64; // the largest distance of class bars: they stay together
const NARROWEST = 200; // below this the figure is cut off rather than made unreadable

export function layoutNetwork(manifest: Manifest, width: number, roomBelow: number): Layout {
  return columns(manifest, width, roomBelow) ?? rows(manifest, Math.max(width, NARROWEST));
}

/** What is drawn for each layer but the last: its maps, or strips for a vector. */
interface Stack {
  layer: string;
  scale: number;
  count: number;
  vector: boolean;
  /** The size of each in units; of a strip, its length and 1. */
  units: [number, number];
}

function stacks(manifest: Manifest): Stack[] {
  const [channels, height, width] = manifest.input.shape;
  const list: Stack[] = [{ layer: "image", scale: 0, count: channels, vector: false, units: [width, height] }];
  let scale = 0;
  manifest.layers.slice(0, -1).forEach((layer) => {
    if (kindOf(layer).rescales || scale === 0) scale++;
    const [c, h, w] = layer.shape;
    if (layer.shape.length === 3) list.push({ layer: layer.name, scale, count: c, vector: false, units: [w, h] });
    else {
      const count = stripsOf(manifest, layer);
      list.push({ layer: layer.name, scale, count, vector: true, units: [c / count, 1] });
    }
  });
  return list;
}

function columns(manifest: Manifest, width: number, roomBelow: number): Layout | null {
  const list = stacks(manifest);
  const blocks = list.map(({ count }) => (count > WRAPPED ? Math.ceil(count / COLUMN_LENGTH) : 1)); // columns of each
  const perColumn = list.map(({ count }, i) => Math.ceil(count / blocks[i]));
  const tracks = Math.max(Math.min(manifest.classes.length, WRAPPED), ...perColumn);
  const pictured = manifest.input.shape[0] > 1;
  // A layer that shares its scale with the one before stands close to it; all other gaps are wide, and take what is
  // left.
  const close = list.map((stack, i) => i > 0 && stack.scale === list[i - 1].scale);
  const wide = close.filter((is) => !is).length + (pictured ? 0.5 : 0); // one of them leads to the classes

  const byHeight = Math.max(30, (roomBelow - LABEL - LEGEND) / tracks / PITCH);
  const across = (map: number, i: number) => (list[i].vector ? STRIP : map);
  const thicknesses = (map: number) => list.map((_, i) => blocks[i] * across(map, i) + (blocks[i] - 1) * BLOCK_GAP);
  const closeGap = (map: number, i: number) => {
    const [before, own] = thicknesses(map).slice(i - 1, i + 1);
    return Math.max(10, COLUMN - (before + own) / 2);
  };
  let map = Math.floor(Math.min(byHeight, 92));
  let wideGap = 0;
  for (; map >= LEAST; map--) {
    const taken = thicknesses(map).reduce(
      (sum, thickness, i) => sum + thickness + (close[i] ? closeGap(map, i) : 0),
      pictured ? map * PICTURE : 0,
    );
    wideGap = (width - CLASSES - taken) / wide;
    if (wideGap >= Math.max(34, COLUMN - map)) break;
  }
  if (map < LEAST) return null;

  // Very wide screens: gaps stay in proportion, and the figure stands in the middle.
  const spare = Math.max(0, wideGap - 2.6 * map);
  wideGap -= spare;
  const pitch = map * PITCH;
  const height = tracks * pitch;
  let x = (spare * wide) / 2;
  const picture = pictured
    ? { x, y: LABEL + (height - map * PICTURE) / 2, width: map * PICTURE, height: map * PICTURE }
    : null;
  if (picture) x += picture.width + wideGap / 2;

  const bands = list.map((stack, i): Band => {
    if (i > 0) x += close[i] ? closeGap(map, i) : wideGap;
    const own = across(map, i);
    const thickness = thicknesses(map)[i];
    const lines = perColumn[i];
    const step = Math.min(height / lines, stack.vector && stack.count === 1 ? height : 2.4 * pitch);
    const length = stack.vector && stack.count === 1 ? height * 0.8 : map;
    const block = { left: x, right: x + thickness };
    const places = Array.from({ length: stack.count }, (_, c): Place => {
      const left = x + Math.floor(c / lines) * (own + BLOCK_GAP);
      const y = LABEL + (height - step * lines) / 2 + step * (c % lines) + (step - length) / 2;
      const [w, h] = stack.vector ? [1, stack.units[0]] : stack.units;
      const units = { width: w, height: h };
      return { layer: stack.layer, channel: c, x: left, y, width: own, height: length, units, block };
    });
    const top = Math.min(...places.map((place) => place.y));
    const label = { x: x + thickness / 2 - COLUMN / 2, y: top - LABEL, width: COLUMN, height: LABEL };
    x += thickness;
    return { layer: stack.layer, scale: stack.scale, label, places, perColumn: lines };
  });

  x += wideGap;
  const count = manifest.classes.length;
  const step = Math.min(height / count, CLASS_STEP);
  const first = LABEL + (height - step * count) / 2;
  const classes = manifest.classes.map((_, i) => ({ x, y: first + step * i, width: CLASSES, height: step }));
  // A legend stands below the maps of its scale, and leaves its neighbours room.
  const spans = Array.from({ length: list.at(-1)!.scale + 1 }, (_, scale) => {
    const members = bands.filter((band) => band.scale === scale);
    const maps = members.filter((band) => band.places[0].width > STRIP);
    const [{ left }, { right }] = [maps[0] ?? members[0], maps.at(-1) ?? members.at(-1)!].map(
      (band) => band.places[0].block,
    );
    return { centre: (left + right) / 2, width: right - left };
  });
  const legends = spans.map(({ centre, width: span }, i) => {
    const room = Math.min(
      ...spans.filter((_, other) => Math.abs(other - i) === 1).map((other) => Math.abs(other.centre - centre)),
    );
    const length = Math.min(Math.max(span, 112), 150, room - 8);
    return { x: Math.max(0, centre - length / 2), y: LABEL + height + 10, width: length, height: LEGEND };
  });
  return {
    direction: "columns",
    width,
    height: LABEL + height + 10 + LEGEND,
    picture,
    bands,
    classes,
    last: lastOf(manifest).name,
    legends,
  };
}

function rows(manifest: Manifest, width: number): Layout {
  const list = stacks(manifest);
  const legendWidth = 116;
  const head = 20;
  let y = 0;
  let picture: Rect | null = null;
  const legends: Rect[] = [];
  const bands = list.map((stack, i): Band => {
    if (i > 0) y += 14;
    if (legends.length === stack.scale) legends.push({ x: width - legendWidth, y, width: legendWidth, height: head });
    const label = { x: 0, y, width: width - legendWidth - GAP, height: head };
    y += head + 2;
    const pictured = i === 0 && stack.count > 1;
    const count = stack.count + (pictured ? 1 : 0);
    let lines = 1;
    const fit = () => (width - GAP * (Math.ceil(count / lines) - 1)) / Math.ceil(count / lines);
    while (fit() < LEAST && lines < count) lines++;
    const map = Math.min(fit(), 88);
    const perLine = Math.ceil(count / lines);
    const thickness = stack.vector ? STRIP : map;
    const across = stack.vector && stack.count === 1 ? width : map;
    const at = (n: number): Rect => ({
      x: (width - perLine * across - (perLine - 1) * GAP) / 2 + (n % perLine) * (across + GAP),
      y: y + Math.floor(n / perLine) * (thickness + GAP),
      width: across,
      height: thickness,
    });
    if (pictured) picture = at(0);
    const places = Array.from({ length: stack.count }, (_, c): Place => {
      const [w, h] = stack.vector ? [stack.units[0], 1] : stack.units;
      const rect = at(c + (pictured ? 1 : 0));
      const block = { left: rect.x, right: rect.x + rect.width };
      return { layer: stack.layer, channel: c, ...rect, units: { width: w, height: h }, block };
    });
    y += lines * (thickness + GAP) - GAP;
    return { layer: stack.layer, scale: stack.scale, label, places, perColumn: 1 };
  });
  y += 30;
  const step = 28;
  const classes = manifest.classes.map((_, i) => ({ x: 0, y: y + i * step, width, height: step }));
  return {
    direction: "rows",
    width,
    height: y + step * manifest.classes.length,
    picture,
    bands,
    classes,
    last: lastOf(manifest).name,
    legends,
  };
}

/** The maps that channel `c` of `layer` is computed from, of all its inputs. */
export function parents(manifest: Manifest, layout: Layout, layer: string, c: number): Place[] {
  const entry = layerOf(manifest, layer);
  if (!entry) return [];
  return sources(manifest, entry, c).flatMap(({ layer: input, channels }) => {
    const places = layout.bands.find((band) => band.layer === input)?.places ?? [];
    return channels === null || places.length === 1 ? places : places.filter((one) => channels.includes(one.channel));
  });
}

/** The links into one map or class, as an SVG path. */
export const linksInto = (manifest: Manifest, layout: Layout, layer: string, c: number, target: Place): string =>
  linksTo(manifest, layout, layer, c, target).join("");

function linksTo(manifest: Manifest, layout: Layout, layer: string, c: number, target: Place): string[] {
  const at = (name: string) => layout.bands.findIndex((band) => band.layer === name);
  const own = layer === layout.last ? layout.bands.length : at(layer);
  return parents(manifest, layout, layer, c).map((place) => link(layout, place, target, own - at(place.layer) > 1));
}

/**
 * All links of the network, one path a layer. In blocks of several columns many links are the same line, drawn once.
 */
export function allLinks(manifest: Manifest, layout: Layout): string[] {
  const path = (links: readonly string[]) => [...new Set(links)].join("");
  const paths = layout.bands
    .slice(1)
    .map((band) => path(band.places.flatMap((place) => linksTo(manifest, layout, band.layer, place.channel, place))));
  if (layout.direction === "columns") {
    const classes = layout.classes.map((_, c) => classPlace(layout, c));
    paths.push(path(classes.flatMap((place) => linksTo(manifest, layout, layout.last, place.channel, place))));
  }
  const { picture } = layout;
  if (picture) {
    const from = { ...picture, block: { left: picture.x, right: picture.x + picture.width } };
    paths.push(path(layout.bands[0].places.map((place) => link(layout, from, place, false))));
  }
  return paths;
}

/** A line from one map to another; if it skips layers, it goes around their maps, above the row where it starts. */
function link(
  layout: Layout,
  from: Rect & Pick<Place, "block">,
  to: Rect & Pick<Place, "block">,
  isSkip: boolean,
): string {
  const n = (value: number) => value.toFixed(1);
  if (layout.direction === "columns") {
    const [x1, y1, x2, y2] = [from.block.right, from.y + from.height / 2, to.block.left - 2, to.y + to.height / 2];
    const middle = (x1 + x2) / 2;
    if (!isSkip) return `M${n(x1)},${n(y1)}C${n(middle)},${n(y1)} ${n(middle)},${n(y2)} ${n(x2)},${n(y2)}`;
    const [lift, turn] = [from.height * 0.58, 22];
    const [left, right] = [x1 + turn, x2 - turn];
    return (
      `M${n(x1)},${n(y1)}C${n(x1 + turn / 2)},${n(y1)} ${n(left - turn / 2)},${n(y1 - lift)} ${n(left)},${n(y1 - lift)}` +
      `L${n(right)},${n(y2 - lift)}C${n(right + turn / 2)},${n(y2 - lift)} ${n(x2 - turn / 2)},${n(y2)} ${n(x2)},${n(y2)}`
    );
  }
  if (from.y === to.y) return "";
  const [x1, y1, x2, y2] = [from.x + from.width / 2, from.y + from.height, to.x + to.width / 2, to.y - 1];
  const middle = (y1 + y2) / 2;
  return `M${n(x1)},${n(y1)}C${n(x1)},${n(middle)} ${n(x2)},${n(middle)} ${n(x2)},${n(y2)}`;
}

/** A class as a place in the last layer, so that the arrow keys reach it. */
export const classPlace = (layout: Layout, channel: number): Place => ({
  ...layout.classes[channel],
  layer: layout.last,
  channel,
  units: { width: 1, height: 1 },
  block: { left: layout.classes[channel].x, right: layout.classes[channel].x + layout.classes[channel].width },
});

/** The map or class that an arrow key leads to from `place`; null at the edge. */
export function neighbour(layout: Layout, place: Place, key: string): Place | null {
  const columns = layout.direction === "columns";
  const along = columns ? ["ArrowUp", "ArrowDown"] : ["ArrowLeft", "ArrowRight"];
  const across = columns ? ["ArrowLeft", "ArrowRight"] : ["ArrowUp", "ArrowDown"];
  const grid = [
    ...layout.bands.map((band) => band.places),
    layout.classes.map((_, channel) => classPlace(layout, channel)),
  ];
  const index =
    place.layer === layout.last ? grid.length - 1 : layout.bands.findIndex((band) => band.layer === place.layer);
  const places = grid[index];
  if (key === "Home") return places[0];
  if (key === "End") return places.at(-1)!;
  if (along.includes(key)) return places[place.channel + (key === along[1] ? 1 : -1)] ?? null;
  if (!across.includes(key)) return null;
  const by = key === across[1] ? 1 : -1;
  // In a block of several columns, first to the column beside.
  const beside = columns && place.layer !== layout.last && places[place.channel + by * layout.bands[index].perColumn];
  if (beside && layout.bands[index].perColumn < places.length) return beside;
  // On a narrow screen the classes stand one below the other, as the layers do.
  if (place.layer === layout.last && !columns && places[place.channel + by]) return places[place.channel + by];
  const next = grid[index + by];
  if (!next) return null;
  if (next === grid.at(-1) && !columns) return next[0];
  const distance = (other: Place) =>
    columns ? Math.abs(centre(other).y - centre(place).y) : Math.abs(centre(other).x - centre(place).x);
  return next.reduce((a, b) => (distance(b) < distance(a) ? b : a));
}

const centre = (rect: Rect) => ({ x: rect.x + rect.width / 2, y: rect.y + rect.height / 2 });
