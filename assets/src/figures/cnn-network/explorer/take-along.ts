/** `<take-along>`: what the reader can take along, below a figure: a link, pictures, the network, and the code for another page. */
import { html, LitElement } from "lit";
import type { Manifest } from "../../../arithmetic/manifest";
import type { Trace } from "../../../arithmetic/trace";
import * as data from "../../../data/loading";
import * as stores from "../../../data/store";
import type * as network from "../../../drawing/network";
import * as texts from "../../../drawing/text";
import { embedCode, saveFigure, saveOnnx } from "./share";

const { text } = texts;

export interface TakeAlongGiven {
  manifest: Manifest;
  trace: Trace;
  sharing: network.Sharing;
  /** The figure's id, and what it shows, as the part of an address behind "#". */
  figure: string;
  hash: string;
  /** Bring the page's own address up to date. */
  write(): void;
}

class TakeAlong extends LitElement {
  static override properties = { given: {}, copied: { state: true } };
  declare given: TakeAlongGiven;
  declare copied: boolean;

  constructor() {
    super();
    this.copied = false;
  }

  override createRenderRoot() {
    return this;
  }

  override render() {
    const { manifest, trace, sharing } = this.given;
    const done = (work: () => Promise<void>) => () => void work().catch((error: unknown) => stores.store.fail(error));
    return html`<details class="cn-share"><summary>${text("take_along")}</summary><div>
      <button type="button" class="cn-quiet" data-share="link" @click=${this.copy}>${text(this.copied ? "link_copied" : "copy_link")}</button>
      <button type="button" class="cn-quiet" data-share="png" @click=${done(() => saveFigure(manifest, trace, sharing, "png"))}>PNG</button>
      <button type="button" class="cn-quiet" data-share="svg" @click=${done(() => saveFigure(manifest, trace, sharing, "svg"))}>SVG</button>
      <button type="button" class="cn-quiet" data-share="onnx" @click=${done(() => saveOnnx(manifest))}>ONNX</button>
      <label>${text("embed_code")}<textarea readonly rows="3" spellcheck="false" @focus=${(event: Event) => (event.target as HTMLTextAreaElement).select()} .value=${this.embed()}></textarea></label>
      <p class="cn-hint">${text("take_along_hint")}</p></div></details>`;
  }

  private embed(): string {
    const { manifest, figure, hash } = this.given;
    const { lesson } = document.documentElement.dataset;
    return lesson ? embedCode(data.pageUrl(`embed/${lesson}/${figure}/index.html`) + hash, manifest.title) : "";
  }

  private copy = async () => {
    this.given.write();
    try {
      await navigator.clipboard.writeText(location.href);
      this.copied = true;
      setTimeout(() => (this.copied = false), 2500);
    } catch {
      prompt(text("copy_link"), location.href); // no clipboard here
    }
  };
}

customElements.define("take-along", TakeAlong);
