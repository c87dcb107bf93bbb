import { quantileOf } from "../numeric/quantile.ts";
import { findPlanner, listPlanners } from "../routers/planner-registry.ts";
import { fitPowerLaw } from "./growth.ts";
import type { PlanTask, PlanTime } from "./plan-task.ts";
import type { PlanAxis, PlanLaw, PlanRow } from "./result.ts";
import { type ChildLimits, runChild, workerFile } from "./run-child.ts";

export interface PlanOutcome {
  readonly times: readonly PlanTime[];
  /** Why it did not come to its end; null where it did. */
  readonly reason: string | null;
}

const SITES = [4, 8, 12, 32];
/** Sites while calls and widths vary: those of MARLIN's figures. */
const MIDDLE_SITES = 8;
/** Calls of the model in an epoch: MARLIN's with 25, 50, 100 and 200 steps of each agent, 4 (steps + 1) + 1. */
const CALLS = [105, 205, 405, 805];
/** Units of the widest layer; the default of MARLIN's critics is 256. */
const WIDTHS = [64, 128, 256, 512];
/** Most epochs planned by each, of which the first is left out: it is the one in which code is compiled. */
const EPOCHS = 13;
/** Seconds after which a planner that has planned enough plans no more. */
const ENOUGH_SECONDS = 8;

/** MARLIN in one of its presets, since they differ in weights alone, its baselines and the reference planners. */
export function defaultPlanners(): readonly string[] {
  const ids = listPlanners().filter(({ family, group }) => family !== "marlin" || group !== "ablation");
  return ids.map(({ id }) => id).filter((id) => !id.startsWith("marlin-") || id === "marlin-balanced");
}

interface PlanPoint {
  readonly axis: PlanAxis;
  readonly value: number;
  readonly sites: number;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** Where a planner is timed: at every number of sites, of calls and of units, where it has such a parameter. */
function pointsOf(planner: string, quick: boolean): PlanPoint[] {
  const all: PlanPoint[] = [
    ...SITES.map((value): PlanPoint => ({ axis: "sites", value, sites: value, parameters: {} })),
    ...CALLS.flatMap((value) => pointAt("calls", value, callParameters(planner, value))),
    ...WIDTHS.flatMap((value) => pointAt("hidden", value, widthParameters(planner, value))),
  ];
  return quick ? all.filter(({ value, axis }) => axis === "sites" && value === SITES[0]) : all;
}

function pointAt(
  axis: PlanAxis,
  value: number,
  parameters: PlanPoint["parameters"] | undefined,
): PlanPoint[] {
  return parameters === undefined ? [] : [{ axis, value, sites: MIDDLE_SITES, parameters }];
}

function callParameters(planner: string, calls: number): PlanPoint["parameters"] | undefined {
  const names = parametersOf(planner);
  if (planner.startsWith("marlin-")) return { steps: (calls - 1) / 4 - 1 };
  return names.includes("calls") ? { calls } : undefined;
}

function widthParameters(planner: string, width: number): PlanPoint["parameters"] | undefined {
  if (planner.startsWith("marlin-")) {
    return { actorHidden: [width / 2, width / 2], criticHidden: [width, width] };
  }
  if (!parametersOf(planner).includes("hidden")) return undefined;
  return { hidden: planner === "ddqn" ? [width, width] : width };
}

function parametersOf(planner: string): readonly string[] {
  const { parameters } = findPlanner(planner);
  return "shape" in parameters ? Object.keys(parameters.shape as object) : [];
}

/** What a planner is timed on, each once: its defaults at every number of sites, and at 8 by calls and by width. */
export function planTasks(planner: string, quick: boolean): PlanTask[] {
  const tasks = pointsOf(planner, quick).map((point) => taskOf(planner, point, quick));
  return [...new Map(tasks.map((task) => [JSON.stringify(task), task])).values()];
}

function taskOf(planner: string, { sites, parameters }: PlanPoint, quick: boolean): PlanTask {
  return {
    ...{ planner, sites, parameters },
    epochs: quick ? 3 : EPOCHS,
    enoughSeconds: quick ? 0 : ENOUGH_SECONDS,
  };
}

/** Does a task in a process of its own; what was timed before its cap is kept. */
export async function timePlanner(task: PlanTask, limits: ChildLimits): Promise<PlanOutcome> {
  const times: PlanTime[] = [];
  const reason = await runChild(workerFile("plan-worker"), task, limits, (time: PlanTime) =>
    times.push(time),
  );
  return { times, reason };
}

/** @param outcomeOf what came of each of the planner's {@link planTasks} */
export function planRows(
  planner: string,
  quick: boolean,
  outcomeOf: (task: PlanTask) => PlanOutcome,
): PlanRow[] {
  return pointsOf(planner, quick).flatMap((point) => {
    const own = rowsAt(planner, point, outcomeOf(taskOf(planner, point, quick)));
    // A planner that asks nothing of the model has no calls to vary.
    return point.axis === "calls" && own.every(({ calls }) => calls === 0) ? [] : own;
  });
}

function rowsAt(
  planner: string,
  { axis, value, sites }: PlanPoint,
  { times, reason }: PlanOutcome,
): PlanRow[] {
  const steps = (["plan", "training"] as const).filter(
    (step) => step === "plan" || times.some((time) => time.step === step),
  );
  return steps.map((step): PlanRow => {
    const later = times.filter((time) => time.step === step).slice(1);
    const of = (q: number) =>
      quantileOf(
        later.map(({ milliseconds }) => milliseconds),
        q,
      );
    const known = later.length > 0;
    return {
      ...{ router: planner, axis, value, sites, step },
      calls: known ? later.reduce((sum, { calls }) => sum + calls, 0) / later.length : null,
      p50Milliseconds: known ? of(0.5) : null,
      p99Milliseconds: known ? of(0.99) : null,
      samples: later.length,
      reason,
    };
  });
}

/** How planning grows with sites, calls and width: exponents of the medians, over calls as they were made. */
export function planLaws(rows: readonly PlanRow[]): PlanLaw[] {
  const series = new Map<string, PlanRow[]>();
  for (const row of rows) {
    const key = JSON.stringify([row.router, row.step, row.axis]);
    series.set(key, [...(series.get(key) ?? []), row]);
  }
  return [...series.values()].flatMap((list) => {
    const [{ router, step, axis }] = list;
    const sizes = new Map<number, number>();
    for (const { value, calls, p50Milliseconds } of list) {
      if (p50Milliseconds !== null) sizes.set(axis === "calls" ? (calls ?? 0) : value, p50Milliseconds);
    }
    const law = fitPowerLaw([...sizes.keys()], [...sizes.values()]);
    return law === undefined ? [] : [{ router, step, axis, ...law, sizes: sizes.size }];
  });
}
