/** What a child process runs that simulates the states on which routers are measured. */
import { answerParent } from "../answer-parent.ts";
import { type CapturedState, capacityOfTwelve, captureState, type StateTask } from "../capture.ts";

answerParent<StateTask, CapturedState | number>(async (task, report) => {
  report(
    task === "capacity"
      ? await capacityOfTwelve()
      : await captureState(task.endpoints, task.load, task.capacity, task.seconds),
  );
});
