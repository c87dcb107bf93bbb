import { describe, expect, test } from "vitest";
import type { UserError } from "../../../src/errors.ts";
import { POLICY } from "../../../src/routers/cedar/policy-learner.ts";
import { cedar, cedarSac } from "../../../src/routers/cedar/sac-definitions.ts";
import type { LearningRouter, Router, RouterDefinition } from "../../../src/routers/contract.ts";
import { createRouter, findRouter } from "../../../src/routers/registry.ts";
import { simulate } from "../../../src/simulator/simulate.ts";
import { type RunParts, runParts } from "../../oracle/build.ts";
import { cedarTiers } from "../fake-host.ts";
import { suiteEndpoints, suiteRegions, suiteRows } from "../suite-rows.ts";

/** Small enough to be trained on 20 s of requests; TypeScript's kernels are everywhere. */
const small = {
  controlSeconds: 0.5,
  violationWindowSeconds: 4,
  referenceIntervals: 4,
  minBuffer: 8,
  rampIntervals: 10,
  blockIntervals: 2,
  settleIntervals: 0,
  keepTransitions: 64,
  batch: 8,
  hidden: [8],
  epsilon: "off",
  dense: "typescript",
};
const rule = { ...small, qualifyIntervals: 4, lossWindow: 10, largestTemperature: 10, lossFactor: 1e9 };

const setting = { endpoints: suiteEndpoints, regions: suiteRegions, trace: { tiers: cedarTiers } };

function trained(parameters: object, definition: RouterDefinition<never> = cedar as never): Uint8Array {
  const values = definition.parameters.parse(parameters);
  const router = definition.training?.create(values) as LearningRouter;
  runParts(simulate, { ...setting, rows: suiteRows(1_000_003), router: router as unknown as Router });
  return router.learned().get(POLICY) as Uint8Array;
}

let known: Uint8Array | undefined;
/** The policy of {@link rule}, trained once. */
const policy = () => (known ??= trained(rule));

function run(id: string, parameters: object, bytes?: Uint8Array, more: Partial<RunParts> = {}) {
  const router = createRouter(findRouter(id), parameters, "test").router as Router;
  const artefacts = new Map(bytes === undefined ? [] : [[POLICY, bytes]]);
  const { sink } = runParts(simulate, {
    ...setting,
    rows: suiteRows(1),
    artefacts,
    ...more,
    router,
  } as RunParts);
  return { placements: sink.placements, figures: router.figures?.() ?? {}, router };
}

const heuristic = { controlSeconds: 0.5, violationWindowSeconds: 4, epsilon: "off" };

describe("training", () => {
  test("gives the same bytes twice, others with another seed", () => {
    const bytes = policy();
    expect(Buffer.from(trained(rule)).equals(bytes)).toBe(true);
    expect(Buffer.from(trained({ ...rule, seed: 2 })).equals(bytes)).toBe(false);
  });

  test("cedar and cedar-sac learn the same, whatever only a run looks at", () => {
    const values = cedarSac.parameters.parse(small);
    const others = cedar.parameters.parse({ ...small, probe: 0.5, online: false, revertIntervals: 9 });
    const basis = cedarSac.training?.basis?.(values);
    expect(cedar.training?.basis?.(others)).toEqual(basis);
    expect(basis).toMatchObject({ dense: { backend: "typescript" }, minBuffer: 8 });
    expect(cedar.training?.name).toBe(cedarSac.training?.name);
  });

  test("a policy of other sizes or another fleet is refused, by name", () => {
    const bytes = policy();
    const refused = (parameters: object, more: Partial<RunParts> = {}) => {
      try {
        run("cedar", parameters, bytes, more);
      } catch (error) {
        const { code, exitCode, message } = error as UserError;
        return { code, exitCode, message };
      }
      return undefined;
    };
    expect(refused({ ...rule, hidden: [16] })).toMatchObject({
      code: "CANOPY_CHECKPOINT_SHAPE",
      exitCode: 2,
      message: expect.stringContaining("actor's hidden layers is 8, expected 16"),
    });
    expect(refused(rule, { endpoints: suiteEndpoints.slice(0, 4) })).toMatchObject({
      code: "CANOPY_CHECKPOINT_SHAPE",
      message: expect.stringContaining("groups"),
    });
    expect(() => run("cedar-sac", small)).toThrow(/CANOPY_TRAINING_MISSING|no policy, expected/);
  });

  test("that diverges stops with a message that names the policy", () => {
    const wild = { ...rule, rewardCost: 1e39 };
    expect(() => trained(wild)).toThrow(/CEDAR's learned policy diverged at update 1: its loss is/);
  });

  test("keeps the rewards of both policies for the curve", () => {
    const { router } = run("cedar", rule, policy());
    const lines = router.series?.()["reward_in_training"] ?? {};
    expect(Object.keys(lines)).toEqual(["the heuristic", "SAC"]);
    // Half-second intervals: 4 of round robin first, then the heuristic alone.
    expect(lines["the heuristic"].x[0] * 3600).toBeGreaterThanOrEqual(2);
    expect(lines["SAC"].y.length).toBeGreaterThan(3);
    for (const y of [...lines["SAC"].y, ...lines["the heuristic"].y]) expect(y).toBeLessThan(0);
  });
});

describe("cedar", () => {
  test("places as the heuristic while SAC has not qualified", () => {
    const never = { ...rule, qualifyErrors: 1e9 };
    const { placements, figures, router } = run("cedar", never, policy());
    expect(placements).toEqual(run("cedar-heuristic", heuristic).placements);
    expect(figures).toMatchObject({
      heuristic_decision_share: 1,
      sac_decision_share: 0,
      sac_takeovers: 0,
    });
    expect(router.notes?.().join(" ")).toMatch(/SAC never qualified, the heuristic decided all/);
  });

  test("places as the heuristic up to the hand-over, and as SAC says after it", () => {
    // Qualified only by rewards of the run: training's records are short of what this rule wants.
    const never = trained({ ...rule, qualifyIntervals: 12, rampIntervals: 100_000 });
    const probing = { ...rule, qualifyIntervals: 12, qualifyErrors: 0, probe: 1, blockIntervals: 20 };
    const { placements, figures } = run("cedar", probing, never);
    const plain = run("cedar-heuristic", heuristic).placements;
    // The first block of 20 intervals is the heuristic's.
    const before = (list: typeof plain) => list.filter(({ atSeconds }) => atSeconds < 10);
    expect(before(placements)).toEqual(before(plain));
    expect(placements).not.toEqual(plain);
    expect(figures["sac_decision_share"]).toBeGreaterThan(0.2);
  });

  test("begins under SAC where training has qualified it", () => {
    const easy = { ...rule, qualifyErrors: 0 };
    const led = run("cedar", easy, policy());
    const takeovers = led.figures["sac_takeovers"];
    // Whether it leads is the training's affair; without trials nothing in the run can change it.
    expect(led.figures["sac_decision_share"]).toBe(takeovers);
  });
});

test("cedar-sac shares the requests of a tier out by its weights, among those that may serve them", () => {
  const { placements, figures } = run("cedar-sac", small, trained(small, cedarSac as never));
  const rows = suiteRows(1);
  expect(placements).toHaveLength(rows.length);
  expect(figures["sac_decision_share"]).toBe(1);
  for (const { id, endpoint } of placements) if (rows[id].needsLarge) expect(endpoint).toBeLessThan(4);
  expect(new Set(placements.map(({ endpoint }) => Math.floor(endpoint / 2))).size).toBe(3);
  expect(figures["policy_updates"]).toBeGreaterThan(20);
});

test("the Lagrangian constraint changes what is learned", () => {
  const tight = { ...rule, epsilon: 0.001, fallbackAfterIntervals: 1000 };
  const penalty = trained(tight);
  const dual = trained({ ...tight, constraint: "lagrangian", dualLearningRate: 0.5 });
  expect(Buffer.from(dual).equals(penalty)).toBe(false);
});
