/** The whole network on the reader's picture. The only file that knows onnxruntime-web; it loads when first needed. */
import type { InferenceSession } from "onnxruntime-web";
import type { Manifest } from "../arithmetic/manifest";
import { type Tensor, tensor } from "../arithmetic/ops";
import { decodeWeights, forward } from "../arithmetic/trace";
import { LoadError, loadBytes, loadGlobal, loadParts } from "./loading";

type Runtime = typeof import("onnxruntime-web/wasm");
type Producer = (image: Tensor) => Promise<Record<string, Tensor>>;

const producers = new Map<string, Promise<Producer>>();

/**
 * Every layer's activation for an image (C, H, W) in [0, 1]. `onProgress` gets the share of the engine that is
 * loaded. `onBlocked` is called if it cannot be loaded and the page computes the network itself. Loading continues when
 * `signal` is aborted, since the next picture needs the engine too. One session per model is kept, since creating sessions
 * repeatedly leaks memory.
 */
export async function infer(
  manifest: Manifest,
  image: Tensor,
  onProgress: (share: number) => void,
  onBlocked: () => void,
  signal: AbortSignal,
): Promise<Record<string, Tensor>> {
  let producer = producers.get(manifest.name);
  if (!producer) {
    producer = prepare(manifest, onProgress);
    producers.set(manifest.name, producer);
    producer.catch(() => producers.delete(manifest.name)); // so that the next picture tries again
  }
  const produce = await producer.catch((error: unknown) => {
    if (!(error instanceof LoadError) || !error.file.startsWith("scripts/onnxruntime")) throw error;
    onBlocked(); // blocked by an extension or the network: continue without it
    return ownArithmetic(manifest);
  });
  signal.throwIfAborted();
  return produce(image);
}

async function prepare(manifest: Manifest, onProgress: (share: number) => void): Promise<Producer> {
  if (typeof WebAssembly === "undefined") return ownArithmetic(manifest);
  const runtime = await loadRuntime(onProgress);
  const model = await loadBytes(`models/${manifest.name}/model.onnx`);
  let session: InferenceSession;
  try {
    const created = last.then(() => runtime.InferenceSession.create(model, { executionProviders: ["wasm"] }));
    last = created.catch(() => undefined);
    session = await created;
  } catch (error) {
    console.warn("onnxruntime-web does not start here; the page computes by itself.", error);
    return ownArithmetic(manifest);
  }
  return inTurn(async (image) => {
    const input = new runtime.Tensor("float32", image.data, [1, ...image.shape]);
    const outputs = await session.run({ image: input });
    const layers: Record<string, Tensor> = { image };
    for (const { name } of manifest.layers) {
      const output = outputs[name];
      layers[name] = tensor(output.dims.slice(1), Float32Array.from(output.data as Float32Array));
      output.dispose();
    }
    input.dispose();
    return layers;
  });
}

/** The last run of onnxruntime-web, which can do only one at a time in all sessions. */
let last: Promise<unknown> = Promise.resolve();

/** One run after the other, of all models. */
function inTurn(produce: Producer): Producer {
  return (image) => {
    const run = last.then(() => produce(image));
    last = run.catch(() => undefined);
    return run;
  };
}

/** Without WebAssembly: the arithmetic of the lessons, some milliseconds slower. */
async function ownArithmetic(manifest: Manifest): Promise<Producer> {
  const weights = decodeWeights(manifest, await loadBytes(`models/${manifest.name}/weights`));
  return async (image) => forward(manifest, weights, image);
}

let runtimeLoading: Promise<Runtime> | undefined;

/** onnxruntime-web and its WebAssembly, given as bytes since `file://` cannot fetch them. */
function loadRuntime(onProgress: (share: number) => void): Promise<Runtime> {
  runtimeLoading ??= (async () => {
    const runtime = await loadGlobal<Runtime>("scripts/onnxruntime", "ort");
    if (!runtime) throw new LoadError("scripts/onnxruntime.js");
    runtime.env.wasm.numThreads = 1; // more would need headers that GitHub Pages does not send
    runtime.env.wasm.wasmBinary = (await loadParts("scripts/onnxruntime.wasm", onProgress)).buffer;
    return runtime;
  })();
  runtimeLoading.catch(() => (runtimeLoading = undefined));
  return runtimeLoading;
}
