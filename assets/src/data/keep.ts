/**
 * Keeps the reader's picture for the next page in this tab, in session storage, which the browser clears when the tab
 * is closed. Nothing is stored elsewhere.
 */
import { siteUrl } from "./loading";
import type { Crop, OwnPicture } from "./picture";

const KEY = `strata-picture ${siteUrl("").split("?")[0]}`; // other sites of the same origin have keys of their own
const LARGEST = 3_000_000; // bytes: browsers allow about 5 million characters

/** Counts calls: one that a later call has overtaken writes nothing. */
let turn = 0;

export async function remember({ file, crop }: OwnPicture): Promise<void> {
  const mine = ++turn;
  try {
    sessionStorage.removeItem(KEY);
    const bytes = new Uint8Array(await file.arrayBuffer());
    if (mine !== turn) return;
    if (bytes.length === 0 || bytes.length > LARGEST) return;
    let text = "";
    for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
    sessionStorage.setItem(KEY, JSON.stringify({ name: file.name, type: file.type, crop, content: btoa(text) }));
  } catch {
    // No storage, or no space: the picture is only available on this page.
  }
}

export function recall(): { file: File; crop: Crop } | null {
  try {
    const { name, type, crop, content } = JSON.parse(sessionStorage.getItem(KEY) ?? "") as {
      name: string;
      type: string;
      crop: Crop;
      content: string;
    };
    return { file: new File([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))], name, { type }), crop };
  } catch {
    return null;
  }
}

export function forgetKept(): void {
  turn++;
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // Without storage, there is nothing to remove.
  }
}
