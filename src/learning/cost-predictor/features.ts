/**
 * What is known of a prompt when it arrives (CAPS specification, section 5). A member that is not known is constant or
 * NaN, which the trees take for missing.
 */
export interface PromptFacts {
  promptTokens: number;
  /** Turns of the conversation up to this prompt, at least 1. */
  turns: number;
  /** Index into the task types that the predictor was trained with; -1 for none or an unknown one. */
  taskType: number;
  /** Index of the tier, 0 the strictest. */
  tier: number;
  /** Hour of the day, 0 to 24. */
  hour: number;
  /** Of the output tokens of the tenant's earlier requests; NaN before the first. */
  tenantMean: number;
  tenantStd: number;
  /** Share of the tenant's earlier requests that missed their objective; NaN before the first. */
  tenantMissRate: number;
}

/** Load of the endpoints that a request may go to, for the risk of missing its objective there. */
export interface PoolLoad {
  /** Running requests over places in the batches. */
  utilisation: number;
  /** Requests that wait, by endpoint. */
  waiting: number;
  /** Prompt tokens still to be computed of requests that are there or on their way, by endpoint. */
  queuedPromptTokens: number;
}

const BEFORE_TASKS = ["prompt_tokens", "log_prompt_tokens", "turns"] as const;
const AFTER_TASKS = ["tenant_output_mean", "tenant_output_std", "tenant_miss_rate", "tier", "hour"] as const;
const LOADS = ["pool_utilisation", "pool_waiting", "pool_queued_prompt_tokens"] as const;

/** Values of a pool's load at the end of a row. */
export const LOAD_FEATURES = LOADS.length;

/** Names of a row's values, those of the prompt first: the length is predicted from these alone. */
export interface FeatureNames {
  readonly taskTypes: readonly string[];
  readonly prompt: readonly string[];
  /** Those of the prompt and of a pool's load: what the risk is predicted from. */
  readonly all: readonly string[];
}

export function featureNames(taskTypes: readonly string[]): FeatureNames {
  const prompt = [...BEFORE_TASKS, ...taskTypes.map((name) => `task_${name}`), ...AFTER_TASKS];
  return { taskTypes, prompt, all: [...prompt, ...LOADS] };
}

/**
 * Writes the values of a prompt in the order of `featureNames(…).prompt`. Allocates nothing.
 *
 * @param out holds `all.length` values from `at` on; those of the load are left as they are
 * @param taskTypes number of task types
 */
export function fillFeatures(out: Float64Array, at: number, facts: PromptFacts, taskTypes: number): void {
  let i = at;
  out[i++] = facts.promptTokens;
  out[i++] = Math.log(facts.promptTokens);
  out[i++] = facts.turns;
  for (let type = 0; type < taskTypes; type++) out[i++] = facts.taskType === type ? 1 : 0;
  out[i++] = facts.tenantMean;
  out[i++] = facts.tenantStd;
  out[i++] = facts.tenantMissRate;
  out[i++] = facts.tier;
  out[i] = facts.hour;
}

/** Writes the load of a pool behind the values of the prompt. Allocates nothing. */
export function fillLoad(out: Float64Array, at: number, load: PoolLoad, taskTypes: number): void {
  let i = at + BEFORE_TASKS.length + taskTypes + AFTER_TASKS.length;
  out[i++] = load.utilisation;
  out[i++] = load.waiting;
  out[i] = load.queuedPromptTokens;
}
