/**
 * The one loader of the site's own data. `file://` forbids fetch and modules, so data come as classic scripts that
 * call `strata.define(key, payload)`; the same way serves over http.
 */
import { LoadError, unpack } from "./packed";

export { LoadError };

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
export const loadBytes = (key: string): Promise<Uint8Array<ArrayBuffer>> => unpack(load, key);
