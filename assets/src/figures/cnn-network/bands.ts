/** The maps and classes as buttons: templates without state. */
import { html } from "lit";
import type { Manifest } from "../../arithmetic/manifest";
import type { MapName } from "../../arithmetic/trace";
import { type Band, type Layout, type Place, parents } from "../../drawing/layout";
import { dimensions, percent, text } from "../../drawing/text";
import { className, mapInWords } from "../../drawing/words";
import { box, lessonOn } from "./overview";
import { type Pointed, same } from "./pointing";
import { key, type View } from "./view";

/** Handlers for pointing at a map or class and opening it. */
export interface Actions {
  point(map: MapName, event?: PointerEvent): void;
  focus(map: MapName): void;
  open(map: MapName): void;
}

/** A layer's name and shape, and a button over each of its maps. */
export function band(
  manifest: Manifest,
  layout: Layout,
  { layer: name, label, places }: Band,
  view: View | null,
  pointed: Pointed,
  off: readonly MapName[],
  act: Actions,
) {
  const layer = manifest.layers.find((candidate) => candidate.name === name);
  const size = dimensions(layer ? layer.shape : manifest.input.shape);
  const { active, stop } = pointed;
  const into = active ? parents(manifest, layout, active.layer, active.channel) : [];
  const map = (
    place: Place,
  ) => html`<button type="button" class="cn-map" data-layer=${name} data-channel=${place.channel}
      .style=${box(place)} tabindex=${same(stop, place) ? 0 : -1}
      ?data-active=${same(active, place)} ?data-parent=${into.includes(place)} ?data-off=${off.some((one) => same(one, place))}
      aria-label=${mapInWords(manifest, place, view?.summaries.get(key(place)))}
      @pointermove=${(event: PointerEvent) => event.pointerType === "mouse" && act.point(place, event)}
      @focus=${() => act.focus(place)} @click=${() => act.open(place)}></button>`;
  return html`<div class="cn-band" role="group" aria-label="${name}, ${size}">
    <p class="cn-label" .style=${box(label)} title=${name}>${lessonOn(layer?.kind ?? "image", name)}<small class="number">${size}</small></p>
    ${places.map(map)}
  </div>`;
}

/** The classes with their probabilities. */
export function classes(
  manifest: Manifest,
  layout: Layout,
  view: View | null,
  { active, stop }: Pointed,
  act: Actions,
) {
  return html`<ul class="cn-classes" aria-label=${text("classes")}>${manifest.classes.map(({ name }, channel) => {
    const probability = view?.probabilities[channel] ?? 0;
    const place = { layer: layout.last, channel };
    const label = className(manifest, name);
    return html`<li data-class=${name} data-probability=${probability.toFixed(4)} ?data-best=${channel === view?.best}
        ?data-active=${same(active, place)} .style=${box(layout.classes[channel])} @pointerenter=${() => act.point(place)}>
      <button type="button" class="cn-class-open" data-channel=${channel} tabindex=${same(stop, place) ? 0 : -1}
        aria-label=${text("open_class", { class: label, probability: percent(probability) })}
        @focus=${() => act.focus(place)} @click=${() => act.open(place)}></button>
      <span class="cn-class">${label}</span>
      <span class="cn-percent number">${percent(probability)}</span>
      <span class="cn-bar-track"><span class="cn-bar-fill" .style=${`transform:scaleX(${probability})`}></span></span>
    </li>`;
  })}</ul>`;
}
