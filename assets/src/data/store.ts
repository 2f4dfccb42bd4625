/**
 * The page's store: the reader's picture, shared by all figures that use one, and the traces of pictures.
 *
 * Each figure decides which picture it shows, and requests its trace. An "own" event says that the reader has added a
 * picture, moved its crop, or removed it; a "task" event reports progress.
 */
import { MANIFEST_VERSION, type Manifest } from "../arithmetic/manifest";
import { decodeTrace, decodeWeights, forward, type Trace, toImage, type Weights } from "../arithmetic/trace";
import { forgetKept, recall, remember } from "./keep";
import { LoadError, load, loadBytes } from "./loading";
import { type Crop, centralCrop, type OwnPicture, PictureError, pictureIn, pixelsOf, readPicture } from "./picture";
import { run, WORKER } from "./work";

/**
 * What is on show: an example of a model, the reader's own, or what was painted for a model, `onOwn` picture or not:
 * its input, uint8 (C, H, W).
 */
export type Picture =
  | { readonly example: string; readonly model: string }
  | { readonly own: OwnPicture }
  | { readonly painted: Uint8Array; readonly model: string; readonly onOwn: boolean };

/** Whether there is anything of the reader's own picture in it: a painting may be on top of that. */
export const holdsOwn = (picture: Picture): boolean => "own" in picture || ("painted" in picture && picture.onOwn);

/** The progress of the reader's picture. */
export type Task =
  /** `note` is the label of a note to the reader. */
  | { readonly step: "idle"; readonly note?: string }
  | { readonly step: "computing" }
  | { readonly step: "reading" | "loading_engine"; readonly share?: number }
  | { readonly step: "failed"; readonly reason: string; readonly file: string };

export const OWN = "own";
export const PAINTED = "painted";
const TRACES_KEPT = 12;
const RESTED = 500; // milliseconds without a move before the crop is stored

/** A trace, loaded or pending, and the callers that wait for it; it is cancelled when nobody waits. */
interface Work {
  trace: Promise<Trace>;
  controller: AbortController;
  waiting: number;
  isDone: boolean;
}

class Store extends EventTarget {
  /** The reader's own picture, kept while examples are looked at, and for the next page. */
  own: OwnPicture | null = null;
  task: Task = { step: "idle" };
  private manifests = new Map<string, Promise<Manifest>>();
  private weightsOf = new Map<string, Promise<Weights>>();
  private works = new Map<string, Work>();
  private reading = new AbortController();
  private restored: Promise<void> | null = null;
  private resting = 0;

  /** The manifest of a model, loaded once. */
  manifest(model: string): Promise<Manifest> {
    return once(this.manifests, model, async () => {
      const loaded = await load<Manifest>(`models/${model}/manifest.json`);
      if (loaded.version !== MANIFEST_VERSION) throw new LoadError(`models/${model}/manifest.json.js`);
      return loaded;
    });
  }

  /** The weights of a model, loaded once. */
  weights(model: string): Promise<Weights> {
    return once(this.weightsOf, model, async () => {
      const [manifest, bytes] = await Promise.all([this.manifest(model), loadBytes(`models/${model}/weights`)]);
      return decodeWeights(manifest, bytes);
    });
  }

  /** Read a file. A later file replaces it; a file that cannot be read changes nothing. */
  async take(file: File, count = 1, crop?: Crop): Promise<void> {
    this.reading.abort();
    const { signal } = (this.reading = new AbortController());
    this.report({ step: "reading" });
    try {
      const read = await readPicture(file, signal);
      this.setOwn({
        ...read,
        crop: crop ?? read.crop,
        notes: count > 1 ? [...read.notes, "several_files"] : read.notes,
      });
      void remember(this.own!);
    } catch (error) {
      if (!signal.aborted) this.fail(error, file.name);
    }
  }

  /** Show a frame of the camera; resolves when the figures have its traces. Nothing of it is kept. */
  async follow(bitmap: ImageBitmap): Promise<void> {
    const before = this.own;
    const isSameSize = before?.isLive && before.bitmap.width === bitmap.width && before.bitmap.height === bitmap.height;
    const crop = isSameSize ? before.crop : centralCrop(bitmap.width, bitmap.height);
    this.setOwn({ file: new File([], "camera"), bitmap, transparent: false, isLive: true, notes: [], crop });
    await Promise.allSettled([...this.works.values()].map(({ trace }) => trace));
  }

  /** Stop following the camera, since another picture was chosen; the current frame stays the reader's picture. */
  stopFollowing(): void {
    if (this.own?.isLive) this.own = { ...this.own, isLive: false };
  }

  /** Move the crop square. The picture is stored once the square stops moving. */
  crop(crop: Crop): void {
    if (!this.own) return;
    this.setOwn({ ...this.own, crop });
    clearTimeout(this.resting);
    if (!this.own.isLive) this.resting = setTimeout(() => this.own && void remember(this.own), RESTED);
  }

  /** Restore the reader's picture from the previous page, if the browser stored it. */
  restore(): Promise<void> {
    this.restored ??= (async () => {
      const kept = recall();
      if (kept && !this.own) await this.take(kept.file, 1, kept.crop);
    })();
    return this.restored;
  }

  /** Remove the reader's picture from the page and from what the browser keeps, and stop all work on it. */
  forget(): void {
    forgetKept();
    clearTimeout(this.resting);
    this.reading.abort();
    this.dropOwn();
    this.own?.bitmap.close();
    this.own = null;
    this.report({ step: "idle" });
    this.dispatchEvent(new Event("own"));
  }

  private setOwn(own: OwnPicture): void {
    const before = this.own;
    this.dropOwn(); // of the picture before, or of the square as it stood
    this.own = own;
    this.dispatchEvent(new Event("own"));
    if (before && before.bitmap !== own.bitmap) before.bitmap.close();
  }

  private dropOwn(): void {
    for (const [key, { controller }] of [...this.works]) {
      if (!key.endsWith(`/${OWN}`)) continue;
      controller.abort();
      this.works.delete(key);
    }
  }

  /**
   * The trace of `picture`, an example of `model` or the reader's own, through `model`; rejects once `signal` is
   * aborted. Figures that ask for the same share the work, which goes on as long as one of them waits.
   */
  async trace(model: string, picture: Picture, signal: AbortSignal): Promise<Trace> {
    if ("painted" in picture) return this.produce(model, picture, signal); // each stroke makes another one
    const key = `${model}/${"own" in picture ? OWN : picture.example}`;
    const work = this.works.get(key) ?? this.begin(key, model, picture);
    this.works.delete(key); // and set again, so that the oldest entry comes first
    this.works.set(key, work);
    if (this.works.size > TRACES_KEPT) this.works.delete(this.works.keys().next().value!);
    work.waiting++;
    const settled = new AbortController(); // takes the listener away again
    const gone = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { signal: settled.signal });
    });
    try {
      signal.throwIfAborted();
      return await Promise.race([work.trace, gone]);
    } finally {
      settled.abort();
      work.waiting--;
      if (signal.aborted && !work.waiting && !work.isDone) {
        work.controller.abort();
        if (this.works.get(key) === work) {
          this.works.delete(key);
          if ("own" in picture && this.task.step !== "failed") this.report({ step: "idle" });
        }
      }
    }
  }

  private begin(key: string, model: string, picture: Picture): Work {
    const controller = new AbortController();
    const work: Work = {
      trace: this.produce(model, picture, controller.signal),
      controller,
      waiting: 0,
      isDone: false,
    };
    work.trace.then(
      () => (work.isDone = true),
      () => this.works.get(key) === work && this.works.delete(key),
    );
    return work;
  }

  /** Report the progress of the reader's picture to the figures. */
  report(task: Task): void {
    this.task = task;
    this.dispatchEvent(new Event("task"));
  }

  /** Tell the figures what went wrong. */
  fail(error: unknown, file = ""): void {
    if (error instanceof PictureError) this.report({ step: "failed", reason: error.reason, file });
    else if (error instanceof LoadError) this.report({ step: "failed", reason: "file_missing", file: error.file });
    else {
      console.error(error);
      this.report({ step: "failed", reason: "unexpected_error", file });
    }
  }

  private async produce(model: string, picture: Picture, signal: AbortSignal): Promise<Trace> {
    const manifest = await this.manifest(model);
    signal.throwIfAborted();
    if ("example" in picture) {
      const key = manifest.examples.find(({ name }) => name === picture.example)?.key ?? picture.example;
      const bytes = await loadBytes(`models/${manifest.name}/examples/${key}`);
      return { source: picture.example, layers: decodeTrace(manifest, bytes) };
    }
    if ("painted" in picture) {
      const weights = await this.weights(manifest.name);
      return { source: PAINTED, layers: forward(manifest, weights, toImage(manifest, picture.painted)) };
    }
    // Aborted work reports nothing more, and nothing replaces an error message.
    const tell = (task: Task) => !signal.aborted && this.task.step !== "failed" && this.report(task);
    const [channels, size] = manifest.input.shape;
    const pixels = await pixelsOf(picture.own, size, channels, (share) => tell({ step: "reading", share }), signal);
    signal.throwIfAborted();
    tell({ step: "computing" });
    const image = toImage(manifest, pixels);
    const onProgress = (share: number) => tell({ step: "loading_engine", share });
    const { layers, isBlocked } = await run("infer", { manifest, image }, { signal, onProgress }).catch(
      async (error: unknown) => {
        if (!(error instanceof LoadError) || error.file !== `${WORKER}.js`) throw error;
        return { layers: forward(manifest, await this.weights(manifest.name), image), isBlocked: true };
      },
    );
    signal.throwIfAborted();
    tell({ step: "idle", note: isBlocked ? "engine_blocked" : undefined });
    return { source: OWN, layers };
  }
}

/** A cached value; computed again after a failure. */
function once<T>(kept: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  let made = kept.get(key);
  if (!made) {
    made = make();
    kept.set(key, made);
    made.catch(() => kept.delete(key));
  }
  return made;
}

export const store = new Store();

/** Pictures pasted or dropped anywhere on the page are taken; a page without figures leaves both to the browser. */
export function takePictures(): void {
  if (takesPictures) return;
  takesPictures = true;
  const take = (data: DataTransfer | null, event: Event) => {
    const found = pictureIn(data);
    if (found) {
      event.preventDefault();
      void store.take(found.file, found.count);
    } else if (data && !isEditable(event.target)) {
      // A picture that is dragged from another page comes as its address; nothing is fetched from there.
      event.preventDefault();
      store.report({ step: "failed", reason: "no_file", file: "" });
    }
  };
  addEventListener("paste", (event) => take(event.clipboardData, event));
  addEventListener("drop", (event) => {
    document.documentElement.classList.remove("is-dropping");
    take(event.dataTransfer, event);
  });
  addEventListener("dragover", (event) => {
    const types = event.dataTransfer?.types ?? [];
    if (!["Files", "text/uri-list", "text/plain", "text/html"].some((type) => types.includes(type))) return;
    event.preventDefault();
    if (!types.includes("Files")) return;
    document.documentElement.classList.add("is-dropping");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.documentElement.classList.remove("is-dropping");
  });
}

const isEditable = (target: EventTarget | null) =>
  target instanceof HTMLElement && target.matches("input, textarea, [contenteditable]");

let takesPictures = false;
