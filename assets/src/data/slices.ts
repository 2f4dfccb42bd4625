/** Long work in slices, so that the page stays responsive: each task ends before it blocks input or frames. */

const SLICE = 30; // milliseconds: what follows one in its task still ends before 50

/** Continue in a new task. */
export const nextTask = (): Promise<void> =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => (port1.close(), resolve());
    port2.postMessage(null);
  });

/** Run the jobs in order, the first ones immediately; stop when `stale()` is true. Returns whether all were done. */
export async function inSlices(jobs: readonly (() => void)[], stale: () => boolean): Promise<boolean> {
  let started = performance.now();
  for (const job of jobs) {
    if (performance.now() - started > SLICE) {
      await nextTask();
      if (stale()) return false;
      started = performance.now();
    }
    job();
  }
  return true;
}
