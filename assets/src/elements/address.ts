/**
 * A figure's state as the part of the page's address after `#`: `#anchor?figure=ID&example=…&layer=…&channel=…`.
 * The anchor is the place in the page; the rest is the state of one figure. Links and the back button restore it.
 */

export interface Address {
  anchor: string;
  /** The id of the figure; "" for none. */
  figure: string;
  values: Readonly<Record<string, string>>;
}

export function parse(hash: string): Address {
  const [anchor, query = ""] = hash.replace(/^#/, "").split("?", 2);
  const { figure = "", ...values } = Object.fromEntries(new URLSearchParams(query));
  return { anchor: decode(anchor), figure, values };
}

/** The address of a state; values that are empty are left out. */
export function format({ anchor, figure, values }: Address): string {
  const entries = Object.entries(values).filter(([, value]) => value !== "");
  const query = new URLSearchParams([["figure", figure], ...entries]).toString();
  return `#${encodeURIComponent(anchor)}${figure && entries.length ? `?${query}` : ""}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a stray percent sign
  }
}

/** Go to a state: with `push` as a new history entry, otherwise replacing the current one. */
export function go(address: Address, push: boolean): void {
  const hash = format(address);
  if (hash !== location.hash) history[push ? "pushState" : "replaceState"](null, "", hash);
}
