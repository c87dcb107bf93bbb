import { expect, test } from "vitest";
import { rowsOfPairs, rowsOfWorkload } from "../../../src/learning/cost-predictor/workload-rows.ts";
import { sharedColumns } from "../../../src/workload/columns.ts";
import { Trace } from "../../../src/workload/trace.ts";

function traceOf(arrivals: readonly number[]): Trace {
  const columns = sharedColumns(["taskType", "tenant", "turns"], arrivals.length);
  const tenants = columns.tenant ?? new Int32Array();
  const turns = columns.turns ?? new Int32Array();
  const taskType = columns.taskType ?? new Uint8Array();
  arrivals.forEach((arrival, i) => {
    columns.arrivalSeconds[i] = arrival;
    columns.promptTokens[i] = 10 + i;
    columns.outputTokens[i] = 100 * (i + 1);
    tenants[i] = i % 2;
    turns[i] = i + 1;
    taskType[i] = 1;
  });
  const tiers = [{ name: "all", sloSeconds: Number.POSITIVE_INFINITY, deferrable: false }];
  const header = { name: "made", tiers, taskTypes: ["code", "chat"], endpointNames: [], notes: {} };
  return new Trace(header, columns);
}

test("a row knows of its tenant what earlier arrivals told, and nothing of itself", () => {
  const { names, columns, outputTokens, missed } = rowsOfWorkload(traceOf([0, 3600, 7200, 90_000]), {
    startHour: 22,
  });
  const column = (name: string) => [...columns[names.prompt.indexOf(name)]];
  expect([...outputTokens]).toEqual([100, 200, 300, 400]);
  expect(missed).toBeUndefined();
  expect(column("tenant_output_mean")).toEqual([Number.NaN, Number.NaN, 100, 200]);
  expect(column("tenant_output_std")).toEqual(new Array(4).fill(Number.NaN));
  expect(column("turns")).toEqual([1, 2, 3, 4]);
  expect(column("task_code")).toEqual([0, 0, 0, 0]);
  expect(column("task_chat")).toEqual([1, 1, 1, 1]);
  expect(column("hour")).toEqual([22, 23, 0, 23]);
});

test("the hour of less than a day is constant: later rows would lie beyond all earlier ones", () => {
  const { names, columns } = rowsOfWorkload(traceOf([0, 3600, 7200, 80_000]));
  expect([...columns[names.prompt.indexOf("hour")]]).toEqual([0, 0, 0, 0]);
});

test("lengths without times keep their order, and what they lack is constant", () => {
  const pairs = { prompt: Int32Array.of(5, 7), output: Int32Array.of(50, 70), droppedEmpty: 0 };
  const { names, columns, outputTokens, arrivalSeconds } = rowsOfPairs(pairs);
  expect([...outputTokens]).toEqual([50, 70]);
  expect([...arrivalSeconds]).toEqual([0, 1]);
  expect([...columns[names.prompt.indexOf("prompt_tokens")]]).toEqual([5, 7]);
  for (const name of ["turns", "tier", "hour", "tenant_output_mean"]) {
    const [first, second] = columns[names.prompt.indexOf(name)];
    expect(second).toBe(first);
  }
});
