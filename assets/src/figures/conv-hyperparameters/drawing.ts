/** The padded input and the output, side by side or one below the other: a pure function from the state to SVG. */
import { nothing, svg } from "lit";
import { cells, everyCell, type Grid, middleOf } from "../../drawing/grid";
import { dimensions, text } from "../../drawing/text";
import { compute, inside, type Setting, taps } from "./arithmetic";

const CELL = 34; // the largest cell, in CSS pixels
const SMALLEST = 20; // smaller cells are hard to point at: then the grids stand one below the other
const GAP = 56;
const LEAST = 112; // of the output's width, for its title
const TITLE = 26; // height above a grid

export interface Layout {
  width: number;
  height: number;
  input: Grid;
  output: Grid;
}

export function layoutGrids(setting: Setting, width: number): Layout {
  const { padded, output } = compute(setting);
  const grid = (count: number, cell: number, x: number, y: number): Grid => ({
    x,
    y,
    cell,
    rows: count,
    columns: count,
  });
  const cell = Math.min(CELL, (width - GAP - 2) / (padded + Math.max(output, 4)));
  if (cell >= SMALLEST) {
    const middle = TITLE + ((padded - output) * cell) / 2;
    const [input, right] = [grid(padded, cell, 1, TITLE), grid(output, cell, 1 + padded * cell + GAP, middle)];
    return {
      width: right.x + Math.max(output * cell + 1, LEAST),
      height: TITLE + padded * cell + 1,
      input,
      output: right,
    };
  }
  const large = Math.min(CELL, (width - 2) / padded);
  const [input, below] = [grid(padded, large, 1, TITLE), grid(output, large, 1, 2.4 * TITLE + padded * large)];
  return { width: padded * large + 2, height: below.y + output * large + 1, input, output: below };
}

/** The drawing; `at` is the output's cell on show. */
export function grids(
  setting: Setting,
  at: readonly [number, number] | null,
  { width, height, input, output: result }: Layout,
  hasText = true,
) {
  const { input_size, padding, stride } = setting;
  const { padded, span, output, uncovered } = compute(setting);
  const [row, column] = inside(setting, at);
  const isPadding = (at: number) => at < padding || at >= padding + input_size;
  const inputCell = (y: number, x: number) => {
    const style =
      isPadding(y) || isPadding(x) ? { name: "ch-padding", dash: "3 3" } : { name: "ch-input", fill: "var(--faint)" };
    const isReached = !output || Math.max(y, x) < padded - uncovered;
    const [cx, cy] = middleOf(input, y, x);
    return [
      cells(input, [y, x, y, x], style),
      isReached ? nothing : svg`<circle class="ch-uncovered" cx=${cx} cy=${cy} r="2.5" fill="var(--muted)"></circle>`,
    ];
  };
  const outputCell = (y: number, x: number) =>
    cells(result, [y, x, y, x], {
      name: "ch-cell",
      fill: y * output + x < row * output + column ? "var(--accent-soft)" : "none",
    });
  const tap = (y: number) => (x: number) =>
    cells(input, [y, x, y, x], { name: "ch-tap", fill: "var(--accent-soft)", stroke: "var(--accent)" });
  const window = () => {
    const [top, left] = [row * stride, column * stride];
    const [x1, y1] = middleOf(input, top + (span - 1) / 2, left + span - 0.5);
    const [x2, y2] = middleOf(result, row, column);
    return [
      taps(setting, row).map((y) => taps(setting, column).map(tap(y))),
      cells(input, [top, left, top + span - 1, left + span - 1], {
        name: "ch-window",
        stroke: "var(--accent)",
        width: 2.5,
      }),
      svg`<path d="M${x1.toFixed(1)},${y1.toFixed(1)}L${x2.toFixed(1)},${y2.toFixed(1)}" stroke="var(--accent)" opacity="0.5"></path>`,
      cells(result, [row, column, row, column], { name: "ch-result", fill: "var(--accent)", stroke: "var(--accent)" }),
    ];
  };
  const title = ({ x, y }: Grid, words: string) =>
    hasText ? svg`<text x=${x} y=${y - 9} font-size="13" fill="var(--muted)">${words}</text>` : nothing;
  const sizes = { size: dimensions([input_size, input_size]), padded: dimensions([padded, padded]) };
  return svg`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${Math.ceil(width)} ${Math.ceil(height)}" width=${Math.ceil(width)} height=${Math.ceil(height)}
      font-family="system-ui, sans-serif">
    ${title(input, text(padding ? "ch_input_padded" : "ch_input", sizes))}
    ${title(result, output ? text("ch_output", { size: dimensions([output, output]) }) : text("ch_no_output"))}
    ${everyCell(input, inputCell)}${everyCell(result, outputCell)}${output ? window() : nothing}
  </svg>`;
}
