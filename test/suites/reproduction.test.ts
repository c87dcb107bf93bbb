import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { UserError } from "../../src/errors.ts";
import { COMMITTED_RESULTS, findItem, readCatalogue } from "../../src/report/reproduction/catalogue.ts";
import { reproduce } from "../../src/report/reproduction/reproduce.ts";
import { type SmallResult, smallPath } from "../../src/report/reproduction/small.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const WORK = { workers: availableParallelism(), folder: COMMITTED_RESULTS };
/** Made again whole: the tables that the README begins with. */
const WHOLE = ["cedar/table-1", "cedar/table-2"];
/** Codes of results whose data are not on this machine. */
const ABSENT = ["CANOPY_REPRODUCE_INPUTS", "CANOPY_EXPERIMENT_DATA"];

function passOver(why: string): void {
  process.stdout.write(`passed over: ${why}\n`);
}

const items = await readCatalogue();
const small = items.filter(({ id }) => existsSync(smallPath(COMMITTED_RESULTS, id)));

describe("a committed result is what its command makes", () => {
  test.each(WHOLE)("%s", async (id) => {
    const { changes, figures, rule, reproduced } = await reproduce(findItem(id, items), WORK);
    expect(changes.filter(({ state }) => rule === "exact" || state !== "within interval")).toEqual([]);
    expect(figures).toBeGreaterThan(150);
    expect(reproduced).toBe(true);
  });
});

describe("the reduced version of a committed result is what it was", () => {
  test("most results have one", () => expect(small.length).toBeGreaterThan(25));

  test.each(small)("$id", async (item) => {
    try {
      const { changes, figures, rule } = await reproduce(item, { ...WORK, small: true });
      if (rule !== "exact") return passOver(`${item.id} was made on another Node or other dense kernels`);
      expect(changes).toEqual([]);
      expect(figures).toBeGreaterThan(50);
    } catch (error) {
      if (!(error instanceof UserError) || !ABSENT.includes(error.code)) throw error;
      passOver(error.message);
    }
  });
});

describe("canopy reproduce", () => {
  const canopy = (...words: string[]) => {
    const args = ["--import", "tsx", "src/cli/main.ts", "reproduce", ...words, "--quiet"];
    try {
      return {
        code: 0,
        out: execFileSync(process.execPath, args, { cwd: ROOT, encoding: "utf8", stdio: "pipe" }),
      };
    } catch (error) {
      const { status, stdout, stderr } = error as { status: number; stdout: string; stderr: string };
      return { code: status, out: stdout, err: stderr };
    }
  };

  test("says what is the same, and leaves with 0", () => {
    const { code, out } = canopy("cedar/table-1", "--small", "--format", "json");
    const { items: done } = JSON.parse(out) as { items: { reproduced: boolean; rule: string }[] };
    expect(done).toMatchObject([{ item: "cedar/table-1", small: true, reproduced: true }]);
    expect(code).toBe(0);
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
