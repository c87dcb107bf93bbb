import { describe, expect, test } from "vitest";
import type { TraceEvent } from "../../src/explain/chrome-trace.ts";
import { traceRun, traceText } from "../../src/explain/trace-run.ts";
import { planOf, watchAll } from "./pressed.ts";

describe("a trace in the Trace Event Format", () => {
  test.each([
    ["the whole run", { fromSeconds: 0, most: 1000 }],
    ["a window", { fromSeconds: 1, toSeconds: 3.5, most: 1000 }],
    ["some requests", { fromSeconds: 0, most: 40 }],
  ])("%s", async (_, window) => {
    const plan = await planOf([]);
    const [run] = plan.runs;
    const trace = await traceRun({ plan, run, remarks: [] }, plan.inputs, window);
    const { traceEvents, displayTimeUnit, otherData } = JSON.parse(traceText(trace));
    expect(displayTimeUnit).toBe("ms");
    expect(otherData).toMatchObject({
      schema: "canopy/trace/1",
      router: "round-robin",
      requests: trace.requests,
    });
    expect(JSON.stringify(traceEvents)).toBe(JSON.stringify(trace.events));
    expect(faultsOf(trace.events, trace.fromSeconds, trace.toSeconds)).toEqual([]);

    const { requests } = await watchAll(plan, run);
    const inside = requests.filter(
      ({ arrivalSeconds, timeline }) =>
        (arrivalSeconds ?? 0) <= trace.toSeconds && (timeline.at(-1)?.atSeconds ?? 0) >= trace.fromSeconds,
    );
    expect(trace.requests).toBe(trace.cut ? 40 : inside.length);
    expect(trace.cut).toBe(window.most === 40);
    // The 41st request arrives where the window ends.
    if (trace.cut) expect(trace.toSeconds).toBe(requests[40].arrivalSeconds);
  });

  test("power over the whole run is the energy of its endpoints", async () => {
    const plan = await planOf(["horizon=last-finish"]);
    const [run] = plan.runs;
    const { events, toSeconds } = await traceRun({ plan, run, remarks: [] }, plan.inputs, {
      fromSeconds: 0,
      most: 1000,
    });
    const { totals, fleet } = await watchAll(plan, run);
    for (const [e, { name }] of fleet.endpoints.entries()) {
      const own = events.filter((event) => event.name === `${name} power`);
      const joules = own.reduce((sum, { ts = 0, args }, i) => {
        const to = own[i + 1]?.ts ?? 1e6 * toSeconds;
        return sum + (Number(args?.["W"]) * (to - ts)) / 1e6;
      }, 0);
      const { activeJoules, idleJoules } = totals.endpoints[e];
      expect(joules / (activeJoules + idleJoules)).toBeCloseTo(1, 5);
    }
  });

  test("a window in which nothing is on its way, and one too full to begin", async () => {
    const plan = await planOf([]);
    const chosen = { plan, run: plan.runs[0], remarks: [] };
    const trace = (window: Parameters<typeof traceRun>[2]) => traceRun(chosen, plan.inputs, window);
    await expect(trace({ fromSeconds: 1e5, most: 10 })).rejects.toMatchObject({
      code: "CANOPY_EXPLAIN_WINDOW",
    });
    await expect(trace({ fromSeconds: 3, most: 10 })).rejects.toThrow(/^--most 10: more requests/);
  });
});

/** What is not as Perfetto and chrome://tracing ask of a file. */
function faultsOf(events: readonly TraceEvent[], fromSeconds: number, toSeconds: number): string[] {
  const faults: string[] = [];
  const processes = new Set<number>();
  const threads = new Set<string>();
  const open = new Map<string, string[]>();
  const counted = new Set<string>();
  let last = Number.NEGATIVE_INFINITY;
  let spans = 0;
  for (const [i, event] of events.entries()) {
    const { name, ph, pid, tid, ts = Number.NaN, cat, id = "", args } = event;
    const thread = `${pid}/${tid}`;
    const check = (holds: boolean, what: string) => {
      if (!holds) faults.push(`event ${i}, ${JSON.stringify(event)}: ${what}`);
    };
    check(["M", "b", "e", "n", "C"].includes(ph) && name !== "", "a phase and a name");
    check(Number.isInteger(pid) && Number.isInteger(tid), "whole numbers of process and thread");
    if (ph === "M") {
      check(last === Number.NEGATIVE_INFINITY, "metadata first");
      check(/^(process|thread)_name$/.test(name) && /./.test(String(args?.["name"])), "a name of something");
      if (name === "process_name") processes.add(pid);
      else threads.add(thread);
      continue;
    }
    check(processes.has(pid), "a process with a name");
    check(ts >= last, "in order of time");
    check(ts >= 1e6 * fromSeconds - 1e-3 && ts <= 1e6 * toSeconds + 1e-3, "inside the window");
    last = ts;
    if (ph === "C") {
      check(Object.values(args ?? {}).every(Number.isFinite), "numbers");
      if (name.endsWith("outstanding")) {
        check((args?.["requests"] as number) >= 0, "not below 0");
        counted.add(name);
      }
      continue;
    }
    check(threads.has(thread) && cat === "request", "a thread with a name, and a category");
    const own = open.get(id) ?? [];
    open.set(id, own);
    if (ph === "b") own.push(`${name} ${thread}`);
    else if (ph === "e") {
      check(own.pop() === `${name} ${thread}`, "the end of what began last");
      spans++;
    } else check(own.length > 0, "an instant of something that has begun");
  }
  for (const [id, own] of open) if (own.length > 0) faults.push(`${id} does not end: ${own.join(", ")}`);
  if (spans < 10) faults.push(`${spans} spans`);
  const wanted = ["a-0", "a-1", "b"].filter((name) => !counted.has(`${name} outstanding`));
  return [...faults, ...wanted.map((name) => `no counter of ${name}`)];
}
