/** Code for every page: the theme switch and the data to load first. Runs before the page is painted. */
import { setTheme, type Theme } from "../drawing/theme";

const KEY = "strata-theme";
const CHOICES = ["auto", "light", "dark"] as const;

function recall(): Theme | "auto" {
  try {
    const kept = localStorage.getItem(KEY);
    return kept === "light" || kept === "dark" ? kept : "auto";
  } catch {
    return "auto"; // no storage: the choice applies to this page only
  }
}

let chosen = recall();
setTheme(chosen);

// Paper is white; figures listen too and redraw for it.
addEventListener("beforeprint", () => setTheme("light"));
addEventListener("afterprint", () => setTheme(chosen));

// Request the first figure's data after the page has been painted, so as not to delay the first paint.
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
  // Make wide content scrollable with the keyboard too.
  const scrollers = new ResizeObserver((seen) => {
    for (const { target } of seen) (target as HTMLElement).tabIndex = target.scrollWidth > target.clientWidth ? 0 : -1;
  });
  for (const wide of document.querySelectorAll(".lesson pre, .formula-block, .lesson .table")) scrollers.observe(wide);

  // Links into a figure also work without a script; here the figure's state is added.
  for (const link of document.querySelectorAll<HTMLAnchorElement>("a[data-show]")) link.hash += `?${link.dataset.show}`;

  // Keep the anchor and the figure's state when the language changes.
  for (const link of document.querySelectorAll<HTMLAnchorElement>("a[hreflang]"))
    link.addEventListener("click", () => {
      document.dispatchEvent(new Event("leave")); // figures update the address
      link.hash = location.hash;
    });

  // A figure's own page tells the page that embeds it its height.
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
