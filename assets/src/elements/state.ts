/**
 * A figure's state, as declared in `<tag>.json`: read from an address or from the options of a lesson, checked, and
 * written back. Pure functions; `generator/figures.py` reads the same declarations.
 */
import { channelsOf, strongestChannel } from "../arithmetic/channels";
import type { Manifest } from "../arithmetic/manifest";
import type { MapName, Trace } from "../arithmetic/trace";

export type Field =
  | { type: "number"; min?: number; max?: number; step?: number; default?: number; state?: boolean }
  | { type: "choice"; choices: string[]; default?: string; state?: boolean }
  | { type: "switch"; default?: boolean; state?: boolean }
  | { type: "text"; default?: string; state?: boolean }
  | { type: "model" | "layer" | "channel" | "view" | "unit" | "maps"; required?: boolean; state?: boolean }
  | { type: "example"; own?: boolean; required?: boolean; state?: boolean };

/** Which layers have a view: all conditions hold. The input counts as a layer of kind "image". */
export interface ViewRule {
  name: string;
  kinds?: string[];
  /** The layer has feature maps and is not the input. */
  maps?: boolean;
  /** Whether it is the network's last layer. */
  last?: boolean;
}

export interface Declaration {
  summary: string;
  options: Record<string, Field>;
  state?: Record<string, Field>;
  views?: ViewRule[];
  later?: string[];
}

/** The network that the values of a figure refer to. */
export interface Context {
  manifest: Manifest;
  trace: Trace;
}

/** In an address, a map can be named by a rule, since weights change: the one with the largest value. */
export const STRONGEST = "strongest";

/** The fields of the address, in its order: options that the reader can change, then the rest of the state. */
export function stateFields(declaration: Declaration): Record<string, Field> {
  const options = Object.entries(declaration.options).filter(([, field]) => field.state);
  return { ...Object.fromEntries(options), ...declaration.state };
}

/** The views that a layer has, the first one first. */
export function viewsOf(declaration: Declaration, manifest: Manifest, layer: string): string[] {
  const entry = manifest.layers.find((candidate) => candidate.name === layer);
  const kind = entry?.kind ?? "image";
  const isLast = entry !== undefined && entry === manifest.layers.at(-1);
  const hasMaps = entry?.shape.length === 3;
  return (declaration.views ?? [])
    .filter((rule) => !rule.kinds || rule.kinds.includes(kind))
    .filter((rule) => rule.maps === undefined || rule.maps === hasMaps)
    .filter((rule) => rule.last === undefined || rule.last === isLast)
    .map((rule) => rule.name);
}

/** The initial state of a figure: the lesson's options, else the defaults; null if there is neither. */
export function initialState(declaration: Declaration, options: Readonly<Record<string, string | undefined>>): object {
  const start = ([name, field]: [string, Field]) => {
    const given = options[name] === undefined ? null : plainValue(field, options[name]);
    return [name, given ?? ("default" in field ? (field.default ?? null) : field.type === "maps" ? [] : null)];
  };
  return Object.fromEntries(Object.entries(stateFields(declaration)).map(start));
}

/**
 * The state in an address; `initial` for fields that are missing or invalid. Layers, channels and views are checked
 * against the current network; without one they are left out.
 */
export function readState<S extends object>(
  declaration: Declaration,
  values: Readonly<Record<string, string>>,
  initial: S,
  context: Context | null,
): S {
  const state = { ...initial } as Record<string, unknown>;
  for (const [name, field] of Object.entries(stateFields(declaration))) {
    const text = values[name];
    const value =
      text === undefined ? null : (plainValue(field, text) ?? (context && modelValue(field, text, context)));
    if (value !== null) state[name] = value;
  }
  if (!context || typeof state.layer !== "string") return state as S;
  const views = viewsOf(declaration, context.manifest, state.layer);
  if ("view" in state) state.view = views.includes(values.view) ? values.view : views[0];
  if ("channel" in state) state.channel = channelIn(context, state.layer, values.channel);
  return state as S;
}

/** The state as the values of an address; what equals `initial`, or is empty, is left out. */
export function writeState<S extends object>(declaration: Declaration, state: S, initial: S): Record<string, string> {
  const [now, then] = [state, initial] as unknown as Record<string, unknown>[];
  const written = Object.entries(stateFields(declaration)).map(([name, field]) => {
    const text = inWords(field, now[name]);
    return [name, text === inWords(field, then[name]) ? "" : text] as const;
  });
  return Object.fromEntries(written.filter(([, text]) => text !== ""));
}

/** A value that does not refer to a network; null if it is invalid or of another type. */
function plainValue(field: Field, text: string): unknown {
  switch (field.type) {
    case "number": {
      const value = Number(text);
      const { min = -Infinity, max = Infinity, step = 1 } = field;
      const fits = text.trim() !== "" && value >= min && value <= max && (step < 1 || Number.isInteger(value));
      return fits ? value : null;
    }
    case "choice":
      return field.choices.includes(text) ? text : null;
    case "switch":
      return ["on", "true"].includes(text) ? true : ["off", "false"].includes(text) ? false : null;
    case "text":
    case "model":
      return text;
    case "example":
      return text;
    case "unit": {
      const found = /^(\d+)\.(\d+)$/.exec(text);
      return found && [Number(found[1]), Number(found[2])];
    }
    default:
      return null;
  }
}

function modelValue(field: Field, text: string, { manifest }: Context): unknown {
  const isLayer = (name: string) => name === "image" || manifest.layers.some((layer) => layer.name === name);
  if (field.type === "layer") return isLayer(text) ? text : null;
  if (field.type !== "maps") return null;
  return text.split(" ").flatMap((part): MapName[] => {
    const found = /^(.+)\.(\d+)$/.exec(part);
    const layer = manifest.layers.slice(0, -1).find(({ name, shape }) => name === found?.[1] && shape.length === 3);
    return layer && Number(found![2]) < layer.shape[0] ? [{ layer: layer.name, channel: Number(found![2]) }] : [];
  });
}

function channelIn({ manifest, trace }: Context, layer: string, text = "0"): number {
  if (text === STRONGEST) return strongestChannel(manifest, trace, layer);
  return /^\d+$/.test(text) && Number(text) < channelsOf(manifest, layer) ? Number(text) : 0;
}

function inWords(field: Field, value: unknown): string {
  if (value === null || value === undefined) return "";
  if (field.type === "switch") return value ? "on" : "off";
  if (field.type === "unit") return (value as readonly number[]).join(".");
  if (field.type === "maps") return (value as MapName[]).map(({ layer, channel }) => `${layer}.${channel}`).join(" ");
  return String(value);
}
