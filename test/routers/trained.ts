/** Artefacts for routers that learn: trained on rows of the contract suite that no test runs. */
import { logistic } from "../../src/numeric/logistic.ts";
import type { LearningRouter, Router, RouterDefinition } from "../../src/routers/contract.ts";
import { createRouter } from "../../src/routers/registry.ts";
import type { Answers } from "../../src/simulator/options.ts";
import { responseSeed, responseUniform } from "../../src/workload/item-response.ts";
import { runParts, type Simulate } from "../oracle/build.ts";
import { cedarTiers } from "./fake-host.ts";
import { suiteEndpoints, suiteRegions, suiteRows } from "./suite-rows.ts";
import { suiteSettingOf } from "./suite-settings.ts";

const seed = responseSeed("contract suite");
const skills = [1.2, 0.6];

/** The suite's large and small model: right less often the harder a request is. */
export const suiteAnswers: Answers = {
  correct: (id, difficulty, _taskType, model) =>
    responseUniform(seed, id, model) < logistic(skills[model] - difficulty),
};

const trained = new Map<string, ReadonlyMap<string, Uint8Array>>();

/**
 * What training leaves for a router with its parameters of the suite; empty for one that learns nothing. Routers that
 * learn the same are trained once.
 */
export function trainedFor(
  definition: RouterDefinition,
  simulate: Simulate,
): ReadonlyMap<string, Uint8Array> {
  const { training } = definition;
  if (training === undefined) return new Map();
  const name = training.name ?? definition.id;
  const known = trained.get(name);
  if (known !== undefined) return known;
  const { parameters } = createRouter(definition, suiteSettingOf(definition.id).parameters, "contract suite");
  const router: LearningRouter = training.create(parameters);
  runParts(simulate, {
    endpoints: suiteEndpoints,
    regions: suiteRegions,
    rows: suiteRows(1_000_003),
    trace: { tiers: cedarTiers },
    clairvoyant: true,
    answers: suiteAnswers,
    router: router as Router,
  });
  const learned = router.learned();
  trained.set(name, learned);
  return learned;
}
