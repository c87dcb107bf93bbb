import { dirname, join } from "node:path";
import { suggestion, UserError } from "../errors.ts";
import { aggregate } from "../experiment/aggregate.ts";
import { type ExperimentPlan, expandExperiment, type PlannedPoint } from "../experiment/expand.ts";
import { type LoadedExperiment, loadExperiment } from "../experiment/load.ts";
import { originAt, placeText } from "../experiment/located-tree.ts";
import type { RunResult, RunSpec } from "../experiment/run-spec.ts";
import { foundationNotes } from "../report/foundation-notes.ts";
import { isoTime } from "../signal/series.ts";
import type { RunStore } from "../sweep/store.ts";
import { train } from "../sweep/train.ts";
import { capacityRows } from "./capacity-rows.ts";
import { openProber, type Probed, ProbeFailed, type Prober } from "./prober.ts";
import type { CapacityFinding, CapacityProbe, CapacityResult, CapacitySearch } from "./result.ts";
import { ownRate, type RateUnit, rateAxis, rateOverride } from "./scale-rate.ts";
import { mostProbes, type SearchLimits, searchCapacity } from "./search.ts";

/** What is looked for. */
export interface CapacityQuestion extends SearchLimits {
  /** Shares of attainment in (0, 1), rising. */
  readonly levels: readonly number[];
  /** Attainment of the requests of this tier alone; null: of all. */
  readonly tier: string | null;
}

/** An experiment whose capacity can be asked for. */
export interface CapacityPlan {
  readonly loaded: LoadedExperiment;
  /** At its own rate. */
  readonly plan: ExperimentPlan;
  readonly question: CapacityQuestion;
  readonly unit: RateUnit;
  /** By key of the run. */
  readonly rates: ReadonlyMap<string, number>;
  /** Runs that the searches take at most. */
  readonly mostRuns: number;
}

export interface FindOptions {
  readonly workers: number;
  readonly store: RunStore<RunResult> | null;
  readonly signal?: AbortSignal | undefined;
  /** Hears of each run that was done, with its requests. */
  readonly runEnded?: ((requests: number) => void) | undefined;
  readonly searchEnded?: ((search: CapacitySearch) => void) | undefined;
}

/**
 * Plans an experiment at its own rate and checks that its capacity can be asked for.
 *
 * @throws UserError when the experiment is wrong or has planners, CANOPY_CAPACITY_OBJECTIVE where nothing can be attained,
 *   CANOPY_CAPACITY_RATE where the arrivals have no rate
 */
export async function planCapacity(
  file: string,
  sets: readonly string[],
  question: CapacityQuestion,
): Promise<CapacityPlan> {
  const loaded = await loadExperiment(file, { sets });
  const plan = await expandExperiment(loaded);
  for (const point of plan.points) checkObjectives(point, question, file);
  const rates = new Map<string, number>();
  const units = new Set<RateUnit>();
  const byWorkload = new Map<string, ReturnType<typeof ownRate>>();
  for (const run of plan.runs) {
    const name = `${run.planned} ${run.workload}`;
    const rate = byWorkload.get(name) ?? ownRate(plan.points[run.planned], run, plan);
    byWorkload.set(name, rate);
    if (!(rate.perSecond > 0))
      throw new UserError(
        "CANOPY_CAPACITY_RATE",
        `${file}: all requests arrive at once, so that there is no rate to change, expected arrivals over some time`,
      );
    rates.set(run.key, rate.perSecond);
    units.add(rate.unit);
  }
  if (units.size > 1) {
    throw new UserError(
      "CANOPY_CAPACITY_RATE",
      `${file}: some points have sessions and others requests, whose rates do not compare, expected one kind`,
    );
  }
  const [unit = "requests/s"] = units;
  const mostRuns = plan.runs.length * mostProbes(question.levels.length, question);
  return { loaded, plan, question, unit, rates, mostRuns };
}

function checkObjectives({ point }: PlannedPoint, { tier }: CapacityQuestion, file: string): void {
  const { experiment, tree } = point;
  const { tiers = [] } = experiment;
  const where = tiers.length === 0 ? file : `${placeText(originAt(tree, ["tiers"]))} tiers`;
  if (tiers.length === 0) {
    throw new UserError(
      "CANOPY_CAPACITY_OBJECTIVE",
      `${where}: no objectives to attain, expected tiers, e.g. tiers: [{ name: all, share: 1, sloS: 2 }]`,
    );
  }
  if (tier !== null && !tiers.some(({ name }) => name === tier)) {
    throw new UserError(
      "CANOPY_CAPACITY_OBJECTIVE",
      `${where}: no tier ${tier}${suggestion(
        tier,
        tiers.map(({ name }) => name),
      )}`,
    );
  }
}

/** Does the searches, all at a time, and keeps every finished run in the store. */
export async function findCapacity(
  { loaded, plan, question, unit, rates }: CapacityPlan,
  { workers, store, signal, runEnded, searchEnded }: FindOptions,
): Promise<CapacityResult> {
  const metric = question.tier === null ? "slo_violation" : `slo_violation_${question.tier}`;
  const folders = store === null ? [] : [join(dirname(store.path), "trained")];
  const wanted = plan.trainings.map((spec) => ({ spec, folders }));
  const learned = await train(wanted, plan.inputs, { threads: workers, signal });
  signal?.throwIfAborted();
  const prober = openProber(loaded, plan, {
    store,
    trained: learned.trained,
    untrained: learned.failed,
    workers,
    signal,
    ended: runEnded,
  });
  const atOwnRate = new Map<string, RunResult>();
  try {
    const searches = await Promise.all(
      plan.runs.map(async (run) => {
        const point = plan.points[run.planned];
        const ended = await searchRun(run, point, {
          prober,
          question,
          metric,
          rate: rates.get(run.key) as number,
          atOwnRate,
        });
        searchEnded?.(ended);
        return ended;
      }),
    );
    const base = aggregate(plan, atOwnRate);
    return {
      schema: "canopy/capacity/1",
      experiment: loaded.id,
      metric,
      levels: question.levels,
      tolerance: question.tolerance,
      least: question.least,
      most: question.most,
      unit,
      rows: capacityRows(plan, searches, question.levels),
      searches,
      runs: prober.runs,
      notes: foundationNotes(base, new Set([metric])),
      provenance: base.provenance,
    };
  } finally {
    await prober.close();
    await store?.flush();
  }
}

interface SearchContext {
  readonly prober: Prober;
  readonly question: CapacityQuestion;
  readonly metric: string;
  readonly rate: number;
  /** Takes the run at the experiment's own rate. */
  readonly atOwnRate: Map<string, RunResult>;
}

async function searchRun(
  run: RunSpec,
  point: PlannedPoint,
  { prober, question, metric, rate, atOwnRate }: SearchContext,
): Promise<CapacitySearch> {
  const probed = new Map<number, Probed>();
  const unplayable: { rate: number; reason: string }[] = [];
  const head = {
    router: run.router.label,
    point: run.labels,
    seed: run.seed,
    start: run.start === null ? null : isoTime(run.start),
    ownRate: rate,
    axis: rateAxis(point, point.point),
  };
  const cannot = (factor: number, reason: string): number => {
    unplayable.push({ rate: rate * factor, reason });
    return Number.NaN;
  };
  const attain = async (factor: number): Promise<number> => {
    try {
      const done = await prober.run({ base: run, factor });
      if (factor === 1) atOwnRate.set(run.key, done.result);
      const violated = done.result.metrics[metric];
      if (violated === null || violated === undefined) {
        const why = done.result.reasons[metric] ?? "not there";
        // A run of a fixed time may have no requests left at a lower rate.
        if (factor !== 1) return cannot(factor, `${metric}: ${why}`);
        throw new UserError(
          "CANOPY_CAPACITY_OBJECTIVE",
          `${metric} of ${run.router.label}, seed ${run.seed}: ${why}, expected tiers with objectives and requests of them`,
        );
      }
      probed.set(factor, done);
      return 1 - violated;
    } catch (error) {
      // What cannot be asked for at the experiment's own rate ends the command.
      if (!(error instanceof UserError) || factor === 1) throw error;
      return cannot(factor, `${error.code}: ${error.message}`);
    }
  };
  const probesOf = (): CapacityProbe[] =>
    [...probed]
      .sort(([a], [b]) => a - b)
      .map(([factor, { spec, result }]) => ({
        factor,
        rate: rate * factor,
        attainment: 1 - (result.metrics[metric] ?? Number.NaN),
        requests: ["finished", "rejected", "unfinished"].reduce(
          (sum, name) => sum + (result.metrics[name] ?? 0),
          0,
        ),
        run: spec.key,
        provenance: result.provenance,
      }));
  try {
    const { findings } = await searchCapacity(attain, question.levels, question);
    return {
      ...head,
      findings: findings.map(
        ({ level, state, attains, misses, monotone, against }): CapacityFinding => ({
          level,
          state,
          rate: attains === null ? null : rate * attains,
          override: attains === null ? null : rateOverride(point, point.point, attains),
          missesAt: misses === null ? null : rate * misses,
          monotone,
          against: against.map((factor) => rate * factor),
        }),
      ),
      probes: probesOf(),
      unplayable,
      failure: null,
    };
  } catch (error) {
    if (!(error instanceof ProbeFailed)) throw error;
    const { failure, probe, spec } = error;
    return {
      ...head,
      findings: [],
      probes: probesOf(),
      unplayable,
      failure: {
        code: failure.code,
        message: failure.message.split("\n")[0],
        override: rateOverride(point, point.point, probe.factor),
        run: spec.key,
      },
    };
  }
}
