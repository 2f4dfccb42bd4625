/** The page's theme: the reader's choice, else the system's; and notification of changes. */

export type Theme = "light" | "dark";

const CHANGE = "themechange";
const dark = () => matchMedia("(prefers-color-scheme: dark)");

export function theme(): Theme {
  const chosen = document.documentElement.dataset.theme;
  return chosen === "light" || chosen === "dark" ? chosen : dark().matches ? "dark" : "light";
}

/** Set the theme, or follow the system. */
export function setTheme(chosen: Theme | "auto"): void {
  if (chosen === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  document.dispatchEvent(new Event(CHANGE));
}

/** Call `listener` when the theme changes, until `signal` is aborted. */
export function onTheme(listener: () => void, signal: AbortSignal): void {
  dark().addEventListener("change", listener, { signal });
  document.addEventListener(CHANGE, listener, { signal });
}
