/** What the reader can take along: a link to what is on show, the figure as a picture, its code for another page, the network itself. */

import type { Manifest } from "../../../arithmetic/manifest";
import type { Trace } from "../../../arithmetic/trace";
import * as data from "../../../data/loading";
import * as picture from "../../../data/picture";
import * as network from "../../../drawing/network";
import * as words from "../../../drawing/words";

const WIDTH = 1376; // pixels, as on a window of 1,440
const ROOM = 570;

/** The whole network for the picture on show, as SVG, by the code that draws the page's still. */
export function asSvg(manifest: Manifest, trace: Trace, sharing: network.Sharing): string {
  return network.drawNetwork(manifest, trace, WIDTH, ROOM, {
    image: asPng,
    classes: manifest.classes.map(({ name }) => words.className(manifest, name)),
    sharing,
    lettered: true,
  });
}

/** RGBA pixels as a PNG in a data address. */
function asPng(rgba: Uint8ClampedArray, width: number, height: number): string {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d")!.putImageData(new ImageData(new Uint8ClampedArray(rgba), width, height), 0, 0);
  return canvas.toDataURL();
}

/** The SVG painted, at twice its size. */
export async function rasterised(svg: string): Promise<Blob> {
  const image = await picture.loadSvg(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`);
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

export function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export async function saveFigure(
  manifest: Manifest,
  trace: Trace,
  sharing: network.Sharing,
  kind: "png" | "svg",
): Promise<void> {
  const svg = asSvg(manifest, trace, sharing);
  save(
    kind === "svg" ? new Blob([svg], { type: "image/svg+xml" }) : await rasterised(svg),
    `${manifest.name}-${trace.source}.${kind}`,
  );
}

/** The network for other programs, from the page's own copy, since `file://` has no other. */
export async function saveOnnx(manifest: Manifest): Promise<void> {
  save(
    new Blob([await data.loadBytes(`models/${manifest.name}/model.onnx`)], { type: "application/octet-stream" }),
    `${manifest.name}.onnx`,
  );
}

/** HTML for another page: the figure's bare page in a frame that takes the height the figure tells it. */
export function embedCode(address: string, title: string): string {
  const escapeXml = (text: string) => text.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;");
  return `<iframe src="${escapeXml(address)}" title="${escapeXml(title)}" width="100%" height="900" style="border:0" allow="camera"></iframe>
<script>
addEventListener("message", (event) => {
  for (const frame of document.querySelectorAll("iframe")) if (event.source === frame.contentWindow && event.data?.strataHeight) frame.height = event.data.strataHeight;
});
</script>`;
}
