/**
 * `npm test`: installs the packages if need be and runs the unit tests; further arguments go to vitest. The last line
 * is `N passed, N failed`, with `, N skipped` where tests were skipped. Fails also when it takes more than twice its
 * share of time, when tests were skipped although the reference data is there, or when tests of the native addon were
 * skipped although CANOPY_ADDON names one. Tests that need the addon say so in their names, and so do those that
 * compare with clocks and may find the host too busy for it, and those that need a program that a host may lack.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { ensureInstalled, ROOT, run } from "./set-up.mjs";

/** Seconds that the unit tests may take on two cores. */
const SHARE_SECONDS = 300;

await ensureInstalled();
const folder = mkdtempSync(join(tmpdir(), "canopy-test-"));
const report = join(folder, "report.json");
const began = performance.now();
let code = 1;
let counts = { passed: 0, failed: 1, skipped: [] };
try {
  code = await run(process.execPath, [
    join("node_modules", "vitest", "vitest.mjs"),
    "run",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  ]);
  if (existsSync(report)) counts = count(JSON.parse(readFileSync(report, "utf8")));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const seconds = (performance.now() - began) / 1000;

const problems = [];
if (seconds > 2 * SHARE_SECONDS)
  problems.push(`more than twice the ${SHARE_SECONDS} s that the unit tests may take`);
const data = process.env.CANOPY_DATA ? resolve(process.env.CANOPY_DATA) : resolve(ROOT, "../shared/data");
const ofAddon = counts.skipped.filter((name) => name.includes("native addon"));
const ofBusyHost = counts.skipped.filter((name) => name.includes("unless the host is too busy"));
const ofBareHost = counts.skipped.filter((name) => name.includes("(needs "));
const excused = new Set([...ofAddon, ...ofBusyHost, ...ofBareHost]);
const others = counts.skipped.filter((name) => !excused.has(name));
if (existsSync(data) && others.length > 0) {
  problems.push(`tests were skipped although there is reference data:\n  ${others.join("\n  ")}`);
}
if (process.env.CANOPY_ADDON && ofAddon.length > 0) {
  problems.push(`tests were skipped although CANOPY_ADDON is set:\n  ${ofAddon.join("\n  ")}`);
}
process.stdout.write(`${seconds.toFixed(1)} s of ${SHARE_SECONDS} s\n`);
for (const name of ofBareHost) process.stdout.write(`skipped: ${name}\n`);
for (const name of ofBusyHost) process.stdout.write(`skipped, the host is too busy: ${name}\n`);
for (const problem of problems) process.stdout.write(`error: ${problem}\n`);
const skipped = counts.skipped.length === 0 ? "" : `, ${counts.skipped.length} skipped`;
process.stdout.write(`${counts.passed} passed, ${counts.failed} failed${skipped}\n`);
process.exitCode = code !== 0 ? code : problems.length > 0 || counts.failed > 0 ? 1 : 0;

/** A file that could not be run counts as one failed test. */
function count({ testResults }) {
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const broken = testResults.filter(
    ({ status, assertionResults }) =>
      status === "failed" && !assertionResults.some((test) => test.status === "failed"),
  );
  return {
    passed: tests.filter(({ status }) => status === "passed").length,
    failed: tests.filter(({ status }) => status === "failed").length + broken.length,
    skipped: tests
      .filter(({ status }) => !["passed", "failed"].includes(status))
      .map(({ fullName }) => fullName),
  };
}
