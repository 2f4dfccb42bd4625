/**
 * Work that takes longer than a frame, done in a worker: `run(task, input, …)`, with progress and cancel. The tasks are
 * in `assets/src/worker/`, bundled as one function that a data script gives to the page; its text starts the worker
 * from a Blob, and where a browser has or allows no worker the page calls it and speaks to it in the same way.
 */
import type { Ranked } from "../arithmetic/explain";
import type { Manifest } from "../arithmetic/manifest";
import type { Tensor } from "../arithmetic/ops";
import type { MapName, Trace, Weights } from "../arithmetic/trace";
import { LoadError, load } from "./loading";

/** What the worker can do: of each task what it takes and gives. */
export interface Tasks {
  /**
   * Every layer's activation for an image (C, H, W) in [0, 1]; `isBlocked` when the engine does not come and the
   * worker's own arithmetic did it.
   */
  infer: {
    input: { manifest: Manifest; image: Tensor };
    output: { layers: Record<string, Tensor>; isBlocked: boolean };
  };
  /** The maps of a layer, the one that the answer misses most first. */
  rank: {
    input: { manifest: Manifest; weights: Weights; trace: Trace; layer: string; off: readonly MapName[] };
    output: Ranked[];
  };
}
export type TaskName = keyof Tasks;

/**
 * From the page: begin a job, end it, or the file that was asked for; `payload` is missing where that cannot be loaded.
 */
export type ToWorker =
  | { run: number; task: TaskName; input: unknown }
  | { cancel: number }
  | { file: string; payload?: unknown };

/** From the worker: that it is there, what became of a job, or a file that it needs. */
export type FromWorker =
  | { ready: true }
  | { job: number; output: unknown }
  | { job: number; message: string; file?: string }
  | { job: number; share: number }
  | { wanted: string };

/** What both a worker and the page itself can stand behind. */
export interface Port<Out, In> {
  postMessage(message: Out, transfer?: Transferable[]): void;
  onmessage: ((event: MessageEvent<In>) => void) | null;
}

type PagePort = Port<ToWorker, FromWorker>;
/** The worker's code: see `assets/src/worker/serve.ts`. */
type Code = () => { serve(port: Port<FromWorker, ToWorker>): void };

interface Job {
  resolve(output: unknown): void;
  reject(error: unknown): void;
  onProgress(share: number): void;
}

const jobs = new Map<number, Job>();
let count = 0;
let starting: Promise<PagePort> | null = null;

export const WORKER = "scripts/worker";

/** Do a task; rejects once `signal` is aborted. `onProgress` gets the share of what has to be loaded that is here. */
export async function run<T extends TaskName>(
  task: T,
  input: Tasks[T]["input"],
  { signal, onProgress = () => undefined }: { signal: AbortSignal; onProgress?: (share: number) => void },
): Promise<Tasks[T]["output"]> {
  starting ??= start();
  const port = await starting.catch((error: unknown) => {
    starting = null; // so that the next job tries again
    throw error;
  });
  signal.throwIfAborted();
  const id = ++count;
  const cancel = () => {
    port.postMessage({ cancel: id });
    jobs.get(id)?.reject(signal.reason);
  };
  signal.addEventListener("abort", cancel);
  try {
    return await new Promise((resolve, reject) => {
      jobs.set(id, { resolve: resolve as Job["resolve"], reject, onProgress });
      port.postMessage({ run: id, task, input });
    });
  } finally {
    jobs.delete(id);
    signal.removeEventListener("abort", cancel);
  }
}

async function start(): Promise<PagePort> {
  const code = await load<Code>(WORKER);
  const port = (await startWorker(code)) ?? onPage(code);
  port.onmessage = ({ data }) => hear(port, data);
  return port;
}

/** A worker that runs `code`; null where there is none, or the page's policy forbids it. */
async function startWorker(code: Code): Promise<PagePort | null> {
  if (typeof Worker === "undefined") return null;
  const address = URL.createObjectURL(new Blob([`(${code})().serve(self)`], { type: "text/javascript" }));
  try {
    const worker = new Worker(address);
    const isThere = await new Promise<boolean>((resolve) => {
      worker.onmessage = () => resolve(true);
      worker.onerror = (event) => (event.preventDefault(), resolve(false));
    });
    if (!isThere) return null;
    worker.onerror = ({ message }) => {
      starting = null;
      worker.terminate();
      for (const job of jobs.values()) job.reject(new Error(message));
    };
    return worker;
  } catch {
    return null;
  } finally {
    URL.revokeObjectURL(address);
  }
}

function onPage(code: Code): PagePort {
  const { port1, port2 } = new MessageChannel();
  code().serve(port2);
  return port1;
}

function hear(port: PagePort, message: FromWorker): void {
  if ("ready" in message) return;
  if ("wanted" in message) {
    const { wanted: file } = message;
    load(file).then(
      (payload) => port.postMessage({ file, payload }),
      () => port.postMessage({ file }),
    );
    return;
  }
  const job = jobs.get(message.job);
  if ("share" in message) job?.onProgress(message.share);
  else if ("output" in message) job?.resolve(message.output);
  else job?.reject(message.file ? new LoadError(message.file) : new Error(message.message));
}
