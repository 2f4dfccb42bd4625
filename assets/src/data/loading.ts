/**
 * The one loader of the site's own data. `file://` forbids fetch and modules, so data come as classic scripts that
 * call `strata.define(key, payload)`; the same way serves over http.
 */

const waiting = new Map<string, (payload: unknown) => void>();

const script = document.currentScript as HTMLScriptElement | null;
/** The site's root. */
const root = script ? new URL("../", script.src) : new URL("./", location.href);
/** The versions that keep a browser's cache from mixing two builds: of all scripts, and of each model of this page. */
const versions = new Map(
  (document.documentElement.dataset.versions ?? "").split(" ").map((entry) => entry.split("=") as [string, string]),
);

/** The address of a file of the site, from any page. */
export function siteUrl(path: string): string {
  const [folder, name] = path.split("/");
  const version = versions.get(folder === "models" ? `models/${name}` : folder);
  return new URL(version ? `${path}?${version}` : path, root).href;
}

/** The address of a page of the site in this page's language. */
export const pageUrl = (path: string): string =>
  new URL((document.documentElement.dataset.prefix ?? "") + path, root).href;

/** Called by a data script. */
export function define(key: string, payload: unknown): void {
  waiting.get(key)?.(payload);
}

/** An error in a file of the site: missing, truncated, or with other content. */
export class LoadError extends Error {
  constructor(readonly file: string) {
    super(`cannot load ${file}`);
  }
}

const loading = new Map<string, Promise<unknown>>();

/** Load `<root>/<key>.js` and return what it defines. Two callers at once share one script. */
export function load<T>(key: string): Promise<T> {
  let promise = loading.get(key);
  if (!promise) {
    promise = append(key).finally(() => loading.delete(key));
    loading.set(key, promise);
  }
  return promise as Promise<T>;
}

function append(key: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const element = document.createElement("script");
    const settle = () => {
      waiting.delete(key);
      element.remove();
    };
    waiting.set(key, (payload) => (settle(), resolve(payload)));
    // A script that defined nothing (an HTML page, a truncated file) counts as missing.
    element.onload = element.onerror = () => {
      if (waiting.has(key)) settle(), reject(new LoadError(`${key}.js`));
    };
    element.src = siteUrl(`${key}.js`);
    document.head.append(element);
  });
}

/** Load a script that sets a global of its own, once. Two callers at once share it. */
export async function loadGlobal<T>(key: string, name: string): Promise<T> {
  const globals = globalThis as unknown as Record<string, T>;
  if (!(name in globals)) {
    const script = loading.get(key) ?? append(key).finally(() => loading.delete(key));
    loading.set(key, script);
    await script.catch((error: unknown) => {
      if (!(name in globals)) throw error;
    });
  }
  return globals[name];
}

/** Load bytes that were compressed and written as text. */
export async function loadBytes(key: string): Promise<Uint8Array<ArrayBuffer>> {
  return gunzip([fromBase64(await load<string>(key))], `${key}.js`);
}

/** Load bytes from several scripts; `onProgress` gets the share that is loaded. */
export async function loadParts(key: string, onProgress: (share: number) => void): Promise<Uint8Array<ArrayBuffer>> {
  const { parts, bytes } = await load<{ parts: number; bytes: number }>(key);
  let here = 0;
  let failed = false; // pending parts then report no more progress
  onProgress(0);
  const part = async (i: number) => {
    const chunk = fromBase64(await load<string>(`${key}.${i}`));
    here++;
    if (!failed) onProgress(here / parts);
    return chunk;
  };
  const chunks = await Promise.all(Array.from({ length: parts }, (_, i) => part(i))).catch((error: unknown) => {
    failed = true;
    throw error;
  });
  const whole = await gunzip(chunks, `${key}.js`);
  if (whole.length !== bytes) throw new LoadError(`${key}.js`);
  return whole;
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

async function gunzip(chunks: Uint8Array<ArrayBuffer>[], file: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const stream = new Blob(chunks).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch {
    throw new LoadError(file);
  }
}
