import { Stream } from "../numeric/random.ts";
import { type ArrivalParameters, ArrivalProcess, type Burst } from "../workload/arrivals.ts";
import type { Floors, TierShare } from "../workload/classes.ts";
import { CHUNK_ROWS } from "../workload/columns.ts";
import type { Tier, Workload } from "../workload/requests.ts";
import { type SessionParameters, SessionWorkload } from "../workload/sessions.ts";
import {
  PURPOSES,
  type SyntheticParameters,
  SyntheticWorkload,
  type TierMix,
} from "../workload/synthetic.ts";
import type {
  RegimeConfig,
  SessionWorkloadConfig,
  SyntheticWorkloadConfig,
  TierConfig,
  WorkloadConfig,
} from "./workload-schema.ts";

/** What the generators need beside the `workload` key. */
export interface WorkloadContext {
  readonly tiers: readonly TierConfig[] | undefined;
  readonly floors: Floors;
  readonly seed: number;
  /** Start of the run in Unix seconds, where it has one. */
  readonly start: number | null;
}

/** Parameters of a generated workload: plain data whose hash names the requests. */
export type GeneratedParameters =
  | { readonly kind: "synthetic"; readonly parameters: SyntheticParameters }
  | { readonly kind: "sessions"; readonly parameters: SessionParameters };

/** Requests drawn from distributions, or undefined for those of a file. */
export function generatedParameters(
  config: WorkloadConfig,
  context: WorkloadContext,
): GeneratedParameters | undefined {
  if ("trace" in config) return undefined;
  if ("sessions" in config) return { kind: "sessions", parameters: sessionParameters(config, context) };
  return { kind: "synthetic", parameters: syntheticParameters(config, context) };
}

/** @throws UserError CANOPY_WORKLOAD_* for parameters out of range */
export function generatedWorkload(generated: GeneratedParameters): Workload {
  return generated.kind === "synthetic"
    ? new SyntheticWorkload(generated.parameters)
    : new SessionWorkload(generated.parameters);
}

/** The tiers of the experiment in SI units. */
export function tiersOf(tiers: readonly TierConfig[]): Tier[] {
  return tiers.map(({ name, sloS, deferrable, deferralS }) => ({
    name,
    sloSeconds: sloS,
    deferrable,
    ...given({ deferralSeconds: deferralS }),
  }));
}

/** The tiers with their shares; a tier without one gets none of the requests. */
export function tierShares(tiers: readonly TierConfig[]): TierShare[] {
  return tiersOf(tiers).map((tier, i) => ({ ...tier, share: tiers[i].share ?? 0 }));
}

function syntheticParameters(config: SyntheticWorkloadConfig, context: WorkloadContext): SyntheticParameters {
  const { durationS, arrival, regimes, ...same } = config;
  const steps = regimes?.map(({ fromS, rateFactor }) => ({ fromSeconds: fromS, factor: rateFactor }));
  return {
    ...same,
    ...common(context),
    ...given({ durationSeconds: durationS, mixes: mixesOf(regimes, context) }),
    arrival: { ...arrivalParameters(arrival, context), ...given({ steps }) },
  };
}

/** Shares of the tiers by regime; undefined where no regime changes them. */
function mixesOf(
  regimes: readonly RegimeConfig[] | undefined,
  { tiers = [] }: WorkloadContext,
): readonly TierMix[] | undefined {
  if (regimes === undefined || regimes.every(({ tierShares }) => tierShares === undefined)) return undefined;
  return regimes.map(({ fromS, tierShares }) => ({
    fromSeconds: fromS,
    shares: tiers.map(({ name, share }) =>
      tierShares === undefined ? (share ?? 0) : (tierShares[name] ?? 0),
    ),
  }));
}

function sessionParameters(config: SessionWorkloadConfig, context: WorkloadContext): SessionParameters {
  const { durationS, arrival, sessions, ...same } = config;
  const { count, thinkS, ...calls } = sessions;
  return {
    ...same,
    ...calls,
    ...common(context),
    ...given({ durationSeconds: durationS, sessions: count, think: thinkS }),
    arrival: arrivalParameters(arrival, context),
  };
}

function common({ tiers, floors, seed }: WorkloadContext) {
  return { seed, floors, ...(tiers === undefined ? {} : { tiers: tierShares(tiers) }) };
}

function arrivalParameters(
  { process, ratePerS, cv, burst, dayShape, dayStartHour }: SyntheticWorkloadConfig["arrival"],
  { start }: WorkloadContext,
): ArrivalParameters {
  const hour = dayStartHour === "start" ? ((start ?? 0) / 3600) % 24 : dayStartHour;
  return {
    process,
    ratePerSecond: ratePerS,
    ...given({ cv }),
    ...(burst === undefined ? {} : { burst: burstParameters(burst) }),
    ...(dayShape === undefined ? {} : { dayShape, dayStartHour: hour }),
  };
}

function burstParameters({
  factor,
  durationS,
  firstAtS,
  periodS,
}: NonNullable<SyntheticWorkloadConfig["arrival"]["burst"]>): Burst {
  return {
    factor,
    durationSeconds: durationS,
    firstAtSeconds: firstAtS,
    ...given({ periodSeconds: periodS }),
  };
}

/** The members that are not undefined. */
function given<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

/** What a horizon needs to know of a workload. */
export interface ArrivalSpan {
  /** Latest arrival that is known before the run, in seconds; 0 without any. */
  readonly lastSeconds: number;
  /** Whether some calls arrive only when an earlier one has ended. */
  readonly dependent: boolean;
}

/** Takes a pass over the arrivals unless the workload is a trace in memory. */
export function arrivalSpan(workload: Workload): ArrivalSpan {
  if (workload instanceof SyntheticWorkload) {
    return { lastSeconds: lastGeneratedArrival(workload.parameters), dependent: false };
  }
  let lastSeconds = 0;
  let dependent = false;
  const cursor = workload.open();
  for (let chunk = cursor.next(); chunk !== undefined; chunk = cursor.next()) {
    for (let i = 0; i < chunk.count; i++) {
      const arrival = chunk.arrivalSeconds[i];
      if (Number.isNaN(arrival)) dependent = true;
      else if (arrival > lastSeconds) lastSeconds = arrival;
    }
  }
  return { lastSeconds, dependent };
}

function lastGeneratedArrival({ arrival, requests, durationSeconds, seed }: SyntheticParameters): number {
  const process = new ArrivalProcess(arrival, new Stream(seed, PURPOSES.arrivals));
  const scratch = new Float64Array(CHUNK_ROWS);
  let last = 0;
  for (let left = requests ?? Number.POSITIVE_INFINITY; left > 0; ) {
    const wanted = Math.min(left, scratch.length);
    const written = process.fill(scratch, wanted, durationSeconds ?? Number.POSITIVE_INFINITY);
    if (written > 0) last = scratch[written - 1];
    if (written < wanted) break;
    left -= written;
  }
  return last;
}
