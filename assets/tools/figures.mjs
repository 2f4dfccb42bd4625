// node tools/figures.mjs JOBS: draw still pictures of figures with the page's code. JOBS is a JSON file with
// {languages: {CODE: {tag, labels}}, jobs: [{figure, options, language, manifest, trace, width, out, card}]}:
// `manifest` and `trace` are files, null for a figure without a network; `out` gets the SVG, `card` (if given) a PNG of
// 1,200 × 630 without letters.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { initWasm, Resvg } from "@resvg/resvg-wasm";
import { build } from "esbuild";
import { encode } from "fast-png";

const CARD = [1200, 630];
const MARGIN = 40; // of a card

const { languages, jobs } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const figures = [...new Set(jobs.map((job) => job.figure))];
const { decodeTrace, initialState, markup, setLanguage, standalone, stills } = await drawing(figures);
const style = readFileSync("styles/site.css", "utf8");
const decoded = new Map();

for (const job of jobs) {
  const { tag, labels } = languages[job.language];
  setLanguage(job.language, tag, labels);
  const declaration = JSON.parse(readFileSync(`src/figures/${job.figure}/${job.figure}.json`, "utf8"));
  const { manifest, trace } = inputs(job);
  const state = initialState(declaration, job.options);
  const draw = (width, hasText) =>
    standalone(markup(stills[job.figure]({ state, manifest, trace, width, hasText, image })), property);
  writeFileSync(job.out, `${draw(job.width, true)}\n`);
  if (job.card) writeFileSync(job.card, await card(draw(CARD[0] + 2 * MARGIN, false)));
}

/** The figures' `still.ts` and what they need, bundled for Node. */
async function drawing(figures) {
  const folder = mkdtempSync(join(tmpdir(), "strata-"));
  const script = join(folder, "figures.mjs");
  const names = figures.map((figure) => figure.replaceAll("-", "_"));
  const contents = [
    ...figures.map((figure, i) => `import { still as ${names[i]} } from "./src/figures/${figure}/still";`),
    `export const stills = { ${figures.map((figure, i) => `"${figure}": ${names[i]}`).join(", ")} };`,
    'export { decodeTrace } from "./src/arithmetic/trace";',
    'export { initialState } from "./src/elements/state";',
    'export { markup, standalone } from "./src/drawing/markup";',
    'export { setLanguage } from "./src/drawing/text";',
  ].join("\n");
  const stdin = { contents, resolveDir: ".", loader: "ts" };
  await build({ stdin, bundle: true, platform: "node", format: "esm", outfile: script, logLevel: "error" });
  try {
    return await import(pathToFileURL(script).href);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The manifest and the trace of a job; several figures may show the same. */
function inputs(job) {
  if (!job.manifest) return { manifest: null, trace: null };
  if (!decoded.has(job.trace)) {
    const manifest = JSON.parse(readFileSync(job.manifest, "utf8"));
    const layers = decodeTrace(manifest, new Uint8Array(readFileSync(job.trace)));
    decoded.set(job.trace, { manifest, trace: { source: "still", layers } });
  }
  return decoded.get(job.trace);
}

/** A custom property of the site's style sheet. */
function property(name) {
  const found = new RegExp(`${name}:\\s*([^;]+);`).exec(style);
  if (!found) throw new Error(`styles/site.css has no ${name}`);
  return found[1];
}

/** RGBA pixels as a PNG in a data address. */
function image(rgba, width, height) {
  const data = new Uint8Array(3 * width * height);
  for (let i = 0; i < width * height; i++) data.set(rgba.subarray(4 * i, 4 * i + 3), 3 * i);
  return `data:image/png;base64,${Buffer.from(encode({ width, height, data, channels: 3 })).toString("base64")}`;
}

/** A social card with an SVG in its middle, as PNG. */
async function card(svg) {
  const wasm = readFileSync(createRequire(import.meta.url).resolve("@resvg/resvg-wasm/index_bg.wasm"));
  await initWasm(wasm).catch(() => undefined); // once is enough
  const [width, height] = CARD;
  const inner = svg.replace(/^<svg [^>]*viewBox="0 0 (\d+) (\d+)" width="\d+" height="\d+"/, (_, w, h) => {
    const scale = Math.min((width - 2 * MARGIN) / w, (height - 60) / h);
    const [x, y] = [(width - w * scale) / 2, (height - h * scale) / 2];
    return `<svg xmlns="http://www.w3.org/2000/svg" x="${x}" y="${y}" width="${w * scale}" height="${h * scale}" viewBox="0 0 ${w} ${h}"`;
  });
  const page = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%" fill="var(--background)"/>${inner}</svg>`;
  return new Resvg(standalone(page, property), { font: { loadSystemFonts: false } }).render().asPng();
}
