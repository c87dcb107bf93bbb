import { beforeAll, expect, test } from "vitest";
import type { TraceEvent } from "../../src/explain/chrome-trace.ts";
import { traceRun, traceText } from "../../src/explain/trace-run.ts";
import type { WatchedRequest } from "../../src/explain/watched-request.ts";
import { planOf, watchAll } from "./pressed.ts";

/**
 * What the Trace Event Format (the document of trace-viewer, "Common event descriptions" and the sections of each phase)
 * asks for, and what Perfetto's reader of JSON relies on: fields by phase, beside `name`, `ph`, `pid` and `tid`.
 */
const FIELDS: Readonly<Record<TraceEvent["ph"], readonly string[]>> = {
  M: ["args"],
  b: ["ts", "cat", "id"],
  e: ["ts", "cat", "id"],
  n: ["ts", "cat", "id"],
  C: ["ts", "args"],
};
const COMMON = ["name", "ph", "pid", "tid"];
const OPTIONAL = ["args"];

let events: TraceEvent[];
let requests: readonly WatchedRequest[];
beforeAll(async () => {
  const plan = await planOf([]);
  const [run] = plan.runs;
  const trace = await traceRun({ plan, run, remarks: [] }, plan.inputs, { fromSeconds: 0, most: 1000 });
  events = (JSON.parse(traceText(trace)) as { traceEvents: TraceEvent[] }).traceEvents;
  ({ requests } = await watchAll(plan, run));
}, 60_000);

const of = (...phases: TraceEvent["ph"][]) => events.filter(({ ph }) => phases.includes(ph));

test("every event has the fields of its phase and no others", () => {
  expect(new Set(events.map(({ ph }) => ph))).toEqual(new Set(Object.keys(FIELDS)));
  for (const event of events) {
    const required = [...COMMON, ...FIELDS[event.ph]];
    const keys = Object.keys(event);
    expect(required.filter((key) => !keys.includes(key))).toEqual([]);
    expect(keys.filter((key) => !required.includes(key) && !OPTIONAL.includes(key))).toEqual([]);
  }
});

test("times are microseconds from the start of the run, whole nanoseconds", () => {
  for (const { ts = Number.NaN } of of("b", "e", "n", "C")) {
    expect(ts).toBeGreaterThanOrEqual(0);
    expect(Math.abs(1e3 * ts - Math.round(1e3 * ts))).toBeLessThan(1e-5);
  }
  let compared = 0;
  for (const { id, decisions } of requests) {
    const placed = decisions.find(({ kind }) => kind === "placed");
    const stay = events.find(
      ({ ph, name, args }) => ph === "b" && / replica /.test(name) && args?.["request"] === id,
    );
    if (placed === undefined || stay === undefined) continue;
    expect(stay.ts).toBeCloseTo(1e6 * placed.atSeconds, 3);
    compared++;
  }
  expect(compared).toBeGreaterThan(200);
});

test("every process and thread has one name, and no number of a thread stands in two processes", () => {
  const names = of("M").map(({ name, pid, tid }) =>
    name === "process_name" ? name : `${name} ${pid}/${tid}`,
  );
  const processes = of("M").filter(({ name }) => name === "process_name");
  expect(new Set(processes.map(({ pid }) => pid)).size).toBe(processes.length);
  const threads = names.filter((name) => name.startsWith("thread_name"));
  expect(new Set(threads).size).toBe(threads.length);
  const processOf = new Map<number, number>();
  for (const { pid, tid } of events) {
    // 0 is the idle process.
    expect(pid).toBeGreaterThan(0);
    expect(tid).toBeGreaterThan(0);
    expect(processOf.get(tid) ?? pid).toBe(pid);
    processOf.set(tid, pid);
    expect(threads).toContain(`thread_name ${pid}/${tid}`);
  }
});

test("a tree of asynchronous events has an id of its own in one thread, nests, and ends once", () => {
  const trees = new Map<string, { thread: string; open: { name: string; ts: number }[]; done: boolean }>();
  for (const { ph, name, cat, id, pid, tid, ts = Number.NaN } of of("b", "e", "n")) {
    const key = JSON.stringify([cat, id]);
    const thread = `${pid}/${tid}`;
    const tree = trees.get(key) ?? { thread, open: [], done: false };
    trees.set(key, tree);
    expect(typeof id).toBe("string");
    expect(tree.thread).toBe(thread);
    expect(tree.done, `${key} begins again`).toBe(false);
    if (ph === "b") tree.open.push({ name, ts });
    else if (ph === "n") expect(tree.open.length).toBeGreaterThan(0);
    else {
      const begun = tree.open.pop();
      expect(begun?.name).toBe(name);
      expect(ts).toBeGreaterThan(begun?.ts ?? Number.NaN);
      tree.done = tree.open.length === 0;
    }
  }
  expect([...trees.values()].every(({ done }) => done)).toBe(true);
  expect(trees.size).toBeGreaterThan(requests.length);
});

test("a counter is one number under one unit, in one process", () => {
  const units = new Map<string, string>();
  for (const { name, pid, args = {} } of of("C")) {
    const entries = Object.entries(args);
    expect(entries).toHaveLength(1);
    const [[unit, value]] = entries;
    expect(Number.isFinite(value)).toBe(true);
    const key = `${pid} ${name}`;
    expect(units.get(key) ?? unit).toBe(unit);
    units.set(key, unit);
  }
  expect(new Set(units.values())).toEqual(new Set(["requests", "W", "g/kWh"]));
});
