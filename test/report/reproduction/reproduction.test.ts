import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { ExperimentResult } from "../../../src/experiment/result.ts";
import {
  COMMITTED_RESULTS,
  findItem,
  readCatalogue,
  setsOf,
} from "../../../src/report/reproduction/catalogue.ts";
import { type ComparedRow, compareRows, rowsOf } from "../../../src/report/reproduction/compare-rows.ts";
import { combinedSets } from "../../../src/report/reproduction/reproduce.ts";
import { readSmall, smallPath } from "../../../src/report/reproduction/small.ts";
import { temporaryFolder } from "../../temporary-folder.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

describe("figures made again", () => {
  const committed: ComparedRow = {
    router: "cedar",
    point: {},
    metrics: { a: 1, b: 2, c: null, d: 4, e: 5 },
    intervals: { a: [0, 2], b: [1, 3], c: null, d: [3.9, 4.1], e: [4, 6] },
  };

  test("are the same, within the interval, drifted or gone", () => {
    const now: ComparedRow = { router: "cedar", point: {}, metrics: { a: 1, b: 2.5, c: null, d: 4.2, f: 6 } };
    const { figures, same, within, changes, added } = compareRows([committed], [now]);
    expect({ figures, same, within, added }).toEqual({ figures: 5, same: 2, within: 1, added: ["f"] });
    expect(changes.map(({ metric, state }) => [metric, state])).toEqual([
      ["b", "within interval"],
      ["d", "drift"],
      ["e", "gone"],
    ]);
  });

  test("the last digit counts, a missing row is gone, and a figure that became unknown has drifted", () => {
    const digit = { ...committed, metrics: { ...committed.metrics, a: 1 + Number.EPSILON }, intervals: {} };
    expect(compareRows([{ ...committed, intervals: {} }], [digit]).changes).toMatchObject([
      { metric: "a", state: "drift" },
    ]);
    expect(compareRows([committed], []).changes.every(({ state }) => state === "gone")).toBe(true);
    const unknown = { ...committed, metrics: { ...committed.metrics, b: null } };
    expect(compareRows([committed], [unknown]).changes).toMatchObject([{ metric: "b", state: "drift" }]);
  });
});

test("times of the machine are no figures to be made again", () => {
  const summary = { mean: 1, ci95: null, unit: "s", n: 1 };
  const row = { router: "slit", point: {}, metrics: { planning_s_per_epoch: summary, carbon_kg: summary } };
  expect(rowsOf({ rows: [row] } as unknown as ExperimentResult)).toEqual([
    { router: "slit", point: {}, metrics: { carbon_kg: 1 } },
  ]);
});

test("a reduced version that is none is refused in one line, with the command that makes it", async () => {
  const folder = temporaryFolder("small");
  const path = smallPath(folder, "cedar/x");
  mkdirSync(join(path, ".."), { recursive: true });
  const texts = {
    "is no JSON": '{ "schema": ',
    'its schema is "canopy/small/9"': '{ "schema": "canopy/small/9" }',
  };
  for (const [why, text] of Object.entries({ ...texts, "its schema is missing": "[]" })) {
    writeFileSync(path, text);
    await expect(readSmall(folder, "cedar/x")).rejects.toMatchObject({
      code: "CANOPY_REPRODUCE_SMALL",
      message: `${path}: ${why}, expected a reduced version; canopy reproduce cedar/x --small --update makes it anew`,
    });
  }
  await expect(readSmall(folder, "cedar/y")).rejects.toThrow("cedar/y: no reduced version is committed");
});

describe("what a manifest's command says", () => {
  test("overrides in either form, seeds as one of them", () => {
    const words = ["canopy", "run", "a.yaml", "--set", "fleet.0.replicas=2", "--set=x=y=1", "--seeds", "3"];
    expect(setsOf(words)).toEqual(["fleet.0.replicas=2", "x=y=1", "seeds=3"]);
  });

  test("a reduced version's seeds and starts replace those of the command", () => {
    expect(combinedSets(["starts.hoursPerDay=24", "a.b=1"], ["seeds=[1]", 'starts=["x"]', "a.b=2"])).toEqual([
      "a.b=1",
      "seeds=[1]",
      'starts=["x"]',
      "a.b=2",
    ]);
  });
});

describe("the committed results", async () => {
  const items = await readCatalogue();

  test("have names of their own, and experiments that are there", () => {
    expect(items.length).toBeGreaterThan(25);
    expect(new Set(items.map(({ id }) => id)).size).toBe(items.length);
    for (const { id, file } of items) expect(existsSync(join(ROOT, file)), `${id}: ${file}`).toBe(true);
    expect(findItem("cedar/table-1", items).file).toBe("harness/cedar/table-1.yaml");
    expect(() => findItem("cedar/tabel-1", items)).toThrow(/did you mean "cedar\/table-1"/);
  });

  test("reduced versions are of results that are there", () => {
    const folder = join(COMMITTED_RESULTS, "small");
    const kept = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith(".json"),
    );
    const expected = items.map(({ id }) => smallPath("", id));
    for (const name of kept) expect(expected).toContain(join("small", name));
    expect(kept.length).toBeGreaterThan(25);
  });

  test("ARTIFACT.md names none that is not there", () => {
    const text = readFileSync(join(ROOT, "ARTIFACT.md"), "utf8");
    const named = new Set([...text.matchAll(/canopy reproduce ([a-z]+\/[\w.-]+)/g)].map(([, id]) => id));
    const ids = new Set(items.map(({ id }) => id));
    expect([...named].filter((id) => !ids.has(id))).toEqual([]);
    expect(named.size).toBeGreaterThan(25);
  });
});
