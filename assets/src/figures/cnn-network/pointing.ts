/** The map or class pointed at or focused, and keyboard navigation between them: one tab stop, arrow keys inside. */

import type { MapName } from "../../arithmetic/trace";
import { classPlace, type Layout, neighbour, type Place } from "../../drawing/layout";

export interface Pointed {
  /** The map that is pointed at, has the focus, or was chosen; its links light up. */
  active: MapName | null;
  /** The unit of that map that is pointed at: row and column. */
  unit: readonly [number, number] | null;
  /** The map that is the tab stop. */
  stop: MapName;
}

export const NOWHERE: Pointed = { active: null, unit: null, stop: { layer: "image", channel: 0 } };

export const same = (a: MapName | null, b: MapName) => a?.layer === b.layer && a.channel === b.channel;

/** The place of a map or a class. */
export function placeOf(layout: Layout | null, { layer, channel }: MapName): Place | null {
  if (layer === layout?.last) return classPlace(layout, channel);
  return layout?.bands.find((band) => band.layer === layer)?.places[channel] ?? null;
}

/** The unit of a map that the pointer is over. */
export function unitAt({ units }: Place, event: PointerEvent): [number, number] {
  const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
  const along = (position: number, start: number, length: number, count: number) =>
    Math.min(count - 1, Math.max(0, Math.floor(((position - start) / length) * count)));
  const y = along(event.clientY, box.top, box.height, units.height);
  const x = along(event.clientX, box.left, box.width, units.width);
  return units.width === 1 ? [0, y] : [y, x]; // a vertical strip is still one row
}

/** The map or class inside `figure` that has the focus. */
export function focused(figure: HTMLElement, last: string): MapName | null {
  const map = document.activeElement?.closest<HTMLElement>(".cn-map, .cn-class-open");
  if (!map || !figure.contains(map)) return null;
  return { layer: map.dataset.layer ?? last, channel: Number(map.dataset.channel) };
}

/** The element of a map or class. */
export function elementOf(figure: HTMLElement, last: string, { layer, channel }: MapName): HTMLElement | null {
  const inside = layer === last ? ".cn-classes " : `[data-layer="${CSS.escape(layer)}"]`;
  return figure.querySelector(`${inside}[data-channel="${channel}"]`);
}

/** Where an arrow key, Home or End leads from `place`; null at the edge, and for other keys. */
export const next = (layout: Layout, place: Place, event: KeyboardEvent): MapName | null =>
  event.altKey || event.ctrlKey || event.metaKey ? null : neighbour(layout, place, event.key);
