import { foreignLoad } from "../profile/measure/host-load.ts";
import type { HostRecord } from "../profile/measure/host-record.ts";
import { lawOf } from "../profile/to-law.ts";
import { compareSteps, type StepComparison } from "./compare-steps.ts";
import { type ErrorSummary, errorsOf } from "./errors.ts";
import { predict } from "./predict.ts";
import type { EngineLimits, LoadRecord, ValidationRecords } from "./records.ts";
import { scaledProfile } from "./scaled-profile.ts";
import { type StepTimes, stepTimesOf } from "./step-times.ts";
import { slownessOf } from "./stretch.ts";

export const VALIDATION_RESULT_ID = "canopy/validation/1";

/** One figure of a whole load, measured and predicted. */
export interface FigureComparison {
  readonly measured: number;
  readonly predicted: number;
  /** (predicted - measured) / measured. */
  readonly bias: number;
}

/** Where the time of a step is taken from when a trace is simulated. */
export type TimesFrom =
  /** The profile as it was measured: the prediction. */
  | "profile"
  /** The profile times what the host was slower in the stretches around the load. */
  | "stretches"
  /** The profile times what the load's own steps took in all over what it says of them: hindsight, no prediction. */
  | "own steps"
  /** Each step's recorded duration: what is left is the batching's error. */
  | "recorded steps";

/** How far simulated times are off with steps of one origin. Fractions, not percent. */
export interface ErrorSource {
  readonly from: TimesFrom;
  /** What the profile's times were multiplied with; null for recorded steps. */
  readonly factor: number | null;
  readonly ttft: ShortError;
  readonly tpot: ShortError | null;
  readonly e2e: ShortError;
}

export type ShortError = Pick<ErrorSummary, "medianError" | "bias">;

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
  /** What each kind of step took against the profile's law; null for a server. */
  readonly stepTimes: readonly StepTimes[] | null;
  /** Time of the stretches before and after the load over the law's for the same steps; null where none were run. */
  readonly hostSlowness: { readonly before: number; readonly after: number } | null;
  /** The prediction, and what remains of its error with times of other origins; null for a server. */
  readonly errorSources: readonly ErrorSource[] | null;
  /** Processors that others took meanwhile; null where not known. */
  readonly othersProcessors: number | null;
  /** Processors that the hypervisor took for others meanwhile; null where not known. */
  readonly stolenProcessors: number | null;
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
    loads: records.loads.map((load, i) => loadResult(records, load, i)),
    host: records.host,
  };
}

/** Whether the simulator formed every step as the engine did; null where no steps were told. */
export function schedulerAgrees({ loads }: ValidationResult): boolean | null {
  const known = loads.flatMap(({ scheduler }) => scheduler ?? []);
  return known.length === 0 ? null : known.every(({ difference }) => difference === null);
}

function loadResult(records: ValidationRecords, record: LoadRecord, index: number): LoadResult {
  const { limits, profile } = records;
  const { trace, steps, host } = record;
  const arrival = seconds(trace.arrivalNs);
  const measured = { first: seconds(record.firstTokenNs), finish: seconds(record.finishNs) };
  const law = lawOf(profile, limits.maxRequests);
  const simulated = predict(law, limits, trace);
  const predicted = { first: simulated.firstTokenSeconds, finish: simulated.finishSeconds };
  const outputs = trace.outputTokens;
  const tokens = outputs.reduce((sum, count) => sum + count, 0);
  const errors = errorsAgainst(trace, measured);
  const throughput = ({ finish }: Times) => tokens / (finish.reduce((a, b) => Math.max(a, b)) - arrival[0]);
  const joulesReason =
    record.joules === null
      ? (records.powerReason ?? "the meter's samples do not cover the load")
      : simulated.joules === null
        ? `the profile ${profile.id} has no power`
        : null;
  const replayed = steps === null ? null : compareSteps(limits, trace, steps);
  const slowness = records.stretches?.slice(index, index + 2).map((stretch) => slownessOf(law, stretch));
  const hostSlowness = slowness === undefined ? null : { before: slowness[0], after: slowness[1] };
  const inAll = errors(predicted);
  const sources = (): ErrorSource[] => {
    const scaled = (from: TimesFrom, factor: number): ErrorSource => {
      const times = predict(lawOf(scaledProfile(profile, factor), limits.maxRequests), limits, trace);
      return sourceOf(from, factor, errors({ first: times.firstTokenSeconds, finish: times.finishSeconds }));
    };
    const exact = replayed?.times ?? null;
    return [
      sourceOf("profile", 1, inAll),
      ...(hostSlowness === null ? [] : [scaled("stretches", (hostSlowness.before + hostSlowness.after) / 2)]),
      ...(steps === null ? [] : [scaled("own steps", slownessOf(law, steps))]),
      ...(exact === null
        ? []
        : [
            sourceOf(
              "recorded steps",
              null,
              errors({ first: seconds(exact.firstTokenNs), finish: seconds(exact.finishNs) }),
            ),
          ]),
    ];
  };
  const others = host === null ? null : foreignLoad(...host);
  return {
    load: record.load,
    requestsPerSecond: record.requestsPerSecond,
    requests: arrival.length,
    failed: record.failed,
    scheduler: replayed?.comparison ?? null,
    ...inAll,
    outputTokensPerSecond: figure(throughput(measured), throughput(predicted)),
    joulesPerToken:
      record.joules === null || simulated.joules === null
        ? null
        : figure(record.joules / tokens, simulated.joules / tokens),
    joulesReason,
    stepTimes: steps === null ? null : stepTimesOf(law, steps),
    hostSlowness,
    errorSources: steps === null ? null : sources(),
    othersProcessors: others?.busy ?? null,
    stolenProcessors: others?.stolen ?? null,
  };
}

type TimeErrors = Pick<LoadResult, "ttftSeconds" | "tpotSeconds" | "e2eSeconds">;

/** Errors of simulated times of a trace whose measured ones are given. */
function errorsAgainst(trace: LoadRecord["trace"], measured: Times): (simulated: Times) => TimeErrors {
  const arrival = seconds(trace.arrivalNs);
  const outputs = trace.outputTokens;
  const all = [...outputs.keys()];
  const severalOutputs = all.filter((i) => outputs[i] > 1);
  return (simulated) => {
    const errors = (of: (times: Times, i: number) => number, rows: readonly number[]) =>
      errorsOf(
        Float64Array.from(rows, (i) => of(measured, i)),
        Float64Array.from(rows, (i) => of(simulated, i)),
      );
    return {
      ttftSeconds: errors(({ first }, i) => first[i] - arrival[i], all),
      tpotSeconds:
        severalOutputs.length === 0
          ? null
          : errors(({ first, finish }, i) => (finish[i] - first[i]) / (outputs[i] - 1), severalOutputs),
      e2eSeconds: errors(({ finish }, i) => finish[i] - arrival[i], all),
    };
  };
}

function sourceOf(from: TimesFrom, factor: number | null, errors: TimeErrors): ErrorSource {
  const short = ({ medianError, bias }: ErrorSummary): ShortError => ({ medianError, bias });
  return {
    from,
    factor,
    ttft: short(errors.ttftSeconds),
    tpot: errors.tpotSeconds === null ? null : short(errors.tpotSeconds),
    e2e: short(errors.e2eSeconds),
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
