/** A child process for the tests of `runChild` that comes to its end in one way or another. */
import { answerParent } from "../../src/overhead/answer-parent.ts";

export interface TroubleTask {
  readonly values: Float64Array;
  readonly end: "well" | "throw" | "leave" | "never";
}

answerParent<TroubleTask, number>(async ({ values, end }, report) => {
  report(values.reduce((sum, value) => sum + value, 0));
  report(Number.POSITIVE_INFINITY);
  if (end === "throw") throw new Error("no more\nof this");
  if (end === "leave") process.exit(13);
  // What holds a thread of its own for ever, and a timer that would keep the process alive.
  while (end === "never");
  setInterval(() => undefined, 1000);
});
