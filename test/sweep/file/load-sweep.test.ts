import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { UserError } from "../../../src/errors.ts";
import type { ExperimentPoint } from "../../../src/experiment/load.ts";
import { type LoadedSweep, parseSweep } from "../../../src/sweep/file/load-sweep.ts";
import { sweepJsonSchema } from "../../../src/sweep/file/sweep-schema.ts";
import { openSweep } from "../../../src/sweep/shards/plan-sweep.ts";

const ROOT = new URL("../../../", import.meta.url);

const HEAD = "sweep: s\nexperiment: base.yaml\n";
const load = (text: string, sets: string[] = []): LoadedSweep =>
  parseSweep(HEAD + text, "dir/s.yaml", "/somewhere/dir", sets);
const labels = (sweep: LoadedSweep) =>
  Array.from({ length: sweep.count }, (_, index) => sweep.variant(index).labels);

function message(text: string): string {
  try {
    load(text);
  } catch (error) {
    if (error instanceof UserError) return `${error.code} ${error.message}`;
    throw error;
  }
  return "no error";
}

describe("variants", () => {
  test("every combination of the axes, the last one first to change", () => {
    expect(labels(load("axes: { a: [1, 2], b.c: { from: 0, to: 1, count: 3 } }\n"))).toEqual([
      { a: 1, "b.c": 0 },
      { a: 1, "b.c": 0.5 },
      { a: 1, "b.c": 1 },
      { a: 2, "b.c": 0 },
      { a: 2, "b.c": 0.5 },
      { a: 2, "b.c": 1 },
    ]);
  });

  test("points are crossed with axes and samples; their values are overrides", () => {
    const sweep = load(
      "points: [{ name: p, set: { x: 1 } }, { name: q }]\naxes: { a: [1, 2] }\nsample: { count: 3, axes: { z: [5] } }\n",
    );
    expect(sweep.count).toBe(12);
    expect(sweep.withPoints).toBe(true);
    expect(sweep.varied).toEqual(["a", "z"]);
    const { labels: own, overrides } = sweep.variant(0);
    expect(own).toEqual({ point: "p", a: 1, z: 5 });
    expect(overrides.map(({ path, value }) => [path, value])).toEqual([
      ["x", 1],
      ["a", 1],
      ["z", 5],
    ]);
    expect(sweep.variant(11).labels).toEqual({ point: "q", a: 2, z: 5 });
  });

  test("a value knows its line and the folder that it starts from", () => {
    const [override] = load("axes:\n  workload.trace:\n    - a.csv\n    - b.csv\n").variant(1).overrides;
    expect(override.origin).toMatchObject({ source: "dir/s.yaml", directory: "/somewhere/dir", line: 6 });
  });

  test("--set decides a path: its axis is left out", () => {
    expect(labels(load("axes: { a: [1, 2], b: [3, 4] }\n", ["a=7"]))).toEqual([{ b: 3 }, { b: 4 }]);
    const text = "sample: { count: 2, axes: { a: { from: 1, to: 2 } } }\n";
    expect(labels(load(text, ["a=7"]))).toEqual([{}]);
  });

  test("--set of a wider path decides it too, one of a narrower path does not", () => {
    const text = "axes: { fleet.0.replicas: [1, 2], fleet.*.price: [3, 4] }\n";
    expect(load(text, ["fleet.*.replicas=4"]).varied).toEqual(["fleet.*.price"]);
    expect(load(text, ["fleet=[]"]).varied).toEqual([]);
    expect(load(text, ["fleet.0.price=9"]).varied).toEqual(["fleet.0.replicas", "fleet.*.price"]);
  });

  test("a wider axis may stand before a narrower one, which then has its effect", () => {
    const sweep = load("axes: { fleet.*.replicas: [1, 2], fleet.0.replicas: [3, 4] }\n");
    expect(sweep.variant(1).overrides.map(({ path, value }) => [path, value])).toEqual([
      ["fleet.*.replicas", 1],
      ["fleet.0.replicas", 4],
    ]);
  });

  test("the experiment lies beside the sweep file", () => {
    expect(load("").experiment).toBe("dir/base.yaml");
    expect(load("").count).toBe(1);
  });
});

describe("messages", () => {
  test.each([
    ["axis: {}\n", 'CANOPY_SWEEP_KEY dir/s.yaml:3:1 axis: unknown key (did you mean "axes"?)'],
    [
      "axes: { a: { from: 0, to: 1 } }\n",
      "CANOPY_SWEEP_VALUE dir/s.yaml:3:12 axes.a: has neither count nor step, expected one of them",
    ],
    [
      "axes: { a: { from: 0, to: 1, cuont: 3 } }\n",
      'CANOPY_SWEEP_KEY dir/s.yaml:3:30 axes.a.cuont: unknown key (did you mean "count"?)',
    ],
    [
      "axes: { a: [] }\n",
      "CANOPY_SWEEP_VALUE dir/s.yaml:3:12 axes.a: is an empty list, expected at least 1 entry",
    ],
    [
      "axes: { a: [1] }\nset: { a: 2 }\n",
      "CANOPY_SWEEP_VALUE dir/s.yaml:4:8 set.a: is set here and is an axis, expected one of them",
    ],
    [
      "axes: { a: [1] }\nsample: { count: 2, axes: { a: [1] } }\n",
      "CANOPY_SWEEP_VALUE dir/s.yaml:4:29 sample.axes.a: is an axis already, expected it once",
    ],
    [
      "sample: { count: 2, axes: { a: { from: 0, to: 1, scale: log } } }\n",
      "CANOPY_SWEEP_VALUE dir/s.yaml:3:32 sample.axes.a: begins at 0, expected more than 0 on a log scale",
    ],
    [
      "sample: { count: 2, method: sobol, axes: { a: [1] } }\n",
      'CANOPY_SWEEP_VALUE dir/s.yaml:3:29 sample.method: is "sobol", expected one of: latin-hypercube, random',
    ],
    [
      "points: [{ name: a }, { name: a }]\n",
      'CANOPY_SWEEP_VALUE dir/s.yaml:3:31 points.1.name: "a" is taken, expected different names',
    ],
    [
      "slurm: { time: soon }\n",
      'CANOPY_SWEEP_VALUE dir/s.yaml:3:16 slurm.time: is "soon", expected minutes or [days-]hours:minutes:seconds',
    ],
    [
      "slurm: { partition: 'a b' }\n",
      'CANOPY_SWEEP_VALUE dir/s.yaml:3:21 slurm.partition: is "a b", expected one word',
    ],
  ])("%j", (text, expected) => {
    expect(message(text)).toContain(expected);
  });
});

test("the published JSON Schema is the one of the code (npx tsx scripts/make-sweep-schema.ts)", async () => {
  const published = await readFile(new URL("docs/schema/sweep.schema.json", ROOT), "utf8");
  expect(JSON.parse(published)).toEqual(JSON.parse(JSON.stringify(sweepJsonSchema())));
});

test("the example of the harness makes its points", async () => {
  const open = await openSweep(fileURLToPath(new URL("harness/examples/sweep.yaml", ROOT)), []);
  expect(open.count).toBe(5 * 2 * 10);
  const { labels, experiment } = open.point(99) as ExperimentPoint;
  expect(labels).toMatchObject({ "workload.arrival.ratePerS": 80, "fleet.*.replicas": 2 });
  expect(experiment.fleet.map(({ replicas }) => replicas)).toEqual([2, 2]);
  expect(experiment.telemetryIntervalS).toBe(labels["telemetryIntervalS"]);
});
