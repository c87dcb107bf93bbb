import { quantileOf } from "../../numeric/quantile.ts";
import { mean } from "../../numeric/statistics.ts";
import type { Profile } from "../schema.ts";
import type { RequestRecord, ServerRecords } from "./records.ts";
import { usualTokensPerChunk } from "./steps.ts";
import type { Trial } from "./trial.ts";

/** How good the windows were. */
export interface Quality {
  /** Smallest share of a window that counts in which all streams decoded and no prompt was read. */
  readonly pureShare: number;
  /** Largest relative change by the isotonic regression. */
  readonly isotonicChange: number;
}

/** How the points were taken, and what went wrong on the way. */
export function protocolOf(
  { settings, points, server, power }: ServerRecords,
  trials: readonly Trial[],
  dropped: readonly string[],
  counted: number,
  { pureShare, isotonicChange }: Quality,
): NonNullable<Profile["protocol"]> {
  const requests = points.flatMap((point) => point.requests);
  const count = (test: (request: RequestRecord) => boolean) => requests.filter(test).length;
  const ratios = trials.flatMap(({ energy }) =>
    energy?.countedJoules == null || energy.integratedJoules === null
      ? []
      : [energy.integratedJoules / energy.countedJoules],
  );
  return {
    preset: "server",
    clockMode: settings.lockedClockMHz === null ? "floating" : "locked",
    lockedClockMHz: settings.lockedClockMHz,
    warmupSeconds: settings.warmUpSeconds,
    windowSeconds: settings.windowSeconds,
    trials: settings.trials,
    stopReason: "end of the window",
    discardedWindows: trials.length - counted,
    coolDownSeconds: settings.coolDownSeconds,
    timeoutSeconds: settings.timeoutSeconds,
    outputTokens: settings.outputTokens,
    droppedPoints: dropped,
    requests: {
      completed: count(({ outcome }) => outcome === "completed"),
      cancelledAtWindowEnd: count(({ outcome }) => outcome === "cancelled"),
      timeout: count(({ outcome }) => outcome === "timeout"),
      dropped: count(({ outcome }) => outcome === "dropped"),
      status429: count(({ status }) => status === 429),
      status5xx: count(({ status }) => status >= 500),
      shortOutput: count(isShort),
      withoutUsage: count(({ outcome, usage }) => outcome === "completed" && usage === null),
    },
    smallestPureShare: pureShare,
    largestIsotonicChange: isotonicChange,
    vllmMetrics: server.metrics?.generation ?? null,
    integratedOverCounted: ratios.length === 0 ? null : quantileOf(ratios, 0.5),
    powerSource: power?.samples.gpus[0]?.powerSource ?? null,
    samplerMissedDeadlines: power?.samples.missedDeadlines ?? null,
  };
}

/** The server ended before the length that was asked for, in spite of ignore_eos. */
function isShort({ outcome, usage, maxTokens, chunkSeconds }: RequestRecord): boolean {
  return outcome === "completed" && (usage?.completionTokens ?? chunkSeconds.length) < maxTokens;
}

/** What a reader of the profile has to know, in sentences. */
export function notesOf(
  { points, server, power }: ServerRecords,
  { pureShare, isotonicChange }: Quality,
): string {
  const notes = [
    "Times are those of a client: network and HTTP are in them.",
    "The rule for mixed steps is an assumption, not a measurement.",
  ];
  if (server.maxModelTokens === null) notes.push("maxModelTokens is the longest sequence that was sent.");
  const requests = points.flatMap((point) => point.requests);
  if (requests.some(isShort)) {
    notes.push("The server ends outputs early in spite of ignore_eos: contexts are shorter than asked for.");
  }
  if (requests.some(({ outcome, usage }) => outcome === "completed" && usage === null)) {
    notes.push("The server tells no usage: each chunk is taken as one token.");
  }
  if (usualTokensPerChunk(requests) > 1.05) {
    notes.push("Chunks carry several tokens: a step's time is that of its chunk, shared out.");
  }
  if (power !== null && pureShare < 0.99) {
    const share = Math.round(100 * (1 - pureShare));
    notes.push(
      `Watts of decode are those of whole windows, in which not all streams decoded for up to ${share} % of the time.`,
    );
  }
  if (isotonicChange > 0.03) {
    const percent = (100 * isotonicChange).toFixed(0);
    notes.push(`Times fell with size by noise: the isotonic fit is up to ${percent} % away from them.`);
  }
  return notes.join(" ");
}

/** Quantiles of steps over their mean. */
export function noiseOf(good: readonly Trial[]): NonNullable<Profile["noise"]> {
  const ratio = (q: number) =>
    mean(
      good.map(({ steps, stepMs }) =>
        quantileOf(
          steps.steps.map(({ seconds }) => (1e3 * seconds) / stepMs),
          q,
        ),
      ),
    );
  // A server that sends several chunks at once shows steps of no time at all.
  const positive = (key: string, value: number) => (value > 0 ? { [key]: value } : {});
  return {
    ...positive("p50Ratio", ratio(0.5)),
    ...positive("p95Ratio", ratio(0.95)),
    ...positive("p99Ratio", ratio(0.99)),
  };
}
