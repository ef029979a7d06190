// Bundles each part into one ES module and one style sheet under ../static, which the Python package ships.
import { build, context } from "esbuild";

const options = {
  entryPoints: { workbench: "src/workbench.tsx", annotator: "src/annotator.tsx" },
  outdir: "../static",
  bundle: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  minify: !process.argv.includes("--watch"),
  legalComments: "inline",
  logLevel: "info",
};

const styles = { entryPoints: { imagine: "style/imagine.css" }, outdir: "../static", bundle: true, minify: true, logLevel: "info" };

if (process.argv.includes("--watch")) {
  for (const each of [options, styles]) await (await context(each)).watch();
} else {
  await Promise.all([build(options), build(styles)]);
}
