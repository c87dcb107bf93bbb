/**
 * Changes of recorded traces. All take a trace and return a new {@link Trace} that shares the columns it does not
 * change with the old one; `repeat` (repeat.ts) returns a lazy workload instead. Counts of changed rows go to the
 * notes.
 */
import { Stream } from "../numeric/random.ts";
import { expectCount, expectNotNegative, expectParameter, expectPositive } from "./check.ts";
import {
  checkTiers,
  FloorSampler,
  type Floors,
  resolveFloors,
  ShareSampler,
  type TierShare,
} from "./classes.ts";
import {
  blockStarts,
  copyRows,
  presentColumns,
  type RequestColumns,
  sharedColumn,
  sharedColumns,
} from "./columns.ts";
import { toTokens } from "./distribution.ts";
import { PURPOSES, withoutShare } from "./synthetic.ts";
import { Trace, type TraceHeader } from "./trace.ts";

/** Part of a trace; the limits apply together. */
export interface Cut {
  /** First arrival time kept; it becomes time 0. Default 0. */
  readonly fromSeconds?: number;
  /** Arrivals at this time of the trace or later are left out. Default: none. */
  readonly toSeconds?: number;
  /** Requests kept at most, counted from the first one kept; a session may lose its last steps. */
  readonly requests?: number;
}

/** A window of a trace. Dependent steps go with the first step of their session. */
export function cut(trace: Trace, { fromSeconds = 0, toSeconds, requests }: Cut): Trace {
  expectNotNegative(fromSeconds, "fromSeconds");
  if (toSeconds !== undefined)
    expectParameter(
      toSeconds > fromSeconds,
      "toSeconds",
      `more than fromSeconds (${fromSeconds})`,
      toSeconds,
    );
  if (requests !== undefined) expectCount(requests, "requests");
  const times = trace.columns.arrivalSeconds;
  const first = firstArrivalFrom(times, fromSeconds);
  const end = toSeconds === undefined ? times.length : firstArrivalFrom(times, toSeconds);
  const rows = Math.min(end - first, requests ?? Number.POSITIVE_INFINITY);
  const columns = sharedColumns(presentColumns(trace.columns), rows);
  copyRows(trace.columns, first, columns, 0, rows);
  for (let i = 0; i < rows; i++) columns.arrivalSeconds[i] -= fromSeconds;
  return changed(trace, columns, { cutAway: trace.requests - rows });
}

/** Moves all arrivals by `seconds`; none may become negative. */
export function shift(trace: Trace, seconds: number): Trace {
  expectParameter(Number.isFinite(seconds), "shift", "a finite number of seconds", seconds);
  const first = trace.requests === 0 ? 0 : trace.columns.arrivalSeconds[0];
  expectParameter(
    first + seconds >= 0,
    "shift",
    `at least ${-first} s, so that no arrival is negative`,
    seconds,
  );
  return withArrivals(trace, (time) => time + seconds);
}

/** Divides all arrival times by `factor`: the same requests at `factor` times the rate. Think times stay. */
export function compressTime(trace: Trace, factor: number): Trace {
  expectPositive(factor, "rateFactor");
  return withArrivals(trace, (time) => time / factor);
}

/** Multiplies every prompt, prefix and output by `factor`, rounded, prompts and outputs at least 1. */
export function scaleLengths(trace: Trace, factor: number): Trace {
  expectPositive(factor, "lengthFactor");
  const { promptTokens, outputTokens, prefixTokens } = trace.columns;
  const columns = {
    ...trace.columns,
    promptTokens: sharedColumn("promptTokens", trace.requests),
    outputTokens: sharedColumn("outputTokens", trace.requests),
  };
  for (let i = 0; i < trace.requests; i++) {
    columns.promptTokens[i] = toTokens(promptTokens[i] * factor);
    columns.outputTokens[i] = toTokens(outputTokens[i] * factor);
  }
  if (prefixTokens !== undefined) {
    const scaled = sharedColumn("prefixTokens", trace.requests);
    for (let i = 0; i < trace.requests; i++)
      scaled[i] = Math.min(Math.round(prefixTokens[i] * factor), columns.promptTokens[i]);
    columns.prefixTokens = scaled;
  }
  return changed(trace, columns);
}

/** Largest lengths of a trace. */
export interface Limits {
  readonly promptTokens?: number;
  readonly outputTokens?: number;
}

/** Shortens longer prompts and outputs to the limits, and counts them in the notes. */
export function truncate(trace: Trace, limits: Limits): Trace {
  const columns = { ...trace.columns };
  const counts: Record<string, number> = {};
  for (const name of ["promptTokens", "outputTokens"] as const) {
    const limit = limits[name];
    if (limit === undefined) continue;
    expectCount(limit, name);
    const from = trace.columns[name];
    const to = sharedColumn(name, trace.requests);
    let truncated = 0;
    for (let i = 0; i < to.length; i++) {
      to[i] = Math.min(from[i], limit);
      if (from[i] > limit) truncated++;
    }
    columns[name] = to;
    if (truncated > 0) counts[name === "promptTokens" ? "truncatedPrompts" : "truncatedOutputs"] = truncated;
  }
  const { prefixTokens } = trace.columns;
  if (prefixTokens !== undefined && limits.promptTokens !== undefined) {
    const limited = sharedColumn("prefixTokens", trace.requests);
    for (let i = 0; i < limited.length; i++) limited[i] = Math.min(prefixTokens[i], columns.promptTokens[i]);
    columns.prefixTokens = limited;
  }
  return changed(trace, columns, counts);
}

/** How tiers are drawn for a trace. */
export interface TierDraw {
  readonly tiers: readonly TierShare[];
  readonly floors?: Floors;
  readonly seed: number | string;
  /** `session` (default): all requests of a session have one tier, and need a large model or not as one. */
  readonly per?: "session" | "request";
}

/** Replaces the tiers of a trace, and which requests need a large model, by draws. */
export function assignTiers(trace: Trace, { tiers, floors, seed, per = "session" }: TierDraw): Trace {
  checkTiers(tiers);
  expectParameter(per === "session" || per === "request", "per", "session or request", per);
  const shares = resolveFloors(floors, tiers);
  const tierSampler = new ShareSampler(
    tiers.map((tier) => tier.share),
    new Stream(seed, PURPOSES.tiers),
  );
  const floorSampler = new FloorSampler(shares, new Stream(seed, PURPOSES.floors));
  const tier = sharedColumn("tier", trace.requests);
  const needsLarge = sharedColumn("needsLarge", trace.requests);
  const { session } = trace.columns;
  /** First row of each session. */
  const first = new Map<number, number>();
  for (let i = 0; i < trace.requests; i++) {
    const own = session === undefined || per === "request" ? -1 : session[i];
    const known = own >= 0 ? first.get(own) : undefined;
    if (known !== undefined) {
      tier[i] = tier[known];
      needsLarge[i] = needsLarge[known];
      continue;
    }
    if (own >= 0) first.set(own, i);
    tier[i] = tierSampler.next();
    needsLarge[i] = floorSampler.next(tier[i]);
  }
  return changed(trace, { ...trace.columns, tier, needsLarge }, {}, { tiers: tiers.map(withoutShare) });
}

/**
 * Seconds after which a trace begins anew when it is played in a circle: from the first arrival to the last and one
 * mean gap more; 0 for a single arrival.
 */
export function periodSeconds(trace: Trace): number {
  const starts = blockStarts(trace.columns.arrivalSeconds);
  if (starts.length < 2) return 0;
  const times = trace.columns.arrivalSeconds;
  const span = times[starts[starts.length - 1]] - times[starts[0]];
  return span + span / (starts.length - 1);
}

/** The trace with other columns, counts added to its notes. */
export function changed(
  trace: Trace,
  columns: RequestColumns,
  counts: Readonly<Record<string, number>> = {},
  header: Partial<TraceHeader> = {},
): Trace {
  const { name, tiers, taskTypes, endpointNames } = trace;
  const notes: Record<string, number> = { ...trace.notes };
  for (const [note, count] of Object.entries(counts)) {
    if (count !== 0) notes[note] = (notes[note] ?? 0) + count;
  }
  return new Trace({ name, tiers, taskTypes, endpointNames, notes, ...header }, columns);
}

function withArrivals(trace: Trace, map: (time: number) => number): Trace {
  const arrivalSeconds = sharedColumn("arrivalSeconds", trace.requests);
  const from = trace.columns.arrivalSeconds;
  // NaN, the mark of dependent steps, stays NaN.
  for (let i = 0; i < from.length; i++) arrivalSeconds[i] = map(from[i]);
  return changed(trace, { ...trace.columns, arrivalSeconds });
}

/** First row that arrives at `time` or later, by its own time; the number of rows if there is none. */
function firstArrivalFrom(times: Float64Array, time: number): number {
  let row = 0;
  while (row < times.length && !(times[row] >= time)) row++;
  return row;
}
