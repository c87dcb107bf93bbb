/** The measurement of what routers cost, from the routers' names to all tables' figures. */
import { cpus, loadavg } from "node:os";
import type { ExperimentPlan } from "../experiment/expand.ts";
import type { RunSpec, TrainedArtefacts } from "../experiment/run-spec.ts";
import type { RouterDefinition } from "../routers/contract.ts";
import { isRouterFile, loadRouter, routerFile } from "../routers/load-router.ts";
import { listPlanners } from "../routers/planner-registry.ts";
import { findRouter, listRouters, parameterNames } from "../routers/registry.ts";
import { train } from "../sweep/train.ts";
import { type CapturedState, capacityOfTwelve, captureState } from "./capture.ts";
import type { CellTask } from "./cell-task.ts";
import { forecastRows, measureComponents } from "./components.ts";
import { fitPowerLaw } from "./growth.ts";
import { timerMilliseconds } from "./in-situ.ts";
import type { CellBudget, RawRow } from "./measure-cell.ts";
import { defaultPlanners, measurePlans, planLaws } from "./measure-plans.ts";
import type {
  ComponentRow,
  DecisionKind,
  GrowthLaw,
  InSituRow,
  OverheadResult,
  OverheadRow,
  OverheadState,
} from "./result.ts";
import { type CellOutcome, runCell } from "./run-cell.ts";
import { type MeasuredRouter, PLAIN_ROUTER, planSetting, settingParameters } from "./setting.ts";

export interface OverheadOptions {
  /** Ids or aliases of routers, ids of planners, or files of routers; none: all, and the components too. */
  readonly routers: readonly string[];
  readonly endpoints: readonly number[];
  /** Shares of what the fleet can serve, in (0, 1). */
  readonly loads: readonly number[];
  /** Short parts: whether everything works, not what it costs. */
  readonly quick: boolean;
  /** Longest time of a cell: a router, a size and a load. */
  readonly capSeconds: number;
  readonly signal: AbortSignal;
  readonly progress?: (line: string) => void;
}

const KINDS: readonly DecisionKind[] = ["request", "dispatch", "control"];
/** CEDAR's control interval. */
const INTERVAL_MICROSECONDS = 100_000;
/** Requests of the plans that cells resolve; none of them is read. */
const FEW = 100;
const FULL: CellBudget = { warmUp: 400, batches: 150, calls: 100, bytes: 100, dispatch: 60, control: 40 };
const QUICK: CellBudget = { warmUp: 30, batches: 15, calls: 10, bytes: 10, dispatch: 10, control: 10 };
/** A router's name in the list of cells that does nothing. */
const EMPTY = "";

/** Raw rows by router, kind. */
type CellRows = ReadonlyMap<string, CellOutcome>;

/**
 * Measures every router on every state.
 *
 * @throws UserError for a router that is not known or that cannot be made; the signal's reason when it is aborted
 */
export async function measureOverhead(options: OverheadOptions): Promise<OverheadResult> {
  const { signal, quick, capSeconds } = options;
  const began = performance.now();
  const loadAverageBefore = loadavg()[0];
  const say = options.progress ?? (() => undefined);
  const planners = options.routers.filter(isPlanner);
  // Most planners are routers too, which place by weighted turns under a plan.
  const named = options.routers.filter((name) => !isPlanner(name) || isRouter(name));
  const isAll = options.routers.length === 0;
  const routers = await routersOf(isAll ? listRouters().map(({ id }) => id) : named);
  say("what twelve endpoints can serve, and the trainings");
  const capacity = await capacityOfTwelve();
  const { trained, taskTypes } = await trainAll(routers);
  const budget = quick ? QUICK : FULL;
  const states: OverheadState[] = [];
  const rows: OverheadRow[] = [];
  for (const endpoints of options.endpoints) {
    const plan = await planCells(endpoints, capacity, routers, trained);
    for (const load of options.loads) {
      say(`${endpoints} endpoints, load ${load}: simulating`);
      const seconds = quick ? 10 : endpoints > 1000 ? 30 : 60;
      const state = await captureState(endpoints, load, capacity, seconds);
      const { ratePerSecond, utilisation, waitingPerEndpoint } = state;
      states.push({
        ...{ endpoints, load, ratePerSecond, utilisation, waitingPerEndpoint },
        simulatedSeconds: seconds,
      });
      const cells = await measureState(state, plan, budget, options);
      rows.push(...rowsOf(state, cells, routers));
    }
  }
  const inSitu = await measureInSituAll(options, capacity, routers, trained);
  if (isAll) say("components");
  const components: ComponentRow[] = isAll
    ? await measureComponents({ quick, trained: [...trained.values()], taskTypes })
    : [];
  const wanted = isAll ? defaultPlanners() : planners;
  if (!isAll && wanted.length > 0) components.push(...forecastRows(quick));
  const plans = await measurePlans({ planners: wanted, quick, capSeconds, signal, progress: say });
  return {
    schema: "canopy/overhead/1",
    conditions: {
      cpu: cpus()[0]?.model.trim() ?? "unknown",
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
    },
    states,
    rows,
    growth: growthOf(rows),
    inSitu,
    components,
    plans,
    planGrowth: planLaws(plans),
  };
}

function isRouter(name: string): boolean {
  return listRouters().some(({ id }) => id === name);
}

function isPlanner(name: string): boolean {
  return listPlanners().some(({ id }) => id === name);
}

interface Measured extends MeasuredRouter {
  readonly definition: RouterDefinition;
}

async function routersOf(names: readonly string[]): Promise<Measured[]> {
  const found: Measured[] = [];
  for (const name of [PLAIN_ROUTER.name, ...names]) {
    const file = routerFile(name, process.cwd());
    const definition =
      file === null ? findRouter(name, "--router") : await loadRouter(isRouterFile(name) ? name : file);
    if (found.some((other) => other.definition.id === definition.id)) continue;
    const parameters = settingParameters(parameterNames(definition.parameters));
    found.push({ name: file ?? definition.id, parameters, definition });
  }
  return found;
}

/** What training leaves for each router that learns; the number of endpoints is no part of it. */
async function trainAll(
  routers: readonly Measured[],
): Promise<{ trained: Map<string, TrainedArtefacts>; taskTypes: readonly string[] }> {
  const plan = await planSetting({ endpoints: 12, ratePerSecond: 50, requests: FEW }, routers);
  const wanted = plan.trainings.map((spec) => ({ spec, folders: [] }));
  const { trained, failed } = await train(wanted, plan.inputs, { threads: 1 });
  for (const [key, { message }] of failed) throw new Error(`training ${key}: ${message}`);
  const { workload } = plan.points[0].inputs.experiment;
  return {
    trained: new Map(
      plan.runs.flatMap(({ router }) =>
        router.training === null ? [] : [[router.id, trained[router.training]] as const],
      ),
    ),
    taskTypes: "trace" in workload ? [] : (workload.taskTypes ?? []).map(({ name }) => name),
  };
}

/** Runs of the setting at a size, and inputs with what training left. */
async function planCells(
  endpoints: number,
  capacity: number,
  routers: readonly Measured[],
  trained: ReadonlyMap<string, TrainedArtefacts>,
  requests = FEW,
  load = 0.5,
): Promise<ExperimentPlan> {
  const plan = await planSetting(
    { endpoints, ratePerSecond: (load * capacity * endpoints) / 12, requests },
    routers,
  );
  const own = Object.fromEntries(
    plan.runs.flatMap(({ router }) =>
      router.training === null ? [] : [[router.training, trained.get(router.id) ?? {}] as const],
    ),
  );
  return { ...plan, inputs: { ...plan.inputs, trained: own } };
}

async function measureState(
  state: CapturedState,
  { runs, inputs }: ExperimentPlan,
  budget: CellBudget,
  { capSeconds, signal, progress }: OverheadOptions,
): Promise<CellRows> {
  const cells = new Map<string, CellOutcome>();
  const cell = (spec: RunSpec, isEmpty: boolean): CellTask => ({ spec, inputs, isEmpty, state, budget });
  cells.set(EMPTY, await runCell(cell(runs[0], true), capSeconds, signal));
  for (const spec of runs) {
    progress?.(`${state.endpoints} endpoints, load ${state.load}: ${spec.router.id}`);
    cells.set(spec.router.id, await runCell(cell(spec, false), capSeconds, signal));
  }
  return cells;
}

function rowsOf(state: CapturedState, cells: CellRows, routers: readonly Measured[]): OverheadRow[] {
  const rawOf = (router: string, kind: DecisionKind): RawRow | undefined =>
    cells.get(router)?.rows.find((row) => row.kind === kind);
  const rows: OverheadRow[] = [];
  for (const { definition } of routers) {
    for (const kind of KINDS) {
      const raw = rawOf(definition.id, kind);
      const empty = rawOf(EMPTY, kind);
      const net = netOf(raw, empty);
      const plain = netOf(rawOf(PLAIN_ROUTER.name, kind), empty);
      const bytes = raw?.bytes ?? null;
      const completion = micro(raw?.completion ?? null);
      rows.push({
        router: definition.id,
        family: definition.family,
        kind,
        endpoints: state.endpoints,
        load: state.load,
        call: raw?.call ?? "",
        meanMicroseconds: micro(raw?.mean ?? null),
        emptyMicroseconds: micro(empty?.mean ?? null),
        netMicroseconds: net,
        p50Microseconds: micro(raw?.p50 ?? null),
        p99Microseconds: micro(raw?.p99 ?? null),
        p999Microseconds: micro(raw?.p999 ?? null),
        samples: raw?.samples ?? 0,
        clock: raw?.clock ?? "wall",
        bytesPerDecision: bytes === null ? null : Math.max(0, bytes - (empty?.bytes ?? 0)),
        intervalShare: raw?.p99 == null ? null : (1000 * raw.p99) / INTERVAL_MICROSECONDS,
        busyShare:
          kind === "request" && net !== null ? ((net + (completion ?? 0)) * state.ratePerSecond) / 1e6 : null,
        completionMicroseconds: completion,
        timesRoundRobin: net === null || plain === null || !(plain > 0) ? null : net / plain,
        held: raw?.held ?? null,
        reason:
          raw?.reason ?? (raw === undefined ? (cells.get(definition.id)?.reason ?? "not measured") : null),
      });
    }
  }
  return rows;
}

function netOf(raw: RawRow | undefined, empty: RawRow | undefined): number | null {
  if (raw?.mean == null || empty?.mean == null) return null;
  return micro(Math.max(0, raw.mean - empty.mean));
}

function micro(milliseconds: number | null): number | null {
  return milliseconds === null ? null : 1000 * milliseconds;
}

function growthOf(rows: readonly OverheadRow[]): GrowthLaw[] {
  const laws: GrowthLaw[] = [];
  const series = new Map<string, OverheadRow[]>();
  for (const row of rows) {
    const key = `${row.router} ${row.kind} ${row.load}`;
    const list = series.get(key) ?? [];
    if (row.netMicroseconds !== null) list.push(row);
    series.set(key, list);
  }
  for (const list of series.values()) {
    const law = fitPowerLaw(
      list.map(({ endpoints }) => endpoints),
      list.map(({ netMicroseconds }) => netMicroseconds ?? 0),
    );
    if (law === undefined) continue;
    const [{ router, kind, load }] = list;
    laws.push({ router, kind, load, ...law, sizes: list.length });
  }
  return laws;
}

/** At the smallest size and the load nearest to 0.7. */
async function measureInSituAll(
  options: OverheadOptions,
  capacity: number,
  routers: readonly Measured[],
  trained: ReadonlyMap<string, TrainedArtefacts>,
): Promise<InSituRow[]> {
  const { quick, capSeconds, signal, progress } = options;
  const endpoints = Math.min(...options.endpoints);
  const load = options.loads.reduce((best, one) => (Math.abs(one - 0.7) < Math.abs(best - 0.7) ? one : best));
  const requests = quick ? 1000 : 10_000;
  const plan = await planCells(endpoints, capacity, routers, trained, requests, load);
  const rows: InSituRow[] = [];
  let plain: number | undefined;
  for (const spec of plan.runs) {
    progress?.(`inside a simulation: ${spec.router.id}`);
    const task: CellTask = { spec, inputs: plan.inputs, isEmpty: false, state: null, budget: FULL };
    const { inSitu, reason } = await runCell(task, capSeconds, signal);
    if (spec.router.id === PLAIN_ROUTER.name) plain = inSitu?.processorSeconds;
    const processorSeconds = inSitu?.processorSeconds ?? 0;
    rows.push({
      router: spec.router.id,
      endpoints,
      load,
      requests: inSitu?.requests ?? 0,
      processorSeconds,
      share: inSitu?.share ?? null,
      microsecondsPerRequest: inSitu === null ? null : (1e6 * inSitu.routerSeconds) / inSitu.requests,
      timeOverRoundRobin: inSitu === null || plain === undefined ? null : processorSeconds / plain,
      reason,
    });
  }
  return rows;
}
