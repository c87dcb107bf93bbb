/** Training end to end, with a router that learns the mean output of the training requests. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { trainingFacts } from "../../src/cli/training-facts.ts";
import { type ExperimentPlan, expandExperiment } from "../../src/experiment/expand.ts";
import { parseExperiment } from "../../src/experiment/load.ts";
import type { RunResult } from "../../src/experiment/run-spec.ts";
import { workloadOf } from "../../src/experiment/shared-workload.ts";
import { runPlans } from "../../src/sweep/run-plans.ts";
import { RunStore } from "../../src/sweep/store.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const folder = temporaryFolder("training");

/** By its file: neither the test runner nor a worker finds it from the folder of the test. */
const ZOD = pathToFileURL(
  createRequire(import.meta.url)
    .resolve("zod")
    .replace(/cjs$/, "js"),
).href;

/** Trains at each `start`, which it notes in a file of its own. */
const LEARNER = `
import { appendFileSync } from "node:fs";
import { z } from ${JSON.stringify(ZOD)};
const parameters = z.strictObject({ gain: z.number().default(1), bias: z.number().default(0) });
class Placing {
  start(world, host) { this.world = world; this.host = host; }
  arrival(request) { this.host.place(request, 0); }
}
class Learning extends Placing {
  constructor(gain) { super(); this.gain = gain; this.count = 0; this.sum = 0; }
  start(world, host) {
    super.start(world, host);
    appendFileSync(${JSON.stringify(join(folder, "log.txt"))}, this.gain + "\\n");
  }
  arrival(request) {
    this.count++;
    this.sum += this.world.hidden.outputTokens[request];
    super.arrival(request);
  }
  learned() {
    if (this.gain < 0) throw new Error("a gain below 0 teaches nothing");
    return new Map([["mean", new TextEncoder().encode(JSON.stringify([this.gain * this.sum / this.count, this.count]))]]);
  }
}
class Learned extends Placing {
  constructor(bias) { super(); this.bias = bias; }
  start(world, host) {
    super.start(world, host);
    [this.mean, this.seen] = JSON.parse(new TextDecoder().decode(world.artefacts.get("mean")));
  }
  figures() { return { learned_mean: this.mean + this.bias, learned_from: this.seen }; }
}
export default {
  id: "learner",
  parameters,
  create: (values) => new Learned(values.bias),
  training: {
    artefacts: ["mean"],
    unneeded: (values) => values.gain === 0,
    basis: ({ gain }) => ({ gain }),
    create: (values) => new Learning(values.gain),
  },
};
`;

const EXPERIMENT = `experiment: learning
workload:
  requests: 200
  arrival: { ratePerS: 20 }
  prompt: { dist: constant, value: 50 }
  output: { dist: uniform, min: 1, max: 99 }
fleet:
  - endpoint: e
    region: here
    profile: { law: { baseMs: 1, perPrefillTokenMs: 0.01, perDecodeSequenceMs: 0.1, perContextTokenMs: 0 }, kvCapacityTokens: 100000 }
training: { requests: 5000 }
routers: [round-robin, ./learner.mjs]
seeds: 2
`;

beforeAll(() => writeFileSync(join(folder, "learner.mjs"), LEARNER));

/** With other routers: paths of a file are relative to it, those of overrides are not. */
const withRouters = (routers: string) => EXPERIMENT.replace(/routers: .*/, `routers: ${routers}`);
const UNTRAINED = /training: .*\n/;

async function planOf(text = EXPERIMENT, sets: string[] = []): Promise<ExperimentPlan> {
  return expandExperiment(parseExperiment(text, { source: "e.yaml", directory: folder, sets }));
}

async function run(plan: ExperimentPlan, workers = 0, out?: string) {
  rmSync(join(folder, "log.txt"), { force: true });
  const store = out === undefined ? null : new RunStore<RunResult>(join(folder, out));
  const outcome = await runPlans([{ plan, store }], { workers });
  await store?.close();
  return { ...outcome, trainings: trainings() };
}

/** Gains of the trainings since the last {@link run} began. */
function trainings(): number[] {
  try {
    return readFileSync(join(folder, "log.txt"), "utf8").trim().split("\n").map(Number);
  } catch {
    return [];
  }
}

const learnedMean = (plan: ExperimentPlan, results: ReadonlyMap<string, RunResult>) =>
  plan.runs
    .filter(({ router }) => router.id === "learner")
    .map(({ key }) => results.get(key)?.metrics["learned_mean"]);

describe("training", () => {
  test("happens once for all seeds, on requests of its own, before the runs", async () => {
    const plan = await planOf();
    expect(plan.trainings).toHaveLength(1);
    const [spec] = plan.trainings;
    expect(spec).toMatchObject({ seed: 1_000_003, artefacts: ["mean"] });
    const { results, trainings, failed } = await run(plan);
    expect(failed).toEqual([]);
    expect(trainings).toEqual([1]);
    // The mean of the training requests to the bit, not of an evaluated run's.
    let sum = 0;
    const cursor = workloadOf(spec, plan.inputs).open();
    for (let chunk = cursor.next(); chunk !== undefined; chunk = cursor.next())
      for (let i = 0; i < chunk.count; i++) sum += chunk.outputTokens[i];
    expect(learnedMean(plan, results)).toEqual([sum / 5000, sum / 5000]);
    expect(Math.abs(sum / 5000 - 50)).toBeLessThan(2);
  });

  test("gives the same with any number of workers", async () => {
    const plan = await planOf(
      withRouters("[round-robin, { router: ./learner.mjs, gain: 2 }, { router: ./learner.mjs, as: b }]"),
    );
    const [here, there] = [await run(plan, 0), await run(plan, 2)];
    expect([...here.failed, ...there.failed]).toEqual([]);
    expect(here.trainings.sort()).toEqual([1, 2]);
    expect(there.trainings.sort()).toEqual([1, 2]);
    const sorted = ({ results }: typeof here) =>
      JSON.stringify([...results].sort(([a], [b]) => (a < b ? -1 : 1)));
    expect(sorted(there)).toBe(sorted(here));
  });

  test("is kept beside the results and found again", async () => {
    const first = await planOf();
    await run(first, 0, "kept");
    const more = await planOf(EXPERIMENT, ["seeds=4"]);
    const { results, trainings, reused } = await run(more, 0, "kept");
    expect(reused).toBe(4);
    expect(trainings).toEqual([]);
    expect(new Set(learnedMean(more, results)).size).toBe(1);
    const trained = join(folder, "kept", "trained");
    expect(readdirSync(trained)).toEqual([first.trainings[0].key]);
    // What was cut short is trained again.
    writeFileSync(join(trained, first.trainings[0].key, "artefact-0"), "[1");
    const again = await run(await planOf(EXPERIMENT, ["seeds=5"]), 0, "kept");
    expect(again.trainings).toEqual([1]);
    expect(again.failed).toEqual([]);
  });

  test("is not done where every run is done", async () => {
    const plan = await planOf();
    await run(plan, 0, "done");
    rmSync(join(folder, "done", "trained"), { recursive: true });
    expect((await run(plan, 0, "done")).trainings).toEqual([]);
  });

  test("is shared by parameters that it does not depend on", async () => {
    const plan = await planOf(
      withRouters("[{router: ./learner.mjs, as: a}, {router: ./learner.mjs, as: b, bias: 1000}]"),
      ["seeds=1"],
    );
    expect(plan.trainings).toHaveLength(1);
    const { results } = await run(plan);
    const [a, b] = learnedMean(plan, results);
    expect(b).toBe((a as number) + 1000);
  });

  test("that fails, fails the runs that need it, and no other", async () => {
    const plan = await planOf(withRouters("[round-robin, { router: ./learner.mjs, gain: -1 }]"));
    const { results, failed, remaining } = await run(plan);
    expect(results.size).toBe(2);
    expect(remaining).toBe(0);
    expect(failed.map(({ spec, failure }) => [spec.seed, failure.message])).toEqual([
      [1, "training: a gain below 0 teaches nothing"],
      [2, "training: a gain below 0 teaches nothing"],
    ]);
  });
});

describe("the key of a run", () => {
  const keyOf = async (sets: string[], router: string) =>
    (await planOf(EXPERIMENT, sets)).runs.find((spec) => spec.router.id === router)?.key;

  test("changes with everything that training depends on, where the router is trained", async () => {
    const key = await keyOf([], "learner");
    expect(await keyOf([], "learner")).toBe(key);
    for (const change of ["training.requests=4000", "training.seed=77"]) {
      expect(await keyOf([change], "learner")).not.toBe(key);
      expect(await keyOf([change], "round-robin")).toBe(await keyOf([], "round-robin"));
    }
  });
});

describe("a trace", () => {
  const rows = Array.from({ length: 100 }, (_, i) => `${i},10,${i < 40 ? 3 : 7}`);

  test("is divided: its beginning trains, the rest is evaluated", async () => {
    writeFileSync(join(folder, "trace.csv"), `arrival_s,prompt_tokens,output_tokens\n${rows.join("\n")}\n`);
    const sets = ["training={durationS: 40}", "seeds=1"];
    const plan = await planOf(
      EXPERIMENT.replace(/workload:[\s\S]*?(?=fleet:)/, "workload: { trace: trace.csv }\n"),
      sets,
    );
    const { results } = await run(plan);
    expect(learnedMean(plan, results)).toEqual([3]);
    for (const { metrics } of results.values()) expect(metrics).toMatchObject({ finished: 60 });
    const [learner] = [...results.values()].filter(({ metrics }) => "learned_from" in metrics);
    expect(learner.metrics["learned_from"]).toBe(40);
  });
});

describe("what a training depends on", () => {
  test("CAPS's variants share one predictor; its rows and pools make another", async () => {
    const variants = "caps, caps-no-carbon, caps-no-tenant, caps-no-predictor";
    const changed = "{ router: caps, as: b, beta: 2, gateSeconds: 0, ownQueue: room }";
    const plan = await planOf(withRouters(`[${variants}, ${changed}]`));
    expect(plan.trainings).toHaveLength(1);
    expect(plan.runs.slice(0, 5).map(({ router }) => router.training !== null)).toEqual([
      true,
      true,
      true,
      false,
      true,
    ]);
    expect(trainingFacts(plan, null)).toMatchObject([
      {
        routers: ["caps", "caps-no-carbon", "caps-no-tenant", "b"],
        requests: 5000,
        artefacts: [{ name: "predictor", sha256: null, rows: null }],
      },
    ]);
    const other = "{ router: caps, as: c, trainingRows: 1000 }, { router: caps, as: d, pools: { lp: [e*] } }";
    expect((await planOf(withRouters(`[caps, ${other}]`))).trainings).toHaveLength(3);
  });

  test("not on what is shown of the runs", async () => {
    const keys = await Promise.all(
      ["", "outputs: { breakdowns: [{ by: [tier] }] }\n"].map(async (outputs) =>
        (await planOf(EXPERIMENT + outputs)).trainings.map(({ key }) => key),
      ),
    );
    expect(keys[0]).toEqual(keys[1]);
  });
});

describe("what is said of a training", () => {
  test("its artefacts by hash, and the rows of one that names them", async () => {
    const plan = await planOf(EXPERIMENT, ["seeds=1"]);
    await run(plan, 0, "facts");
    const kept = join(folder, "facts", "trained");
    const bytes = readFileSync(join(kept, plan.trainings[0].key, "artefact-0"));
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    expect(trainingFacts(plan, kept)).toMatchObject([
      { routers: ["learner"], seed: 1_000_003, artefacts: [{ name: "mean", sha256, rows: null }] },
    ]);
  });
});

describe("messages", () => {
  test("a router that learns, without training and without a file", async () => {
    await expect(planOf(EXPERIMENT.replace(UNTRAINED, ""))).rejects.toMatchObject({
      code: "CANOPY_TRAINING_MISSING",
      message:
        "e.yaml:11:24 routers.1: router learner needs mean, which it learns: expected training: { durationS: ... } in the experiment, or artefacts: { mean: FILE } beside the router",
    });
  });

  test("a file takes the place of training", async () => {
    writeFileSync(join(folder, "mean.json"), "[42, 0]");
    const text = withRouters("[{ router: ./learner.mjs, artefacts: { mean: mean.json } }]");
    const plan = await planOf(text.replace(UNTRAINED, ""), ["seeds=1"]);
    expect(plan.trainings).toEqual([]);
    expect(learnedMean(plan, (await run(plan)).results)).toEqual([42]);
  });

  test.each<[string, string[], RegExp]>([
    [
      withRouters("[{ router: ./learner.mjs, artefacts: { maen: mean.json } }]"),
      [],
      /has no artefact "maen" \(did you mean "mean"\?\)/,
    ],
    [
      EXPERIMENT,
      ["training.seed=2"],
      /training\.seed.*: is 2, a seed of the evaluated runs, expected another/,
    ],
    [EXPERIMENT, ["training={seed: 7}"], /training.*: has neither durationS nor requests/],
  ])("%#", async (text, sets, expected) => {
    writeFileSync(join(folder, "mean.json"), "[42, 0]");
    await expect(planOf(text, sets)).rejects.toThrow(expected);
  });

  test("none where the parameters need no training", async () => {
    const text = withRouters("[{ router: ./learner.mjs, gain: 0 }]").replace(UNTRAINED, "");
    expect((await planOf(text)).trainings).toEqual([]);
  });
});
