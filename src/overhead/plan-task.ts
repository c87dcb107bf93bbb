/** What a worker is given of a planner, and what it answers. */
import { type EpochPlanner, simulateEpochs } from "../datacenter/simulate-epochs.ts";
import { createPlanner, findPlanner } from "../routers/planner-registry.ts";
import { processorMilliseconds } from "./clocks.ts";
import { planSites } from "./plan-setting.ts";

export interface PlanTask {
  readonly planner: string;
  readonly sites: number;
  /** Of the planner; the rest are its defaults. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Most epochs, and seconds of planning after which {@link LEAST} of them are enough. */
  readonly epochs: number;
  readonly enoughSeconds: number;
}

const LEAST = 3;
class Enough extends Error {}

/** A call of the planner. One that learns within its plan has none of training. */
export interface PlanTime {
  readonly step: "plan" | "training";
  readonly milliseconds: number;
  /** Of the model in this epoch, by the plan. */
  readonly calls: number;
}

/** Plans epochs of the setting; each call of the planner is reported as it ends. */
export async function timePlans(
  { planner: id, sites, parameters, epochs, enoughSeconds }: PlanTask,
  report: (time: PlanTime) => void,
): Promise<void> {
  const setting = await planSites(sites, epochs);
  const definition = findPlanner(id);
  const inner = createPlanner(definition, parameters, { world: setting.world, seed: 1 }, id);
  let planned = 0;
  let spent = 0;
  let calls = 0;
  const timed: EpochPlanner = {
    name: inner.name,
    plan(state, budget, plan) {
      if (planned >= LEAST && spent > 1000 * enoughSeconds) throw new Enough();
      const start = processorMilliseconds();
      inner.plan(state, budget, plan);
      const milliseconds = processorMilliseconds() - start;
      planned++;
      spent += milliseconds;
      calls = budget.calls;
      report({ step: "plan", milliseconds, calls });
    },
    ...(inner.observe && {
      observe(state, plan, metrics) {
        const start = processorMilliseconds();
        inner.observe?.(state, plan, metrics);
        report({ step: "training", milliseconds: processorMilliseconds() - start, calls });
      },
    }),
  };
  const { world, arrivals, history, conditions } = setting;
  try {
    simulateEpochs({ world, arrivals, history, conditions, planner: timed });
  } catch (error) {
    if (!(error instanceof Enough)) throw error;
  }
}
