/**
 * `npm run bench:report`: how long a report of 10,000 runs takes, and how large it is. Twenty runs make a row, or one;
 * the rows are a committed result's, each with numbers of its own, in as many results as a page may have to hold.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ResultRow } from "../../src/experiment/result.ts";
import { Stream } from "../../src/numeric/random.ts";
import { findResult } from "../../src/report/html/find-results.ts";
import { writeReport } from "../../src/report/html/write-report.ts";

const RUNS = 10_000;
const SOURCE = fileURLToPath(new URL("../../results/cross/routers-on-cedar-fleet", import.meta.url));
const MOST_SECONDS = 10;
const MOST_BYTES = 5e6;

/** Runs of a row, and rows of a result. */
const SHAPES = [
  { runsPerRow: 20, rowsPerResult: 25 },
  { runsPerRow: 5, rowsPerResult: 100 },
  { runsPerRow: 1, rowsPerResult: 1000 },
];

const { result } = await findResult(SOURCE);
const stream = new Stream("canopy", "rows of a bench");
const folder = mkdtempSync(join(tmpdir(), "canopy-bench-report-"));
try {
  for (const { runsPerRow, rowsPerResult } of SHAPES) {
    const place = join(folder, `${runsPerRow}`);
    const rows = RUNS / runsPerRow;
    for (let first = 0; first < rows; first += rowsPerResult) {
      const points = Array.from({ length: Math.min(rowsPerResult, rows - first) }, (_, i) => {
        const source = result.rows[i % result.rows.length];
        const point = { "routers.0.epsilon": Math.floor(i / result.rows.length) };
        return otherNumbers({ ...source, point }, runsPerRow);
      });
      const own = join(place, `result-${first}`);
      mkdirSync(own, { recursive: true });
      const made = { ...result, experiment: `bench-${first}`, rows: points, ranks: [] };
      writeFileSync(join(own, "result.json"), JSON.stringify(made, null, 2));
    }
    const began = performance.now();
    const { bytes } = await writeReport([place], join(place, "report.html"));
    const seconds = (performance.now() - began) / 1000;
    const fits = seconds < MOST_SECONDS && bytes < MOST_BYTES;
    if (!fits) process.exitCode = 1;
    process.stdout.write(
      `${RUNS} runs in ${rows} rows of ${Math.ceil(rows / rowsPerResult)} results: ${seconds.toFixed(2)} s, ${(bytes / 1e6).toFixed(2)} MB${fits ? "" : ", too much"}\n`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** The row with every figure moved by up to a tenth, so that nothing packs better than real numbers would. */
function otherNumbers(row: ResultRow, runs: number): ResultRow {
  const moved = (value: number) => value * (0.9 + 0.2 * stream.uniform());
  const metrics = Object.fromEntries(
    Object.entries(row.metrics).map(([name, summary]) => {
      const { mean, ci95 } = summary;
      if (mean === null) return [name, summary];
      const interval = ci95 === null || runs < 2 ? null : ([moved(ci95[0]), moved(ci95[1])] as const);
      return [name, { ...summary, mean: moved(mean), ci95: interval, n: runs }];
    }),
  );
  const curve = (values: readonly (number | null)[]) =>
    values.map((value) => (value === null ? null : moved(value)));
  const { quantiles, ttft, e2e } = row.percentiles;
  return {
    ...row,
    metrics,
    runs: { done: runs, planned: runs },
    percentiles: { quantiles, ttft: curve(ttft), e2e: curve(e2e) },
  };
}
