/**
 * What the worker does: of each task in data/work.ts the function. `give` are the buffers that go over to the page
 * whole.
 */
import { rankJobs } from "../arithmetic/explain";
import type { Load } from "../data/packed";
import { inSlices } from "../data/slices";
import type { TaskName, Tasks } from "../data/work";
import { infer } from "./infer";

/** What a task works with beside its input. */
export interface Means {
  load: Load;
  onProgress(share: number): void;
  signal: AbortSignal;
}

type Perform<T extends TaskName> = (
  input: Tasks[T]["input"],
  means: Means,
) => Promise<{ output: Tasks[T]["output"]; give: ArrayBuffer[] }>;

export const tasks: { [T in TaskName]: Perform<T> } = {
  async infer({ manifest, image }, means) {
    const output = await infer(manifest, image, means);
    const give = new Set(Object.values(output.layers).map(({ data }) => data.buffer as ArrayBuffer));
    return { output, give: [...give] };
  },

  async rank({ layer, off, ...given }, { signal }) {
    const output: Tasks["rank"]["output"] = [];
    await inSlices(rankJobs(given, layer, output, off), () => signal.aborted);
    return { output, give: [] };
  },
};
