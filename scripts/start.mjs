/**
 * `npm start`: installs the packages if need be, runs CEDAR's tables and figures with five seeds, prints the tables and
 * says where the figures are. Further arguments go to `canopy run`: `npm start -- --seeds 2 --fresh`.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ensureInstalled, ROOT, run } from "./set-up.mjs";

const EXPERIMENTS = ["table-1", "table-2", "figure-3", "figure-4"];
const OUT = join(".canopy", "start");
/** With these the user wants the command's own output. */
const OWN_OUTPUT = ["--format", "--dry-run", "--help", "-h", "--out"];

const given = process.argv.slice(2);
const own = given.some((word) => OWN_OUTPUT.includes(word.split("=")[0]));

await ensureInstalled();
const files = EXPERIMENTS.map((name) => join("harness", "cedar", `${name}.yaml`));
const args = ["run", ...files, "--seeds", "5", ...(given.includes("--out") ? [] : ["--out", OUT]), ...given];
const code = await run(process.execPath, ["--import", "tsx", join("src", "cli", "main.ts"), ...args], {
  stdio: ["ignore", own ? "inherit" : "ignore", "inherit"],
});
if (code === 0 && !own) {
  for (const name of ["table-1", "table-2"]) {
    process.stdout.write(`${readFileSync(join(ROOT, OUT, `cedar-${name}`, "table.txt"), "utf8")}\n`);
  }
  process.stdout.write("Figures:\n");
  for (const folder of readdirSync(join(ROOT, OUT)).filter((name) => name.startsWith("cedar-"))) {
    for (const file of readdirSync(join(ROOT, OUT, folder)).filter((name) => name.endsWith(".svg"))) {
      process.stdout.write(`  ${join(OUT, folder, file)}\n`);
    }
  }
  process.stdout.write(
    "Next: npm run -s canopy -- init my-study, or npm run -s canopy -- --help; README.md has more.\n",
  );
}
process.exitCode = code;
