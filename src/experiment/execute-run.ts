import { UserError } from "../errors.ts";
import { CarbonBreakdown } from "../metrics/carbon-breakdown.ts";
import { METRICS } from "../metrics/metric-catalogue.ts";
import { PowerTimeline } from "../metrics/power-timeline.ts";
import { CsvRecordSink } from "../metrics/record-sink.ts";
import { type RunMetrics, runMetrics } from "../metrics/run-metrics.ts";
import { SummarySink } from "../metrics/summary-sink.ts";
import { TeeSink } from "../metrics/tee-sink.ts";
import type { TimeBuckets } from "../metrics/time-buckets.ts";
import { WindowBreakdown } from "../metrics/window-breakdown.ts";
import type { QuantileStore } from "../numeric/quantile-store.ts";
import { PROVENANCES, type Provenance, weakestProvenance } from "../profile/provenance.ts";
import type { Router } from "../routers/contract.ts";
import type { RecordSink, RunTotals } from "../simulator/options.ts";
import { simulate } from "../simulator/simulate.ts";
import { keepCheckpoint } from "./keep-checkpoint.ts";
import { type ResolvedRun, resolveRun } from "./resolve.ts";
import type { RunResult, RunSpec, RunTimeline } from "./run-spec.ts";
import type { SharedInputs } from "./shared-inputs.ts";
import { wantsTimeline } from "./wants-timeline.ts";

export interface ExecuteOptions {
  /** Write request records to this CSV file. */
  readonly recordsPath?: string;
}

/**
 * Simulates one run and computes its metrics. The result depends on the run and its inputs alone.
 *
 * @throws UserError from a router's file, a router that breaks the contract, or a series that does not cover the run;
 *   ConservationError when the simulator's books do not balance
 */
export async function executeRun(
  spec: RunSpec,
  shared: SharedInputs,
  options: ExecuteOptions = {},
): Promise<RunResult> {
  const run = await resolveRun(spec, shared);
  const { fleet, workload, latency } = run.options;
  const timeline = wantsTimeline(run.inputs.experiment);
  const groupOf = fleet.endpoints.map((endpoint) => endpoint.group);
  const power = timeline ? new PowerTimeline(groupOf, fleet.groups.length) : undefined;
  const summary = new SummarySink({
    tiers: workload.tiers,
    latency,
    clock: run.options.clock,
    answeredTypes: run.options.answers === null ? null : workload.taskTypes.length,
    groupOf,
    groups: fleet.groups.length,
    firstCounted: run.firstCounted,
    timeline,
  });
  const breakdowns = run.inputs.experiment.outputs.breakdowns.map(
    ({ by }) => new CarbonBreakdown(by, { ...run, fleet, tiers: workload.tiers }),
  );
  const windows = windowsOf(run);
  const parts = windows === undefined ? breakdowns : [...breakdowns, windows];
  const sink = parts.reduce<RecordSink>((all, one) => new TeeSink(all, one), summary);
  const { router } = run.options;
  const totals = await stopping(router, () =>
    keepCheckpoint(shared, spec.key, () =>
      simulateInto(run, sink, power, spec.router.label, options.recordsPath),
    ),
  );
  summary.close(totals.horizonSeconds, totals.endSeconds);
  const known = withBreakdowns(runMetrics(totals, summary, run.metrics), breakdowns);
  const figures = figuresOf(run, spec);
  const ofWindows = windowMetrics(windows, run);
  return {
    key: spec.key,
    metrics: { ...known.metrics, ...ofWindows.metrics, ...figures.metrics },
    reasons: { ...known.reasons, ...ofWindows.reasons, ...figures.reasons },
    percentiles: {
      quantiles: QUANTILES,
      ttft: percentilesOf(summary.ttft),
      e2e: percentilesOf(summary.e2e),
    },
    placements: summary.placements.sketch(),
    timeline: timelineOf(run, summary.timeline, power, totals),
    series: router.series?.() ?? {},
    ...(router.roundTrips === undefined ? {} : { roundTrips: router.roundTrips() }),
    provenance: provenanceOf(run, totals, known.metrics["outside_grid_fraction"] ?? 0),
    rejections: Object.fromEntries([...summary.rejections].sort(([a], [b]) => (a < b ? -1 : 1))),
    notes: notesOf(run, totals),
  };
}

/** Does something with a router, and lets it go of what it holds outside this process, well or not. */
async function stopping<T>(router: Router, work: () => T): Promise<T> {
  try {
    return work();
  } finally {
    await router.stop?.();
  }
}

function windowsOf({ inputs, options }: ResolvedRun): WindowBreakdown | undefined {
  const { windows } = inputs.experiment.outputs;
  if (windows.length === 0) return undefined;
  const { fleet, workload, latency } = options;
  return new WindowBreakdown(
    windows.map(({ name, fromS, toS }) => ({ name, fromSeconds: fromS, toSeconds: toS })),
    {
      tiers: workload.tiers,
      latency,
      groupOf: fleet.endpoints.map((endpoint) => endpoint.group),
      groups: fleet.groups.length,
    },
  );
}

/** Metrics of the windows; cost and carbon are unknown where those of the run are. */
function windowMetrics(windows: WindowBreakdown | undefined, { metrics: context }: ResolvedRun): RunMetrics {
  const metrics: Record<string, number | null> = {};
  const reasons: Record<string, string> = {};
  for (const [name, value] of windows?.metrics() ?? []) {
    const unknown = name.startsWith("window_cost")
      ? context.unknown.price
      : name.startsWith("window_carbon")
        ? context.unknown.carbon
        : undefined;
    const isKnown = unknown === undefined && Number.isFinite(value);
    metrics[name] = isKnown ? value : null;
    if (!isKnown) reasons[name] = unknown ?? "nothing of it is in the window";
  }
  return { metrics, reasons };
}

/** Adds the metrics of the parts; unknown where those of the whole are. */
function withBreakdowns(whole: RunMetrics, breakdowns: readonly CarbonBreakdown[]): RunMetrics {
  const metrics = { ...whole.metrics };
  const reasons = { ...whole.reasons };
  const unknown = whole.reasons["carbon_g_per_1k_tokens"];
  for (const breakdown of breakdowns) {
    for (const [name, value] of breakdown.metrics()) {
      const isKnown = unknown === undefined && Number.isFinite(value);
      metrics[name] = isKnown ? value : null;
      if (!isKnown) reasons[name] = unknown ?? "no request of this part finished";
    }
  }
  return { metrics, reasons };
}

/** Figures that the router reports of itself. */
function figuresOf({ options }: ResolvedRun, { router }: RunSpec): RunMetrics {
  const metrics: Record<string, number | null> = {};
  const reasons: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.router.figures?.() ?? {})) {
    if (METRICS.some((metric) => metric.name === name)) {
      throw new UserError(
        "CANOPY_ROUTER_FIGURE",
        `router ${router.id}: its figure "${name}" has the name of a metric of every run, expected another`,
      );
    }
    metrics[name] = Number.isFinite(value) ? value : null;
    if (!Number.isFinite(value)) reasons[name] = `the router reports ${value}`;
  }
  return { metrics, reasons };
}

function simulateInto(
  { options: unwatched, metrics }: ResolvedRun,
  main: RecordSink,
  power: PowerTimeline | undefined,
  router: string,
  recordsPath: string | undefined,
): RunTotals {
  const options =
    power === undefined ? unwatched : { ...unwatched, watch: (endpoint: number) => power.watcher(endpoint) };
  if (recordsPath === undefined) return simulate(options, main);
  const { fleet, workload, latency } = options;
  const records = new CsvRecordSink(recordsPath, {
    router,
    fleet,
    tiers: workload.tiers,
    latency,
    clock: options.clock,
    costUnknown: metrics.unknown.price !== undefined,
    carbonUnknown: metrics.unknown.carbon !== undefined,
    waterUnknown: metrics.unknown.water !== undefined,
  });
  const sink: RecordSink = new TeeSink(main, records);
  try {
    return simulate(options, sink);
  } finally {
    records.close();
  }
}

/** Where figures of latency have their points: 1 % to 99 %, then closer. */
const QUANTILES: readonly number[] = [
  ...Array.from({ length: 99 }, (_, i) => (i + 1) / 100),
  0.995,
  0.999,
  0.9999,
];

function timelineOf(
  { options, metrics }: ResolvedRun,
  buckets: TimeBuckets | undefined,
  power: PowerTimeline | undefined,
  totals: RunTotals,
): RunTimeline | null {
  if (buckets === undefined || power === undefined) return null;
  const { groups, regions } = options.fleet;
  const known = metrics.unknown.carbon === undefined ? regions : [];
  const carbon = known.map(({ name, carbon: { times, values } }) => {
    const from = Math.max(
      0,
      times.findLastIndex((time) => time <= 0),
    );
    const beyond = times.findIndex((time) => time > totals.endSeconds);
    const to = beyond < 0 ? times.length : beyond;
    return [name, { times: [...times.subarray(from, to)], values: [...values.subarray(from, to)] }] as const;
  });
  return {
    ...buckets.series(),
    groups,
    carbon: Object.fromEntries(carbon),
    power: power.series(Math.max(totals.horizonSeconds, totals.endSeconds)),
  };
}

function percentilesOf(store: QuantileStore): (number | null)[] {
  return QUANTILES.map((q) => {
    const value = store.quantile(q);
    return Number.isFinite(value) ? value : null;
  });
}

/** Share of iterations or energy outside the measured grid above which a profile's numbers are extrapolated. */
const OUTSIDE_LIMIT = 0.05;

function provenanceOf({ options }: ResolvedRun, totals: RunTotals, outside: number): string {
  const words = options.fleet.endpoints
    .filter((_, i) => totals.endpoints[i].iterations > 0)
    .map((endpoint) => endpoint.provenance)
    .filter((word): word is Provenance => (PROVENANCES as readonly string[]).includes(word));
  return weakestProvenance(outside > OUTSIDE_LIMIT ? [...words, "extrapolated"] : words);
}

function notesOf({ inputs, options, signalEndSeconds }: ResolvedRun, totals: RunTotals): string[] {
  const notes = [...inputs.notes, ...(options.router.notes?.() ?? [])];
  if (totals.endSeconds > signalEndSeconds) {
    notes.push(
      `the signals end ${Math.round(signalEndSeconds)} s into the run, which lasts ${Math.round(totals.endSeconds)} s: their last values are held`,
    );
  }
  if (options.end === "cut") notes.push(`cut at the horizon of ${totals.horizonSeconds} s`);
  return notes;
}
