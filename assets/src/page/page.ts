/** What every page has, with figures or without: the theme, chosen by a button and remembered, and what is loaded first. Runs before the page is painted. */
import { setTheme, type Theme } from "../drawing/theme";

const KEY = "strata-theme";
const CHOICES = ["auto", "light", "dark"] as const;

function recall(): Theme | "auto" {
  try {
    const kept = localStorage.getItem(KEY);
    return kept === "light" || kept === "dark" ? kept : "auto";
  } catch {
    return "auto"; // no storage here: the choice serves this page alone
  }
}

let chosen = recall();
setTheme(chosen);

// Paper is white: figures, which listen as well, draw themselves anew for it.
addEventListener("beforeprint", () => setTheme("light"));
addEventListener("afterprint", () => setTheme(chosen));

// What the figures need at first is asked for once the page has been painted: sooner, it would hold up what paints it.
const soon = document.documentElement.dataset.soon?.split(" ").filter(Boolean) ?? [];
requestAnimationFrame(() => setTimeout(() => soon.forEach(preload)));

function preload(address: string) {
  const link = document.createElement("link");
  link.rel = "preload";
  link.as = "script";
  link.href = address;
  document.head.append(link);
}

document.addEventListener("DOMContentLoaded", () => {
  // What is wider than its place can be scrolled: from the keyboard too.
  const scrollers = new ResizeObserver((seen) => {
    for (const { target } of seen) (target as HTMLElement).tabIndex = target.scrollWidth > target.clientWidth ? 0 : -1;
  });
  for (const wide of document.querySelectorAll(".lesson pre, .formula-block, .lesson .table")) scrollers.observe(wide);

  // A link into a figure leads to it without a script as well; what the figure shows comes with it here.
  for (const link of document.querySelectorAll<HTMLAnchorElement>("a[data-show]")) link.hash += `?${link.dataset.show}`;

  // Another language shows the same: the part of the page, and what a figure has in the foreground.
  for (const link of document.querySelectorAll<HTMLAnchorElement>("a[hreflang]"))
    link.addEventListener("click", () => {
      document.dispatchEvent(new Event("leave")); // figures bring the address up to date
      link.hash = location.hash;
    });

  // A figure's bare page tells the page that it stands in how high it is.
  if (document.body.classList.contains("bare") && parent !== window) {
    new ResizeObserver(() =>
      parent.postMessage({ strataHeight: Math.ceil(document.body.getBoundingClientRect().height) }, "*"),
    ).observe(document.body);
  }

  const button = document.querySelector<HTMLButtonElement>(".theme");
  if (!button) return;
  const label = () => (button.ariaLabel = button.title = button.dataset[chosen] ?? "");
  button.hidden = false;
  label();
  button.addEventListener("click", () => {
    chosen = CHOICES[(CHOICES.indexOf(chosen) + 1) % CHOICES.length];
    setTheme(chosen);
    label();
    try {
      localStorage.setItem(KEY, chosen);
    } catch {
      // As above.
    }
  });
});
