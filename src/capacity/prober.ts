/** Runs of an experiment at other rates than its own, each planned when it is asked for. */
import { createPlanner, type ExperimentPlan, type Planner } from "../experiment/expand.ts";
import type { ExperimentPoint, LoadedExperiment } from "../experiment/load.ts";
import type { RunResult, RunSpec, TrainedArtefacts } from "../experiment/run-spec.ts";
import type { CellTask } from "../sweep/cell-task.ts";
import { openPool } from "../sweep/host/open-pool.ts";
import type { Outcome, RunFailure } from "../sweep/messages.ts";
import { cells } from "../sweep/shards/run-cells.ts";
import type { RunStore } from "../sweep/store.ts";
import { atRate } from "./scale-rate.ts";

/** Plans of traces that are kept: each holds its requests. */
const MOST_TRACE_PLANS = 4;

export interface ProberOptions {
  /** Keeps every finished run under its key; null: nothing is kept. */
  readonly store: RunStore<RunResult> | null;
  readonly trained: Readonly<Record<string, TrainedArtefacts>>;
  /** Trainings that failed: runs that need them fail. */
  readonly untrained: ReadonlyMap<string, RunFailure>;
  readonly workers: number;
  readonly signal?: AbortSignal | undefined;
  /** Hears of each run that was done, with its requests. */
  readonly ended?: ((requests: number) => void) | undefined;
}

/** A run of the plan at a multiple of the experiment's own rate. */
export interface Probe {
  readonly base: RunSpec;
  readonly factor: number;
}

export interface Probed {
  readonly spec: RunSpec;
  readonly result: RunResult;
}

export interface Prober {
  /** Distinct runs asked for so far, and those of them that were found done. */
  readonly runs: number;
  readonly reused: number;
  /**
   * @throws ProbeFailed when the run fails, UserError when it cannot be planned at that rate (a series that is too short
   *   for it), or the reason of the signal
   */
  run(probe: Probe): Promise<Probed>;
  close(): Promise<void>;
}

/** A run that did not end in a result. */
export class ProbeFailed extends Error {
  readonly failure: RunFailure;
  readonly probe: Probe;
  readonly spec: RunSpec;
  constructor(failure: RunFailure, probe: Probe, spec: RunSpec) {
    super(failure.message);
    this.failure = failure;
    this.probe = probe;
    this.spec = spec;
  }
}

type Planned = { readonly runs: readonly RunSpec[]; readonly inputs: Planner["inputs"] };

/** Opens workers for runs of a plan at any rate. Close it when the last one has ended. */
export function openProber(loaded: LoadedExperiment, plan: ExperimentPlan, options: ProberOptions): Prober {
  const { store, untrained, ended } = options;
  const isTrace = plan.points.some(({ inputs }) => "trace" in inputs.experiment.workload);
  // A planner keeps every trace that it has read: of long ones there is one for each rate.
  const common = createPlanner({ environment: plan.environment });
  const planned = new Map<string, Promise<Planned>>();
  const planOf = (base: RunSpec, factor: number): Promise<Planned> => {
    const name = `${base.planned} ${base.seed} ${factor}`;
    const made = planned.get(name) ?? makePlan(base, factor);
    planned.delete(name);
    planned.set(name, made);
    const [oldest] = planned.keys();
    if (isTrace && planned.size > MOST_TRACE_PLANS) planned.delete(oldest);
    return made;
  };
  const makePlan = async ({ planned: place, seed }: RunSpec, factor: number): Promise<Planned> => {
    const own = loaded.points[place];
    const point = withSeed(atRate(own, plan.points[place], factor), seed);
    const planner = isTrace ? createPlanner({ environment: plan.environment }) : common;
    const { runs } = await planner.plan(point, place, own);
    return { runs, inputs: planner.inputs };
  };
  let pool: ReturnType<typeof open> | undefined;
  const open = () =>
    openPool(
      cells,
      { ...plan.inputs, points: {}, workloads: {}, trained: options.trained },
      { threads: options.workers, signal: options.signal },
    );
  let closed = false;
  /** Workers start at the first run that was not done before. */
  const opened = () => {
    // A search that was still planning when another one failed would start workers that nobody ends.
    if (closed) throw new Error("the prober is closed");
    pool ??= open();
    return pool;
  };
  const done = new Map<string, Promise<Probed>>();
  let reused = 0;

  const execute = async (probe: Probe, spec: RunSpec, { inputs }: Planned): Promise<Probed> => {
    const known = store?.get(spec.key);
    if (known !== undefined) {
      reused++;
      return { spec, result: known };
    }
    const failure = spec.router.training === null ? undefined : untrained.get(spec.router.training);
    if (failure !== undefined)
      throw new ProbeFailed({ ...failure, message: `training: ${failure.message}` }, probe, spec);
    const workload = inputs.workloads[spec.workload];
    const task: CellTask = {
      spec,
      point: inputs.points[spec.point],
      shared: workload === undefined,
      ...(workload === undefined ? {} : { workload }),
    };
    const outcome: Outcome<{ text: string; requests: number }> = await (await opened()).run(task);
    if (outcome.state === "failed") throw new ProbeFailed(outcome.failure, probe, spec);
    const result = JSON.parse(outcome.result.text) as RunResult;
    store?.put(spec.key, result);
    ended?.(outcome.result.requests);
    return { spec, result };
  };

  return {
    get runs() {
      return done.size;
    },
    get reused() {
      return reused;
    },
    run: async (probe) => {
      const { base, factor } = probe;
      const own = await planOf(base, factor);
      const spec = own.runs.find(
        ({ router, start }) => router.label === base.router.label && start === base.start,
      );
      if (spec === undefined) throw new Error(`no run of ${base.router.label} at ${factor} times the rate`);
      const before = done.get(spec.key);
      if (before !== undefined) return before;
      const asked = execute(probe, spec, own);
      done.set(spec.key, asked);
      return asked;
    },
    close: async () => {
      closed = true;
      await (await pool)?.close();
    },
  };
}

function withSeed(point: ExperimentPoint, seed: number): ExperimentPoint {
  return { ...point, experiment: { ...point.experiment, seeds: [seed] } };
}
