/** Above the network: the pictures to choose from, and the map pointed at, enlarged and described. */
import { html, nothing } from "lit";
import { fields } from "../../arithmetic/field";
import { IMAGE, type Manifest } from "../../arithmetic/manifest";
import { pageUrl, siteUrl } from "../../data/loading";
import { OWN, type Picture, store } from "../../data/store";
import type { Layout, Place } from "../../drawing/layout";
import { decimal, dimensions, integer, percent, text } from "../../drawing/text";
import { channelName, exampleName, facts, origin } from "../../drawing/words";
import { type Pointed, placeOf } from "./pointing";
import { summaryOf, unitsOf, type View } from "./view";

/** The strip of examples, and the reader's own picture; `source` is the one on show. */
export function pictures(manifest: Manifest, source: string | undefined, choose: (picture: Picture) => void) {
  const { own } = store;
  const { name: model, examples } = manifest;
  const strip = `background-image:url("${siteUrl(`models/${model}/examples.webp`)}");background-size:${examples.length * 100}% 100%`;
  const example = (one: (typeof examples)[number], i: number) => {
    const label = exampleName(manifest, one);
    const position = (100 * i) / Math.max(1, examples.length - 1);
    return html`<button type="button" data-example=${one.name} aria-pressed=${source === one.name} aria-label=${label} title=${label}
      @click=${() => choose({ model, example: one.name })}>
      <span class="cn-thumbnail" .style=${`${strip};background-position:${position}% 0`}></span></button>`;
  };
  return html`<div class="cn-strip" role="group" aria-label=${text("examples")}>${examples.map(example)}
    ${
      own
        ? html`<button type="button" data-example=${OWN} aria-pressed=${source === OWN} aria-label=${text("own_picture")}
          title=${own.file.name} @click=${() => store.own && choose({ own: store.own })}><canvas class="cn-thumbnail" data-map="own"></canvas></button>`
        : nothing
    }</div>`;
}

/** Hints, the card's figures, and the map pointed at; `layout` is null while a map is in the foreground. */
export function tray(manifest: Manifest, view: View | null, layout: Layout | null, { active, unit }: Pointed) {
  const place = layout && active && active.layer !== layout.last ? placeOf(layout, active) : null;
  return html`<div class="cn-lens">
    <div class="cn-hints">${layout ? html`<p>${text("how_to_point")} <span class="cn-drop">${text("how_to_type")}</span></p>` : nothing}${card(manifest)}</div>
    ${
      place && view
        ? html`<div class="cn-tray"><canvas class="cn-large" data-map="large" aria-hidden="true"></canvas>
          <div><p><strong>${place.layer}</strong> ${channelName(manifest, place)}</p>
          <p>${unit ? unitInWords(manifest, view, place, unit) : facts(manifest, place, summaryOf(view, place))}</p><p>${origin(manifest, place)}</p></div></div>`
        : nothing
    }
  </div>`;
}

/** The figures of the network's card, with a link to it. */
function card({ name, parameters, figures }: Manifest) {
  if (!figures) return nothing;
  const values = {
    parameters: integer(parameters),
    accuracy: percent(figures.accuracy),
    photos: integer(figures.photos),
  };
  const address = pageUrl(`models/${name}/index.html`);
  return html`<p class="cn-figures number"><a href=${address}>${text("figures", values)}</a></p>`;
}

function unitInWords(manifest: Manifest, { trace }: View, place: Place, [y, x]: readonly [number, number]) {
  const { size } = fields(manifest, place.layer, place.channel, y, x).at(-1)!;
  const value = unitsOf(trace, place)[y * (place.units.width === 1 ? 1 : place.units.width) + x];
  const label = place.layer === IMAGE ? "unit_of_picture" : "unit_sees";
  return text(label, { row: y, column: x, value: decimal(value), size: dimensions(size) });
}
