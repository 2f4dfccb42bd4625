/** Goes from unit to unit of the map on show: play, pause, step, scrub, speed. */
import { html } from "lit";
import * as explain from "../../../arithmetic/explain";
import * as kinds from "../../../arithmetic/kinds";
import * as texts from "../../../drawing/text";
import * as looks from "../look";
import type { Given, Look, ViewName } from "./given";
import { unitOf } from "./parts";

const { text } = texts;

const SPEEDS = [2, 8, 30]; // places a second, where numbers are read
const WHOLE_SPEEDS = [30, 120, 480]; // of a whole convolution
const MOST_STEPS = 30; // a second: what goes faster takes several places in one

/** The view on show of a look, which is the first one where the layer has not the one that it names. */
export function viewOf({ manifest, look }: Given): ViewName {
  const views = looks.viewsOf(manifest, look.layer);
  return views.includes(look.view) ? look.view : views[0];
}

/** Where the unit on show stands in reading order. */
export function position(given: Given): number {
  const [row, column] = unitOf(given);
  return row * explain.spatial(given.trace.layers[given.look.layer].shape)[2] + column;
}

const layerOf = ({ manifest, look }: Given) => manifest.layers.find((layer) => layer.name === look.layer);

/** Whether the view goes from unit to unit. */
export function playable(given: Given): boolean {
  return layerOf(given)?.shape.length === 3 && ["map", "window", "field"].includes(viewOf(given));
}

const isWhole = (given: Given) => viewOf(given) === "map" && kinds.kindOf(layerOf(given)!).view === "convolution";

export class Player {
  playing = false;
  private speed = 1;
  private timer = 0;
  /** The look that plays: another layer or view stands still. */
  private played: Look | null = null;

  /** `given` is what the stage shows now; `changed` has it drawn anew. */
  constructor(
    private readonly given: () => Given,
    private readonly changed: () => void,
  ) {}

  play(on: boolean): void {
    clearInterval(this.timer);
    if (on !== this.playing) this.changed();
    this.playing = on;
    if (!on) return;
    const begun = this.given();
    this.played = begun.look;
    const [, height, width] = begun.trace.layers[begun.look.layer].shape;
    const last = height * width - 1;
    const speed = (isWhole(begun) ? WHOLE_SPEEDS : SPEEDS)[this.speed];
    const places = Math.ceil(speed / MOST_STEPS);
    if (!begun.look.at || position(begun) === last) this.to(0);
    this.timer = setInterval(
      () => {
        const place = position(this.given());
        if (place === last) this.play(false);
        else this.to(Math.min(last, place + places));
      },
      (1000 * places) / speed,
    );
  }

  /** Stop where what is on show now is not what was played. */
  keepTo(given: Given): void {
    const { layer, view } = given.look;
    if (this.playing && (this.played?.layer !== layer || this.played.view !== view || !playable(given)))
      this.play(false);
  }

  private to(place: number) {
    const { trace, look, go } = this.given();
    const [, , width] = trace.layers[look.layer].shape;
    go({ at: [Math.floor(place / width), place % width] }, true);
  }

  render(given: Given) {
    const [, height, width] = given.trace.layers[given.look.layer].shape;
    const [row, column] = unitOf(given);
    const here = position(given);
    const stopAt = (place: number) => (this.play(false), this.to(Math.min(height * width - 1, Math.max(0, place))));
    return html`<div class="st-player">
      <button type="button" class="st-step" aria-label=${text("step_back")} @click=${() => stopAt(here - 1)}>‹</button>
      <button type="button" class="cn-quiet st-play" @click=${() => this.play(!this.playing)}>${text(this.playing ? "pause" : "play")}</button>
      <button type="button" class="st-step" aria-label=${text("step_on")} @click=${() => stopAt(here + 1)}>›</button>
      <input type="range" min="0" max=${height * width - 1} .value=${String(here)} aria-label=${text("scrub")} aria-valuetext="${row}, ${column}" @input=${(event: Event) => stopAt(Number((event.target as HTMLInputElement).value))}>
      <span class="number">${row}, ${column}</span>
      <label>${text("speed")} <select @change=${(event: Event) => {
        this.speed = (event.target as HTMLSelectElement).selectedIndex;
        if (this.playing) this.play(true);
      }}>${(isWhole(given) ? WHOLE_SPEEDS : SPEEDS).map((speed, i) => html`<option ?selected=${i === this.speed}>${text("places_a_second", { speed })}</option>`)}</select></label>
    </div>`;
  }
}
