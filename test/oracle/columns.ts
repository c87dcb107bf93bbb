/** All columns of all requests: request index = number in the workload, never reused. */
import type { ClairvoyantView, RequestView } from "../../src/routers/contract.ts";
import type { RecordColumns } from "../../src/simulator/options.ts";
import type { Workload } from "../../src/workload/requests.ts";

export interface Columns
  extends RequestView,
    Omit<RecordColumns, keyof RequestView>,
    Pick<ClairvoyantView, "outputTokens"> {
  readonly difficulty: Float64Array;
  /** As in the workload: NaN for dependent steps. */
  readonly traceArrival: Float64Array;
  readonly thinkSeconds: Float64Array;
}

/** Reads the whole workload. Recorded placements become indices of `endpointNames`, -1 where there is none. */
export function readColumns(workload: Workload, endpointNames: readonly string[]): Columns {
  const n = workload.requests;
  const unknown = () => new Float64Array(n).fill(Number.NaN);
  const columns = {
    id: Float64Array.from({ length: n }, (_, i) => i),
    traceArrival: unknown(),
    arrivalSeconds: unknown(),
    deadlineSeconds: unknown(),
    promptTokens: new Int32Array(n),
    outputTokens: new Int32Array(n),
    producedTokens: new Int32Array(n),
    tier: new Uint8Array(n),
    needsLarge: new Uint8Array(n),
    taskType: new Uint8Array(n),
    session: new Float64Array(n).fill(-1),
    step: new Int32Array(n),
    prefixTokens: new Int32Array(n),
    thinkSeconds: new Float64Array(n),
    recordedEndpoint: new Int32Array(n).fill(-1),
    dispatchedSeconds: unknown(),
    heldSeconds: new Float64Array(n),
    startedSeconds: unknown(),
    firstTokenSeconds: unknown(),
    finishedSeconds: unknown(),
    ttftSeconds: unknown(),
    e2eSeconds: unknown(),
    endpoint: new Int32Array(n).fill(-1),
    preemptions: new Int32Array(n),
    energyJoules: new Float64Array(n),
    costUsd: new Float64Array(n),
    carbonGrams: new Float64Array(n),
    waterLitres: new Float64Array(n),
    tenant: new Int32Array(n).fill(-1),
    turns: new Int32Array(n).fill(1),
    difficulty: new Float64Array(n),
    predictedAccuracy: unknown(),
    accuracyFloor: unknown(),
    feasible: new Uint8Array(n).fill(255),
    correct: new Uint8Array(n).fill(255),
  };
  const recorded = workload.endpointNames.map((name) => endpointNames.indexOf(name));
  const cursor = workload.open();
  let r = 0;
  for (let chunk = cursor.next(); chunk !== undefined; chunk = cursor.next()) {
    for (let i = 0; i < chunk.count; i++, r++) {
      columns.traceArrival[r] = chunk.arrivalSeconds[i];
      columns.arrivalSeconds[r] = chunk.arrivalSeconds[i];
      columns.promptTokens[r] = chunk.promptTokens[i];
      columns.outputTokens[r] = chunk.outputTokens[i];
      columns.tier[r] = chunk.tier[i];
      columns.needsLarge[r] = chunk.needsLarge[i];
      columns.deadlineSeconds[r] = chunk.arrivalSeconds[i] + workload.tiers[chunk.tier[i]].sloSeconds;
      if (chunk.taskType) columns.taskType[r] = chunk.taskType[i];
      if (chunk.session) columns.session[r] = chunk.session[i];
      if (chunk.step) columns.step[r] = chunk.step[i];
      if (chunk.thinkSeconds) columns.thinkSeconds[r] = chunk.thinkSeconds[i];
      if (chunk.prefixTokens) columns.prefixTokens[r] = chunk.prefixTokens[i];
      if (chunk.tenant) columns.tenant[r] = chunk.tenant[i];
      if (chunk.turns) columns.turns[r] = chunk.turns[i];
      if (chunk.difficulty) columns.difficulty[r] = chunk.difficulty[i];
      if (chunk.endpoint && chunk.endpoint[i] >= 0) columns.recordedEndpoint[r] = recorded[chunk.endpoint[i]];
    }
  }
  if (r !== n) throw new Error(`the workload says ${n} requests but holds ${r}`);
  return columns;
}
