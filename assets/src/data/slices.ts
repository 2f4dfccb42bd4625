/** Work in slices, so that a page never stands still for long: a task gives way to clicks and frames before it has lasted a frame. */

const SLICE = 30; // milliseconds: what follows one in its task still ends before 50

/** Continue in a task of its own, soon. */
export const nextTask = (): Promise<void> =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => (port1.close(), resolve());
    port2.postMessage(null);
  });

/** Do the jobs in order, the first of them at once; what is left is dropped when `stale` says so. Whether all were done. */
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
