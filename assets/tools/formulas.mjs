// node tools/formulas.mjs JOBS: TeX to MathML. JOBS is a JSON file, a list of {tex, display}; prints a list of {mathml}
// or {error}.
import { readFileSync } from "node:fs";
import temml from "temml";

const answers = JSON.parse(readFileSync(process.argv[2], "utf8")).map(({ tex, display }) => {
  try {
    return {
      mathml: temml.renderToString(tex, { displayMode: display, throwOnError: true, annotate: false, wrap: "none" }),
    };
  } catch (error) {
    return { error: error.message.replace(/^(Parse ?Error|Error): */i, "").replace(/\s+/g, " ") };
  }
});
process.stdout.write(JSON.stringify(answers));
