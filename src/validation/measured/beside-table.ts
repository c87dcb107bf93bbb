import { nearHint, UserError } from "../../errors.ts";
import type { Cell, Row, Table } from "../../report/table.ts";
import type { LatencySummary, MeasuredRun } from "./measured-run.ts";

/** A row of a result, as far as it is put beside a measured run. */
export interface SimulatedRow {
  readonly router: string;
  readonly provenance: string;
  readonly metrics: Readonly<
    Record<string, { readonly mean: number | null; readonly ci95: readonly [number, number] | null }>
  >;
}

/** A quantity of both. */
export interface BesideRow {
  readonly quantity: string;
  readonly unit: string;
  readonly measured: number | null;
  readonly simulated: number | null;
  /** Of the simulated mean over the runs. */
  readonly ci95: readonly [number, number] | null;
  readonly difference: number | null;
  /** (simulated - measured) / measured. */
  readonly relative: number | null;
}

const STATISTICS = ["mean", "p50", "p90", "p95", "p99"] as const;

/** Every quantity that either side knows; `simulated` is absent without a result. */
export function besideRows(run: MeasuredRun, simulated?: SimulatedRow): BesideRow[] {
  const { summary } = run;
  const latency = (name: string, of: LatencySummary, metric: string) =>
    STATISTICS.map((statistic) =>
      rowOf(
        `${name} ${statistic}`,
        "s",
        of[statistic] ?? null,
        simulated?.metrics[`${metric}_${statistic}_s`],
      ),
    );
  return [
    ...latency("TTFT", summary.ttft, "ttft"),
    ...latency("TPOT", summary.tpot, "tpot"),
    ...latency("E2E", summary.e2e, "e2e"),
    rowOf(
      "requests per second",
      "1/s",
      summary.requestsPerSecond,
      simulated?.metrics["requests_per_s_simulated"],
    ),
    rowOf("output tokens per second", "tok/s", summary.outputTokensPerSecond, outputRate(simulated)),
    rowOf("finished requests", "", run.finished, simulated?.metrics["finished"]),
  ].filter(({ measured, simulated: other }) => measured !== null || other !== null);
}

/** Output tokens from the first arrival to the last finish: the simulator's own rate is over the horizon. */
function outputRate(row: SimulatedRow | undefined): { mean: number; ci95: null } | undefined {
  const of = (name: string) => row?.metrics[name]?.mean ?? Number.NaN;
  const tokens = of("output_tok_s") * of("horizon_s");
  const mean = (tokens / of("finished")) * of("requests_per_s_simulated");
  return Number.isFinite(mean) ? { mean, ci95: null } : undefined;
}

function rowOf(
  quantity: string,
  unit: string,
  measured: number | null,
  summary: SimulatedRow["metrics"][string] | undefined,
): BesideRow {
  const simulated = summary?.mean ?? null;
  const difference = measured === null || simulated === null ? null : simulated - measured;
  return {
    quantity,
    unit,
    measured,
    simulated,
    ci95: summary?.ci95 ?? null,
    difference,
    relative: difference === null || measured === null || measured === 0 ? null : difference / measured,
  };
}

/**
 * The rows as a table.
 *
 * @param source file of the measured run, as the user named it
 */
export function besideTable(
  rows: readonly BesideRow[],
  run: MeasuredRun,
  source: string,
  simulated?: SimulatedRow,
): Table {
  const cells = (row: BesideRow): Row => ({
    cells: {
      quantity: row.quantity,
      unit: row.unit,
      measured: row.measured,
      ...(simulated === undefined
        ? {}
        : {
            simulated: simulatedCell(row),
            difference: row.difference,
            relative: row.relative === null ? null : 100 * row.relative,
          }),
    },
  });
  return {
    title: simulated === undefined ? "Measured" : "Measured beside simulated",
    caption: `${source}: ${run.tool}${run.model === null ? "" : `, ${run.model}`}, ${run.finished} requests answered, ${run.failed} failed.`,
    columns: [
      { key: "quantity", header: "quantity", rowHeader: true },
      { key: "unit", header: "unit" },
      { key: "measured", header: "measured" },
      ...(simulated === undefined
        ? []
        : [
            { key: "simulated", header: "simulated" },
            { key: "difference", header: "difference" },
            { key: "relative", header: "difference", unit: "%", format: "fixed" as const, digits: 1 },
          ]),
    ],
    rows: rows.map(cells),
    notes: [
      ...run.notes.map((note) => `Measured: ${note}.`),
      ...(simulated === undefined
        ? []
        : [
            `Simulated: router ${simulated.router}, rests on ${simulated.provenance} numbers. Difference: simulated less measured.`,
            "Times are as the client saw them, network included on both sides where the experiment gives one. TPOT is (last - first token) / (outputs - 1); rates run from the first start to the last end where the file has single requests, else as the tool gives them.",
          ]),
    ],
  };
}

function simulatedCell({ simulated, ci95 }: BesideRow): Cell {
  return ci95 === null || ci95[0] === ci95[1] ? simulated : { value: simulated, ci: ci95 };
}

/**
 * The row of a result that a measured run stands beside.
 *
 * @throws UserError CANOPY_BENCH_CHOICE where it is not told which
 */
export function rowBeside<R extends SimulatedRow>(
  rows: readonly R[],
  router: string | undefined,
  folder: string,
): R {
  const fitting = router === undefined ? rows : rows.filter((row) => row.router === router);
  if (fitting.length === 1) return fitting[0];
  const names = [...new Set(rows.map((row) => row.router))];
  const labels = names.join(", ");
  throw new UserError(
    "CANOPY_BENCH_CHOICE",
    fitting.length === 0
      ? `result ${folder}: has no router "${router}", expected one of ${labels}${nearHint(`${router}`, names)}`
      : `result ${folder}: has ${fitting.length} rows${router === undefined ? "" : ` of ${router}`} (${labels}), expected ${router === undefined ? "--router with one of them" : "a result of one point"}`,
  );
}
