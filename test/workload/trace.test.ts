import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type RequestColumns, sharedColumns } from "../../src/workload/columns.ts";
import { SyntheticWorkload } from "../../src/workload/synthetic.ts";
import { materialize, Trace, type TraceHeader } from "../../src/workload/trace.ts";
import { cedar, columnsOf } from "./rows.ts";

const header: TraceHeader = {
  name: "small",
  tiers: [
    { name: "HIGH", sloSeconds: 0.5, deferrable: false },
    { name: "LOW", sloSeconds: Number.POSITIVE_INFINITY, deferrable: true },
  ],
  taskTypes: ["code"],
  endpointNames: ["r0", "r1"],
  notes: { rowsRead: 5 },
};

/** Sessions as lengths: each starts a second after the one before, its later steps depend on the first. */
function sessions(lengths: readonly number[]): RequestColumns {
  const rows = lengths.reduce((sum, length) => sum + length, 0);
  const columns = sharedColumns(["session", "step", "thinkSeconds"], rows);
  let row = 0;
  lengths.forEach((length, session) => {
    for (let step = 0; step < length; step++, row++) {
      columns.arrivalSeconds[row] = step === 0 ? session : Number.NaN;
      columns.promptTokens[row] = 10 + row;
      columns.outputTokens[row] = 1 + row;
      (columns.session as Float64Array)[row] = session;
      (columns.step as Int32Array)[row] = step;
      (columns.thinkSeconds as Float64Array)[row] = step === 0 ? 0 : 2;
    }
  });
  return columns;
}

describe("materialize", () => {
  const workload = new SyntheticWorkload(cedar);
  const trace = materialize(workload);

  test("holds the same rows, header and true means", () => {
    expect(columnsOf(trace)).toEqual(columnsOf(workload));
    expect(trace.requests).toBe(10_000);
    expect(trace.tiers).toEqual(workload.tiers);
    expect(trace.taskTypes).toEqual(workload.taskTypes);
    const sum = trace.columns.promptTokens.reduce((a, b) => a + b, 0);
    expect(trace.meanPromptTokens).toBe(sum / 10_000);
  });

  test("of a trace is the trace", () => {
    expect(materialize(trace)).toBe(trace);
  });
});

describe("reading", () => {
  test("chunks are views of the columns, not copies", () => {
    const trace = materialize(new SyntheticWorkload(cedar));
    const cursor = trace.open(1000);
    cursor.next();
    const second = cursor.next();
    expect(second?.arrivalSeconds.buffer).toBe(trace.columns.arrivalSeconds.buffer);
    expect(second?.arrivalSeconds.byteOffset).toBe(8000);
    expect(second?.arrivalSeconds.length).toBe(1000);
  });

  test("chunks never cut a session and together are the trace", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 20 }),
        (lengths, chunkRows) => {
          const trace = new Trace(header, sessions(lengths));
          const cursor = trace.open(chunkRows);
          let row = 0;
          for (let chunk = cursor.next(); chunk !== undefined; chunk = cursor.next()) {
            expect(chunk.arrivalSeconds[0]).not.toBeNaN();
            expect(chunk.promptTokens[0]).toBe(10 + row);
            row += chunk.count;
            expect(chunk.count).toBeLessThan(chunkRows + 9);
          }
          expect(row).toBe(trace.requests);
        },
      ),
    );
  });

  test("an empty trace has no chunk", () => {
    expect(new Trace(header, sessions([])).open().next()).toBeUndefined();
  });
});

describe("sha256", () => {
  const build = () => sessions([2, 3]);
  const hash = (columns: RequestColumns, head = header) => new Trace(head, columns).sha256;

  test("is of the content: equal for equal rows, whatever the name", () => {
    expect(hash(build())).toBe(hash(build(), { ...header, name: "other", notes: {} }));
    expect(hash(build())).toMatch(/^[0-9a-f]{64}$/);
  });

  test.each(["promptTokens", "outputTokens", "needsLarge", "step", "tier", "thinkSeconds"] as const)(
    "changes with one value of %s",
    (name) => {
      const columns = build();
      const column = columns[name] as Int32Array;
      column[4] += 1;
      expect(hash(columns)).not.toBe(hash(build()));
    },
  );

  test("changes with a tier's objective and with a column that appears", () => {
    const [high, low] = header.tiers;
    expect(hash(build(), { ...header, tiers: [{ ...high, sloSeconds: 0.6 }, low] })).not.toBe(hash(build()));
    expect(hash({ ...build(), taskType: new Uint8Array(new SharedArrayBuffer(5)) })).not.toBe(hash(build()));
  });
});

test("a worker thread sees the same memory, not a copy", async () => {
  const trace = new Trace(header, sessions([2, 3]));
  const worker = new Worker(
    `const { parentPort, workerData } = require("node:worker_threads");
     workerData.columns.promptTokens[4] = 4242;
     parentPort.postMessage({ tiers: workerData.tiers, shared: workerData });`,
    { eval: true, workerData: trace.toShared() },
  );
  const message = await new Promise<{ tiers: unknown; shared: ReturnType<Trace["toShared"]> }>(
    (resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    },
  );
  await worker.terminate();
  expect(trace.columns.promptTokens[4]).toBe(4242);
  expect(message.tiers).toEqual(header.tiers);
  const back = Trace.fromShared(message.shared);
  expect(columnsOf(back)).toEqual(columnsOf(trace));
  expect(back.sha256).toBe(trace.sha256);
  expect(back.notes).toEqual(header.notes);
});

describe("rows that break the contract", () => {
  const broken: [string, (columns: RequestColumns) => void, string][] = [
    ["no rule, a time in order", (c) => c.arrivalSeconds.set([0.5], 2), ""],
    [
      "time before the row above",
      (c) => c.arrivalSeconds.set([9], 0),
      "row 2: arrives at 1 s, before the row above (9 s)",
    ],
    [
      "negative time",
      (c) => c.arrivalSeconds.set([-1], 0),
      "row 0: arrives at -1 s, before the row above (0 s)",
    ],
    [
      "first row dependent",
      (c) => c.arrivalSeconds.set([Number.NaN], 0),
      "row 0: a dependent step has no step before it",
    ],
    ["no output", (c) => c.outputTokens.set([0], 3), "row 3: has 0 output tokens"],
    ["tier", (c) => c.tier.set([2], 1), "row 1: has tier 2 of 2"],
    [
      "session",
      (c) => (c.session as Float64Array).set([7], 4),
      "row 4: depends on a step of another session",
    ],
    [
      "think time",
      (c) => (c.thinkSeconds as Float64Array).set([Number.NaN], 4),
      "row 4: has a think time of NaN s",
    ],
  ];
  test.each(broken)("%s", (_, breakIt, message) => {
    const columns = sessions([2, 3]);
    breakIt(columns);
    if (message === "") expect(() => new Trace(header, columns)).not.toThrow();
    else expect(() => new Trace(header, columns)).toThrow(`trace "small", ${message}`);
  });
});
