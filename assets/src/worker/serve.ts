/** The worker's end of data/work.ts: does the jobs that the page sends, and asks it for the files that they need. */
import { LoadError } from "../data/packed";
import type { FromWorker, Port, ToWorker } from "../data/work";
import { tasks } from "./tasks";

export function serve(port: Port<FromWorker, ToWorker>): void {
  const cancels = new Map<number, AbortController>();
  const wanted = new Map<string, { promise: Promise<unknown>; settle(message: { payload?: unknown }): void }>();

  /** A file of the site, through the page: `file://` lets no worker load any. */
  function load<T>(key: string): Promise<T> {
    let file = wanted.get(key);
    if (!file) {
      const { promise, resolve, reject } = deferred<unknown>();
      const settle = (message: { payload?: unknown }) => {
        wanted.delete(key);
        if ("payload" in message) resolve(message.payload);
        else reject(new LoadError(`${key}.js`));
      };
      wanted.set(key, (file = { promise, settle }));
      port.postMessage({ wanted: key });
    }
    return file.promise as Promise<T>;
  }

  async function work(job: number, task: keyof typeof tasks, input: unknown): Promise<void> {
    const controller = new AbortController();
    cancels.set(job, controller);
    try {
      const { signal } = controller;
      const onProgress = (share: number) => port.postMessage({ job, share });
      const perform = tasks[task] as (
        input: unknown,
        means: object,
      ) => Promise<{ output: unknown; give: ArrayBuffer[] }>;
      const { output, give } = await perform(input, { load, onProgress, signal });
      if (!signal.aborted) port.postMessage({ job, output }, give);
    } catch (error) {
      const file = error instanceof LoadError ? { file: error.file } : {};
      port.postMessage({ job, message: String(error), ...file });
    } finally {
      cancels.delete(job);
    }
  }

  port.onmessage = ({ data }) => {
    if ("file" in data) wanted.get(data.file)?.settle(data);
    else if ("cancel" in data) cancels.get(data.cancel)?.abort();
    else void work(data.run, data.task, data.input);
  };
  port.postMessage({ ready: true });
}

function deferred<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
}
