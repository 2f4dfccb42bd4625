// node tools/bundle.mjs OUT: the site's scripts, classic ones since file:// blocks modules.
// OUT/page.js is on every page. OUT/core.js sets the global `strata`; each widget's script takes it as given; onnxruntime.js sets `ort` and loads later.
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { build } from "esbuild";

const out = process.argv[2];
const common = { bundle: true, minify: true, format: "iife", target: ["es2022"], charset: "utf8", legalComments: "none", logLevel: "error" };

/** In a widget, and in the explorer, "../core" is the global that core.js set. */
const core = {
  name: "core",
  setup(build) {
    build.onResolve({ filter: /^\.\.\/core$/ }, () => ({ path: "core", namespace: "global" }));
    build.onLoad({ filter: /.*/, namespace: "global" }, () => ({ contents: "module.exports = globalThis.strata" }));
  },
};

const widgets = readdirSync("src/widgets").filter((name) => name.endsWith(".ts"));
await Promise.all([
  build({ ...common, entryPoints: ["src/core.ts"], globalName: "strata", outfile: join(out, "core.js") }),
  build({ ...common, entryPoints: ["src/page.ts"], outfile: join(out, "page.js") }),
  ...widgets.map((name) => build({ ...common, entryPoints: [join("src/widgets", name)], plugins: [core], outfile: join(out, `${basename(name, ".ts")}.js`) })),
  // What looks inside a map, loaded once the network is drawn.
  build({ ...common, entryPoints: ["src/explorer/index.ts"], plugins: [core], globalName: "explorer", outfile: join(out, "explorer.js") }),
  build({
    ...common,
    stdin: { contents: 'export * from "onnxruntime-web/wasm"', resolveDir: "." },
    globalName: "ort",
    // A classic script has no import.meta, by which the package would look for its files; it is given their bytes instead.
    outfile: join(out, "onnxruntime.js"),
  }),
]);
