/** The padded input and the output, side by side or one below the other: a pure function from the state to SVG. */
import { nothing, svg } from "lit";
import { cells, everyCell, type Grid, middleOf, type TwoGrids, twoGrids } from "../../drawing/grid";
import { dimensions, text } from "../../drawing/text";
import { compute, inside, type Setting, taps } from "./arithmetic";

export function layoutGrids(setting: Setting, width: number): TwoGrids {
  const { padded, output } = compute(setting);
  return twoGrids(padded, output, width);
}

/** The drawing; `at` is the output's cell on show. */
export function grids(
  setting: Setting,
  at: readonly [number, number] | null,
  { width, height, first: input, second: result }: TwoGrids,
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
