/** What every view is given. */

import type { Manifest } from "../../../arithmetic/manifest";
import type { Trace, Weights } from "../../../arithmetic/trace";
import type { Scale } from "../../../drawing/colours";
import type { Theme } from "../../../drawing/theme";
import type { Look } from "../look";

export type { Look, ViewName } from "../look";

export interface Given {
  manifest: Manifest;
  weights: Weights;
  trace: Trace;
  look: Look;
  theme: Theme;
  /** The scale of a layer's maps in the overview, so that the same colour means the same here. */
  scaleOf(layer: string): Scale;
  /** Change the look: `scrub` for what the back button should pass over. */
  go(change: Partial<Look>, scrub?: boolean): void;
  /** While the view plays: how many units of the map are computed so far; null shows all of it. */
  drawn: number | null;
  /** A number as the view writes it: with two decimals, or more where the reader asks for them. */
  number(x: number): string;
  /** The width of the stage in CSS pixels. */
  width: number;
}
