/**
 * Input size, padding, kernel size, stride and dilation, and what they do to the output: the kernel moves over the
 * padded input. The reader learns the formula by changing its terms, and why some combinations do not work.
 *
 *     /// conv-hyperparameters | padding
 *         input_size: 5
 *         padding: 1
 *     A caption.
 *     ///
 */
import { html, nothing } from "lit";
import { cellAt, pointIn } from "../../drawing/grid";
import { integer, text } from "../../drawing/text";
import { explorable, slider } from "../../elements/controls";
import { Figure, propertiesOf } from "../../elements/figure";
import { Player, type Steps, stepsOfMap } from "../../elements/player";
import type { Declaration } from "../../elements/state";
import { compute, inside, NAMES, type Name, nearestValid, placeOf, type Setting, taps } from "./arithmetic";
import json from "./conv-hyperparameters.json";
import { grids, layoutGrids } from "./drawing";
import { still } from "./still";

const declaration = json as Declaration;
const SPEEDS = [1, 4, 15]; // positions per second
const CONTROLS = 290; // CSS pixels: the column of controls and its gap, where there is room for one

interface State extends Setting {
  /** Row and column of the output's cell on show. */
  at: readonly [number, number] | null;
}

class ConvHyperparameters extends Figure<State> {
  static override properties = propertiesOf(declaration);
  protected override readonly declaration = declaration;
  private player = new Player(
    () => this.steps(),
    () => this.requestUpdate(),
  );

  override disconnectedCallback() {
    super.disconnectedCallback();
    this.player.play(false);
  }

  override willUpdate() {
    this.player.check();
  }

  private goTo(row: number, column: number) {
    this.change({ at: inside(this.state, [row, column]) });
  }

  private steps(): Steps | null {
    const { state } = this;
    const { output } = compute(state);
    const of = NAMES.map((name) => state[name]).join(" ");
    const go = ([row, column]: [number, number]) => this.goTo(row, column);
    return output ? stepsOfMap([output, output], inside(state, state.at), { speeds: SPEEDS, of, go }) : null;
  }

  protected override draw() {
    const { state } = this;
    const set = (name: Name) => (value: number) => this.change({ [name]: value, at: null });
    return html`<div class="ch">
      <div class="ch-controls">${NAMES.map((name) => slider(name, json.options[name] as Declaration["options"][string], text(`ch_${name}`), state[name], set(name)))}</div>
      <div class="ch-show">${compute(state).output ? this.player.render() : this.problemOf(state, set)}${this.picture(state)}</div>
      ${this.explanation(state)}
    </div>
    <div class="cn-foot">${this.share(text("ch_title"))}</div>`;
  }

  /** Why the window does not fit, and the nearest settings with which it does. */
  private problemOf(state: State, set: (name: Name) => (value: number) => void) {
    const { span, padded } = compute(state);
    const limits = (name: Name) => [json.options[name].min, json.options[name].max] as const;
    const fixes = nearestValid(state, limits).map(
      ({ name, value }) =>
        html`<button type="button" class="cn-quiet" data-fix=${name} @click=${() => set(name)(value)}>${name} = ${value}</button>`,
    );
    return html`<div class="ch-problem" role="alert"><p>${text("ch_too_large", { span, padded })}</p><p>${text("ch_fixes")} ${fixes}</p></div>`;
  }

  private picture(state: State) {
    const [row, column] = inside(state, state.at);
    const layout = layoutGrids(state, this.width < 700 ? this.width : this.width - CONTROLS);
    const point = (event: PointerEvent) => {
      const at = pointIn(event);
      const place = cellAt(layout.first, at)?.map((cell) => placeOf(state, cell)) ?? cellAt(layout.second, at);
      this.player.play(false);
      if (place) this.goTo(place[0], place[1]);
    };
    const step = (rows: number, columns: number) => this.goTo(row + rows, column + columns);
    const said = { row, column, rows: taps(state, row).join(", "), columns: taps(state, column).join(", ") };
    return html`${explorable(text("ch_picture"), grids(state, state.at, layout), point, step)}
      <p class="ch-said number" aria-live=${this.player.isPlaying ? "off" : "polite"}
        .textContent=${compute(state).output ? text("ch_said", said) : ""}></p>`;
  }

  /** The formula with the current numbers, the cells that are not covered, and the PyTorch code. */
  private explanation(state: State) {
    const { padding, kernel_size, stride, dilation } = state;
    const { padded, span, uncovered } = compute(state);
    const term = (name: Name) => html`<b data-name=${name} .textContent=${String(state[name])}></b>`;
    const other = Object.entries({ stride, padding, dilation }).filter(
      ([name, value]) => value !== (name === "padding" ? 0 : 1),
    );
    const code = `nn.Conv2d(in_channels, out_channels, ${[["kernel_size", kernel_size], ...other].map((pair) => pair.join("=")).join(", ")})`;
    return html`<div class="ch-explanation">
      <p class="ch-formula" translate="no">output_size = ⌊(input_size + 2 · padding − dilation · (kernel_size − 1) − 1) / stride⌋ + 1</p>
      <p class="ch-formula number" translate="no">= ⌊(${term("input_size")} + 2 · ${term("padding")} − ${term("dilation")} · (${term("kernel_size")} − 1) − 1) / ${term("stride")}⌋ + 1
        = <strong data-output .textContent=${integer(Math.floor((padded - span) / stride) + 1)}></strong></p>
      ${span <= padded && uncovered ? html`<p class="ch-note" .textContent=${text("ch_uncovered", { uncovered, rest: padded - span, stride })}></p>` : nothing}
      <copy-line .code=${code}></copy-line>
    </div>`;
  }

  protected override readonly still = still;
}

customElements.define("conv-hyperparameters", ConvHyperparameters);
