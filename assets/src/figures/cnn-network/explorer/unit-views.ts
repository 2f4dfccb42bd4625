/** Layers that process each map separately, one unit at a time: activations and pooling. */
import { html, svg } from "lit";
import * as explain from "../../../arithmetic/explain";
import * as kinds from "../../../arithmetic/kinds";
import * as ops from "../../../arithmetic/ops";
import * as texts from "../../../drawing/text";
import type { Given } from "./given";
import { inputScale, map, mapName, numbers, opener, pointing, slice, stepOf, unitOf } from "./parts";

const { text } = texts;

const sizes = (width: number) => (width < 700 ? Math.min(300, width - 24) : Math.min(330, (width - 420) / 2));

/** max(0, x), or another function of each unit, with its graph. */
export function activation(given: Given) {
  const step = stepOf(given);
  const { layer, before, input, output } = step;
  const { look } = given;
  const at = unitOf(given);
  const [, height, width] = explain.spatial(output.shape);
  const index = at[0] * width + at[1];
  const x = slice(input, look.channel)[index];
  const f = (value: number) =>
    kinds.kindOf(layer).forward([ops.tensor([1], Float32Array.of(value))], layer, input, input).data[0];
  const y = f(x); // the function's value, even if the map is switched off
  const size = sizes(given.width);
  const here = pointing(at, height, width, (to) => given.go({ at: to }, true));
  return html`<div class="st-trio" data-narrow=${given.width < 700}>
    <figure class="st-side"><figcaption>${opener(given, before, look.channel)}</figcaption>
      ${map(input, look.channel, inputScale(given, step), size, mapName(given, before, look.channel), { unit: at }, here)}</figure>
    <div class="st-middle">
      ${graph(f, x, y, ops.largest(slice(input, look.channel)))}
      <p class="st-formula number">${text(`formula_${layer.kind === "relu" ? "relu" : "function"}`, { kind: layer.kind, x: given.number(x), y: given.number(y) })}</p>
    </div>
    <figure class="st-side"><figcaption>${mapName(given, layer.name, look.channel)}</figcaption>
      ${map(output, look.channel, given.scaleOf(layer.name), size, mapName(given, layer.name, look.channel), { unit: at, drawn: given.drawn }, here)}</figure>
  </div>`;
}

/** The graph of the function over the map's range, with the current unit. */
function graph(f: (x: number) => number, x: number, y: number, extent: number) {
  const reach = Math.max(extent, 1e-6) * 1.1;
  const [w, h] = [240, 180];
  const xs = Array.from({ length: 97 }, (_, i) => (i / 48 - 1) * reach);
  const most = Math.max(...xs.map((value) => Math.abs(f(value))), 1e-6) * 1.15;
  const at = (px: number, py: number) =>
    [w / 2 + (px / reach) * (w / 2 - 8), h / 2 - (py / most) * (h / 2 - 8)].map((n) => n.toFixed(1)).join(",");
  return html`<svg class="st-graph" viewBox="0 0 ${w} ${h}" width=${w} height=${h} role="img" aria-label=${text("graph", { x: texts.decimal(x), y: texts.decimal(y) })}>
    <path class="st-axis" d="M0,${h / 2}H${w}M${w / 2},0V${h}"></path>
    <path class="st-curve" d=${`M${xs.map((value) => at(value, f(value))).join("L")}`}></path>
    <path class="st-drop" d=${`M${at(x, 0)}L${at(x, y)}L${at(0, y)}`}></path>
    ${svg`<circle class="st-dot" cx=${at(x, y).split(",")[0]} cy=${at(x, y).split(",")[1]} r="5"></circle>`}
  </svg>`;
}

/** A window's units, and their maximum or mean. */
export function pooling(given: Given) {
  const step = stepOf(given);
  const { layer, before, input, output } = step;
  const { look } = given;
  const window = kinds.window(layer);
  const at = unitOf(given);
  const values = ops.windowAt(
    slice(input, look.channel),
    input.shape[2],
    at[0],
    at[1],
    window,
    layer.kind === "max_pool" ? NaN : 0,
  );
  // The window's result, even if the map is switched off.
  const result = Math.fround(
    layer.kind === "max_pool"
      ? Math.max(...values.filter((value) => !Number.isNaN(value)))
      : values.reduce((a, b) => a + b, 0) / values.length,
  );
  const go = (to: [number, number]) => given.go({ at: to }, true);
  const wins = layer.kind === "max_pool" ? values.indexOf(result) : -1;
  const size = sizes(given.width);
  return html`<div class="st-trio" data-narrow=${given.width < 700}>
    <figure class="st-side"><figcaption>${opener(given, before, look.channel)}</figcaption>
      ${map(
        input,
        look.channel,
        inputScale(given, step),
        size,
        mapName(given, before, look.channel),
        { region: explain.regionAt(at, window, input.shape) },
        pointing(at, output.shape[1], output.shape[2], go, (y, x) => explain.placeOf(y, x, window, output.shape)),
      )}</figure>
    <div class="st-middle">
      ${numbers(values, window.kernel_size[1], given.scaleOf(layer.name), given.number, wins)}
      <p class="st-formula number">${text(layer.kind === "max_pool" ? "formula_max" : "formula_mean", { y: given.number(result) })}</p>
    </div>
    <figure class="st-side"><figcaption>${mapName(given, layer.name, look.channel)}</figcaption>
      ${map(output, look.channel, given.scaleOf(layer.name), size, mapName(given, layer.name, look.channel), { unit: at, drawn: given.drawn }, pointing(at, output.shape[1], output.shape[2], go))}</figure>
  </div>`;
}
