/** `<share-panel>`: sharing, below a figure: a link, pictures, files, and the embed code. */
import { html, nothing } from "lit";
import { pageUrl } from "../data/loading";
import { loadSvg } from "../data/picture";
import { store } from "../data/store";
import { text } from "../drawing/text";
import { LightElement } from "./light-element";

export interface ShareGiven {
  /** The figure's title, its id, and its state as the part of an address after "#". */
  title: string;
  figure: string;
  hash(): string;
  /** Update the page's address. */
  write(): void;
  /** The current picture as SVG, and a file name. */
  picture(): { svg: string; name: string };
  files: readonly SharedFile[];
}

/** A file that a figure offers: its label, name and content. */
export interface SharedFile {
  label: string;
  name: string;
  content(): Promise<Uint8Array<ArrayBuffer>>;
}

class SharePanel extends LightElement {
  static override properties = { given: {}, isCopied: { state: true } };
  declare given: ShareGiven;
  declare isCopied: boolean;

  constructor() {
    super();
    this.isCopied = false;
  }

  override render() {
    const { files } = this.given;
    const button = (name: string, label: string, act: () => Promise<void>) =>
      html`<button type="button" class="cn-quiet" data-share=${name} @click=${() => void act().catch((error: unknown) => store.fail(error))}>${label}</button>`;
    return html`<details class="cn-share" @toggle=${() => this.requestUpdate()}><summary>${text("take_along")}</summary><div>
      ${button("link", text(this.isCopied ? "link_copied" : "copy_link"), this.copy)}
      ${button("png", "PNG", () => this.savePicture("png"))}${button("svg", "SVG", () => this.savePicture("svg"))}
      ${files.map((file) => button(file.label.toLowerCase(), file.label, async () => save(new Blob([await file.content()]), file.name)))}
      <label>${text("embed_code")}<textarea readonly rows="3" spellcheck="false"
        @focus=${(event: Event) => (event.target as HTMLTextAreaElement).select()} .value=${this.embedCode()}></textarea></label>
      ${document.documentElement.dataset.lesson ? html`<p class="cn-hint">${text("take_along_hint")}</p>` : nothing}</div></details>`;
  }

  private embedCode(): string {
    const { title, figure, hash } = this.given;
    const { lesson } = document.documentElement.dataset;
    return lesson ? frame(pageUrl(`embed/${lesson}/${figure}/index.html`) + hash(), title) : "";
  }

  private async savePicture(kind: "png" | "svg") {
    const picture = this.given.picture();
    const blob = kind === "svg" ? new Blob([picture.svg], { type: "image/svg+xml" }) : await rasterised(picture.svg);
    save(blob, `${picture.name}.${kind}`);
  }

  private copy = async () => {
    this.given.write();
    try {
      await navigator.clipboard.writeText(location.href);
      this.isCopied = true;
      setTimeout(() => (this.isCopied = false), 2500);
    } catch {
      prompt(text("copy_link"), location.href); // no clipboard here
    }
  };
}

/** An SVG as a PNG of twice its size. */
async function rasterised(svg: string): Promise<Blob> {
  const image = await loadSvg(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [2 * image.width, 2 * image.height];
  canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) =>
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error("the figure is too large for a picture"))),
      "image/png",
    ),
  );
}

function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** HTML for another page: the figure's own page in a frame that adjusts to the figure's height. */
function frame(address: string, title: string): string {
  const attribute = (value: string) => value.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;");
  return `<iframe src="${attribute(address)}" title="${attribute(title)}" width="100%" height="900" style="border:0" allow="camera"></iframe>
<script>
addEventListener("message", (event) => {
  for (const frame of document.querySelectorAll("iframe")) if (event.source === frame.contentWindow && event.data?.strataHeight) frame.height = event.data.strataHeight;
});
</script>`;
}

customElements.define("share-panel", SharePanel);
