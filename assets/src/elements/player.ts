/** Player for steps: play, pause, previous and next step, scrub, speed. A figure owns and renders it. */
import { html } from "lit";
import { text } from "../drawing/text";

const MOST_STEPS = 30; // per second; higher speeds take several steps at once

export interface Steps {
  count: number;
  /** The step on show, from 0. */
  at: number;
  /** Steps a second, the slowest first. */
  speeds: readonly number[];
  /** Identifies what is played: when it changes, playing stops. */
  of: string;
  /** The step in words. */
  name: string;
  go(at: number): void;
}

/** The steps of a map of `rows` × `columns` in reading order, at `place`. */
export function stepsOfMap(
  [rows, columns]: readonly [number, number],
  [row, column]: readonly [number, number],
  given: Pick<Steps, "speeds" | "of"> & { go(place: [number, number]): void },
): Steps {
  return {
    ...given,
    count: rows * columns,
    at: row * columns + column,
    name: `${row}, ${column}`,
    go: (at) => given.go([Math.floor(at / columns), at % columns]),
  };
}

export class Player {
  isPlaying = false;
  private speed = 1;
  private timer = 0;
  private of = "";

  /** `steps` returns the current steps, or null; `changed` redraws the figure. */
  constructor(
    private readonly steps: () => Steps | null,
    private readonly changed: () => void,
  ) {}

  /** Play, from the start if the last step is shown; or pause. */
  play(on: boolean, fromStart = false): void {
    clearInterval(this.timer);
    const begun = this.steps();
    if (on !== this.isPlaying) this.changed();
    this.isPlaying = on && begun !== null;
    if (!on || !begun) return;
    this.of = begun.of;
    const speed = begun.speeds[this.speed];
    const atOnce = Math.ceil(speed / MOST_STEPS);
    if (fromStart || begun.at >= begun.count - 1) begun.go(0);
    this.timer = setInterval(
      () => {
        const now = this.steps();
        if (!now || now.of !== this.of || now.at >= now.count - 1) this.play(false);
        else now.go(Math.min(now.count - 1, now.at + atOnce));
      },
      (1000 * atOnce) / speed,
    );
  }

  /** Stop if the view is no longer the one that was played. */
  check(): void {
    if (this.isPlaying && this.steps()?.of !== this.of) this.play(false);
  }

  /** The controls; `fromStart` says whether play begins at the first step. */
  render(fromStart = false) {
    const steps = this.steps();
    if (!steps) return "";
    const { count, at, speeds, name } = steps;
    const stopAt = (step: number) => (this.play(false), steps.go(Math.min(count - 1, Math.max(0, step))));
    return html`<div class="st-player">
      <button type="button" class="st-step" aria-label=${text("step_back")} @click=${() => stopAt(at - 1)}>‹</button>
      <button type="button" class="cn-quiet st-play" @click=${() => this.play(!this.isPlaying, fromStart)}>${text(this.isPlaying ? "pause" : "play")}</button>
      <button type="button" class="st-step" aria-label=${text("step_on")} @click=${() => stopAt(at + 1)}>›</button>
      <input type="range" min="0" max=${count - 1} .value=${String(at)} aria-label=${text("scrub")} aria-valuetext=${name}
        @input=${(event: Event) => stopAt(Number((event.target as HTMLInputElement).value))}>
      <span class="number">${name}</span>
      <label>${text("speed")} <select @change=${(event: Event) => {
        this.speed = (event.target as HTMLSelectElement).selectedIndex;
        if (this.isPlaying) this.play(true);
      }}>${speeds.map((speed, i) => html`<option ?selected=${i === this.speed}>${text("places_a_second", { speed })}</option>`)}</select></label>
    </div>`;
  }
}
