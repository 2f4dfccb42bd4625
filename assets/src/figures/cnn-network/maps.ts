/** Paints a network's maps on its canvas; the first time in slices, since a hundred maps take longer than a frame. */
import { inSlices } from "../../data/slices";
import { paintHeatmap, paintLegend, type Scale } from "../../drawing/colours";
import type { Place } from "../../drawing/layout";
import { paintBand, paintPicture, prepare } from "../../drawing/painter";
import { type Theme, theme } from "../../drawing/theme";
import { scaleOf, summaryOf, unitsOf, type View } from "./view";

const WORDS_AFTER = 250; // milliseconds of delay, so as not to run for every brush stroke

export class MapPainter {
  /** Resolves when the current maps are painted. */
  done: Promise<void> = Promise.resolve();
  private painted: { view: View; theme: Theme } | null = null;

  /** `described` is called when every map has a description. */
  constructor(
    private readonly figure: HTMLElement,
    private readonly described: () => void,
  ) {}

  /** Paint `view` unless it is already shown; `atOnce` in one task. */
  paint(view: View, atOnce: boolean, ready: () => void): void {
    const colours = theme();
    if (this.painted?.view === view && this.painted.theme === colours) return;
    this.painted = { view, theme: colours };
    const isStale = () => this.painted?.view !== view || theme() !== colours || !this.figure.isConnected;
    this.done = this.paintAll(view, atOnce, isStale, ready);
    void this.done.then(() => setTimeout(() => void this.describe(view, isStale), WORDS_AFTER));
  }

  /** Clear the canvas, and repaint when there is something to paint. */
  forget(): void {
    this.painted = null;
    const canvas = this.figure.querySelector<HTMLCanvasElement>(".cn-maps");
    if (canvas) canvas.width = 0;
  }

  /** One map alone, on a canvas of its own. */
  paintMap(canvas: HTMLCanvasElement, view: View, place: Place): void {
    const band = view.layout.bands.find((candidate) => candidate.layer === place.layer)!;
    paintHeatmap(canvas, unitsOf(view.trace, place), place.units.width, place.units.height, scale(view, band.scale));
  }

  private async paintAll(view: View, atOnce: boolean, isStale: () => boolean, ready: () => void) {
    const { trace, layout } = view;
    const canvas = this.figure.querySelector<HTMLCanvasElement>(".cn-maps")!;
    const finest = prepare(canvas, layout);
    const legend = (at: number) => this.figure.querySelector<HTMLCanvasElement>(`[data-legend="${at}"]`)!;
    const jobs = [
      () => paintPicture(canvas, finest, layout, trace),
      ...layout.bands.map((band) => () => paintBand(canvas, finest, band, trace, scale(view, band.scale))),
      ...view.extents.map((_, at) => () => paintLegend(legend(at), scale(view, at))),
    ];
    if (atOnce) for (const job of jobs) job();
    else if (!(await inSlices(jobs, isStale))) return;
    ready();
  }

  /** Describe every map for screen readers. */
  private async describe(view: View, isStale: () => boolean) {
    const places = view.layout.bands.flatMap((band) => band.places);
    if (
      isStale() ||
      !(await inSlices(
        places.map((place) => () => summaryOf(view, place)),
        isStale,
      ))
    )
      return;
    this.described();
  }
}

const scale = (view: View, at: number): Scale => scaleOf(view, at, theme());
