/** The page's labels, from content/<language>/ui.toml, and numbers as its readers write them. */

const labels: Record<string, string> = JSON.parse(document.getElementById("ui")?.textContent ?? "{}");

/** The code of the page's language in the manifest's labels. */
export const language = document.documentElement.dataset.language ?? "en";

/** A label with `{name}` replaced by values. */
export function text(key: string, values: Record<string, string | number> = {}): string {
  const label = labels[key];
  if (label === undefined) throw new RangeError(`no label "${key}" in ui.toml`);
  return label.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? `{${name}}`));
}

export const hasText = (key: string): boolean => key in labels;

const locale = document.documentElement.lang || "en";
const decimals = new Intl.NumberFormat(locale, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const fines = new Intl.NumberFormat(locale, { minimumFractionDigits: 4, maximumFractionDigits: 4 });
const percents = new Intl.NumberFormat(locale, {
  style: "percent",
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});
const wholePercents = new Intl.NumberFormat(locale, { style: "percent" });
const integers = new Intl.NumberFormat(locale);

/** −1.56: two decimals and a real minus sign. */
export const decimal = (x: number): string =>
  decimals
    .format(x)
    .replace(/^-(?=0[.,]00$)/, "")
    .replace("-", "−");
/** 0.0008: four decimals, for what is divided. */
export const fine = (x: number): string => fines.format(x);
export const percent = (x: number): string => percents.format(x);
export const wholePercent = (x: number): string => wholePercents.format(x);
export const integer = (x: number): string => integers.format(x);

/** 60 × 60; a vector's length alone. */
export const dimensions = (shape: readonly number[]): string => shape.map(integer).join(" × ");
