/** What stands under the tables of a result: how it compares with the paper, and what it rests on. */
import type { TableConfig } from "../experiment/output-schema.ts";
import type { ExperimentResult, PointProvenance, ResultRow } from "../experiment/result.ts";
import type { MetricTable } from "../experiment/result-rows.ts";
import type { ComparisonRow } from "../metrics/comparison.ts";
import { metricInfo } from "../metrics/metric-catalogue.ts";
import { DEFAULT_RULES } from "../metrics/verdict.ts";
import { formatShort, formatSignificant } from "./format-number.ts";
import { metricLabel, pointText } from "./result-names.ts";
import { VERDICT_SIGNS } from "./table.ts";
import { workloadText } from "./workload-text.ts";

/** Above this share of work outside the measured grid a row counts as extrapolated. */
const OUTSIDE_LIMIT = 0.05;

/** `Of 15 ratios 6 agree with the paper's, 7 in direction only, 2 disagree`; undefined without a verdict. */
export function verdictCounts({ rows, columns }: MetricTable, ratios: boolean): string | undefined {
  const words = rows.flatMap(({ cells }) => columns.flatMap(({ metric }) => cells[metric].verdict ?? []));
  if (words.length === 0) return undefined;
  const phrases = [
    ["agrees", "agree"],
    ["direction only", "agree in direction only"],
    ["disagrees", "disagree"],
    ["calibrated", "were fitted"],
    ["not comparable", "cannot be compared"],
  ].flatMap(([word, phrase]) => {
    const count = words.filter((other) => other === word).length;
    return count === 0 ? [] : [`${count} ${phrase}`];
  });
  return `Of the paper's ${words.length} ${ratios ? "ratios" : "figures"} ${phrases.join(", ")}`;
}

/** Notes of one table: what its verdicts mean, and the numbers behind `not comparable`. */
export function comparisonNotes(
  result: ExperimentResult,
  table: MetricTable,
  { ratioTo }: TableConfig,
  signs: boolean,
): string[] {
  const judged = table.rows.some(({ cells }) =>
    Object.values(cells).some(({ verdict }) => verdict !== undefined),
  );
  const rows = table.rows.map(({ row }) => row);
  if (!judged) return incomplete(rows);
  const percent = `${100 * DEFAULT_RULES.tolerance} %`;
  const word = (name: string) => (signs ? `${VERDICT_SIGNS[name]} ${name}` : name);
  const legend =
    ratioTo === undefined
      ? `Verdict: ${word("agrees")}: within ${percent} of the paper's figure; else ${word("disagrees")}.`
      : `Verdict: ${word("agrees")}: within ${percent} of the paper's ratio and on its side of 1; ${word("direction only")}: on its side of 1; else ${word("disagrees")}.`;
  const notes = [...incomplete(rows), legend];
  if (ratioTo === undefined) notes.push(...incomparables(result, table));
  else notes.push(...claims(result));
  return notes;
}

function incomplete(rows: readonly ResultRow[]): string[] {
  return rows
    .filter(({ runs }) => runs.done < runs.planned)
    .map((row) => `${rowName(row, rows)}: only ${row.runs.done} of ${row.runs.planned} runs ended.`);
}

/** One note for each metric, with how far apart paper and run are. */
function incomparables(result: ExperimentResult, { rows, columns }: MetricTable): string[] {
  return columns.flatMap(({ metric, header }) => {
    const entries = rows.flatMap(({ row }) =>
      row.comparison
        .filter((entry) => entry.metric === metric && entry.absoluteVerdict === "not comparable")
        .map((entry) => ({ row, entry })),
    );
    if (entries.length === 0) return [];
    const why = result.comparable[metric];
    if (why === undefined) {
      const routersOf = groupBy(entries, ({ entry }) => entry.note);
      return [...routersOf].map(
        ([note, own]) => `${header} of ${listed(own.map(({ row }) => row.router))} not comparable: ${note}`,
      );
    }
    return [`${header} not comparable: ${why}${farApart(entries)}`];
  });
}

/** How many times above the run the paper is: by router, or from least to most over several points. */
function farApart(entries: readonly { row: ResultRow; entry: ComparisonRow }[]): string {
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
function claims({ rows, baseline, outputs }: ExperimentResult): string[] {
  const stated = rows.flatMap((row) =>
    row.comparison
      .filter((entry) => entry.paper === null && entry.baseline !== null && entry.baseline !== baseline)
      .map((entry) => ({ row, entry })),
  );
  return stated.map(({ row, entry }) => {
    const { metric, ratioToBaselinePaper: paper, ratioToBaselineRun: run, verdict } = entry;
    const where = pointText(row.point);
    const numbers = `paper ${formatSignificant(paper ?? 0)}, run ${run === null ? "none" : formatSignificant(run)}`;
    const name = metricLabel(metric, { outputs });
    return `Also claimed: ${name} of ${row.router} / ${entry.baseline}${where === "" ? "" : ` at ${where}`}: ${numbers}: ${verdict}.`;
  });
}

/** What all tables of a result rest on; ends with the rank agreement. */
export function foundationNotes(result: ExperimentResult, shown: ReadonlySet<string>): string[] {
  const { rows, provenance } = result;
  const byPoint = (text: (point: PointProvenance) => string | undefined) => perPoint(provenance.points, text);
  return [
    ...byPoint(({ notes }) => (notes.length === 0 ? undefined : notes.join("; "))).map(
      (note) => `Note: ${note}.`,
    ),
    ...rowNotes(rows),
    ...calibration(result),
    ...byPoint((point) => settingText(point)),
    ...definitions(result, shown),
    ...byPoint((point) => signalText(point)),
    ...byPoint((point) => startsText(point)),
    ...byPoint((point) => profilesText(point, rows)),
    ...byPoint((point) => pricesText(point, shown)),
    ...shareNotes(rows, shown),
    statusText(rows),
    `Made by code ${provenance.code.slice(0, 12)} on Node ${provenance.node} from inputs ${[...new Set(provenance.points.map(({ inputs }) => inputs.slice(0, 12)))].join(", ")}.`,
    ...rankNotes(result),
  ];
}

/** A text once where all points share it, else with the points it belongs to. */
function perPoint(
  points: readonly PointProvenance[],
  text: (point: PointProvenance) => string | undefined,
): string[] {
  const byText = groupBy(points, (point) => text(point) ?? "");
  return [...byText].flatMap(([note, own]) => {
    if (note === "") return [];
    return own.length === points.length
      ? [note]
      : [`At ${listed(own.map(({ point }) => pointText(point)))}: ${note}`];
  });
}

/** Remarks of the point; on boundaries only where they are shown. */
function remarks({ notes }: PointProvenance, shown: ReadonlySet<string>): string | undefined {
  const wide = [...shown].some((metric) => /_(server|facility)_/.test(metric));
  const kept = notes.filter((note) => wide || !note.startsWith("hostWattsPerReplica"));
  return kept.length === 0 ? undefined : `Note: ${kept.join("; ")}.`;
}

/** Notes of all rows once, those of single rows under the router's name. */
function rowNotes(rows: readonly ResultRow[]): string[] {
  const pairs = rows.flatMap((row) => row.notes.map((note) => ({ row, note })));
  return [...groupBy(pairs, ({ note }) => note)].map(([note, own]) =>
    own.length === rows.length
      ? `Note: ${note}.`
      : `${listed(own.map(({ row }) => rowName(row, rows)))}: ${note}.`,
  );
}

function calibration({ calibrated, outputs, provenance }: ExperimentResult): string[] {
  const fitted = calibrated.map(
    ({ router, metric, by, note }) =>
      `${metricLabel(metric, { outputs })} of ${router} by ${by}${note === undefined ? "" : ` (${note})`}`,
  );
  const changed = perPoint(provenance.points, ({ calibration }) => {
    const entries = Object.entries(calibration).filter(([, value]) => value !== 1);
    return entries.length === 0
      ? undefined
      : entries.map(([name, value]) => `${name} ${formatShort(value, 6)}`).join(", ");
  });
  return [
    ...(fitted.length === 0
      ? []
      : [`Fitted to the paper, never counted as agreement: ${fitted.join("; ")}.`]),
    ...changed.map((text) => `Departs from the profiles: ${text}.`),
  ];
}

function settingText({ workload, tiers, latency, end, horizon, warmup }: PointProvenance): string {
  const what = latency === "ttft" ? "time to first token" : "time to last token";
  const limits = tiers.map(({ name, sloS }) => `${name} ${formatShort(sloS)} s`).join(", ");
  const floors = workload["floors"];
  const parts = [
    `Setting: ${workloadText(workload)}`,
    `latency is the ${what} at the user${limits === "" ? "" : `, objectives ${limits}`}`,
    `floors ${typeof floors === "string" ? floors : JSON.stringify(floors)}`,
    `end ${end}, horizon ${typeof horizon === "number" ? `${horizon} s` : horizon}`,
    ...(warmup === null
      ? []
      : [`warm-up ${formatShort(100 * warmup.fraction)} %, at least ${warmup.atLeast}`]),
  ];
  return `${parts.join("; ")}.`;
}

/** What the shown metrics of cost, energy, carbon and oscillation are. */
function definitions({ rows, outputs }: ExperimentResult, shown: ReadonlySet<string>): string[] {
  const notes: string[] = [];
  for (const metric of shown) {
    if (!/cost_|energy_|carbon_/.test(metric)) continue;
    const info = metricInfo(metric);
    if (info !== undefined) notes.push(`${metricLabel(metric, { outputs })}: ${info.description}`);
  }
  const oscillation = [...shown].some((metric) => metric.startsWith("oscillation"));
  if (oscillation) {
    const groups = new Set(
      rows.flatMap(({ metrics }) => Object.keys(metrics).filter((name) => /^share_/.test(name))),
    );
    notes.push(
      `oscillation: CEDAR eq. 3 over ${groups.size} groups, realised shares of placements in intervals of 0.1 s (or as named); an empty interval keeps the last shares`,
    );
  }
  return notes.length === 0 ? [] : [`Definitions: ${notes.join("; ")}.`];
}

function signalText({ signal, carbon }: PointProvenance): string {
  const regions = Object.entries(carbon);
  if (regions.length === 0) return "Carbon intensity: none given.";
  const bySource = groupBy(regions, ([, series]) => {
    const { source, accounting } = series;
    return `${source}${accounting === undefined ? "" : ` (${accounting})`}`;
  });
  const list = [...bySource].map(([source, own]) => `${listed(own.map(([region]) => region))}: ${source}`);
  return `Carbon intensity: ${signal}; ${list.join("; ")}.`;
}

function startsText({ starts }: PointProvenance): string | undefined {
  if (starts.length === 0) return undefined;
  const minutes = starts.map((start) => start.replace(/:00(\.000)?Z$/, "Z"));
  return starts.length <= 3
    ? `Runs start at ${listed(minutes)}.`
    : `Runs start at ${starts.length} times from ${minutes[0]} to ${minutes.at(-1)}.`;
}

function profilesText({ profiles, point }: PointProvenance, rows: readonly ResultRow[]): string {
  const byWord = groupBy(profiles, ({ provenance }) => provenance);
  const list = [...byWord].map(([word, own]) => `${word} ${listed(own.map(({ id }) => id))}`);
  const own = rows.filter((row) => pointText(row.point) === pointText(point));
  const weakest = groupBy(own, ({ provenance }) => provenance);
  const rests =
    weakest.size === 1
      ? `all rows rest on ${[...weakest.keys()][0]} numbers`
      : [...weakest].map(([word, of]) => `${listed(of.map(({ router }) => router))} ${word}`).join(", ");
  return `Profiles: ${list.join("; ")}; ${rests}.`;
}

function pricesText({ prices }: PointProvenance, shown: ReadonlySet<string>): string | undefined {
  const sources = [...new Set(prices.map(({ source }) => source))];
  if (sources.length === 0 || ![...shown].some((metric) => metric.includes("cost_"))) return undefined;
  return `Prices: ${sources.join("; ")}.`;
}

/** Shares that decide how the rest is read, where no column shows them. */
function shareNotes(rows: readonly ResultRow[], shown: ReadonlySet<string>): string[] {
  const names = new Set(rows.flatMap(({ metrics }) => Object.keys(metrics)));
  const models = [...names].filter((name) => name.startsWith("tokens_share_"));
  // The last model's share is what the others leave.
  const wanted = models.some((name) => shown.has(name)) ? [] : models.slice(0, -1);
  const notes = wanted.map((name) =>
    sharesOf(name, `Share of tokens on ${name.slice("tokens_share_".length)}`, rows),
  );
  for (const [name, text] of [
    ["deferred_fraction", "Held on purpose"],
    ["fallback_fraction", "Time in fallback"],
    ["outside_grid_fraction", "Outside the measured grid"],
  ]) {
    const known = rows.some(({ metrics }) => (metrics[name]?.mean ?? 0) > 0);
    if (known && !shown.has(name)) notes.push(sharesOf(name, text, rows));
  }
  const outside = rows.filter(({ metrics }) => (metrics["outside_grid_fraction"]?.mean ?? 0) > OUTSIDE_LIMIT);
  if (outside.length > 0) {
    notes.push(
      `Extrapolated, above ${100 * OUTSIDE_LIMIT} % of iterations or energy outside the measured grid: ${listed(outside.map((row) => rowName(row, rows)))}.`,
    );
  }
  return notes;
}

/** `Held on purpose: cedar 3.1 %, others 0 %.`, or from least to most where a router has several points. */
function sharesOf(metric: string, text: string, rows: readonly ResultRow[]): string {
  const percent = (value: number) => formatShort(100 * value);
  const byRouter = groupBy(rows, ({ router }) => router);
  const list = [...byRouter].flatMap(([router, own]) => {
    const values = own.flatMap(({ metrics }) => metrics[metric]?.mean ?? []);
    if (values.length === 0) return [];
    const [least, most] = [Math.min(...values), Math.max(...values)].map(percent);
    return [`${router} ${least === most ? least : `${least} to ${most}`} %`];
  });
  return `${text}: ${list.join(", ")}.`;
}

function statusText(rows: readonly ResultRow[]): string {
  const routers = [...new Map(rows.map((row) => [row.router, row])).values()];
  const byStatus = groupBy(routers, ({ about }) => about.status);
  const list = [...byStatus].map(([status, own]) => `${listed(own.map(({ router }) => router))} ${status}`);
  const seers = routers.filter(({ about }) => about.clairvoyant);
  return `Routers: ${list.join("; ")}.${seers.length === 0 ? "" : " † sees what no gateway can."}`;
}

function rankNotes({ ranks, outputs }: ExperimentResult): string[] {
  return ranks.flatMap(({ point, ranks: own }) => {
    const known = own.filter(({ tau }) => tau !== null);
    if (known.length === 0) return [];
    const where = pointText(point);
    const list = known.map(
      ({ metric, tau }) => `${metricLabel(metric, { outputs })} ${(tau ?? 0).toFixed(2)}`,
    );
    const routers = Math.max(...known.map(({ systems }) => systems.length));
    return [
      `Rank agreement with the paper${where === "" ? "" : ` at ${where}`} (Kendall's tau over ${routers} routers; 1: the same order): ${list.join(", ")}.`,
    ];
  });
}

function rowName(row: ResultRow, rows: readonly ResultRow[]): string {
  const where = pointText(row.point);
  const several = rows.some((other) => pointText(other.point) !== where);
  return several && where !== "" ? `${row.router} at ${where}` : row.router;
}

function grouped(value: number): string {
  return value.toLocaleString("en-US", { maximumSignificantDigits: 4 });
}

function listed(words: readonly string[]): string {
  return [...new Set(words)].join(", ");
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const own = groups.get(key(item));
    if (own === undefined) groups.set(key(item), [item]);
    else own.push(item);
  }
  return groups;
}
