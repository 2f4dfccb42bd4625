/** The page's labels, from content/<language>/ui.toml, and number formats of its language. */

const page = typeof document === "undefined" ? null : document; // null when the build draws in Node

let labels: Record<string, string> = JSON.parse(page?.getElementById("ui")?.textContent ?? "{}");
let locale = page?.documentElement.lang || "en";

/** The code of the page's language in the manifest's labels. */
export let language = page?.documentElement.dataset.language ?? "en";

/** Set the language, when there is no page. */
export function setLanguage(code: string, tag: string, itsLabels: Record<string, string>): void {
  [language, locale, labels] = [code, tag, itsLabels];
  formats.clear();
}

/** A label with `{name}` replaced by values. */
export function text(key: string, values: Record<string, string | number> = {}): string {
  const label = labels[key];
  if (label === undefined) throw new RangeError(`no label "${key}" in ui.toml`);
  return label.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? `{${name}}`));
}

export const hasText = (key: string): boolean => key in labels;

const formats = new Map<string, Intl.NumberFormat>();

/** A number with a fixed number of decimals, optionally as a percentage. */
function format(x: number, digits: number, style: "decimal" | "percent" = "decimal"): string {
  const key = `${style} ${digits}`;
  let found = formats.get(key);
  if (!found) {
    found = new Intl.NumberFormat(locale, { style, minimumFractionDigits: digits, maximumFractionDigits: digits });
    formats.set(key, found);
  }
  return found.format(x);
}

/** −1.56: so many decimals and a real minus sign. */
export const rounded = (x: number, digits: number): string => {
  const written = format(x, digits);
  return /[1-9]/.test(written) ? written.replace("-", "−") : written.replace("-", ""); // no −0.00
};
export const decimal = (x: number): string => rounded(x, 2);
/** 0.0008: four decimals, for quotients. */
export const fine = (x: number): string => format(x, 4);
export const percent = (x: number): string => format(x, 1, "percent");
export const wholePercent = (x: number): string => format(x, 0, "percent");
export const integer = (x: number): string => format(x, 0).replace("-", "−");

/** 60 × 60; a vector's length alone. */
export const dimensions = (shape: readonly number[]): string => shape.map(integer).join(" × ");
