/** The tables and the figure of a measurement of overhead. */
import { linesFigure } from "../report/figures/lines.ts";
import type { Cell, Column, Table } from "../report/table.ts";
import type { PowerLaw } from "./growth.ts";
import type { DecisionKind, OverheadResult, OverheadRow, PlanAxis, PlanLaw } from "./result.ts";

const TITLES: Readonly<Record<DecisionKind, string>> = {
  request: "A decision at a request's arrival",
  dispatch: "A dispatch tick with 100 requests held",
  control: "A control step",
};
const LEGEND: Readonly<Record<DecisionKind, string>> = {
  request:
    "mean: processor time of batches of up to 64 arrivals, net of the same loop over a router that does nothing. p99: single arrivals, the clock's own cost included. Bytes: growth of the heap by a decision, net of the loop. Busy: share of a core that decisions and completions take at the rate of the state.",
  dispatch: "All endpoints come back at once and the router places what it holds. Single ticks.",
  control: "The router's periodic step, or its reading of a new signal. Single steps.",
};

/** Load of the tables for people: the one nearest to 0.7. */
export function middleLoad({ states }: Pick<OverheadResult, "states">): number {
  return states.reduce((best, { load }) => (Math.abs(load - 0.7) < Math.abs(best - 0.7) ? load : best), 9);
}

/** What is printed for people: by kind at the middle load, inside a simulation, components, planners. */
export function overheadTables(result: OverheadResult): Table[] {
  const kinds: readonly DecisionKind[] = ["request", "dispatch", "control"];
  return [
    ...kinds.map((kind) => kindTable(result, kind)),
    inSituTable(result),
    ...(result.components.length > 0 ? [componentTable(result)] : []),
    ...PLAN_AXES.map((axis) => planTable(result, axis)),
  ].filter(({ rows }) => rows.length > 0);
}

/** Every figure of every row, for machines. */
export function allRowsTable({ rows }: OverheadResult): Table {
  const columns: readonly [keyof OverheadRow, string][] = [
    ["router", "router"],
    ["family", "family"],
    ["kind", "kind"],
    ["endpoints", "endpoints"],
    ["load", "load"],
    ["call", "call"],
    ["meanMicroseconds", "mean_us"],
    ["emptyMicroseconds", "empty_us"],
    ["netMicroseconds", "net_us"],
    ["p50Microseconds", "p50_us"],
    ["p99Microseconds", "p99_us"],
    ["p999Microseconds", "p999_us"],
    ["samples", "samples"],
    ["clock", "clock"],
    ["bytesPerDecision", "bytes_per_decision"],
    ["intervalShare", "interval_share"],
    ["busyShare", "busy_share"],
    ["completionMicroseconds", "completion_us"],
    ["timesRoundRobin", "times_round_robin"],
    ["held", "held"],
    ["reason", "reason"],
  ];
  return {
    title: "All rows",
    columns: columns.map(([, key]) => ({ key, header: key })),
    rows: rows.map((row) => ({
      cells: Object.fromEntries(columns.map(([name, key]) => [key, row[name]])),
    })),
    notes: [],
  };
}

/** Net time of a decision over the number of endpoints, at the middle load; undefined for one size. */
export async function overheadFigure(result: OverheadResult): Promise<string | undefined> {
  const load = middleLoad(result);
  const shown = result.rows.filter(
    (row) => row.kind === "request" && row.load === load && (row.netMicroseconds ?? 0) > 0,
  );
  const sizes = [...new Set(shown.map(({ endpoints }) => endpoints))];
  if (sizes.length < 2) return undefined;
  const leaders = leadersOf(result);
  const series = leaders.flatMap((router) => {
    const own = shown.filter((row) => row.router === router);
    if (own.length < 2) return [];
    return [
      {
        id: router,
        ...(own[0].family === "user" ? {} : { family: own[0].family }),
        x: own.map(({ endpoints }) => endpoints),
        y: own.map(({ netMicroseconds }) => netMicroseconds ?? Number.NaN),
      },
    ];
  });
  return linesFigure({
    title: "Time of a decision over the number of endpoints",
    subtitle: `at ${percent(load)} load, mean of batches, net of the empty loop`,
    notes: [conditionsText(result)],
    x: { label: "endpoints", scale: "log" },
    y: { label: "time of a decision", unit: "µs", scale: "log" },
    series,
  });
}

/** Routers that the figure shows: one of each kind of rule, or all where few were measured. */
function leadersOf({ rows }: OverheadResult): string[] {
  const all = [...new Set(rows.map(({ router }) => router))];
  if (all.length <= 8) return all;
  const wanted = [
    "cedar-heuristic",
    "caps",
    "gar-pd",
    "edf",
    "round-robin",
    "least-loaded",
    "power-of-two",
    "prefix-affinity",
  ];
  return wanted.filter((router) => all.includes(router));
}

function kindTable(result: OverheadResult, kind: DecisionKind): Table {
  const load = middleLoad(result);
  const shown = result.rows.filter((row) => row.kind === kind && row.load === load);
  const sizes = [...new Set(shown.map(({ endpoints }) => endpoints))];
  const routers = [...new Set(shown.map(({ router }) => router))];
  const reasonOf = (router: string) => {
    const own = shown.filter((row) => row.router === router);
    return own.every(({ meanMicroseconds }) => meanMicroseconds === null);
  };
  const told = routers.filter((router) => !reasonOf(router));
  const silent = routers.filter(reasonOf);
  const columns: Column[] = [
    { key: "router", header: "router", rowHeader: true },
    ...sizes.flatMap((size): Column[] => [
      { key: `net_us_${size}`, header: "mean", unit: "µs", group: `${size} endpoints` },
      { key: `p99_us_${size}`, header: "p99", unit: "µs", group: `${size} endpoints` },
    ]),
    { key: "growth", header: "growth" },
    ...(kind === "request"
      ? ([
          { key: "bytes", header: "bytes", digits: 1, format: "fixed" },
          { key: "times", header: "times round robin", digits: 2 },
          { key: "busy", header: "busy", unit: "%", digits: 2 },
        ] satisfies Column[])
      : []),
    { key: "share", header: "p99 of 100 ms", unit: "%", digits: 2 },
  ];
  const last = sizes[sizes.length - 1];
  const rows = told.map((router) => {
    const own = shown.filter((row) => row.router === router);
    const cells: Record<string, Cell> = { router };
    for (const row of own) {
      cells[`net_us_${row.endpoints}`] = cellOf(row.netMicroseconds, row.reason);
      cells[`p99_us_${row.endpoints}`] = cellOf(row.p99Microseconds, row.reason);
    }
    const law = result.growth.find((one) => one.router === router && one.kind === kind && one.load === load);
    cells["growth"] = growthText(law);
    const largest = own.find(({ endpoints }) => endpoints === last);
    cells["share"] = times100(largest?.intervalShare);
    if (kind === "request") {
      cells["bytes"] = largest?.bytesPerDecision ?? null;
      cells["times"] = largest?.timesRoundRobin ?? null;
      cells["busy"] = times100(largest?.busyShare);
    }
    return { cells };
  });
  const growth = result.growth.some((law) => law.kind === kind)
    ? " Growth: exponent of the net time over the endpoints, 95 % interval over the sizes."
    : "";
  return {
    title: `${TITLES[kind]}, ${percent(load)} load`,
    caption: `${LEGEND[kind]}${growth}`,
    columns,
    rows,
    notes: [
      `The last columns are of ${last} endpoints.`,
      ...(silent.length === 0 ? [] : [`None of this, or no figure: ${reasonsText(shown, silent)}.`]),
      conditionsText(result),
    ],
  };
}

function growthText(law: PowerLaw | undefined): string | null {
  if (law === undefined) return null;
  return `${law.exponent.toFixed(2)} [${law.interval.map((end) => end.toFixed(2)).join(", ")}]`;
}

function reasonsText(rows: readonly OverheadRow[], routers: readonly string[]): string {
  const byReason = new Map<string, string[]>();
  for (const router of routers) {
    const reason = rows.find((row) => row.router === router)?.reason ?? "not measured";
    byReason.set(reason, [...(byReason.get(reason) ?? []), router]);
  }
  return [...byReason].map(([reason, names]) => `${names.join(", ")} (${reason})`).join("; ");
}

function inSituTable({ inSitu }: OverheadResult): Table {
  const [first] = inSitu;
  return {
    title: "Calls of the router inside a simulation",
    caption:
      first === undefined
        ? ""
        : `${first.endpoints} endpoints, ${percent(first.load)} load, ${first.requests} requests. One call in eight of each kind is timed.`,
    columns: [
      { key: "router", header: "router", rowHeader: true },
      { key: "share_percent", header: "share of the simulation", unit: "%", digits: 1, format: "fixed" },
      { key: "us_per_request", header: "by request", unit: "µs" },
      { key: "time_over_round_robin", header: "simulation over round robin's" },
    ],
    rows: inSitu.map((row) => ({
      cells: {
        router: row.router,
        share_percent: cellOf(times100(row.share), row.reason),
        us_per_request: cellOf(row.microsecondsPerRequest, row.reason),
        time_over_round_robin: cellOf(row.timeOverRoundRobin, row.reason),
      },
    })),
    notes: [],
  };
}

function componentTable({ components }: OverheadResult): Table {
  return {
    title: "Components",
    columns: [
      { key: "component", header: "component", rowHeader: true },
      { key: "size", header: "size" },
      { key: "p50_us", header: "p50", unit: "µs" },
      { key: "p99_us", header: "p99", unit: "µs" },
      { key: "samples", header: "samples", format: "integer" },
    ],
    rows: components.map((row) => ({
      cells: {
        component: row.component,
        size: row.size,
        p50_us: cellOf(row.p50Microseconds, row.reason),
        p99_us: cellOf(row.p99Microseconds, row.reason),
        samples: row.samples,
      },
    })),
    notes: [
      "Single calls, the clock's own cost included; training steps and linear programmes by processor time.",
    ],
  };
}

const PLAN_AXES: readonly PlanAxis[] = ["sites", "calls", "hidden"];
const PLAN_TITLES: Readonly<Record<PlanAxis, readonly [title: string, unit: string]>> = {
  sites: ["Planning an epoch of 15 minutes, by datacentres", "sites"],
  calls: ["Planning an epoch of 15 minutes, by calls of the model", "calls"],
  hidden: ["Planning an epoch of 15 minutes, by units of the widest layer", "units"],
};

function planTable({ plans: all, planGrowth }: OverheadResult, axis: PlanAxis): Table {
  const plans = all.filter((row) => row.axis === axis);
  const sizes = [...new Set(plans.map(({ value }) => value))];
  const steps = [...new Set(plans.map(({ router, step }) => `${router}\n${step}`))];
  const [title, unit] = PLAN_TITLES[axis];
  const others =
    axis === "sites"
      ? "defaults of every planner"
      : axis === "calls"
        ? "8 sites, as many calls as the planner makes under this limit"
        : "8 sites, two layers (MARLIN's policies half as wide)";
  return {
    title,
    caption: `Processor time of one call, ${others}. A planner's \`plan\` includes what it learns while it plans (MARLIN, SLIT, Q-learning); \`training\` is what it does when it is told how the epoch went. Growth: exponent of the median, 95 % interval over the sizes${axis === "calls" ? ", over calls as they were made" : ""}.`,
    columns: [
      { key: "planner", header: "planner", rowHeader: true },
      { key: "step", header: "step", rowHeader: true },
      ...sizes.flatMap((size): Column[] => [
        { key: `p50_ms_${size}`, header: "p50", unit: "ms", group: `${size} ${unit}` },
        { key: `p99_ms_${size}`, header: "p99", unit: "ms", group: `${size} ${unit}` },
      ]),
      { key: "growth", header: "growth" },
    ],
    rows: steps.map((key) => {
      const [planner, step] = key.split("\n");
      const cells: Record<string, Cell> = { planner, step };
      for (const row of plans) {
        if (row.router !== planner || row.step !== step) continue;
        cells[`p50_ms_${row.value}`] = cellOf(row.p50Milliseconds, row.reason);
        cells[`p99_ms_${row.value}`] = cellOf(row.p99Milliseconds, row.reason);
      }
      const isOwn = (law: PlanLaw) => law.router === planner && law.step === step && law.axis === axis;
      cells["growth"] = growthText(planGrowth.find(isOwn));
      return { cells };
    }),
    notes: [],
  };
}

/** How and where it was measured, in one line. */
export function conditionsText({ conditions, states }: OverheadResult): string {
  const { cpu, threads, node, loadAverageBefore, loadAverageAfter, timerNanoseconds, quick, reused } =
    conditions;
  const rates = `${conditions.capacityOfTwelveRequestsPerSecond.toFixed(0)} requests/s are 100 % load of twelve endpoints`;
  const simulated = [...new Set(states.map(({ simulatedSeconds }) => simulatedSeconds))].join(" or ");
  const earlier =
    reused == null
      ? ""
      : `; ${reused.cells} of ${reused.of} cells are of an earlier measurement, from ${reused.since.slice(0, 10)} on, at load averages of ${reused.loadAverages.map((load) => load.toFixed(1)).join(" to ")}`;
  return `${quick ? "A quick run: it shows that everything works, not what it costs. " : ""}${cpu}, ${threads} threads, Node ${node}, load average ${loadAverageBefore.toFixed(1)} before and ${loadAverageAfter.toFixed(1)} after; two readings of the clock lie ${timerNanoseconds.toFixed(0)} ns apart; ${rates}; states after ${simulated} s of simulation${earlier}.`;
}

function cellOf(value: number | null, reason: string | null): Cell {
  return value === null && reason !== null ? { value: null, reason } : value;
}

function times100(share: number | null | undefined): number | null {
  return share === null || share === undefined ? null : 100 * share;
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`;
}
