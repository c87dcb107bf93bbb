import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { COMMITTED_RESULTS } from "../../src/report/reproduction/catalogue.ts";
import type { Reproduction } from "../../src/report/reproduction/reproduce.ts";
import { type SmallResult, smallPath } from "../../src/report/reproduction/small.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** Made again whole: the tables that the README begins with. */
const WHOLE = ["cedar/table-1", "cedar/table-2"];

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function canopy(...words: string[]): Outcome {
  const args = ["--import", "tsx", "src/cli/main.ts", "reproduce", ...words, "--quiet"];
  const options = { cwd: ROOT, encoding: "utf8", maxBuffer: 1 << 28 } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, args, options);
  return { code: status ?? -1, out: stdout, err: stderr };
}

const itemsOf = ({ out }: Outcome) => (JSON.parse(out) as { items: Reproduction[] }).items;

describe("a committed result is what its command makes", () => {
  test(WHOLE.join(", "), () => {
    const outcome = canopy(...WHOLE, "--format", "json");
    const done = itemsOf(outcome);
    expect(done.map(({ item }) => item)).toEqual(WHOLE);
    for (const { item, changes, figures, rule } of done) {
      expect(
        changes.filter(({ state }) => rule === "exact" || state !== "within interval"),
        item,
      ).toEqual([]);
      expect(figures, item).toBeGreaterThan(150);
    }
    expect(outcome.code).toBe(0);
  });
});

describe("the reduced version of a committed result is what it was", () => {
  test("all whose data are here", () => {
    const outcome = canopy("all", "--small", "--format", "json", "--workers", "0");
    process.stdout.write(outcome.err);
    const done = itemsOf(outcome);
    expect(done.length).toBeGreaterThan(20);
    for (const { item, changes, figures, rule } of done) {
      // Made on another Node or other dense kernels: the last digits may differ, and there are no intervals.
      if (rule === "exact") expect(changes, item).toEqual([]);
      expect(figures, item).toBeGreaterThan(50);
    }
  });
});

describe("canopy reproduce", () => {
  test("says what is the same, and leaves with 0", () => {
    const outcome = canopy("cedar/table-1", "--small", "--format", "json");
    expect(itemsOf(outcome)).toMatchObject([{ item: "cedar/table-1", small: true, reproduced: true }]);
    expect(outcome.code).toBe(0);
  });

  test("names what drifted, and leaves with 1", () => {
    const folder = temporaryFolder("drift");
    const copy = join(folder, "cedar", "cedar-table-1");
    cpSync(join(COMMITTED_RESULTS, "cedar", "cedar-table-1"), copy, { recursive: true });
    const small = JSON.parse(
      readFileSync(smallPath(COMMITTED_RESULTS, "cedar/table-1"), "utf8"),
    ) as SmallResult;
    const [first, ...rest] = small.rows;
    const carbon = first.metrics["carbon_g_per_request"] ?? 0;
    const moved = { ...first, metrics: { ...first.metrics, carbon_g_per_request: 1.01 * carbon } };
    mkdirSync(join(folder, "small", "cedar"), { recursive: true });
    writeFileSync(smallPath(folder, "cedar/table-1"), JSON.stringify({ ...small, rows: [moved, ...rest] }));
    const { code, out, err } = canopy("cedar/table-1", "--small", "--results", folder);
    expect(code).toBe(1);
    expect(err).toMatch(/^error CANOPY_REPRODUCE_DRIFT: cedar\/table-1/m);
    expect(out).toContain("carbon_g_per_request");
  });
});
