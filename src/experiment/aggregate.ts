/** From the results of runs to the rows of an experiment. */
import {
  type ComparisonRow,
  compare,
  type PublishedFigure,
  type RankAgreement,
  type RunFigure,
} from "../metrics/comparison.ts";
import { metricInfo } from "../metrics/metric-catalogue.ts";
import { placementAgreement } from "../metrics/placement-sketch.ts";
import { type Provenance, weakestProvenance } from "../profile/provenance.ts";
import { canonicalJson } from "./canonical-json.ts";
import { withHypervolumes } from "./epochs/hypervolumes.ts";
import { meanSeries } from "./epochs/mean-series.ts";
import type { ResultHead } from "./head-schema.ts";
import { type Crossing, meanIntervals, pairedIntervals } from "./intervals.ts";
import {
  type ExperimentResult,
  type MetricDifference,
  type MetricSummary,
  type PointRanks,
  RESULT_SCHEMA_ID,
  type ResultRow,
} from "./result.ts";
import { withRewardsOf } from "./reward-rows.ts";
import type { RunPlan } from "./run-plan.ts";
import { packSamples } from "./run-samples.ts";
import type { RouterSpec, RunResult, RunSpec } from "./run-spec.ts";
import { standingValidation } from "./standing-validation.ts";

/** Share of equal placements above which an ablation is not told from its parent. */
const INDISTINGUISHABLE = 0.99;

/** What a planner's plans come to. */
const PLAN_METRICS = ["ttft_plan_s", "carbon_kg", "water_l", "cost_usd"];

/**
 * Rows, comparison with the paper and provenance of an experiment.
 *
 * @param found by key of the run; runs that failed are missing and are counted as such
 */
export function aggregate(plan: RunPlan, found: ReadonlyMap<string, RunResult>): ExperimentResult {
  const results = plan.kind === "epochs" ? withHypervolumes(plan, found) : withRewardsOf(plan, found);
  const [{ point: first }] = plan.points;
  const rows: ResultRow[] = [];
  const ranks: PointRanks[] = [];
  const runsOf: RunSpec[][] = plan.points.map(() => []);
  for (const run of plan.runs) runsOf[run.planned].push(run);
  for (const [index, planned] of plan.points.entries()) {
    const point = new PointRuns(planned, runsOf[index], results);
    rows.push(...point.rows());
    const agreement = point.ranks();
    if (agreement.length > 0) ranks.push({ point: planned.point.labels, ranks: agreement });
  }
  return {
    schema: RESULT_SCHEMA_ID,
    experiment: plan.loaded.id,
    description: first.experiment.description ?? null,
    paper: first.experiment.paper ?? null,
    baseline: baselineOf(plan.points[0]),
    rows,
    ranks,
    outputs: first.experiment.outputs,
    comparable: first.experiment.comparable,
    calibrated: first.experiment.calibrated,
    provenance: {
      ...plan.environment,
      ...(plan.kind === "epochs" ? { kind: plan.kind } : {}),
      ...(plan.dense === undefined ? {} : { dense: plan.dense }),
      files: plan.loaded.files,
      points: plan.provenance,
      ...(plan.kind === "requests" ? { validation: standingValidation() } : {}),
    },
  };
}

/** Label of the router that the others are compared with. */
function baselineOf({ point, routers }: AggregatedPoint): string {
  return point.experiment.baseline ?? routers[0].label;
}

/** A point as its rows need it: of a plan in memory, or of one that was kept in a file. */
export interface AggregatedPoint {
  readonly point: {
    readonly labels: ResultRow["point"];
    readonly experiment: Pick<ResultHead, "baseline" | "published" | "calibrated" | "comparable">;
  };
  readonly routers: readonly Pick<RouterSpec, "label" | "id" | "parameters" | "about">[];
}

/** A run as the rows of its point need it. */
export interface AggregatedRun extends Pick<RunSpec, "key" | "seed" | "start"> {
  readonly router: Pick<RouterSpec, "label">;
}

/**
 * The rows of one point, and how far it and the paper agree on the order of the routers.
 *
 * @param runs of the point, by seed and start, then router
 * @param results by key of the run
 */
export function aggregatePoint(
  planned: AggregatedPoint,
  runs: readonly AggregatedRun[],
  results: ReadonlyMap<string, RunResult>,
): { readonly rows: ResultRow[]; readonly ranks: readonly RankAgreement[] } {
  const point = new PointRuns(planned, runs, results);
  return { rows: point.rows(), ranks: point.ranks() };
}

class PointRuns {
  readonly #planned: AggregatedPoint;
  readonly #baseline: string;
  /** Runs of each router in the same order of seed and start; undefined where one is missing. */
  readonly #byRouter = new Map<string, (RunResult | undefined)[]>();
  /** Seed and start at each place of these lists. */
  readonly #crossing: Crossing;
  readonly #summaries = new Map<string, Record<string, MetricSummary>>();
  readonly #differences = new Map<string, Record<string, MetricDifference>>();
  readonly #comparison: ReturnType<typeof compare>;

  constructor(
    planned: AggregatedPoint,
    runs: readonly AggregatedRun[],
    results: ReadonlyMap<string, RunResult>,
  ) {
    this.#planned = planned;
    this.#baseline = baselineOf(planned);
    for (const { label } of planned.routers) {
      const own = runs.filter((run) => run.router.label === label);
      this.#byRouter.set(
        label,
        own.map((run) => results.get(run.key)),
      );
    }
    const first = runs.filter((run) => run.router.label === planned.routers[0].label);
    this.#crossing = { seeds: first.map(({ seed }) => seed), starts: first.map(({ start }) => start) };
    for (const { label } of planned.routers) {
      this.#summaries.set(label, summarise(this.#runs(label), this.#crossing));
    }
    for (const { label } of planned.routers) {
      const differences =
        label === this.#baseline ? {} : differ(this.#runs(label), this.#runs(this.#baseline), this.#crossing);
      this.#differences.set(label, differences);
    }
    this.#comparison = this.#compare();
  }

  rows(): ResultRow[] {
    return this.#planned.routers.map((router) => this.#row(router));
  }

  ranks() {
    return this.#comparison.ranks.filter(({ systems }) => systems.length > 1);
  }

  #runs(label: string): readonly (RunResult | undefined)[] {
    return this.#byRouter.get(label) ?? [];
  }

  #row(router: AggregatedPoint["routers"][number]): ResultRow {
    const runs = this.#runs(router.label);
    const done = runs.filter((run) => run !== undefined);
    const comparison = this.#comparison.rows.filter((row) => row.system === router.label);
    return {
      router: router.label,
      point: this.#planned.point.labels,
      metrics: this.#summaries.get(router.label) ?? {},
      published: byMetric(comparison, ({ paper }) => paper ?? undefined),
      verdict: byMetric(comparison, ({ verdict }) => verdict),
      differences: this.#differences.get(router.label) ?? {},
      comparison,
      id: router.id,
      parameters: router.parameters,
      about: router.about,
      provenance:
        done.length === 0 ? "unknown" : weakestProvenance(done.map((run) => run.provenance as Provenance)),
      runs: { done: done.length, planned: runs.length },
      samples: packSamples(Object.keys(this.#summaries.get(router.label) ?? {}), runs),
      notes: [...this.#notes(router), ...commonNotes(done)],
      percentiles: meanPercentiles(done),
      timeline: done[0]?.timeline ?? null,
      ...(Object.keys(done[0]?.series ?? {}).length === 0 ? {} : { series: done[0]?.series ?? {} }),
      ...meanSeries(done),
    };
  }

  #notes(router: AggregatedPoint["routers"][number]): string[] {
    const notes: string[] = [];
    if (router.about.clairvoyant) notes.push("clairvoyant: sees what no gateway can");
    const alike = this.#alike(router);
    if (alike !== undefined) notes.push(alike);
    const parent = this.#planned.routers.find(({ id }) => id === router.about.ablationOf);
    if (parent === undefined) return notes;
    const agreement = agreementOf(this.#runs(router.label), this.#runs(parent.label));
    if (agreement !== undefined && agreement > INDISTINGUISHABLE) {
      notes.push(
        `indistinguishable here: places ${(100 * agreement).toFixed(1)} % of the requests like ${parent.label}`,
      );
    }
    return notes;
  }

  /** Where a planner comes to what a reference row does: says so. */
  #alike(router: AggregatedPoint["routers"][number]): string | undefined {
    if (router.about.group === "reference") return undefined;
    const mean = (label: string, metric: string) => this.#summaries.get(label)?.[metric]?.mean ?? Number.NaN;
    for (const { label, about } of this.#planned.routers) {
      if (about.group !== "reference") continue;
      const apart = PLAN_METRICS.map((metric) =>
        Math.abs(mean(router.label, metric) / mean(label, metric) - 1),
      );
      const most = Math.max(...apart);
      if (!(most <= 1 - INDISTINGUISHABLE)) continue;
      return most === 0
        ? `indistinguishable here: every plan comes to what ${label}'s does`
        : `indistinguishable here: within ${Number((100 * most).toPrecision(1))} % of ${label} in every metric of its plans`;
    }
    return undefined;
  }

  /** The router whose mean is the best of some; the first where none is known. */
  #best(labels: readonly string[], metric: string): string {
    const sign = metricInfo(metric)?.better === "higher" ? -1 : 1;
    const value = (label: string) => {
      const mean = this.#summaries.get(label)?.[metric]?.mean;
      return mean === undefined || mean === null ? Number.POSITIVE_INFINITY : sign * mean;
    };
    return labels.reduce((best, label) => (value(label) < value(best) ? label : best));
  }

  #compare(): ReturnType<typeof compare> {
    const { experiment, labels } = this.#planned.point;
    const published = experiment.published.filter(({ point }) => belongs(point, labels));
    const figures = published.map((figure): PublishedFigure => {
      const { metric, value, unit, ratioTo } = figure;
      const reason = experiment.comparable[metric];
      const routers = [figure.router].flat();
      return {
        router: this.#best(routers, metric),
        ...(routers.length > 1 ? { note: `the best of ${routers.join(", ")}` } : {}),
        metric,
        value,
        unit: unit ?? metricInfo(metric)?.unit ?? "",
        ...(ratioTo === undefined ? {} : { ratioTo }),
        ...(reason === undefined ? {} : { comparable: { reason } }),
      };
    });
    const metrics = new Set(figures.map(({ metric }) => metric));
    const runs = this.#planned.routers.flatMap(({ label }) =>
      [...metrics].map((metric): RunFigure => {
        const summary = this.#summaries.get(label)?.[metric];
        const interval = this.#differences.get(label)?.[metric]?.ratioCi95;
        return {
          router: label,
          metric,
          value: summary?.mean ?? null,
          unit: metricInfo(metric)?.unit ?? "",
          ...(summary?.reason === undefined ? {} : { reason: summary.reason }),
          ...(interval === undefined || interval === null ? {} : { ratioInterval: interval }),
        };
      }),
    );
    return compare(figures, runs, {
      baseline: this.#baseline,
      calibrated: experiment.calibrated.map(({ router, metric }) => ({ router, metric })),
    });
  }
}

/** Whether a published figure belongs to a point: by the point's name, or by values of its labels. */
function belongs(wanted: string | Record<string, unknown> | undefined, labels: ResultRow["point"]): boolean {
  if (wanted === undefined) return true;
  if (typeof wanted === "string") return labels["point"] === wanted;
  return Object.entries(wanted).every(
    ([name, value]) => Object.hasOwn(labels, name) && canonicalJson(labels[name]) === canonicalJson(value),
  );
}

function summarise(
  runs: readonly (RunResult | undefined)[],
  crossing: Crossing,
): Record<string, MetricSummary> {
  const done = runs.filter((run) => run !== undefined);
  const names = [...new Set(done.flatMap((run) => Object.keys(run.metrics)))];
  const samples = names.map((name) => runs.map((run) => run?.metrics[name] ?? null));
  const intervals = meanIntervals(samples, crossing);
  const summaries: Record<string, MetricSummary> = {};
  for (const [i, name] of names.entries()) {
    const { mean, ci95, n } = intervals[i];
    const reason = done.find((run) => run.reasons[name] !== undefined)?.reasons[name];
    const unit = metricInfo(name)?.unit ?? "";
    summaries[name] = { mean, ci95, unit, n, ...(mean === null && reason !== undefined ? { reason } : {}) };
  }
  return summaries;
}

function differ(
  runs: readonly (RunResult | undefined)[],
  baseline: readonly (RunResult | undefined)[],
  crossing: Crossing,
): Record<string, MetricDifference> {
  const names = Object.keys(runs.find((run) => run !== undefined)?.metrics ?? {});
  const sample = (of: readonly (RunResult | undefined)[], name: string) =>
    of.map((run) => run?.metrics[name] ?? null);
  const pairs = names.map((name) => [sample(runs, name), sample(baseline, name)] as const);
  const differences: Record<string, MetricDifference> = {};
  for (const [i, interval] of pairedIntervals(pairs, crossing).entries()) {
    if (interval !== undefined) differences[names[i]] = interval;
  }
  return differences;
}

/** Mean agreement of placements over the runs that both routers have; undefined without one. */
function agreementOf(
  a: readonly (RunResult | undefined)[],
  b: readonly (RunResult | undefined)[],
): number | undefined {
  const shares = a.flatMap((run, i) => {
    const other = b[i];
    const [own, parent] = [run?.placements ?? null, other?.placements ?? null];
    return own === null || parent === null ? [] : [placementAgreement(own, parent)];
  });
  return shares.length === 0 ? undefined : shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

/** Notes of the runs, each once, with how many runs it concerns where that is not all. */
function commonNotes(runs: readonly RunResult[]): string[] {
  const counts = new Map<string, number>();
  for (const note of runs.flatMap((run) => run.notes)) {
    const general = note.replace(/\d+(\.\d+)? s\b/g, "… s");
    counts.set(general, (counts.get(general) ?? 0) + 1);
  }
  return [...counts].map(([note, count]) =>
    count === runs.length ? note : `${note} (${count} of ${runs.length} runs)`,
  );
}

function meanPercentiles(runs: readonly RunResult[]): ResultRow["percentiles"] {
  const quantiles = runs[0]?.percentiles.quantiles ?? [];
  const mean = (kind: "ttft" | "e2e") =>
    quantiles.map((_, q) => {
      const values = runs.flatMap((run) => run.percentiles[kind][q] ?? []);
      return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
    });
  return { quantiles, ttft: mean("ttft"), e2e: mean("e2e") };
}

function byMetric<T>(
  rows: readonly ComparisonRow[],
  value: (row: ComparisonRow) => T | undefined,
): Record<string, T> {
  const values: Record<string, T> = {};
  for (const row of rows) {
    const own = value(row);
    if (own !== undefined && !Object.hasOwn(values, row.metric)) values[row.metric] = own;
  }
  return values;
}
