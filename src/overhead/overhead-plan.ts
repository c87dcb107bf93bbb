/** Which cells a measurement has: what is measured by itself, and kept by itself. */
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { hashOfJson } from "../experiment/canonical-json.ts";
import { codeHash, hashOfCode } from "../experiment/code-hash.ts";
import type { ExperimentPlan } from "../experiment/expand.ts";
import { chooseDense } from "../learning/dense/choose-dense.ts";
import type { RouterDefinition } from "../routers/contract.ts";
import { isRouterFile, loadRouter, routerFile } from "../routers/load-router.ts";
import { listPlanners } from "../routers/planner-registry.ts";
import { findRouter, listRouters, parameterNames } from "../routers/registry.ts";
import type { CellBudget } from "./measure-cell.ts";
import { defaultPlanners, planTasks } from "./measure-plans.ts";
import type { PlanTask } from "./plan-task.ts";
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
}

export type CellPart = "capacity" | "state" | "decisions" | "inside" | "components" | "planner";

export interface Cell {
  readonly part: CellPart;
  /** Hash over all that the figures depend on and this machine can be asked for: see {@link planOverhead}. */
  readonly key: string;
  /** Endpoints, of a planner sites; 0 where there are none. */
  readonly size: number;
  readonly isQuick: boolean;
}

export interface PlannedState {
  readonly endpoints: number;
  readonly load: number;
  readonly seconds: number;
  readonly cell: Cell;
  /** By router's id, that of the empty router is {@link EMPTY}. */
  readonly routers: ReadonlyMap<string, Cell>;
}

export interface Measured extends MeasuredRouter {
  readonly definition: RouterDefinition;
}

export interface OverheadPlan {
  readonly options: OverheadOptions;
  readonly budget: CellBudget;
  readonly routers: readonly Measured[];
  /** The setting at twelve endpoints: its runs say what each router's figures depend on. */
  readonly setting: ExperimentPlan;
  readonly capacity: Cell;
  readonly states: readonly PlannedState[];
  readonly inside: {
    readonly endpoints: number;
    readonly load: number;
    readonly requests: number;
    readonly routers: ReadonlyMap<string, Cell>;
  };
  readonly components: { readonly only: "forecasts" | null; readonly cell: Cell } | null;
  readonly planners: readonly string[];
  readonly plans: readonly { readonly task: PlanTask; readonly cell: Cell }[];
  /** All of them, in the order in which they are measured. */
  readonly cells: readonly Cell[];
}

/** Requests of the plans that cells resolve; none of them is read. */
export const FEW = 100;
/** A router's name in the list of cells that does nothing. */
export const EMPTY = "";
const FULL: CellBudget = { warmUp: 400, batches: 150, calls: 100, bytes: 100, dispatch: 60, control: 40 };
const QUICK: CellBudget = { warmUp: 30, batches: 15, calls: 10, bytes: 10, dispatch: 10, control: 10 };

/**
 * Lists the cells. A cell's key is a hash over the code (what makes results, and what measures them), the model of the
 * processor, Node's version, the options of the measuring, and of a router all that the key of its run hangs on: the
 * setting with its files, its parameters, its file, its training.
 *
 * @throws UserError for a router that is not known or that cannot be made
 */
export async function planOverhead(options: OverheadOptions): Promise<OverheadPlan> {
  const { quick, capSeconds, endpoints, loads } = options;
  const planners = options.routers.filter(isPlanner);
  // Most planners are routers too, which place by weighted turns under a plan.
  const named = options.routers.filter((name) => !isPlanner(name) || isRouter(name));
  const isAll = options.routers.length === 0;
  const routers = await routersOf(isAll ? listRouters().map(({ id }) => id) : named);
  const setting = await planSetting({ endpoints: 12, ratePerSecond: 50, requests: FEW }, routers);
  const budget = quick ? QUICK : FULL;
  const environment = environmentOf();
  const cell = (part: CellPart, size: number, what: unknown): Cell => ({
    part,
    key: hashOfJson({ schema: "canopy/overhead-cell/1", environment, part, size, what }),
    size,
    isQuick: quick,
  });
  // What a router's figures depend on beside their size and load; the state, on what any router's run does.
  const [plain] = setting.runs;
  const ground = plain.key;
  const states = endpoints.flatMap((size) =>
    loads.map((load): PlannedState => {
      const seconds = quick ? 10 : size > 1000 ? 30 : 60;
      const of = (run: string, isEmpty: boolean) =>
        cell("decisions", size, { run, isEmpty, ground, load, seconds, budget, capSeconds });
      return {
        endpoints: size,
        load,
        seconds,
        cell: cell("state", size, { ground, load, seconds }),
        routers: new Map([
          [EMPTY, of(ground, true)],
          ...setting.runs.map(({ key, router }) => [router.id, of(key, false)] as const),
        ]),
      };
    }),
  );
  const inside = {
    endpoints: Math.min(...endpoints),
    load: loads.reduce((best, one) => (Math.abs(one - 0.7) < Math.abs(best - 0.7) ? one : best)),
    requests: quick ? 1000 : 10_000,
  };
  const insideCells = new Map(
    setting.runs.map(({ key: run, router }) => [
      router.id,
      cell("inside", inside.endpoints, { run, ground, ...inside, capSeconds }),
    ]),
  );
  const wanted = isAll ? defaultPlanners() : planners;
  const only = isAll ? null : "forecasts";
  const { backend, isa } = chooseDense();
  const trainings = setting.trainings.map(({ key }) => key);
  const components =
    !isAll && wanted.length === 0
      ? null
      : ({ only, cell: cell("components", 0, { only, quick, backend, isa, trainings }) } as const);
  const plans = wanted.flatMap((planner) =>
    planTasks(planner, quick).map((task) => ({
      task,
      cell: cell("planner", task.sites, { task, backend, isa, capSeconds }),
    })),
  );
  const capacity = cell("capacity", 12, { ground });
  return {
    options,
    ...{ budget, routers, setting, capacity, states, components, plans },
    inside: { ...inside, routers: insideCells },
    planners: wanted,
    cells: [
      capacity,
      ...states.flatMap((state) => [state.cell, ...state.routers.values()]),
      ...insideCells.values(),
      ...(components === null ? [] : [components.cell]),
      ...plans.map((plan) => plan.cell),
    ],
  };
}

/** What all cells depend on. */
function environmentOf() {
  const measuring = hashOfCode(fileURLToPath(new URL("../", import.meta.url)), import.meta.url.slice(-3), [
    "overhead",
  ]);
  return {
    ...{ code: codeHash(), measuring, node: process.version },
    ...{ platform: process.platform, arch: process.arch, cpu: processorModel() },
  };
}

export function processorModel(): string {
  return cpus()[0]?.model.trim() ?? "unknown";
}

function isRouter(name: string): boolean {
  return listRouters().some(({ id }) => id === name);
}

function isPlanner(name: string): boolean {
  return listPlanners().some(({ id }) => id === name);
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
