import type { LengthPairs } from "../../workload/read/length-pairs.ts";
import type { RequestChunk, Workload } from "../../workload/requests.ts";
import { fillFeatures, type PromptFacts } from "./features.ts";
import { TenantStatistics } from "./tenant-statistics.ts";
import { type PredictorRows, type SampleOptions, TrainingSample } from "./training-rows.ts";

const SECONDS_PER_HOUR = 3600;
const HOURS_PER_DAY = 24;

/**
 * Rows of a workload that nothing has served: lengths without labels. A tenant's statistics are of its requests that
 * arrived earlier, as if each had ended by then. What the workload lacks (tenants, turns, task types) is constant, and
 * so is the load. So is the hour of a workload shorter than a day: it would be the time since the beginning, and later
 * rows lie beyond all its values.
 *
 * @param startHour hour of the day (UTC) at time 0
 */
export function rowsOfWorkload(
  workload: Pick<Workload, "taskTypes" | "open">,
  { startHour = 0, ...sample }: SampleOptions & { readonly startHour?: number } = {},
): PredictorRows {
  const { taskTypes } = workload;
  const rows = new TrainingSample(taskTypes, sample);
  const row = new Float64Array(rows.names.all.length);
  const tenants = new TenantStatistics();
  const facts = noFacts();
  const cursor = workload.open();
  let arrivalSeconds = 0;
  for (let chunk = cursor.next(); chunk !== undefined; chunk = cursor.next()) {
    for (let i = 0; i < chunk.count; i++) {
      // A dependent step has no time of its own before it runs: that of its session's first.
      if (!Number.isNaN(chunk.arrivalSeconds[i])) arrivalSeconds = chunk.arrivalSeconds[i];
      const tenant = chunk.tenant?.[i] ?? -1;
      takeFacts(facts, chunk, i);
      facts.hour = (startHour + arrivalSeconds / SECONDS_PER_HOUR) % HOURS_PER_DAY;
      tenants.fill(facts, tenant);
      fillFeatures(row, 0, facts, taskTypes.length);
      rows.add(row, 0, arrivalSeconds, chunk.outputTokens[i], Number.NaN);
      tenants.add(tenant, chunk.outputTokens[i], Number.NaN);
    }
  }
  const gathered = rows.rows();
  if (arrivalSeconds < SECONDS_PER_HOUR * HOURS_PER_DAY)
    gathered.columns[gathered.names.prompt.indexOf("hour")].fill(0);
  return gathered;
}

/** Rows of a file of lengths, which has no times: its order stands for that of arrival, one a second. */
export function rowsOfPairs({ prompt, output }: LengthPairs, sample: SampleOptions = {}): PredictorRows {
  const rows = new TrainingSample([], sample);
  const row = new Float64Array(rows.names.all.length);
  const facts = noFacts();
  for (let i = 0; i < prompt.length; i++) {
    facts.promptTokens = prompt[i];
    fillFeatures(row, 0, facts, 0);
    rows.add(row, 0, i, output[i], Number.NaN);
  }
  return rows.rows();
}

function noFacts(): PromptFacts {
  return {
    promptTokens: 1,
    turns: 1,
    taskType: -1,
    tier: 0,
    hour: 0,
    tenantMean: Number.NaN,
    tenantStd: Number.NaN,
    tenantMissRate: Number.NaN,
  };
}

function takeFacts(facts: PromptFacts, chunk: RequestChunk, i: number): void {
  facts.promptTokens = chunk.promptTokens[i];
  facts.turns = chunk.turns?.[i] ?? 1;
  facts.taskType = chunk.taskType?.[i] ?? -1;
  facts.tier = chunk.tier[i];
}
