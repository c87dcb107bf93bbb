import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type CellRecord, cellSeconds, estimateCells } from "../../src/overhead/estimate.ts";
import {
  type Cell,
  type OverheadOptions,
  type OverheadPlan,
  planOverhead,
} from "../../src/overhead/overhead-plan.ts";
import { RunStore } from "../../src/sweep/store.ts";
import { workFolder } from "../cli/canopy.ts";

const OPTIONS: OverheadOptions = {
  routers: ["least-loaded"],
  endpoints: [12, 100],
  loads: [0.3, 0.7],
  quick: true,
  capSeconds: 60,
};

function keys(plan: OverheadPlan, part?: Cell["part"]): string[] {
  return plan.cells.flatMap((cell) => (part === undefined || cell.part === part ? [cell.key] : []));
}

async function keysOf(options: Partial<OverheadOptions>, part?: Cell["part"]): Promise<string[]> {
  return keys(await planOverhead({ ...OPTIONS, ...options }), part);
}

describe("the cells of a measurement", () => {
  test("are the capacity, the states, every router and the empty one on them, and inside a simulation", async () => {
    const plan = await planOverhead(OPTIONS);
    const count = (part: Cell["part"]) => plan.cells.filter((cell) => cell.part === part).length;
    // Round robin is always among them: it is what others are compared with.
    expect([count("capacity"), count("state"), count("decisions"), count("inside")]).toEqual([1, 4, 12, 2]);
    expect([count("components"), count("planner")]).toEqual([0, 0]);
    expect(new Set(keys(plan)).size).toBe(plan.cells.length);
    expect(plan.inside).toMatchObject({ endpoints: 12, load: 0.7, requests: 1000 });
  });

  test("of planners are distinct tasks: the middle of each axis is one", async () => {
    const plan = await planOverhead({ ...OPTIONS, routers: ["marlin-balanced"], quick: false });
    // 4 numbers of sites; 4 of calls and 4 widths at 8 sites, neither of which names its parameters as defaults do.
    expect(plan.plans).toHaveLength(12);
    expect(plan.components?.only).toBe("forecasts");
    expect(new Set(keys(plan)).size).toBe(plan.cells.length);
  });

  test("have keys that hang on what they depend on, and on nothing else", async () => {
    const own = await keysOf({});
    const shared = (others: readonly string[]) => others.filter((key) => own.includes(key)).length;
    expect(await keysOf({})).toEqual(own);
    // With another router beside it, and at other sizes, what was measured counts as it is.
    expect(shared(await keysOf({ routers: ["random", "least-loaded"] }))).toBe(own.length);
    expect(shared(await keysOf({ endpoints: [100] }, "decisions"))).toBe(6);
    expect(shared(await keysOf({ loads: [0.3] }, "decisions"))).toBe(6);
    // Long parts are others, and so are those that may take longer; the capacity is the same.
    expect(shared(await keysOf({ quick: false }))).toBe(1);
    expect(shared(await keysOf({ capSeconds: 61 }, "decisions"))).toBe(0);
    expect(shared(await keysOf({ capSeconds: 61 }, "state"))).toBe(4);
  });

  test("of a user's router hang on the text of its file", async () => {
    const text = (shift: number) =>
      `export default { id: "own", create: () => ({ start(world, host) { this.host = host; }, arrival(request) { this.host.place(request, ${shift}); } }) };`;
    const folder = workFolder({ "own.mjs": text(0) });
    const routers = [join(folder, "own.mjs")];
    const before = await keysOf({ routers }, "decisions");
    expect(await keysOf({ routers }, "decisions")).toEqual(before);
    writeFileSync(join(folder, "own.mjs"), text(1));
    const after = await keysOf({ routers }, "decisions");
    // Those of round robin and of the empty router stay.
    expect(after.filter((key) => before.includes(key))).toHaveLength(8);
  });
});

describe("how long cells take", () => {
  const cell = (key: string, part: Cell["part"], size: number): Cell => ({ part, key, size, isQuick: false });
  const record = (seconds: number): CellRecord => ({ found: null, seconds, loadAverage: 1, endedAt: "" });
  const cells = [
    cell("a", "decisions", 12),
    cell("b", "decisions", 12),
    cell("c", "decisions", 12),
    cell("d", "decisions", 10_000),
    cell("e", "inside", 12),
  ];

  test("is the mean of those of their part and size that a journal holds, and those are not done again", () => {
    const folder = workFolder();
    const store = new RunStore<CellRecord>(folder);
    store.put("a", record(2));
    store.put("b", record(5));
    const secondsOf = cellSeconds(cells, store);
    expect(secondsOf(cells[2])).toBe(3.5);
    const [decisions, inside] = estimateCells(cells, store);
    expect(decisions).toEqual({ part: "decisions", cells: 4, known: 2, seconds: 3.5 + secondsOf(cells[3]) });
    expect(inside).toMatchObject({ part: "inside", cells: 1, known: 0 });
    return store.close();
  });

  test("grows with the endpoints where nothing is known", () => {
    const secondsOf = cellSeconds([], new Map());
    const times = [3, 12, 100, 1000, 10_000].map((size) => secondsOf(cell("x", "state", size)));
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(times[0]).toBe(times[1]);
  });
});
