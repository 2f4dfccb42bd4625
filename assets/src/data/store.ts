/**
 * One a page: the picture on show, shared by all figures, and the traces of it.
 *
 * Figures ask the store to show a picture and hear of it by a "change" event; they never talk to each other.
 */

import { MANIFEST_VERSION, type Manifest } from "../arithmetic/manifest";
import { decodeTrace, decodeWeights, forward, type Trace, toImage, type Weights } from "../arithmetic/trace";
import { infer } from "./infer";
import { forgetKept, recall, remember } from "./keep";
import { LoadError, load, loadBytes } from "./loading";
import { type Crop, centralCrop, type OwnPicture, PictureError, pictureIn, pixelsOf, readPicture } from "./picture";

/** What is on show: an example of a model, the reader's own, or what was painted for a model: its input, uint8 (C, H, W). */
export type Picture =
  | { readonly example: string; readonly model: string }
  | { readonly own: OwnPicture }
  | { readonly painted: Uint8Array; readonly model: string };

/** What is going on with the picture that the reader gave. */
export type Task =
  | { readonly step: "idle" | "computing" }
  | { readonly step: "reading" | "loading_engine"; readonly share?: number }
  | { readonly step: "failed"; readonly reason: string; readonly file: string };

export const OWN = "own";
export const PAINTED = "painted";
const TRACES_KEPT = 12;

class Store extends EventTarget {
  picture: Picture | null = null;
  /** The reader's own picture, kept while examples are looked at, and for the next page. */
  own: OwnPicture | null = null;
  task: Task = { step: "idle" };
  private manifests = new Map<string, Promise<Manifest>>();
  private weightsOf = new Map<string, Promise<Weights>>();
  private traces = new Map<string, Promise<Trace>>();
  private reading = new AbortController();
  private computing = new AbortController();
  private restored: Promise<void> | null = null;
  /** Traces of the reader's picture that are still computed. */
  private unfinished = new Map<string, Promise<Trace>>();

  /** The manifest of a model, loaded once. */
  manifest(model: string): Promise<Manifest> {
    let manifest = this.manifests.get(model);
    if (!manifest) {
      manifest = load<Manifest>(`models/${model}/manifest.json`).then((loaded) => {
        if (loaded.version !== MANIFEST_VERSION) throw new LoadError(`models/${model}/manifest.json.js`);
        return loaded;
      });
      this.manifests.set(model, manifest);
      manifest.catch(() => this.manifests.delete(model));
    }
    return manifest;
  }

  /** The weights of a model, loaded once. */
  weights(model: string): Promise<Weights> {
    let weights = this.weightsOf.get(model);
    if (!weights) {
      weights = Promise.all([this.manifest(model), loadBytes(`models/${model}/weights`)]).then(([manifest, bytes]) =>
        decodeWeights(manifest, bytes),
      );
      this.weightsOf.set(model, weights);
      weights.catch(() => this.weightsOf.delete(model));
    }
    return weights;
  }

  /** Show a picture; figures hear a "change". */
  show(picture: Picture): void {
    this.reading.abort();
    this.computing.abort();
    for (const [key, trace] of this.unfinished) if (this.traces.get(key) === trace) this.traces.delete(key); // they end in nothing
    this.computing = new AbortController();
    this.picture = picture;
    this.report({ step: "idle" });
    this.dispatchEvent(new Event("change"));
  }

  /** Read a file and show it. A file given meanwhile takes its place; a file that cannot be read leaves all as it was. */
  async take(file: File, count = 1, crop?: Crop): Promise<void> {
    this.reading.abort();
    const { signal } = (this.reading = new AbortController());
    this.report({ step: "reading" });
    try {
      const read = await readPicture(file, signal);
      const before = this.own;
      this.showOwn({
        ...read,
        crop: crop ?? read.crop,
        notes: count > 1 ? [...read.notes, "several_files"] : read.notes,
      });
      before?.bitmap.close();
      void remember(this.own!);
    } catch (error) {
      if (!signal.aborted) this.fail(error, file.name);
    }
  }

  /** Show a frame of the camera; resolves when a figure has it through its network. Nothing of it is kept. */
  async follow(bitmap: ImageBitmap): Promise<void> {
    const before = this.own;
    this.showOwn({
      file: new File([], "camera"),
      bitmap,
      transparent: false,
      notes: [],
      crop: centralCrop(bitmap.width, bitmap.height),
    });
    before?.bitmap.close();
    await Promise.allSettled(this.traces.values());
  }

  /** Move the square that counts to another place of the picture. */
  crop(crop: Crop): void {
    if (!this.own) return;
    this.showOwn({ ...this.own, crop });
    void remember(this.own);
  }

  /** Show the picture that the reader gave on the page before, where the browser kept it. */
  restore(): Promise<void> {
    this.restored ??= (async () => {
      const kept = recall();
      if (kept && !this.own) await this.take(kept.file, 1, kept.crop);
    })();
    return this.restored;
  }

  /** Remove the reader's picture from the page and from what the browser keeps. */
  forget(): void {
    forgetKept();
    this.reading.abort();
    this.dropTraces();
    this.own?.bitmap.close();
    this.own = null;
    if (this.picture && "own" in this.picture) this.picture = null;
    this.report({ step: "idle" });
    this.dispatchEvent(new Event("change"));
  }

  private showOwn(own: OwnPicture): void {
    this.computing.abort(); // of the picture before, or of the square as it stood
    this.computing = new AbortController();
    this.dropTraces();
    this.own = own;
    this.picture = { own };
    this.dispatchEvent(new Event("change"));
  }

  private dropTraces(): void {
    for (const key of [...this.traces.keys()]) if (key.endsWith(`/${OWN}`)) this.traces.delete(key);
  }

  /** The trace of `picture`, an example of `model` or the reader's own, through `model`. A failure is told to all figures. */
  trace(model: string, picture: Picture): Promise<Trace> {
    if ("painted" in picture) return this.manifest(model).then((manifest) => this.produce(manifest, picture)); // each stroke makes another one
    const key = `${model}/${"own" in picture ? OWN : picture.example}`;
    const kept = this.traces.get(key);
    const trace = kept ?? this.manifest(model).then((manifest) => this.produce(manifest, picture));
    if (!kept) {
      if ("own" in picture) this.unfinished.set(key, trace);
      void trace.catch(() => undefined).then(() => this.unfinished.get(key) === trace && this.unfinished.delete(key));
      trace.catch((error: unknown) => {
        if (this.traces.get(key) === trace) this.traces.delete(key);
        if ("example" in picture || this.picture === picture)
          this.fail(error, "own" in picture ? picture.own.file.name : "");
      });
    }
    this.traces.delete(key); // and set again, so that the oldest comes first
    this.traces.set(key, trace);
    if (this.traces.size > TRACES_KEPT) this.traces.delete(this.traces.keys().next().value!);
    return trace;
  }

  /** Tell the figures how far the reader's picture has come. */
  report(task: Task): void {
    this.task = task;
    this.dispatchEvent(new Event("task"));
  }

  fail(error: unknown, file = ""): void {
    if (error instanceof PictureError) this.report({ step: "failed", reason: error.reason, file });
    else if (error instanceof LoadError) this.report({ step: "failed", reason: "file_missing", file: error.file });
    else {
      console.error(error);
      this.report({ step: "failed", reason: "unexpected_error", file });
    }
  }

  private async produce(manifest: Manifest, picture: Picture): Promise<Trace> {
    if ("example" in picture) {
      const bytes = await loadBytes(`models/${manifest.name}/examples/${picture.example}`);
      return { source: picture.example, layers: decodeTrace(manifest, bytes) };
    }
    if ("painted" in picture) {
      const weights = await this.weights(manifest.name);
      return { source: PAINTED, layers: forward(manifest, weights, toImage(manifest, picture.painted)) };
    }
    const { signal } = this.computing;
    // A picture that another has taken the place of says nothing more, and none talks over what went wrong.
    const tell = (task: Task) => this.picture === picture && this.task.step !== "failed" && this.report(task);
    const [channels, size] = manifest.input.shape;
    const pixels = await pixelsOf(picture.own, size, channels, (share) => tell({ step: "reading", share }), signal);
    signal.throwIfAborted();
    tell({ step: "computing" });
    const image = toImage(manifest, pixels);
    const layers = await infer(manifest, image, (share) => tell({ step: "loading_engine", share }));
    tell({ step: "idle" });
    return { source: OWN, layers };
  }
}

export const store = new Store();

/** Pictures pasted or dropped anywhere on the page are taken; a page without figures leaves both to the browser. */
export function takePictures(): void {
  if (takesPictures) return;
  takesPictures = true;
  const take = (data: DataTransfer | null, event: Event) => {
    const found = pictureIn(data);
    if (!found) return;
    event.preventDefault();
    void store.take(found.file, found.count);
  };
  addEventListener("paste", (event) => take(event.clipboardData, event));
  addEventListener("drop", (event) => {
    document.documentElement.classList.remove("is-dropping");
    take(event.dataTransfer, event);
  });
  addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    document.documentElement.classList.add("is-dropping");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.documentElement.classList.remove("is-dropping");
  });
}

let takesPictures = false;
