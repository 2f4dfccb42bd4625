/** Square cells in rows and columns, as figures of kernels and windows draw them, in SVG. */
import { svg } from "lit";

export interface Grid {
  /** The top left corner and a cell's side, in the drawing's units. */
  x: number;
  y: number;
  cell: number;
  rows: number;
  columns: number;
}

/** A rectangle of cells, the first and the last included, with SVG attributes of its own. */
export function cells(
  { x, y, cell }: Grid,
  [top, left, bottom, right]: readonly [number, number, number, number],
  { name, fill = "none", stroke = "var(--line)", width = 1, dash = "" }: CellStyle,
) {
  const n = (value: number) => value.toFixed(1);
  return svg`<rect class=${name} x=${n(x + left * cell)} y=${n(y + top * cell)} width=${n((right - left + 1) * cell)} height=${n((bottom - top + 1) * cell)}
    fill=${fill} stroke=${stroke} stroke-width=${width} stroke-dasharray=${dash}></rect>`;
}

export interface CellStyle {
  name: string;
  fill?: string;
  stroke?: string;
  width?: number;
  dash?: string;
}

/** Every cell of a grid, row by row. */
export const everyCell = <T>({ rows, columns }: Grid, draw: (row: number, column: number) => T): T[] =>
  Array.from({ length: rows * columns }, (_, i) => draw(Math.floor(i / columns), i % columns));

/** The middle of a cell. */
export const middleOf = ({ x, y, cell }: Grid, row: number, column: number): [number, number] => [
  x + (column + 0.5) * cell,
  y + (row + 0.5) * cell,
];

/** The row and column at a point of the drawing; null outside of the grid. */
export function cellAt(
  { x, y, cell, rows, columns }: Grid,
  [px, py]: readonly [number, number],
): [number, number] | null {
  const [row, column] = [Math.floor((py - y) / cell), Math.floor((px - x) / cell)];
  return row >= 0 && row < rows && column >= 0 && column < columns ? [row, column] : null;
}

/** Where a pointer stands, in the units of the SVG that is drawn inside the event's element. */
export function pointIn(event: PointerEvent): [number, number] {
  const drawing = (event.currentTarget as Element).querySelector("svg")!;
  const box = drawing.getBoundingClientRect();
  const { width, height } = drawing.viewBox.baseVal;
  return [((event.clientX - box.left) * width) / box.width, ((event.clientY - box.top) * height) / box.height];
}

const CELL = 34; // the largest cell, in CSS pixels
const SMALLEST = 20; // smaller cells are hard to point at: then two grids stand one below the other
const GAP = 56; // between two grids
const TITLE = 26; // height above a grid
const LEAST = 112; // of the second grid's width, for its title

/** Two square grids with room for a title above each. */
export interface TwoGrids {
  width: number;
  height: number;
  first: Grid;
  second: Grid;
}

/**
 * Grids of `a` × `a` and `b` × `b` cells, beside each other where the cells stay large enough, else one below the
 * other.
 */
export function twoGrids(a: number, b: number, width: number): TwoGrids {
  const square = (count: number, cell: number, x: number, y: number) => ({ x, y, cell, rows: count, columns: count });
  const cell = Math.min(CELL, (width - GAP - 2) / (a + Math.max(b, 4)));
  if (cell >= SMALLEST) {
    const tall = Math.max(a, b) * cell;
    const first = square(a, cell, 1, TITLE + (tall - a * cell) / 2);
    const second = square(b, cell, 1 + a * cell + GAP, TITLE + (tall - b * cell) / 2);
    return { width: second.x + Math.max(b * cell + 1, LEAST), height: TITLE + tall + 1, first, second };
  }
  const large = Math.min(CELL, (width - 2) / Math.max(a, b));
  const first = square(a, large, 1, TITLE);
  const second = square(b, large, 1, 2.4 * TITLE + a * large);
  return { width: Math.max(a, b) * large + 2, height: second.y + b * large + 1, first, second };
}
