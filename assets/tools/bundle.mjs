// node tools/bundle.mjs OUT: bundle the site's scripts as classic scripts, since file:// blocks modules.
// OUT/core.js contains the modules that figures share, as the global `strata`: strata["drawing/colours"], …
// OUT/<figure>.js is a figure; OUT/<figure>.<part>.js a part of it that loads later (`later` in <figure>.json). Both
// take the core as given. OUT/page.js is on every page. OUT/worker.js gives the page the worker's code as a function.
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { build } from "esbuild";

const out = process.argv[2];
const common = {
  bundle: true,
  minify: true,
  format: "iife",
  target: ["es2022"],
  charset: "utf8",
  legalComments: "none",
  logLevel: "error",
};
const ROOMS = ["arithmetic", "data", "drawing", "elements"];
const LIT = ["lit", "lit/directives/repeat.js"];
const source = resolve("src");

/** In a figure, imports of shared modules and of Lit are taken from core.js's global. */
const core = {
  name: "core",
  setup(build) {
    build.onResolve({ filter: /^\./ }, ({ path, resolveDir }) => {
      const module = relative(source, join(resolveDir, path)).replaceAll("\\", "/");
      if (ROOMS.includes(module.split("/")[0])) return { path: module, namespace: "core" };
    });
    build.onResolve({ filter: /^lit(\/|$)/ }, ({ path }) => ({ path, namespace: "core" }));
    build.onLoad({ filter: /.*/, namespace: "core" }, ({ path }) => ({
      contents: `module.exports = globalThis.strata[${JSON.stringify(path)}]`,
    }));
  },
};

const modules = ROOMS.flatMap((room) =>
  readdirSync(join("src", room)).map((name) => `${room}/${name.replace(/\.ts$/, "")}`),
);
const exports = [
  ...modules.map((module) => `export * as "${module}" from "./${module}";`),
  ...LIT.map((module) => `export * as "${module}" from "${module}";`),
  'export { define } from "./data/loading";', // what data scripts call
];
const figures = readdirSync("src/figures", { withFileTypes: true }).filter((entry) => entry.isDirectory());
const entries = figures.flatMap(({ name: figure }) => {
  const folder = join("src/figures", figure);
  const { later = [] } = JSON.parse(readFileSync(join(folder, `${figure}.json`), "utf8"));
  const own = { entryPoints: [join(folder, `${figure}.ts`)], outfile: join(out, `${figure}.js`) };
  const parts = later.map((part) => ({
    entryPoints: [join(folder, part, "index.ts")],
    globalName: part,
    outfile: join(out, `${figure}.${part}.js`),
  }));
  return [own, ...parts];
});

await Promise.all([
  build({
    ...common,
    stdin: { contents: exports.join("\n"), resolveDir: source, loader: "ts" },
    globalName: "strata",
    outfile: join(out, "core.js"),
  }),
  build({ ...common, entryPoints: ["src/page/page.ts"], outfile: join(out, "page.js") }),
  ...entries.map((entry) => build({ ...common, ...entry, plugins: [core] })),
  build({
    ...common,
    entryPoints: ["src/worker/serve.ts"],
    globalName: "code",
    // As text the function starts a worker from a Blob; where there are no workers, the page calls it.
    banner: { js: 'strata.define("scripts/worker",()=>{' },
    footer: { js: "return code});" },
    outfile: join(out, "worker.js"),
  }),
]);
