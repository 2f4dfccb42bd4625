/**
 * The whole network on a picture. The only file that knows onnxruntime-web, whose WebAssembly loads when first needed.
 */
import * as runtime from "onnxruntime-web/wasm";
import type { Manifest } from "../arithmetic/manifest";
import { type Tensor, tensor } from "../arithmetic/ops";
import { decodeWeights, forward } from "../arithmetic/trace";
import { type Load, LoadError, unpack, unpackParts } from "../data/packed";
import type { Tasks } from "../data/work";
import type { Means } from "./tasks";

type Producer = (image: Tensor) => Promise<Record<string, Tensor>>;

const ENGINE = "scripts/onnxruntime.wasm";
const producers = new Map<string, Promise<Producer>>();

/**
 * Every layer's activation. What loads goes on when `signal` is aborted, since the next picture needs it as well. One
 * session a model is made and kept: sessions made again and again would grow the memory.
 */
export async function infer(
  manifest: Manifest,
  image: Tensor,
  { load, onProgress, signal }: Means,
): Promise<Tasks["infer"]["output"]> {
  let producer = producers.get(manifest.name);
  if (!producer) {
    producer = prepare(manifest, load, onProgress);
    producers.set(manifest.name, producer);
    producer.catch(() => producers.delete(manifest.name)); // so that the next picture tries again
  }
  let isBlocked = false;
  const produce = await producer.catch((error: unknown) => {
    if (!(error instanceof LoadError) || !error.file.startsWith(ENGINE)) throw error;
    isBlocked = true; // by a blocker or a school's network: it can be done without
    return ownArithmetic(manifest, load);
  });
  signal.throwIfAborted();
  return { layers: await produce(image), isBlocked };
}

async function prepare(manifest: Manifest, load: Load, onProgress: (share: number) => void): Promise<Producer> {
  if (typeof WebAssembly === "undefined") return ownArithmetic(manifest, load);
  await loadEngine(load, onProgress);
  const model = await unpack(load, `models/${manifest.name}/model.onnx`);
  let session: runtime.InferenceSession;
  try {
    const created = last.then(() => runtime.InferenceSession.create(model, { executionProviders: ["wasm"] }));
    last = created.catch(() => undefined);
    session = await created;
  } catch (error) {
    console.warn("onnxruntime-web does not start here; the page computes by itself.", error);
    return ownArithmetic(manifest, load);
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

/** Where WebAssembly is missing: the lessons' own arithmetic, some milliseconds slower. */
async function ownArithmetic(manifest: Manifest, load: Load): Promise<Producer> {
  const weights = decodeWeights(manifest, await unpack(load, `models/${manifest.name}/weights`));
  return async (image) => forward(manifest, weights, image);
}

let engineLoading: Promise<void> | undefined;

/** onnxruntime-web's WebAssembly, given as bytes since `file://` cannot fetch it. */
function loadEngine(load: Load, onProgress: (share: number) => void): Promise<void> {
  engineLoading ??= (async () => {
    runtime.env.wasm.numThreads = 1; // more would need headers that GitHub Pages does not send
    runtime.env.wasm.wasmBinary = (await unpackParts(load, ENGINE, onProgress)).buffer;
  })();
  engineLoading.catch(() => (engineLoading = undefined));
  return engineLoading;
}
