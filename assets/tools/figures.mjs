// node tools/figures.mjs JOBS: draw still pictures of figures by the page's own code. JOBS is a JSON file, a list of
// {manifest, trace, out, classes, width, room, card}: `out` gets the SVG, `card` (if given) a PNG of 1,200 × 630 without letters.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { crc32, deflateSync } from "node:zlib";
import { initWasm, Resvg } from "@resvg/resvg-wasm";
import { build } from "esbuild";

const folder = mkdtempSync(join(tmpdir(), "strata-"));
const script = join(folder, "figures.mjs");
await build({
  stdin: {
    contents:
      'export { drawNetwork } from "./src/drawing/network"; export { decodeTrace } from "./src/arithmetic/trace";',
    resolveDir: ".",
    loader: "ts",
  },
  bundle: true,
  platform: "node",
  format: "esm",
  outfile: script,
  logLevel: "error",
});
const { drawNetwork, decodeTrace } = await import(pathToFileURL(script).href);
rmSync(folder, { recursive: true });

/** RGBA pixels as a PNG in a data address. */
function image(rgba, width, height) {
  const chunk = (name, data) => {
    const body = Buffer.concat([Buffer.from(name), data]);
    const length = Buffer.alloc(4),
      check = Buffer.alloc(4);
    length.writeUInt32BE(data.length);
    check.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, check]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8); // 8 bits, RGB
  const rows = Buffer.alloc(height * (1 + 3 * width));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++)
      for (let c = 0; c < 3; c++) rows[y * (1 + 3 * width) + 1 + 3 * x + c] = rgba[4 * (y * width + x) + c];
  }
  const png = Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows, { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
  return `data:image/png;base64,${png.toString("base64")}`;
}

const CARD = [1200, 630];
for (const job of JSON.parse(readFileSync(process.argv[2], "utf8"))) {
  const manifest = JSON.parse(readFileSync(job.manifest, "utf8"));
  const trace = { source: "still", layers: decodeTrace(manifest, new Uint8Array(readFileSync(job.trace))) };
  writeFileSync(
    job.out,
    drawNetwork(manifest, trace, job.width, job.room, { image, classes: job.classes, lettered: true }),
  );
  if (!job.card) continue;
  const wasm = readFileSync(createRequire(import.meta.url).resolve("@resvg/resvg-wasm/index_bg.wasm"));
  await initWasm(wasm).catch(() => undefined); // once is enough
  const [width, height] = CARD;
  const svg = drawNetwork(manifest, trace, width + 80, height, { image, classes: job.classes, lettered: false });
  const inner = svg.replace(/^<svg [^>]*viewBox="0 0 (\d+) (\d+)" width="\d+" height="\d+"/, (_, w, h) => {
    const scale = Math.min((width - 80) / w, (height - 60) / h);
    return `<svg xmlns="http://www.w3.org/2000/svg" x="${(width - w * scale) / 2}" y="${(height - h * scale) / 2}" width="${w * scale}" height="${h * scale}" viewBox="0 0 ${w} ${h}"`;
  });
  const card = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%" fill="#fcfcfa"/>${inner}</svg>`;
  writeFileSync(job.card, new Resvg(card, { font: { loadSystemFonts: false } }).render().asPng());
}
