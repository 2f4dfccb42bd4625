/**
 * Lit templates as text: for the still pictures that the build draws and the picture that a reader saves. SVG and
 * HTML, without directives.
 */
import { nothing } from "lit";

interface Template {
  strings: readonly string[];
  values: readonly unknown[];
}

const isTemplate = (value: unknown): value is Template =>
  typeof value === "object" && value !== null && "strings" in value;

/** The markup of a template; event listeners and properties are left out. */
export function markup(value: unknown): string {
  if (value === nothing || value === null || value === undefined || value === false) return "";
  if (Array.isArray(value)) return value.map(markup).join("");
  if (!isTemplate(value)) return escapeText(String(value));
  let written = "";
  value.strings.forEach((part, i) => {
    const attribute = /\s([@.?]?[\w:-]+)=(["']?)$/.exec(part);
    const given = value.values[i];
    if (i === value.values.length) written += part;
    else if (!attribute || isInQuotes(written + part))
      written += part + (inTag(written + part) ? escapeText(String(given)) : markup(given));
    else written += attributeText(part, attribute, given);
  });
  return written;
}

function attributeText(part: string, [whole, name, quote]: RegExpExecArray, given: unknown): string {
  const before = part.slice(0, part.length - whole.length);
  if ("@.".includes(name[0])) return before;
  if (name[0] === "?") return given ? `${before} ${name.slice(1)}=""` : before;
  if (given === nothing) return before;
  return `${before} ${name}=${quote || '"'}${escapeText(String(given))}${quote || '"'}`;
}

const inTag = (text: string) => text.lastIndexOf("<") > text.lastIndexOf(">");

/** Whether the text ends inside an attribute's value that began earlier than at its end: `a="b ${…}`. */
const isInQuotes = (text: string) => inTag(text) && /="[^"]+$/.test(text.slice(text.lastIndexOf("<")));

export const escapeText = (text: string): string =>
  text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");

/**
 * A standalone SVG with the light theme's colours for custom properties such as `var(--accent)`. `property` gives a
 * property's value.
 */
export function standalone(svg: string, property: (name: string) => string): string {
  return svg.replace(/var\((--[\w-]+)\)/g, (_, name: string) => {
    const value = property(name).trim();
    return /^light-dark\(\s*([^,]+),/.exec(value)?.[1] ?? value;
  });
}
