import { expect, test } from "vitest";
import {
  featureNames,
  fillFeatures,
  fillLoad,
  LOAD_FEATURES,
} from "../../../src/learning/cost-predictor/features.ts";

const FACTS = {
  promptTokens: 1024,
  turns: 3,
  taskType: 1,
  tier: 2,
  hour: 13.5,
  tenantMean: 200,
  tenantStd: 50,
  tenantMissRate: 0.25,
};

test("a row has the values of a prompt under their names, then the load of a pool", () => {
  const names = featureNames(["code", "chat"]);
  const out = new Float64Array(names.all.length + 2).fill(-7);
  fillFeatures(out, 1, FACTS, 2);
  fillLoad(out, 1, { utilisation: 0.5, waiting: 4, queuedPromptTokens: 9000 }, 2);
  expect([out[0], out[out.length - 1]]).toEqual([-7, -7]);
  expect(Object.fromEntries(names.all.map((name, i) => [name, out[i + 1]]))).toEqual({
    prompt_tokens: 1024,
    log_prompt_tokens: 10 * Math.LN2,
    turns: 3,
    task_code: 0,
    task_chat: 1,
    tenant_output_mean: 200,
    tenant_output_std: 50,
    tenant_miss_rate: 0.25,
    tier: 2,
    hour: 13.5,
    pool_utilisation: 0.5,
    pool_waiting: 4,
    pool_queued_prompt_tokens: 9000,
  });
  expect(names.all.slice(0, -LOAD_FEATURES)).toEqual(names.prompt);
});

test("an unknown task type is none of them", () => {
  const names = featureNames(["code", "chat"]);
  const out = new Float64Array(names.all.length);
  fillFeatures(out, 0, { ...FACTS, taskType: -1 }, 2);
  expect([out[names.prompt.indexOf("task_code")], out[names.prompt.indexOf("task_chat")]]).toEqual([0, 0]);
});
