import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { makeSetting } from "../../../src/datacenter/setting.ts";
import { aggregate } from "../../../src/experiment/aggregate.ts";
import { expandEpochs } from "../../../src/experiment/epochs/expand-epochs.ts";
import { parseAnyExperiment, parseExperiment } from "../../../src/experiment/load.ts";
import type { RunResult } from "../../../src/experiment/run-spec.ts";
import { saveCheckpoint } from "../../../src/learning/checkpoint/checkpoint.ts";
import { MarlinPlanner, marlinPlanner } from "../../../src/routers/marlin/planner.ts";
import { simulateTask } from "../../../src/sweep/simulation-task.ts";
import { dataRoot, testWithData } from "../../data-root.ts";
import { temporaryFolder } from "../../temporary-folder.ts";

const SMALL = `
experiment: e
planners: [uniform, greedy-carbon]
sites: 3
setting: { epochs: 4, history: 8, nodesPerSite: 60 }
`;

const folder = temporaryFolder("epochs");

function load(text: string, sets: string[] = []) {
  const any = parseAnyExperiment(text, { source: "e.yaml", directory: folder, sets });
  if (any.kind !== "epochs") throw new Error("an experiment with planners was expected");
  return any.loaded;
}

const plan = async (text: string, sets: string[] = []) => expandEpochs(load(text, sets), { dataRoot: null });

describe("a file with planners", () => {
  test("gets every default, and reads the same again", () => {
    const { experiment } = load(SMALL).points[0];
    expect(experiment).toMatchObject({ calls: 205, seeds: [1], setting: { mix: [0.8, 0.2], peak: 0.95 } });
    expect(load(JSON.stringify(experiment)).points[0].experiment).toEqual(experiment);
  });

  test.each([
    ["planer", SMALL.replace("sites: 3", "site: 3"), 'e.yaml:4:1 site: unknown key (did you mean "sites"?)'],
    [
      "a nested key",
      SMALL.replace("epochs: 4", "epoch: 4"),
      'e.yaml:5:12 setting.epoch: unknown key (did you mean "epochs"?)',
    ],
    [
      "a fleet",
      `${SMALL}fleet: []\n`,
      "e.yaml:6:1 fleet: is a key of experiments with routers, but this one has planners",
    ],
    [
      "too many sites",
      SMALL.replace("sites: 3", "sites: 13"),
      "e.yaml:4:8 sites: is 13, expected at most 12",
    ],
    [
      "a site that there is not",
      SMALL.replace("sites: 3", "sites: [ashburm]"),
      'sites.0: there is no site "ashburm" (did you mean "ashburn"?)',
    ],
    ["a baseline that is not run", `${SMALL}baseline: unifrom\n`, 'baseline: there is no planner "unifrom"'],
    [
      "a metric",
      `${SMALL}outputs: { tables: [{ title: t, columns: [carbn_kg] }] }\n`,
      'there is no metric "carbn_kg" (did you mean "carbon_kg"?)',
    ],
  ])("%s is refused with the place and the nearest word", (_, text, message) => {
    expect(() => load(text)).toThrow(message);
  });

  test("is not one with routers, and a file with routers has no sites", () => {
    expect(() => parseExperiment(SMALL, { source: "e.yaml" })).toThrow(
      expect.objectContaining({ code: "CANOPY_EXPERIMENT_KIND" }),
    );
    expect(() => parseExperiment("experiment: e\nsites: 3\n", { source: "e.yaml" })).toThrow(
      "e.yaml:2:1 sites: is a key of experiments with planners, but this one has none",
    );
  });
});

describe("its plan", () => {
  test("has a run for each planner, point, seed and start, named by content", async () => {
    const text = `${SMALL}seeds: 2\nstarts: [2024-07-01, 2024-01-01]\naxes: { setting.peak: [0.5, 0.9] }\n`;
    const { runs, points } = await plan(text);
    expect(runs).toHaveLength(2 * 2 * 2 * 2);
    expect(new Set(runs.map(({ key }) => key)).size).toBe(runs.length);
    expect(points.map(({ point }) => point.labels)).toEqual([
      { "setting.peak": 0.5 },
      { "setting.peak": 0.9 },
    ]);
    const keys = async (sets: string[]) => (await plan(text, sets)).runs.map(({ key }) => key);
    const before = runs.map(({ key }) => key);
    expect(await keys([])).toEqual(before);
    expect(await keys(["setting.forecast=persistence"])).not.toContain(before[0]);
    expect(await keys(["calls=10"])).not.toContain(before[0]);
    // What is shown of a result is no part of it.
    expect(await keys(["outputs.tables=[{title: t, columns: [carbon_kg]}]"])).toEqual(before);
  });

  test("without reference data says what stands in", async () => {
    const { provenance } = await plan(SMALL);
    expect(provenance[0].epochs?.header).toMatch(
      /^Requests: synthetic BurstGPT shape, seed 1, scaled .*carbon synthetic, prices synthetic/,
    );
    expect(provenance[0].notes.join()).toContain("no reference data here");
  });

  test("learned planners name their kernels, others do not", async () => {
    expect((await plan(SMALL)).dense).toBeUndefined();
    const { dense } = await plan(SMALL, ["planners=[marlin-balanced]"]);
    expect(["native", "typescript"]).toContain(dense?.backend);
  });

  test.each([
    ["planners=[unifrom]", 'e.yaml:3:12 planners.0: planner "unifrom" is not known'],
    [
      "planners=[{planner: nsga2, population: 0}]",
      "planner nsga2: parameter population is 0, expected at least 1",
    ],
    ["planners=[./none.ts]", "planner file"],
    ["setting.nodesPerSite=1", "has too few nodes (1) to give"],
    [
      "sites=[{site: here, latitude: 0, longitude: 0, waterLPerKwh: 1, carbon: 100}]",
      "site here (here) has no price",
    ],
    ["setting.blowdown={cycles: 1}", "setting.blowdown"],
    ["setting.blowdown={phi: 1}", "setting.blowdown"],
    ["setting.firstEpoch=1343", "firstEpoch and epochs: expected a horizon within 1344 epochs"],
  ])("%s is refused", async (set, message) => {
    const place = message.replace("e.yaml:3:12 planners.0", "--set planners=[unifrom] planners.0");
    await expect(plan(SMALL, [set])).rejects.toThrow(
      expect.objectContaining({ exitCode: 2, message: expect.stringContaining(place) }),
    );
  });
});

test("a planner that comes to what a reference row does is said to", async () => {
  // Sites are alike, so that the largest flow and the roomiest site both mean even shares.
  const { runs, inputs, ...rest } = await plan(SMALL, [
    "planners=[helix, splitwise, greedy-carbon, uniform]",
  ]);
  const results = new Map<string, RunResult>();
  for (const spec of runs) {
    const outcome = await simulateTask(inputs, { spec, recordsPath: null });
    if (outcome.state === "done") results.set(spec.key, outcome.result);
  }
  const [helix, splitwise, greedy, uniform] = aggregate({ ...rest, runs, inputs }, results).rows;
  expect(helix.notes).toContain("indistinguishable here: every plan comes to what uniform's does");
  expect(splitwise.notes[0]).toMatch(/^indistinguishable here: within 0\.\d+ % of uniform in every metric/);
  for (const { notes } of [greedy, uniform]) expect(notes.join()).not.toContain("indistinguishable");
});

testWithData("a start that the series do not cover is told with what they do cover", async () => {
  const loaded = load(SMALL, ["starts=[2023-01-01]"]);
  await expect(expandEpochs(loaded, { dataRoot: dataRoot as string })).rejects.toThrow(
    /its carbon intensity covers 2024-01-01T00:00:00Z to 2025-01-01T00:00:00Z, but 2023-01-01T00:00:00Z/,
  );
});

describe("sites of one's own", () => {
  const OWN = `
experiment: e
planners: [uniform]
sites:
  - ashburn
  - { site: mine, latitude: 60, longitude: 10, cop: 5, waterLPerKwh: 2, carbon: 50, price: { steps: [[0, 0.1], [1800, 0.2]] }, nodes: 30 }
setting: { epochs: 4, history: 8, nodesPerSite: 60 }
`;

  test("bring signals and nodes", async () => {
    const { points, runs, inputs } = await plan(OWN);
    const { sites, nodes, series } = inputs.epochPoints[points[0].key];
    expect(sites[1]).toMatchObject({ name: "mine", cop: 5, waterLitresPerKwh: 2 });
    expect(nodes?.map((own) => own.reduce((sum, count) => sum + count, 0))).toEqual([60, 30]);
    expect([...(series[0][1].price?.values ?? [])]).toEqual([0.1, 0.2]);
    const outcome = await simulateTask(inputs, { spec: runs[0], recordsPath: null });
    expect(outcome.state).toBe("done");
  });
});

describe("planners of users", () => {
  const run = async (text: string, name: string) => {
    writeFileSync(join(folder, name), text);
    const { runs, inputs } = await plan(SMALL, [`planners=[${join(folder, name)}]`]);
    return simulateTask(inputs, { spec: runs[0], recordsPath: null });
  };

  test("the example runs, and is checked as the registry's are", async () => {
    const example = fileURLToPath(new URL("../../../harness/examples/my-planner.ts", import.meta.url));
    copyFileSync(example, join(folder, "my-planner.ts"));
    const { runs, inputs } = await plan(SMALL, [`planners=[uniform, ${join(folder, "my-planner.ts")}]`]);
    const results = await Promise.all(runs.map((spec) => simulateTask(inputs, { spec, recordsPath: null })));
    const carbon = results.map((outcome) =>
      outcome.state === "done" ? outcome.result.metrics["carbon_kg"] : Number.NaN,
    );
    expect(carbon[1]).toBeLessThan(carbon[0] as number);
    await expect(
      plan(SMALL, [`planners=[{planner: ${join(folder, "my-planner.ts")}, fil: 1}]`]),
    ).rejects.toThrow('planner my-planner: parameter "fil" is not known (did you mean "fill"?)');
  });

  test("a plan that does not sum to one fails its run with planner, epoch, row and sum", async () => {
    const outcome = await run(
      `export default { id: "half", create: () => ({ name: "half", plan: (s, b, plan) => void plan.fill(1 / 6) }) };`,
      "half.mjs",
    );
    expect(outcome).toMatchObject({
      state: "failed",
      failure: {
        code: "CANOPY_PLAN_ROW",
        message: "planner half, epoch 0: row llama-7b sums to 0.5; expected 1 (within 0.000001)",
      },
    });
  });

  test.each([
    ["undefined", "what create makes has no function plan"],
    ["({ name: 'x' })", "what create makes has no function plan"],
    ["{ throw new Error('no world'); }", 'create throws "no world"'],
  ])("create: () => %s is told before anything runs", async (made, what) => {
    const file = `nothing-${made.length}.mjs`;
    await expect(run(`export default { id: "n", create: () => ${made} };`, file)).rejects.toThrow(
      expect.objectContaining({
        code: "CANOPY_ROUTER_EXPORT",
        exitCode: 2,
        message: expect.stringContaining(`${file}: ${what}, expected { name, plan(`),
      }),
    );
  });

  test("a plan of an archive that does not sum to one fails its run as a plan does", async () => {
    const outcome = await run(
      `export default { id: "a", create: () => ({ name: "a", plan: (s, b, plan) => void plan.fill(1 / 3), archive: () => [{ plan: new Float64Array(6) }] }) };`,
      "archive.mjs",
    );
    expect(outcome).toMatchObject({
      state: "failed",
      failure: {
        code: "CANOPY_PLAN_ROW",
        message:
          "planner a, a plan of its archive, epoch 0: row llama-7b sums to 0; expected 1 (within 0.000001)",
      },
    });
  });

  test("an id that is taken, and a file without a definition", async () => {
    await expect(run(`export default { id: "nsga2", create: () => ({}) };`, "taken.mjs")).rejects.toThrow(
      'the id "nsga2" is taken by a planner of Canopy',
    );
    await expect(run("export const a = 1;", "none.mjs")).rejects.toThrow(
      "it exports a, expected a default export or one named planner, made with definePlanner",
    );
  });

  test("a figure with the name of a metric fails", async () => {
    const outcome = await run(
      `export default { id: "f", create: () => ({ name: "f", plan: (s, b, plan) => void plan.fill(1 / 3), figures: () => ({ carbon_kg: 1 }) }) };`,
      "figure.mjs",
    );
    expect(outcome).toMatchObject({ state: "failed", failure: { code: "CANOPY_ROUTER_FIGURE" } });
  });
});

describe("checkpoints", () => {
  const save = async (sites: number, file: string) => {
    const { world } = await makeSetting({ sites, seed: 1, epochs: 1, nodesPerSite: 60 });
    const planner = marlinPlanner("marlin-balanced", world, {
      seed: 9,
      parameters: { actorHidden: [8], criticHidden: [8] },
    });
    expect(planner).toBeInstanceOf(MarlinPlanner);
    writeFileSync(join(folder, file), saveCheckpoint(planner.learner));
  };
  const withCheckpoint = (file: string) => [
    `planners=[{planner: marlin-balanced, actorHidden: [8], criticHidden: [8], artefacts: {checkpoint: ${join(folder, file)}}}]`,
  ];

  test("of the same shape are taken, of another refused before anything runs", async () => {
    await save(3, "three.ckpt");
    await save(4, "four.ckpt");
    expect((await plan(SMALL, withCheckpoint("three.ckpt"))).runs).toHaveLength(1);
    await expect(plan(SMALL, withCheckpoint("four.ckpt"))).rejects.toThrow(
      expect.objectContaining({ code: "CANOPY_CHECKPOINT_SHAPE", exitCode: 2 }),
    );
    const stray = ["planners=[{planner: uniform, artefacts: {checkpoint: three.ckpt}}]"];
    await expect(plan(SMALL, stray)).rejects.toThrow('planner uniform has no artefact "checkpoint"');
  });
});
