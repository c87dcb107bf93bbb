/** How a result compares with its paper, in sentences. */
import type { TableConfig } from "../experiment/output-schema.ts";
import type { ExperimentResult, ResultRow } from "../experiment/result.ts";
import type { MetricTable } from "../experiment/result-rows.ts";
import type { ComparisonRow } from "../metrics/comparison.ts";
import { DEFAULT_RULES } from "../metrics/verdict.ts";
import { formatSignificant } from "./format-number.ts";
import { groupBy, listed, metricLabel, pointText, rowName } from "./result-names.ts";
import { VERDICT_SIGNS } from "./table.ts";

const TOLERANCE = `${100 * DEFAULT_RULES.tolerance} %`;

export interface ComparedRow {
  readonly row: ResultRow;
  readonly entry: ComparisonRow;
}

/** Verdict, and what is said of one and of several figures that have it. */
const COUNTED: readonly (readonly [string, string, string])[] = [
  ["agrees", "agrees", "agree"],
  ["direction only", "agrees in direction only", "agree in direction only"],
  ["disagrees", "disagrees", "disagree"],
  ["calibrated", "was fitted", "were fitted"],
  ["not comparable", "is not comparable", "are not comparable"],
];

/** `Of 15 ratios compared with the paper's 6 agree, 7 agree in direction only, 2 disagree`; undefined without one. */
export function verdictCounts({ rows, columns }: MetricTable, ratios: boolean): string | undefined {
  const words = rows.flatMap(({ cells }) => columns.flatMap(({ metric }) => cells[metric].verdict ?? []));
  return words.length === 0 ? undefined : countedVerdicts(words, ratios ? "ratios" : "figures");
}

/** @param words at least one verdict */
export function countedVerdicts(words: readonly string[], what: "ratios" | "figures"): string {
  if (words.every((word) => word === "not comparable")) {
    return `None of ${words.length} ${what} is comparable with the paper's`;
  }
  const counts = COUNTED.flatMap(([word, one, several]) => {
    const count = words.filter((other) => other === word).length;
    return count === 0 ? [] : [`${count} ${count === 1 ? one : several}`];
  });
  return `Of ${words.length} ${what} compared with the paper's ${counts.join(", ")}`;
}

/** What the verdicts of a table mean, and the numbers behind each `not comparable`; empty without a verdict. */
export function comparisonNotes(
  result: ExperimentResult,
  table: MetricTable,
  { ratioTo }: TableConfig,
  signs: boolean,
): string[] {
  if (verdictCounts(table, false) === undefined) return [];
  const word = (name: string) => (signs ? `${VERDICT_SIGNS[name]} (${name})` : name);
  if (ratioTo === undefined) {
    const judged = table.rows.some(({ cells }) =>
      Object.values(cells).some(({ verdict }) => verdict !== undefined && verdict !== "not comparable"),
    );
    return [
      ...(judged
        ? [`Verdict: ${word("agrees")} within ${TOLERANCE} of the paper's figure, else ${word("disagrees")}.`]
        : []),
      ...incomparables(result, table),
    ];
  }
  return [verdictMeaning(word), ...undecided(table), ...claims(result)];
}

/** What the verdicts of ratios mean. */
export function verdictMeaning(word: (name: string) => string): string {
  return `Verdict: ${word("agrees")} within ${TOLERANCE} of the paper's ratio and on its side of 1, ${word("direction only")} on its side of 1, else ${word("disagrees")}.`;
}

/** One note for each metric, with how far apart paper and run are. */
function incomparables(result: ExperimentResult, { rows, columns }: MetricTable): string[] {
  return columns.flatMap(({ metric, header }) => {
    const entries = comparedRows(
      rows.map(({ row }) => row),
      (entry) => entry.metric === metric && entry.absoluteVerdict === "not comparable",
    );
    const why = result.comparable[metric];
    if (why !== undefined && entries.length > 0)
      return [`${header} not comparable: ${why}${farApart(entries)}.`];
    return [...groupBy(entries, ({ entry }) => entry.note)].map(
      ([note, own]) => `${header} of ${listed(own.map(({ row }) => row.router))} not comparable: ${note}.`,
    );
  });
}

/** Ratios that have a verdict although the runs may differ from the baseline either way. */
function undecided({ rows, columns }: MetricTable): string[] {
  const list = columns.flatMap(({ metric, header }) => {
    const routers = rows.flatMap(({ row, cells }) => {
      const { ci95, verdict } = cells[metric];
      return verdict !== undefined && ci95 !== null && ci95[0] <= 1 && ci95[1] >= 1
        ? [
            rowName(
              row,
              rows.map((other) => other.row),
            ),
          ]
        : [];
    });
    return routers.length === 0 ? [] : [`${header} of ${listed(routers)}`];
  });
  return list.length === 0 ? [] : [`Interval includes 1, no difference shown: ${list.join("; ")}.`];
}

/** How many times above the run the paper is: by router, or from least to most over several points. */
function farApart(entries: readonly ComparedRow[]): string {
  const factors = entries.flatMap(({ row, entry: { paper, run } }) =>
    paper === null || run === null || run === 0 ? [] : [{ router: row.router, factor: paper / run }],
  );
  if (factors.length === 0) return "";
  if (new Set(factors.map(({ router }) => router)).size === factors.length) {
    return `. Paper / run: ${factors.map(({ router, factor }) => `${router} ${grouped(factor)}`).join(", ")}`;
  }
  const values = factors.map(({ factor }) => factor);
  return `. Paper / run: ${grouped(Math.min(...values))} to ${grouped(Math.max(...values))}`;
}

/** Ratios that the paper states to another router than the baseline. */
export function statedRatios({ rows, baseline }: ExperimentResult): ComparedRow[] {
  return comparedRows(
    rows,
    (entry) => entry.paper === null && entry.baseline !== null && entry.baseline !== baseline,
  );
}

/** One note for each of them. */
function claims(result: ExperimentResult): string[] {
  const byClaim = groupBy(
    statedRatios(result),
    ({ row, entry }) => `${metricLabel(entry.metric, result)} of ${row.router} / ${entry.baseline}`,
  );
  return [...byClaim].map(([claim, own]) => {
    const runs = own.map(({ row, entry: { ratioToBaselineRun: run, verdict } }) => {
      const where = pointText(row.point);
      return `${where === "" ? "" : `${where} `}${run === null ? "none" : formatSignificant(run)} (${verdict})`;
    });
    return `Also claimed: ${claim}: paper ${formatSignificant(own[0].entry.ratioToBaselinePaper ?? 0)}, run ${runs.join(", ")}.`;
  });
}

/** Whether paper and run agree on the order of the routers: a line for each point. */
export function rankNotes({ ranks, outputs }: ExperimentResult): string[] {
  const points = ranks.flatMap(({ point, ranks: own }) => {
    const known = own.filter(({ tau }) => tau !== null);
    if (known.length === 0) return [];
    const taus = known.map(
      ({ metric, tau }) => `${metricLabel(metric, { outputs })} ${(tau ?? 0).toFixed(2)}`,
    );
    const routers = Math.max(...known.map(({ systems }) => systems.length));
    return [{ where: pointText(point), taus: taus.join(", "), routers }];
  });
  if (points.length === 0) return [];
  const routers = Math.max(...points.map((point) => point.routers));
  const head = `Rank agreement with the paper (Kendall's tau over ${routers} routers, 1: the same order)`;
  if (points.length === 1) return [`${head}: ${points[0].taus}.`];
  return [`${head}:`, ...points.map(({ where, taus }) => `- ${where}: ${taus}`)];
}

function comparedRows(rows: readonly ResultRow[], wanted: (entry: ComparisonRow) => boolean): ComparedRow[] {
  return rows.flatMap((row) => row.comparison.filter(wanted).map((entry) => ({ row, entry })));
}

function grouped(value: number): string {
  return value.toLocaleString("en-US", { maximumSignificantDigits: 4 });
}
