import { foreignLoad } from "../profile/measure/host-load.ts";
import type { HostRecord } from "../profile/measure/host-record.ts";
import { lawOf } from "../profile/to-law.ts";
import { compareSteps, type StepComparison } from "./compare-steps.ts";
import { type ErrorSummary, errorsOf } from "./errors.ts";
import { predict } from "./predict.ts";
import type { EngineLimits, LoadRecord, ValidationRecords } from "./records.ts";

export const VALIDATION_RESULT_ID = "canopy/validation/1";

/** One figure of a whole load, measured and predicted. */
export interface FigureComparison {
  readonly measured: number;
  readonly predicted: number;
  /** (predicted - measured) / measured. */
  readonly bias: number;
}

export interface LoadResult {
  readonly load: number;
  readonly requestsPerSecond: number;
  readonly requests: number;
  readonly failed: number;
  /** (a) Null for a server, which does not tell its steps. */
  readonly scheduler: StepComparison | null;
  /** (b) */
  readonly ttftSeconds: ErrorSummary;
  /** Null where no request has two outputs. */
  readonly tpotSeconds: ErrorSummary | null;
  readonly e2eSeconds: ErrorSummary;
  readonly outputTokensPerSecond: FigureComparison;
  readonly joulesPerToken: FigureComparison | null;
  /** Why there is none; null where there is. */
  readonly joulesReason: string | null;
  /** Processors that others took meanwhile; null where not known. */
  readonly othersProcessors: number | null;
}

export interface ValidationResult {
  readonly schema: typeof VALIDATION_RESULT_ID;
  readonly measuredAt: string;
  readonly target: ValidationRecords["target"];
  readonly limits: EngineLimits;
  readonly seed: string;
  readonly profile: string;
  readonly capacityRequestsPerSecond: number;
  readonly loads: readonly LoadResult[];
  readonly host: HostRecord | null;
}

/** Both comparisons, from the records alone. */
export function validationOf(records: ValidationRecords): ValidationResult {
  const { target, limits, profile } = records;
  return {
    schema: VALIDATION_RESULT_ID,
    measuredAt: records.measuredAt,
    target,
    limits,
    seed: records.seed,
    profile: profile.id,
    capacityRequestsPerSecond: records.capacityRequestsPerSecond,
    loads: records.loads.map((load) => loadResult(records, load)),
    host: records.host,
  };
}

/** Whether the simulator formed every step as the engine did; null where no steps were told. */
export function schedulerAgrees({ loads }: ValidationResult): boolean | null {
  const known = loads.flatMap(({ scheduler }) => scheduler ?? []);
  return known.length === 0 ? null : known.every(({ difference }) => difference === null);
}

function loadResult(records: ValidationRecords, record: LoadRecord): LoadResult {
  const { limits, profile } = records;
  const { trace, steps, host } = record;
  const arrival = seconds(trace.arrivalNs);
  const measured = { first: seconds(record.firstTokenNs), finish: seconds(record.finishNs) };
  const simulated = predict(lawOf(profile, limits.maxRequests), limits, trace);
  const predicted = { first: simulated.firstTokenSeconds, finish: simulated.finishSeconds };
  const outputs = trace.outputTokens;
  const tokens = outputs.reduce((sum, count) => sum + count, 0);
  const severalOutputs = [...outputs.keys()].filter((i) => outputs[i] > 1);
  const each = (times: Times, of: (times: Times, i: number) => number, rows?: readonly number[]) =>
    Float64Array.from(rows ?? arrival.keys(), (i) => of(times, i));
  const errors = (of: (times: Times, i: number) => number, rows?: readonly number[]) =>
    errorsOf(each(measured, of, rows), each(predicted, of, rows));
  const throughput = ({ finish }: Times) => tokens / (finish.reduce((a, b) => Math.max(a, b)) - arrival[0]);
  const joulesReason =
    record.joules === null
      ? (records.powerReason ?? "the meter's samples do not cover the load")
      : simulated.joules === null
        ? `the profile ${profile.id} has no power`
        : null;
  return {
    load: record.load,
    requestsPerSecond: record.requestsPerSecond,
    requests: arrival.length,
    failed: record.failed,
    scheduler: steps === null ? null : compareSteps(limits, trace, steps),
    ttftSeconds: errors(({ first }, i) => first[i] - arrival[i]),
    tpotSeconds:
      severalOutputs.length === 0
        ? null
        : errors(({ first, finish }, i) => (finish[i] - first[i]) / (outputs[i] - 1), severalOutputs),
    e2eSeconds: errors(({ finish }, i) => finish[i] - arrival[i]),
    outputTokensPerSecond: figure(throughput(measured), throughput(predicted)),
    joulesPerToken:
      record.joules === null || simulated.joules === null
        ? null
        : figure(record.joules / tokens, simulated.joules / tokens),
    joulesReason,
    othersProcessors: host === null ? null : foreignLoad(...host).busy,
  };
}

interface Times {
  readonly first: Float64Array;
  readonly finish: Float64Array;
}

function seconds(ns: Float64Array): Float64Array {
  return ns.map((value) => value / 1e9);
}

function figure(measured: number, predicted: number): FigureComparison {
  return { measured, predicted, bias: predicted / measured - 1 };
}
