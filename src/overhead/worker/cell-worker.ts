/** What a child process runs that measures one router on one state, or inside a simulation. */
import { answerParent } from "../answer-parent.ts";
import { type CellMessage, type CellTask, measureTask } from "../cell-task.ts";

answerParent<CellTask, CellMessage>(measureTask);
