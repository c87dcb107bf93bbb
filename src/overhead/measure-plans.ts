import { quantileOf } from "../numeric/quantile.ts";
import { listPlanners } from "../routers/planner-registry.ts";
import type { PlanTask, PlanTime } from "./plan-task.ts";
import type { PlanRow } from "./result.ts";
import { runThread, workerFile } from "./run-thread.ts";

export interface PlansOptions {
  /** Ids; none: {@link defaultPlanners}. */
  readonly planners: readonly string[];
  readonly quick: boolean;
  readonly capSeconds: number;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

const SITES = [4, 8, 12, 32];
/** Most epochs planned by each, of which the first is left out: it is the one in which code is compiled. */
const EPOCHS = 13;
/** Seconds after which a planner that has planned enough plans no more. */
const ENOUGH_SECONDS = 8;

/** MARLIN in one of its presets, since they differ in weights alone, its baselines and the reference planners. */
export function defaultPlanners(): readonly string[] {
  const ids = listPlanners().filter(({ family, group }) => family !== "marlin" || group !== "ablation");
  return ids.map(({ id }) => id).filter((id) => !id.startsWith("marlin-") || id === "marlin-balanced");
}

/** Times planners with their defaults at every number of sites. */
export async function measurePlans(options: PlansOptions): Promise<PlanRow[]> {
  const { planners, quick, capSeconds, signal, progress } = options;
  const rows: PlanRow[] = [];
  for (const sites of quick ? SITES.slice(0, 1) : SITES) {
    for (const planner of planners) {
      progress(`${sites} sites: ${planner}`);
      const task: PlanTask = {
        ...{ planner, sites },
        epochs: quick ? 3 : EPOCHS,
        enoughSeconds: quick ? 0 : ENOUGH_SECONDS,
      };
      const times: Record<PlanTime["step"], number[]> = { plan: [], training: [] };
      const reason = await runThread(
        workerFile("plan-worker"),
        task,
        { capSeconds, signal },
        ({ step, milliseconds }: PlanTime) => times[step].push(milliseconds),
      );
      rows.push(rowOf(planner, sites, "plan", times.plan, reason));
      if (times.training.length > 0) rows.push(rowOf(planner, sites, "training", times.training, reason));
    }
  }
  return rows;
}

function rowOf(
  router: string,
  sites: number,
  step: PlanRow["step"],
  all: readonly number[],
  reason: string | null,
): PlanRow {
  const times = all.slice(1);
  const known = times.length > 0;
  return {
    router,
    sites,
    step,
    p50Milliseconds: known ? quantileOf(times, 0.5) : null,
    p99Milliseconds: known ? quantileOf(times, 0.99) : null,
    samples: times.length,
    reason,
  };
}
