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
