/**
 * What a figure shows, as the part of the page's address behind `#`: `#anchor?figure=ID&example=…&layer=…&channel=…`.
 * The anchor is where the page stands; the rest says which figure shows what. A link restores it, and so does the back button.
 */

export interface Address {
  anchor: string;
  /** The figure that the rest is about; "" for none. */
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

/** Go to a state: `push` makes a step that the back button takes back, without it the step before is written over. */
export function go(address: Address, push: boolean): void {
  const hash = format(address);
  if (hash !== location.hash) history[push ? "pushState" : "replaceState"](null, "", hash);
}
