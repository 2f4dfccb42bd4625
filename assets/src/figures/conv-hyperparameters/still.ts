/** The figure's still picture: the two grids as the lesson sets them. */
import type { StillGiven } from "../../elements/still";
import type { Setting } from "./arithmetic";
import { grids, layoutGrids } from "./drawing";

export const still = ({ state, width, hasText }: StillGiven<Setting & { at: readonly [number, number] | null }>) =>
  grids(state, state.at, layoutGrids(state, Math.min(width, 760)), hasText);
