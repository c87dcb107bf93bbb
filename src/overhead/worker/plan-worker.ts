/** What a child process runs that times one planner at one number of sites. */
import { answerParent } from "../answer-parent.ts";
import { type PlanTask, type PlanTime, timePlans } from "../plan-task.ts";

answerParent<PlanTask, PlanTime>(timePlans);
