/** What a thread runs that times one planner at one number of sites. */
import { type PlanTask, timePlans } from "../plan-task.ts";
import type { ThreadWork } from "../run-thread.ts";

// piscina takes the default export for the task.
export default ({ task, port }: ThreadWork<PlanTask>): Promise<void> =>
  timePlans(task, (time) => port.postMessage(time));
