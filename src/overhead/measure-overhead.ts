/** The measurement of what routers cost, from the list of its cells to all tables' figures. */
import { cpus, loadavg } from "node:os";
import { dirname, join } from "node:path";
import type { ExperimentPlan } from "../experiment/expand.ts";
import type { RunSpec, TrainedArtefacts } from "../experiment/run-spec.ts";
import type { SharedInputs } from "../experiment/shared-inputs.ts";
import type { ProgressListener } from "../sweep/run-plans.ts";
import type { RunStore } from "../sweep/store.ts";
import { train } from "../sweep/train.ts";
import type { CapturedState, StateTask } from "./capture.ts";
import type { CellTask } from "./cell-task.ts";
import { type CellRows, growthOf, inSituRows, rowsOf } from "./collect-rows.ts";
import type { ComponentTask } from "./components.ts";
import { type CellRecord, cellSeconds } from "./estimate.ts";
import { timerMilliseconds } from "./in-situ.ts";
import { type PlanOutcome, planLaws, planRows, timePlanner } from "./measure-plans.ts";
import {
  type Cell,
  EMPTY,
  FEW,
  type OverheadPlan,
  type PlannedState,
  processorModel,
} from "./overhead-plan.ts";
import type { ComponentRow, OverheadResult, OverheadRow, OverheadState } from "./result.ts";
import { type CellOutcome, runCell } from "./run-cell.ts";
import { type ChildLimits, runChild, workerFile } from "./run-child.ts";
import { planSetting } from "./setting.ts";

export interface MeasureOptions {
  /** Cells that it holds are not measured again; each that ends is kept there at once, unless it failed. */
  readonly store: RunStore<CellRecord>;
  readonly signal: AbortSignal;
  /** Hears of cells. */
  readonly progress?: CellListener | undefined;
}

export interface CellListener extends ProgressListener {
  /** @param work seconds that the cells are thought to take */
  begin(total: number, reused: number, work?: number): void;
  ended(requests: number, failed: boolean, work?: number): void;
}

/**
 * Measures every cell of a plan that is not known yet.
 *
 * @throws UserError CANOPY_STORE_WRITE when a cell cannot be kept; the signal's reason when it is aborted
 */
export async function measureOverhead(plan: OverheadPlan, options: MeasureOptions): Promise<OverheadResult> {
  const { quick, capSeconds } = plan.options;
  const { signal } = options;
  const began = performance.now();
  const loadAverageBefore = loadavg()[0];
  const reused = reusedCells(plan.cells, options.store);
  const measurement = new Measurement(plan, options);
  try {
    measurement.begin();
    const capacity = await measurement.capacity();
    const states: OverheadState[] = [];
    const rows: OverheadRow[] = [];
    for (const planned of plan.states) {
      const { state, cells } = await measurement.state(planned);
      states.push(state);
      rows.push(...rowsOf(state, cells, plan.routers));
    }
    const inSitu = inSituRows(plan.inside, await measurement.inside());
    const components = await measurement.components();
    const outcomes = new Map<string, PlanOutcome>();
    for (const { task, cell } of plan.plans) {
      const limits: ChildLimits = { capSeconds, signal };
      outcomes.set(JSON.stringify(task), await measurement.once(cell, () => timePlanner(task, limits)));
    }
    const plans = plan.planners.flatMap((planner) =>
      planRows(planner, quick, (task) => outcomes.get(JSON.stringify(task)) as PlanOutcome),
    );
    return {
      schema: "canopy/overhead/1",
      conditions: {
        cpu: processorModel(),
        threads: cpus().length,
        node: process.version,
        platform: `${process.platform} ${process.arch}`,
        loadAverageBefore,
        loadAverageAfter: loadavg()[0],
        seconds: (performance.now() - began) / 1000,
        timerNanoseconds: 1e6 * timerMilliseconds(),
        capacityOfTwelveRequestsPerSecond: capacity,
        quick,
        capSeconds,
        reused,
      },
      states,
      rows,
      growth: growthOf(rows),
      inSitu,
      components,
      plans,
      planGrowth: planLaws(plans),
    };
  } finally {
    options.progress?.end();
    await options.store.flush();
  }
}

/** One walk through the cells of a plan; what only cells to be measured need is made when the first of them comes. */
class Measurement {
  readonly #plan: OverheadPlan;
  readonly #options: MeasureOptions;
  readonly #secondsOf: (cell: Cell) => number;
  #trained: Promise<ReadonlyMap<string, TrainedArtefacts>> | undefined;

  constructor(plan: OverheadPlan, options: MeasureOptions) {
    this.#plan = plan;
    this.#options = options;
    this.#secondsOf = cellSeconds(plan.cells, options.store);
  }

  begin(): void {
    const { store, progress } = this.#options;
    const left = this.#plan.cells.filter(({ key }) => store.get(key) === undefined);
    const work = left.reduce((sum, cell) => sum + this.#secondsOf(cell), 0);
    progress?.begin(left.length, this.#plan.cells.length - left.length, work);
  }

  /** What a cell has found: measured now unless it is known, and kept unless it failed. */
  async once<Found extends object | number>(cell: Cell, measure: () => Promise<Found>): Promise<Found> {
    const { store, signal, progress } = this.#options;
    const known = store.get(cell.key);
    if (known !== undefined) return known.found as Found;
    signal.throwIfAborted();
    const began = performance.now();
    const found = await measure();
    const failed = hasFailed(found);
    if (!failed) {
      const seconds = (performance.now() - began) / 1000;
      store.put(cell.key, { found, seconds, loadAverage: loadavg()[0], endedAt: new Date().toISOString() });
      await store.flush();
    }
    progress?.ended(0, failed, this.#secondsOf(cell));
    return found;
  }

  capacity(): Promise<number> {
    return this.once(this.#plan.capacity, () => this.#simulate<number>("capacity"));
  }

  async state(planned: PlannedState): Promise<{ state: OverheadState; cells: CellRows }> {
    const { endpoints, load, seconds } = planned;
    const { runs } = this.#plan.setting;
    const capacity = await this.capacity();
    const captured = lazily(() => this.#simulate<CapturedState>({ endpoints, load, capacity, seconds }));
    const own = lazily(() => this.#planSetting(endpoints, capacity));
    const known = await this.once(planned.cell, async () => {
      const { ratePerSecond, utilisation, waitingPerEndpoint } = await captured();
      return { ratePerSecond, utilisation, waitingPerEndpoint };
    });
    const measure = async (router: string): Promise<CellOutcome> => {
      const { specs, inputs } = await own();
      const isEmpty = router === EMPTY;
      const spec = specs.get(isEmpty ? runs[0].router.id : router) as RunSpec;
      const state = await captured();
      return this.#measureRouter({ spec, inputs, isEmpty, state, budget: this.#plan.budget });
    };
    const cells = new Map<string, CellOutcome>();
    for (const [router, cell] of planned.routers)
      cells.set(router, await this.once(cell, () => measure(router)));
    return { state: { endpoints, load, ...known, simulatedSeconds: seconds }, cells };
  }

  /** At the smallest size and the load nearest to 0.7. */
  async inside(): Promise<CellRows> {
    const { endpoints, load, requests, routers } = this.#plan.inside;
    const capacity = await this.capacity();
    const own = lazily(() => this.#planSetting(endpoints, capacity, requests, load));
    const cells = new Map<string, CellOutcome>();
    for (const [router, cell] of routers) {
      const measure = async () => {
        const { specs, inputs } = await own();
        const spec = specs.get(router) as RunSpec;
        return this.#measureRouter({ spec, inputs, isEmpty: false, state: null, budget: this.#plan.budget });
      };
      cells.set(router, await this.once(cell, measure));
    }
    return cells;
  }

  async components(): Promise<readonly ComponentRow[]> {
    const { components, setting, options } = this.#plan;
    if (components === null) return [];
    const { workload } = setting.points[0].inputs.experiment;
    const { rows } = await this.once(components.cell, async () => {
      const task: ComponentTask = {
        only: components.only,
        quick: options.quick,
        trained: components.only === null ? [...(await this.#artefacts()).values()] : [],
        taskTypes: "trace" in workload ? [] : (workload.taskTypes ?? []).map(({ name }) => name),
      };
      const found: ComponentRow[] = [];
      const reason = await runChild(
        workerFile("component-worker"),
        task,
        this.#limits(false),
        (row: ComponentRow) => found.push(row),
      );
      if (reason !== null) throw new Error(`components: ${reason}`);
      return { rows: found };
    });
    return rows;
  }

  #limits(isCapped = true): ChildLimits {
    const { capSeconds } = this.#plan.options;
    return { capSeconds: isCapped ? capSeconds : Number.POSITIVE_INFINITY, signal: this.#options.signal };
  }

  #measureRouter(task: CellTask): Promise<CellOutcome> {
    return runCell(task, this.#limits());
  }

  async #simulate<Found>(task: StateTask): Promise<Found> {
    let found: Found | undefined;
    const reason = await runChild(workerFile("state-worker"), task, this.#limits(false), (message: Found) => {
      found = message;
    });
    if (reason !== null || found === undefined) throw new Error(`states: ${reason ?? "nothing came back"}`);
    return found;
  }

  /** Runs of the setting at a size by router's id, and inputs with what training left. */
  async #planSetting(
    endpoints: number,
    capacity: number,
    requests = FEW,
    load = 0.5,
  ): Promise<{ specs: ReadonlyMap<string, RunSpec>; inputs: SharedInputs }> {
    const ratePerSecond = (load * capacity * endpoints) / 12;
    const plan = await planSetting({ endpoints, ratePerSecond, requests }, this.#plan.routers);
    const trained = await this.#artefacts();
    const own = Object.fromEntries(
      plan.runs.flatMap(({ router }) =>
        router.training === null ? [] : [[router.training, trained.get(router.id) ?? {}] as const],
      ),
    );
    return {
      specs: new Map(plan.runs.map((spec) => [spec.router.id, spec])),
      inputs: { ...plan.inputs, trained: own },
    };
  }

  #artefacts(): Promise<ReadonlyMap<string, TrainedArtefacts>> {
    this.#trained ??= trainAll(this.#plan.setting, this.#options);
    return this.#trained;
  }
}

/** What training leaves for each router that learns, kept beside the journal; the number of endpoints is no part of it. */
async function trainAll(
  { trainings, inputs, runs }: ExperimentPlan,
  { store, signal }: MeasureOptions,
): Promise<ReadonlyMap<string, TrainedArtefacts>> {
  const folders = [join(dirname(store.path), "trained")];
  const wanted = trainings.map((spec) => ({ spec, folders }));
  const { trained, failed } = await train(wanted, inputs, { threads: 1, signal });
  signal.throwIfAborted();
  for (const [key, { message }] of failed) throw new Error(`training ${key}: ${message}`);
  return new Map(
    runs.flatMap(({ router }) =>
      router.training === null ? [] : [[router.id, trained[router.training]] as const],
    ),
  );
}

/** Cells that were measured before, and under what load of the machine. */
function reusedCells(
  cells: readonly Cell[],
  store: RunStore<CellRecord>,
): NonNullable<OverheadResult["conditions"]["reused"]> | null {
  const records = cells.flatMap(({ key }) => store.get(key) ?? []);
  if (records.length === 0) return null;
  const loads = records.map(({ loadAverage }) => loadAverage);
  return {
    cells: records.length,
    of: cells.length,
    since: records.map(({ endedAt }) => endedAt).sort()[0],
    seconds: records.reduce((sum, { seconds }) => sum + seconds, 0),
    loadAverages: [Math.min(...loads), Math.max(...loads)],
  };
}

/** What was cut is a finding; what failed may not fail again. */
function hasFailed(found: object | number): boolean {
  const { reason } = found as { readonly reason?: string | null };
  return reason?.startsWith("failed") === true;
}

function lazily<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
