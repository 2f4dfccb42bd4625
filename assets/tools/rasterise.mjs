// node tools/rasterise.mjs SIZE OUT FILE.svg …: draw each SVG, SIZE pixels wide, as OUT/FILE.png.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { initWasm, Resvg } from "@resvg/resvg-wasm";

const [size, out, ...files] = process.argv.slice(2);
await initWasm(readFileSync(createRequire(import.meta.url).resolve("@resvg/resvg-wasm/index_bg.wasm")));
for (const file of files) {
  const drawing = new Resvg(readFileSync(file, "utf8"), {
    fitTo: { mode: "width", value: Number(size) },
    font: { loadSystemFonts: false },
  });
  writeFileSync(join(out, `${basename(file, ".svg")}.png`), drawing.render().asPng());
}
