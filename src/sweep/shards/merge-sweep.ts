/** From the parts and journals of all shards to the data and the rows of a sweep. */
import { join } from "node:path";
import type { DuckDBAppender, DuckDBConnection } from "@duckdb/node-api";
import { type AggregatedRun, aggregatePoint } from "../../experiment/aggregate.ts";
import { hypervolumesOfPoint } from "../../experiment/epochs/hypervolumes.ts";
import type { PlainValue } from "../../experiment/located-tree.ts";
import {
  type ExperimentResult,
  type PointRanks,
  RESULT_SCHEMA_ID,
  type ResultRow,
} from "../../experiment/result.ts";
import { rewardsOfPoint } from "../../experiment/reward-rows.ts";
import type { RunResult } from "../../experiment/run-spec.ts";
import { standingValidation } from "../../experiment/standing-validation.ts";
import { isoTime } from "../../signal/series.ts";
import { named, quoted, withDuckDb } from "./duckdb.ts";
import { loadRuns, writeAtomically } from "./parts.ts";
import { listResults, readFailures } from "./shard-folder.ts";
import type { SweepPlan } from "./sweep-plan.ts";

/** Rows up to which percentiles for figures are kept beside the metrics. */
const MOST_PERCENTILES = 1000;

/** Runs whose results are fetched and sorted at a time. */
const BATCH = 1000;

/** A run that has no result. */
export interface MissingRun {
  readonly key: string;
  readonly point: Readonly<Record<string, PlainValue>>;
  readonly router: string;
  readonly seed: number;
  readonly start: number | null;
  /** Why it failed; null where it was not run, or not to its end. */
  readonly failure: { readonly code: string; readonly message: string } | null;
}

export interface MergedSweep {
  readonly result: ExperimentResult;
  /** Runs with a result, of `planned`. */
  readonly done: number;
  readonly planned: number;
  readonly missing: readonly MissingRun[];
  /** Over the runs that are done. */
  readonly requests: number;
  /** Names of the files written. */
  readonly files: readonly string[];
}

/**
 * Merges what the shards of a sweep have finished: `runs.parquet` and `runs.csv` with a row for each run, `rows.parquet`
 * and `rows.csv` with a row for each router at each point. The bytes depend on the plan and the results alone: not on
 * how the runs were divided, in what order they ended, or how often the sweep was stopped.
 *
 * @throws UserError CANOPY_STORE_WRITE
 */
export async function mergeSweep(folder: string, plan: SweepPlan): Promise<MergedSweep> {
  const failures = await readFailures(folder);
  return withDuckDb(async (connection) => {
    const data = new RunColumns(plan);
    const rows: ResultRow[] = [];
    const ranks: PointRanks[] = [];
    const missing: MissingRun[] = [];
    const slim = plan.points.length * plan.routers.length > MOST_PERCENTILES;
    await loadResults(connection, folder, plan);
    for await (const { point, results: found } of resultsByPoint(connection, plan)) {
      const { labels, runs } = plan.points[point];
      const own = runs.map(([router, seed, start, key]) => ({
        router: plan.routers[router],
        seed,
        start,
        key,
      }));
      const results = completed(plan, point, own, found);
      data.add(point, results);
      for (const { key, router, seed, start } of own) {
        if (results.has(key)) continue;
        missing.push({
          key,
          point: labels,
          router: router.label,
          seed,
          start,
          failure: failures[key] ?? null,
        });
      }
      const { baseline, ...head } = plan.experiment;
      const experiment = { ...head, ...(baseline === null ? {} : { baseline }) };
      const routers = [...new Set(own.map(({ router }) => router))];
      const aggregated = aggregatePoint({ point: { labels, experiment }, routers }, own, results);
      rows.push(...(slim ? aggregated.rows.map(withoutPercentiles) : aggregated.rows));
      if (aggregated.ranks.length > 0) ranks.push({ point: labels, ranks: [...aggregated.ranks] });
    }
    await data.write(connection, folder);
    await writeRows(connection, folder, rows);
    return {
      result: resultOf(plan, rows, ranks),
      done: data.done,
      planned: data.planned,
      missing,
      requests: data.requests,
      files: ["runs.parquet", "runs.csv", "rows.parquet", "rows.csv"],
    };
  });
}

/** Results of a point with what single runs cannot tell: hypervolumes of planners, CEDAR's reward and regret. */
function completed(
  plan: SweepPlan,
  point: number,
  runs: readonly AggregatedRun[],
  found: ReadonlyMap<string, RunResult>,
): ReadonlyMap<string, RunResult> {
  const { outputs, baseline } = plan.experiment;
  const results = new Map(found);
  const put = (more: readonly RunResult[]) => {
    for (const result of more) results.set(result.key, result);
  };
  if (plan.kind === "epochs") put(hypervolumesOfPoint([...found.values()]));
  if (outputs.reward !== undefined) {
    put(
      rewardsOfPoint(runs, found, outputs.reward, {
        tiers: plan.points[point].tiers ?? [],
        windows: outputs.windows.map(({ name }) => name),
        baseline: baseline ?? runs[0].router.label,
      }),
    );
  }
  return results;
}

function resultOf(plan: SweepPlan, rows: ResultRow[], ranks: PointRanks[]): ExperimentResult {
  const { paper, baseline, outputs, comparable, calibrated } = plan.experiment;
  return {
    schema: RESULT_SCHEMA_ID,
    experiment: plan.sweep,
    description: plan.description,
    paper,
    baseline: baseline ?? plan.routers[0].label,
    rows,
    ranks,
    outputs,
    comparable,
    calibrated,
    provenance: {
      ...plan.environment,
      ...(plan.kind === undefined ? {} : { kind: plan.kind }),
      ...(plan.dense === undefined ? {} : { dense: plan.dense }),
      files: plan.inputs
        .filter(({ role }) => role === "other" || role === "experiment")
        .map(({ name }) => name),
      points: plan.provenance,
      ...(plan.kind === undefined ? { validation: standingValidation() } : {}),
    },
  };
}

/** Without what the data beside the result has of every run. */
function withoutPercentiles({ samples: _, epochs: __, ...row }: ResultRow): ResultRow {
  return { ...row, percentiles: { quantiles: [], ttft: [], e2e: [] }, timeline: null };
}

/** Puts the plan and the results that belong to it into tables. */
async function loadResults(connection: DuckDBConnection, folder: string, plan: SweepPlan): Promise<void> {
  await connection.run(`SET memory_limit = '800MB'`);
  await connection.run(`SET temp_directory = ${quoted(join(folder, ".merge"))}`);
  await connection.run("CREATE TABLE plan (place INTEGER, point INTEGER, key VARCHAR)");
  const appender = await connection.createAppender("plan");
  let place = 0;
  for (const [point, { runs }] of plan.points.entries()) {
    for (const [, , , key] of runs) {
      appender.appendInteger(place++);
      appender.appendInteger(point);
      appender.appendVarchar(key);
      appender.endRow();
    }
  }
  appender.closeSync();
  await loadRuns(connection, "found", listResults(folder), "plan");
}

/** The results of each point, in the order of the plan; a point without any comes too. */
async function* resultsByPoint(
  connection: DuckDBConnection,
  plan: SweepPlan,
): AsyncGenerator<{ readonly point: number; readonly results: ReadonlyMap<string, RunResult> }> {
  const runs = plan.points.reduce((sum, own) => sum + own.runs.length, 0);
  let point = 0;
  let results = new Map<string, RunResult>();
  for (let first = 0; first < runs; first += BATCH) {
    const reader = await connection.runAndReadAll(
      `SELECT point, plan.key, result FROM plan JOIN found USING (key) WHERE place >= ${first} AND place < ${first + BATCH} ORDER BY place`,
    );
    for (const [at, key, text] of reader.getRows() as [number, string, string][]) {
      for (; point < at; point++) {
        yield { point, results };
        results = new Map();
      }
      results.set(key, JSON.parse(text) as RunResult);
    }
  }
  for (; point < plan.points.length; point++) {
    yield { point, results };
    results = new Map();
  }
}

/** The runs as columns. */
class RunColumns {
  readonly planned: number;
  done = 0;
  requests = 0;
  readonly #plan: SweepPlan;
  readonly #metrics = new Map<string, Float64Array>();
  /** Place among the runs of the plan, of each run that is done. */
  readonly #places: Int32Array;
  readonly #points: Int32Array;
  readonly #provenance: string[] = [];

  constructor(plan: SweepPlan) {
    this.#plan = plan;
    this.planned = plan.points.reduce((sum, { runs }) => sum + runs.length, 0);
    this.#places = new Int32Array(this.planned);
    this.#points = new Int32Array(this.planned);
  }

  /** Points come in their order, each once. */
  add(point: number, results: ReadonlyMap<string, RunResult>): void {
    const { runs } = this.#plan.points[point];
    for (const [run, [, , , key]] of runs.entries()) {
      const result = results.get(key);
      if (result === undefined) continue;
      const row = this.done++;
      this.#places[row] = run;
      this.#points[row] = point;
      this.#provenance.push(result.provenance);
      for (const [name, value] of Object.entries(result.metrics)) {
        let column = this.#metrics.get(name);
        if (column === undefined) {
          column = new Float64Array(this.planned).fill(Number.NaN);
          this.#metrics.set(name, column);
        }
        if (value !== null) column[row] = value;
      }
      for (const name of ["finished", "rejected", "unfinished"]) this.requests += result.metrics[name] ?? 0;
    }
  }

  async write(connection: DuckDBConnection, folder: string): Promise<void> {
    const { points, routers } = this.#plan;
    const labels = labelColumns(points.map((point) => point.labels));
    const metrics = [...this.#metrics];
    const columns = [
      ["index", "INTEGER"],
      ...labels.map(({ column, type }) => [column, type]),
      ["router", "VARCHAR"],
      ["seed", "BIGINT"],
      ["start", "VARCHAR"],
      ["run", "VARCHAR"],
      ["rests_on", "VARCHAR"],
      ...metrics.map(([name]) => [name, "DOUBLE"]),
    ];
    await writeTable(connection, folder, "runs", columns, this.done, (append, row) => {
      const point = this.#points[row];
      const [router, seed, start, key] = points[point].runs[this.#places[row]];
      append.appendInteger(point);
      for (const label of labels) label.append(append, points[point].labels);
      append.appendVarchar(routers[router].label);
      append.appendBigInt(BigInt(seed));
      if (start === null) append.appendNull();
      else append.appendVarchar(isoTime(start));
      append.appendVarchar(key);
      append.appendVarchar(this.#provenance[row]);
      for (const [, column] of metrics) appendNumber(append, column[row]);
    });
  }
}

/** One row for each router at each point: means, and the ends of their 95 % intervals where there are any. */
async function writeRows(
  connection: DuckDBConnection,
  folder: string,
  rows: readonly ResultRow[],
): Promise<void> {
  const labels = labelColumns(rows.map(({ point }) => point));
  const names = new Map<string, boolean>();
  for (const { metrics } of rows) {
    for (const [name, { ci95 }] of Object.entries(metrics)) {
      names.set(name, names.get(name) === true || ci95 !== null);
    }
  }
  const columns = [
    ...labels.map(({ column, type }) => [column, type]),
    ["router", "VARCHAR"],
    ["runs", "INTEGER"],
    ["planned_runs", "INTEGER"],
    ["rests_on", "VARCHAR"],
    ...[...names].flatMap(([name, interval]) => [
      [name, "DOUBLE"],
      ...(interval
        ? [
            [`${name}_ci_lo`, "DOUBLE"],
            [`${name}_ci_hi`, "DOUBLE"],
          ]
        : []),
    ]),
  ];
  await writeTable(connection, folder, "rows", columns, rows.length, (append, index) => {
    const { point, router, runs, provenance, metrics } = rows[index];
    for (const label of labels) label.append(append, point);
    append.appendVarchar(router);
    append.appendInteger(runs.done);
    append.appendInteger(runs.planned);
    append.appendVarchar(provenance);
    for (const [name, interval] of names) {
      appendNumber(append, metrics[name]?.mean ?? Number.NaN);
      if (!interval) continue;
      appendNumber(append, metrics[name]?.ci95?.[0] ?? Number.NaN);
      appendNumber(append, metrics[name]?.ci95?.[1] ?? Number.NaN);
    }
  });
}

/** Fills a table and writes it as Parquet and CSV. */
async function writeTable(
  connection: DuckDBConnection,
  folder: string,
  name: string,
  columns: readonly (readonly string[])[],
  rows: number,
  append: (appender: DuckDBAppender, row: number) => void,
): Promise<void> {
  const table = named(`${name} of the sweep`);
  await connection.run(
    `CREATE TABLE ${table} (${columns.map(([column, type]) => `${named(column)} ${type}`).join(", ")})`,
  );
  const appender = await connection.createAppender(`${name} of the sweep`);
  for (let row = 0; row < rows; row++) {
    append(appender, row);
    appender.endRow();
  }
  appender.closeSync();
  // With several threads the rows fall into groups by chance.
  await connection.run("SET threads = 1");
  const copy = async (extension: string, format: string) =>
    writeAtomically(
      join(folder, `${name}.${extension}`),
      (own, partial) => own.run(`COPY ${table} TO ${quoted(partial)} (${format})`),
      connection,
    );
  await copy("parquet", "FORMAT parquet, COMPRESSION zstd");
  await copy("csv", "FORMAT csv, HEADER");
  await connection.run("RESET threads");
  await connection.run(`DROP TABLE ${table}`);
}

function appendNumber(appender: DuckDBAppender, value: number): void {
  if (Number.isNaN(value)) appender.appendNull();
  else appender.appendDouble(value);
}

interface LabelColumn {
  readonly column: string;
  readonly type: string;
  append(appender: DuckDBAppender, labels: Readonly<Record<string, PlainValue>>): void;
}

/** A column for each label: numbers and truth values as such, everything else as text, lists and maps as JSON. */
function labelColumns(points: readonly Readonly<Record<string, PlainValue>>[]): LabelColumn[] {
  const kinds = new Map<string, Set<string>>();
  for (const labels of points) {
    for (const [label, value] of Object.entries(labels)) {
      const own = kinds.get(label) ?? new Set();
      own.add(typeof value);
      kinds.set(label, own);
    }
  }
  return [...kinds].map(([label, own]) => {
    const [only] = own.size === 1 ? own : ["string"];
    const column = label === "point" ? label : `point.${label}`;
    if (only === "number") {
      return {
        column,
        type: "DOUBLE",
        append: (to, labels) => appendNumber(to, (labels[label] as number | undefined) ?? Number.NaN),
      };
    }
    return {
      column,
      type: only === "boolean" ? "BOOLEAN" : "VARCHAR",
      append: (to, labels) => {
        const value = labels[label];
        if (value === undefined) to.appendNull();
        else if (only === "boolean") to.appendBoolean(value as boolean);
        else to.appendVarchar(typeof value === "string" ? value : JSON.stringify(value));
      },
    };
  });
}
