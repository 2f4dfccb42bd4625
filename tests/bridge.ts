/** Calls the site's own TypeScript from pytest: a list of {call, …} as JSON in, a list of results out. See tests/node.py. */
import { createInterface } from "node:readline";
import { html, nothing, svg } from "../assets/node_modules/lit/index.js";
import { summarise } from "../assets/src/arithmetic/describe";
import * as explain from "../assets/src/arithmetic/explain";
import { fields } from "../assets/src/arithmetic/field";
import { kinds, window } from "../assets/src/arithmetic/kinds";
import type { Layer, Manifest, Unknown } from "../assets/src/arithmetic/manifest";
import * as ops from "../assets/src/arithmetic/ops";
import {
  decodeTrace,
  decodeWeights,
  forward,
  forwardFrom,
  type MapName,
  toImage,
} from "../assets/src/arithmetic/trace";
import { looksUnknown } from "../assets/src/arithmetic/unknown";
import { flattenOntoWhite, preprocess } from "../assets/src/data/preprocess";
import { inSlices } from "../assets/src/data/slices";
import { extentOf } from "../assets/src/drawing/colours";
import { allLinks, classPlace, layoutNetwork, neighbour } from "../assets/src/drawing/layout";
import { markup } from "../assets/src/drawing/markup";
import * as address from "../assets/src/elements/address";
import { type Declaration, initialState, readState, viewsOf, writeState } from "../assets/src/elements/state";
import { declaration, lookOf, type State } from "../assets/src/figures/cnn-network/look";
import { compute } from "../assets/src/figures/cnn-network/view";
import * as hyperparameters from "../assets/src/figures/conv-hyperparameters/arithmetic";

type Packed = { shape: number[]; data: string };
const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, "base64"));
const floats = (base64: string) => new Float32Array(bytes(base64).buffer);
const unpack = (packed: Packed) => ops.tensor(packed.shape, floats(packed.data));
const base64 = (data: Float32Array | Uint8Array) =>
  Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64");
const pack = (x: ops.Tensor): Packed => ({ shape: [...x.shape], data: base64(x.data) });
const packAll = (layers: Record<string, ops.Tensor>) =>
  Object.fromEntries(Object.entries(layers).map(([name, x]) => [name, pack(x)]));

interface Call {
  call: string;
  declared?: Declaration;
  options?: Record<string, string>;
  setting?: hyperparameters.Setting;
  limits?: Record<string, [number, number]>;
  layer?: Layer;
  x?: Packed;
  xs?: Packed[];
  layers?: Record<string, Packed>;
  weight?: Packed;
  bias?: Packed;
  manifest?: Manifest;
  bytes?: string;
  pixels?: string;
  side?: number;
  size?: number;
  channels?: number;
  width?: number;
  room?: number;
  place?: { layer: string; channel: number };
  key?: string;
  stale?: boolean;
  rule?: Unknown;
  off?: MapName[];
  channel?: number;
  from?: number;
  at?: [number, number];
  hash?: string;
  name?: string;
  sharing?: "layer" | "block" | "network";
}

const calls: Record<string, (given: Call) => unknown> = {
  layer({ layer, x, xs, weight, bias }) {
    const kind = kinds[layer!.kind];
    const inputs = (xs ?? [x!]).map(unpack);
    const [w, b] = [weight, bias].map((values) => (values ? unpack(values) : inputs[0]));
    const shapes = inputs.map(({ shape }) => shape);
    return { ...pack(kind.forward(inputs, layer!, w, b)), ruled: kind.shape(shapes, layer!) };
  },
  erf: ({ x }) => [...unpack(x!).data].map(ops.erf),
  /** The logits from each layer onwards, given its own activation: all the same. */
  forward_from({ manifest, bytes: weights, pixels }) {
    const decoded = decodeWeights(manifest!, bytes(weights!));
    const layers = forward(manifest!, decoded, toImage(manifest!, bytes(pixels!)));
    return Object.keys(layers).map((name) => pack(forwardFrom(manifest!, decoded, layers, name, layers[name])));
  },
  looks_unknown({ layers, rule }) {
    const unpacked = Object.fromEntries(Object.entries(layers!).map(([name, x]) => [name, unpack(x)]));
    return looksUnknown(unpacked, unpacked.logits, rule!);
  },
  softmax: ({ x }) => pack(ops.softmax(unpack(x!))),
  forward: ({ manifest, bytes: weights, pixels }) =>
    packAll(forward(manifest!, decodeWeights(manifest!, bytes(weights!)), toImage(manifest!, bytes(pixels!)))),
  forward_without: ({ manifest, bytes: weights, pixels, off }) =>
    packAll(forward(manifest!, decodeWeights(manifest!, bytes(weights!)), toImage(manifest!, bytes(pixels!)), off)),
  conv_parts: ({ layer, x, weight, channel }) =>
    pack(ops.convParts(unpack(x!), unpack(weight!), channel!, window(layer!))),
  sum_at: ({ layer, x, weight, bias, channel, from, at }) =>
    explain.sumAt(unpack(x!), unpack(weight!), unpack(bias!), channel!, from!, at!, window(layer!)),
  place_of: ({ layer, at, x }) => explain.placeOf(at![0], at![1], window(layer!), unpack(x!).shape),
  region_at: ({ layer, at, x }) => explain.regionAt(at!, window(layer!), unpack(x!).shape),
  weighed({ x, weight, channel }) {
    const { weights, products, sums } = explain.weighed(unpack(x!), unpack(weight!), channel!);
    return { weights: pack(weights), products: pack(products), sums };
  },
  softmax_steps: ({ x }) => explain.softmaxSteps([...unpack(x!).data]),
  rank({ manifest, bytes: weights, pixels, name, off }) {
    const decoded = decodeWeights(manifest!, bytes(weights!));
    const trace = { source: "test", layers: forward(manifest!, decoded, toImage(manifest!, bytes(pixels!)), off) };
    const maps: explain.Ranked[] = [];
    explain.rankJobs({ manifest: manifest!, weights: decoded, trace }, name!, maps, off).forEach((job) => job());
    return { ...explain.answerOf(manifest!, trace), maps };
  },
  fields: ({ manifest, name, channel, at }) => fields(manifest!, name!, channel!, ...at!),
  /** An address there and back: what it says, the look that this network makes of it, and the address of that look. */
  look({ manifest, bytes: weights, pixels, hash }) {
    const found = address.parse(hash!);
    const layers = forward(manifest!, decodeWeights(manifest!, bytes(weights!)), toImage(manifest!, bytes(pixels!)));
    const initial = initialState(declaration, {}) as State;
    const state = readState(declaration, found.values, initial, {
      manifest: manifest!,
      trace: { source: "test", layers },
    });
    const look = lookOf(state);
    return {
      found,
      look,
      off: state.off,
      again: look && address.format({ ...found, values: writeState(declaration, state, initial) }),
    };
  },
  /** A figure's state: what it starts with, what an address makes of it, and the address of that. */
  state({ declared, options, hash }) {
    const initial = initialState(declared!, options ?? {});
    const state = readState(declared!, address.parse(hash ?? "").values, initial, null);
    return { initial, state, written: writeState(declared!, state, initial) };
  },
  views: ({ manifest, name, declared }) => viewsOf(declared!, manifest!, name!),
  hyperparameters({ setting, limits }) {
    const { output } = hyperparameters.compute(setting!);
    const taps = Array.from({ length: output }, (_, place) => hyperparameters.taps(setting!, place));
    const { padded } = hyperparameters.compute(setting!);
    const places = Array.from({ length: output ? padded : 0 }, (_, cell) => hyperparameters.placeOf(setting!, cell));
    return {
      ...hyperparameters.compute(setting!),
      taps,
      places,
      fixes: hyperparameters.nearestValid(setting!, (name) => limits![name]),
    };
  },
  markup: () =>
    markup(svg`<svg width=${4} class="a ${"b"}" ?hidden=${false} ?open=${true} .given=${{}} @click=${() => 0} title=${'<"&'}>${nothing}
      ${["<", 1].map((value) => html`<p>${value}</p>`)}${null}${false}</svg>`),
  extents({ manifest, bytes: weights, pixels, sharing }) {
    const layers = forward(manifest!, decodeWeights(manifest!, bytes(weights!)), toImage(manifest!, bytes(pixels!)));
    return compute(manifest!, { source: "test", layers }, layoutNetwork(manifest!, 1400, 600), sharing).extents;
  },
  decode_trace: ({ manifest, bytes: trace }) => packAll(decodeTrace(manifest!, bytes(trace!))),
  preprocess({ pixels, side, size, channels }) {
    const rgba = bytes(pixels!);
    flattenOntoWhite(rgba);
    return base64(preprocess(rgba, side!, size!, channels!));
  },
  layout: ({ manifest, width, room }) => layoutNetwork(manifest!, width!, room!),
  links: ({ manifest, width, room }) => allLinks(manifest!, layoutNetwork(manifest!, width!, room!)),
  neighbour({ manifest, width, room, place, key }) {
    const layout = layoutNetwork(manifest!, width!, room!);
    const from =
      place!.layer === "logits"
        ? classPlace(layout, place!.channel)
        : layout.bands.find((band) => band.layer === place!.layer)!.places[place!.channel];
    return neighbour(layout, from, key!);
  },
  extent: ({ x }) => extentOf(unpack(x!).data),
  /** Four jobs; the second fills its slice, and the first that runs in the next slice makes the rest stale where asked. */
  async slices({ stale }) {
    const done: string[] = [];
    const busy = () => {
      for (const start = performance.now(); performance.now() - start < 35; );
    };
    const jobs = [() => done.push("a"), () => (busy(), done.push("b")), () => done.push("c"), () => done.push("d")];
    const whole = inSlices(jobs, () => stale!);
    done.push("|");
    return [await whole, done.join("")];
  },
  summary: ({ x, width }) => summarise(unpack(x!).data, width!),
};

// A line of calls in, a line of answers out, for as long as a test session lasts.
for await (const line of createInterface({ input: process.stdin })) {
  const given = JSON.parse(line) as Call[];
  try {
    console.log(JSON.stringify(await Promise.all(given.map((one) => calls[one.call](one)))));
  } catch (error) {
    console.log(JSON.stringify({ error: String((error as Error).stack) }));
  }
}
