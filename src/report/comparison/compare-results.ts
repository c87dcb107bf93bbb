/** Two results, or two routers or points of one, metric by metric. */
import { suggestion, UserError, wordList } from "../../errors.ts";
import type { ExperimentResult, PointProvenance, ResultRow } from "../../experiment/result.ts";
import { defaultTable, samePoint } from "../../experiment/result-rows.ts";
import { identitiesOf, unpackSamples } from "../../experiment/run-samples.ts";
import { metricInfo } from "../../metrics/metric-catalogue.ts";
import { isPointNamed, pointText } from "../result-names.ts";
import {
  compareFigures,
  type Figure,
  type FigureComparison,
  type KnownDifference,
} from "./compare-figures.ts";

/** A row of each side. */
export interface RowComparison {
  /** Of A, and of B where there is no other. */
  readonly point: ResultRow["point"];
  /** Where it is another one than A's. */
  readonly bPoint?: ResultRow["point"];
  readonly a: string;
  readonly b: string;
  readonly figures: readonly FigureComparison[];
  /** Whether both met the same requests on the same fleet under the same signals, by the hash of their inputs. */
  readonly sameInputs: boolean;
}

export interface CompareOptions {
  /** Router of A and router of B; default: rows of the same router. */
  readonly routers?: readonly [string, string];
  /**
   * Points as tables name them, or by their name: one of both results, or one of A and one of B. Default: all that both
   * have. A result with one point needs none.
   */
  readonly points?: readonly string[];
  /** Default: the columns of A's tables. */
  readonly metrics?: readonly string[];
  /** All metrics that both have. */
  readonly all?: boolean;
}

/**
 * Every row of A against the row of B at the same point.
 *
 * @throws UserError CANOPY_COMPARE_ROUTER, CANOPY_COMPARE_POINT, CANOPY_COMPARE_METRIC, CANOPY_COMPARE_NOTHING
 */
export function compareResults(
  a: ExperimentResult,
  b: ExperimentResult,
  options: CompareOptions = {},
): RowComparison[] {
  const pairs = pairsOf(a, b, options);
  if (pairs.length === 0) refuseNothing(a, b, options);
  const metrics = metricsOf(pairs, a, options);
  return pairs.map(([left, right]) => {
    const [ofA, ofB] = [figuresOf(a, left), figuresOf(b, right)];
    return {
      point: left.point,
      ...(samePoint(left, right) ? {} : { bPoint: right.point }),
      a: left.router,
      b: right.router,
      figures: metrics.map((metric) =>
        compareFigures(
          metric,
          ofA.figure(metric),
          ofB.figure(metric),
          knownDifference(a, b, left, right, metric),
        ),
      ),
      sameInputs: ofA.inputs !== undefined && ofA.inputs === ofB.inputs,
    };
  });
}

function pairsOf(
  a: ExperimentResult,
  b: ExperimentResult,
  { routers, points = [] }: CompareOptions,
): [ResultRow, ResultRow][] {
  if (routers !== undefined) {
    for (const [result, router] of [[a, routers[0]] as const, [b, routers[1]] as const]) {
      if (labelsOf(result).includes(router)) continue;
      throw new UserError(
        "CANOPY_COMPARE_ROUTER",
        `${result.experiment} has no router "${router}"${suggestion(router, labelsOf(result))}`,
      );
    }
  }
  const isOne = [a, b].every((result) => pointsOf(result).length === 1);
  const [rowsA, rowsB] = points.length === 0 ? [a.rows, b.rows] : rowsAt(a, b, points);
  const isChosen = isOne || points.length > 0;
  return rowsA
    .filter(({ router }) => routers === undefined || router === routers[0])
    .flatMap((left): [ResultRow, ResultRow][] => {
      const wanted = routers === undefined ? left.router : routers[1];
      const right = rowsB.find((row) => row.router === wanted && (isChosen || samePoint(row, left)));
      return right === undefined ? [] : [[left, right]];
    });
}

/** The rows of each side at the points that were named: one name is of both, where a side has several to choose from. */
function rowsAt(
  a: ExperimentResult,
  b: ExperimentResult,
  [nameA, nameB]: readonly string[],
): [readonly ResultRow[], readonly ResultRow[]] {
  if (nameB !== undefined) return [rowsOf(a, nameA), rowsOf(b, nameB)];
  const isOne = [a, b].map((result) => pointsOf(result).length === 1);
  return [isOne[0] && !isOne[1] ? a.rows : rowsOf(a, nameA), isOne[1] ? b.rows : rowsOf(b, nameA)];
}

function rowsOf(result: ExperimentResult, name: string): readonly ResultRow[] {
  const rows = result.rows.filter(({ point }) => isPointNamed(point, name));
  if (rows.length > 0) return rows;
  const points = pointsOf(result).filter((point) => point !== "");
  throw new UserError(
    "CANOPY_COMPARE_POINT",
    `${result.experiment} has no point "${name}"${points.length === 0 ? ": it has one, without a name" : suggestion(name, points)}`,
  );
}

function refuseNothing(a: ExperimentResult, b: ExperimentResult, { routers }: CompareOptions): never {
  const isRouter = routers !== undefined || labelsOf(a).some((label) => labelsOf(b).includes(label));
  const [shown, ofB] = (isRouter ? [a, b].map(pointsOf) : [a, b].map(labelsOf)).map((names) =>
    wordList(names.map((name) => name || "one without a name")),
  );
  throw new UserError(
    "CANOPY_COMPARE_NOTHING",
    isRouter
      ? `${a.experiment} and ${b.experiment} have no common point (${shown} against ${ofB}); name one of each by --point`
      : `${a.experiment} and ${b.experiment} have no common router (${shown} against ${ofB}); name two by --routers`,
  );
}

function pointsOf({ rows }: ExperimentResult): string[] {
  return [...new Set(rows.map(({ point }) => pointText(point)))];
}

function labelsOf({ rows }: ExperimentResult): string[] {
  return [...new Set(rows.map(({ router }) => router))];
}

function metricsOf(
  pairs: readonly (readonly [ResultRow, ResultRow])[],
  a: ExperimentResult,
  { metrics: asked, all }: CompareOptions,
): string[] {
  const common = [
    ...new Set(
      pairs.flatMap(([left, right]) =>
        Object.keys(left.metrics).filter((name) => Object.hasOwn(right.metrics, name)),
      ),
    ),
  ];
  if (asked !== undefined && asked.length > 0) {
    for (const name of asked) {
      if (common.includes(name)) continue;
      const why = metricInfo(name) === undefined ? "there is no such metric" : "not a metric of both results";
      throw new UserError("CANOPY_COMPARE_METRIC", `${name}: ${why}${suggestion(name, common)}`);
    }
    return [...asked];
  }
  const known = common.filter((name) =>
    pairs.some((pair) => pair.some(({ metrics }) => (metrics[name]?.mean ?? null) !== null)),
  );
  if (all === true) return known;
  const tables = a.outputs.tables.length === 0 ? [defaultTable(a)] : a.outputs.tables;
  const shown = tables.flatMap(({ columns }) =>
    columns.map((column) => (typeof column === "string" ? column : column.metric)),
  );
  const chosen = [...new Set(shown)].filter((name) => known.includes(name));
  return chosen.length === 0 ? known : chosen;
}

function figuresOf(
  { provenance }: ExperimentResult,
  row: ResultRow,
): { figure: (metric: string) => Figure; inputs: string | undefined } {
  const setting: PointProvenance | undefined = provenance.points.find((point) => samePoint(point, row));
  const samples = unpackSamples(row);
  const runs = setting === undefined ? [] : identitiesOf(setting);
  return {
    figure: (metric) => ({ summary: row.metrics[metric], values: samples?.get(metric), runs }),
    inputs: setting?.inputs,
  };
}

/** The interval that a result holds of a row against its baseline, for results without the values of their runs. */
function knownDifference(
  a: ExperimentResult,
  b: ExperimentResult,
  left: ResultRow,
  right: ResultRow,
  metric: string,
): KnownDifference | undefined {
  if (a !== b || left.samples !== undefined || right.samples !== undefined || left === right)
    return undefined;
  if (!samePoint(left, right)) return undefined;
  const [row, sign] =
    left.router === a.baseline ? [right, 1] : right.router === a.baseline ? [left, -1] : [undefined, 0];
  const interval = row?.differences[metric]?.differenceCi95;
  if (interval === undefined) return undefined;
  if (interval === null || sign === 1) return { differenceCi95: interval };
  return { differenceCi95: [-interval[1], -interval[0]] };
}
