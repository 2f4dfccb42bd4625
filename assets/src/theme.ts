/** The theme that the page is in, and word of a change of it. */

export type Theme = "light" | "dark";

const dark = () => matchMedia("(prefers-color-scheme: dark)");

export const theme = (): Theme => (dark().matches ? "dark" : "light");

/** Call `listener` when the theme changes, until `signal` is aborted. */
export function onTheme(listener: () => void, signal: AbortSignal): void {
  dark().addEventListener("change", listener, { signal });
}
