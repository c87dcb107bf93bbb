/** The tables and figures of a leaderboard. */
import { BOUNDED_METRICS, type BoundedMetric } from "../../metrics/request-bound.ts";
import { linesFigure } from "../figures/lines.ts";
import { scatterFigure } from "../figures/scatter.ts";
import { formatShort } from "../format-number.ts";
import { foundationNotes } from "../foundation-notes.ts";
import { metricLabel } from "../result-names.ts";
import type { Cell, Column, Row, Table } from "../table.ts";
import type { Leaderboard, LeaderboardRow } from "./leaderboard.ts";
import { loadSweepOf, meanOf } from "./settings.ts";
import { CONTESTS, type Contest, type Verdict } from "./stability.ts";

/** Columns of metrics: header, and what the mean is multiplied by for its unit. */
const COLUMNS: readonly (readonly [metric: string, header: string, unit: string, factor: number])[] = [
  ["latency_p95_s", "p95 latency", "s", 1],
  ["goodput_tok_s", "goodput", "tok/s", 1],
  ["cost_usd_per_request", "cost", "mUSD", 1000],
  ["energy_server_j_per_request", "energy", "J", 1],
  ["carbon_g_per_request", "carbon", "mg", 1000],
  ["carbon_server_g_per_request", "carbon with idle", "mg", 1000],
  ["water_l_per_request", "water", "mL", 1000],
  ["oscillation_10s", "oscillation", "", 1],
  ["accuracy_macro", "accuracy", "%", 100],
];

/** All tables: the leaderboard, what it is at equal attainment, fronts, winners, rank correlations. */
export function leaderboardTables(board: Leaderboard): Table[] {
  return [
    mainTable(board),
    ...(board.rows.some(({ equal }) => equal !== null) ? [equalTable(board)] : []),
    ...(board.fronts.length > 0 ? [frontTable(board)] : []),
    ...(settingNames(board.verdicts).length > 1 ? [winnerTable(board), tauTable(board)] : []),
  ];
}

function mainTable({ base, rows, options, settings }: Leaderboard): Table {
  const { overhead, bound } = options;
  const known = COLUMNS.filter(([metric]) => rows.some(({ row }) => meanOf(row, metric) !== undefined));
  const columns: Column[] = [
    { key: "router", header: "router", rowHeader: true },
    { key: "family", header: "family" },
    { key: "score", header: "score", align: "decimal" },
    { key: "attainment_percent", header: "attainment", unit: "%", align: "decimal", digits: 4 },
    ...known.map(
      ([metric, header, unit]): Column => ({
        key: metric,
        header,
        align: "decimal",
        ...(unit === "" ? {} : { unit }),
      }),
    ),
    ...(overhead === null
      ? []
      : [{ key: "decision_us", header: "decision", unit: "µs", align: "decimal" } satisfies Column]),
    { key: "runs", header: "runs", csvOnly: true },
    { key: "group", header: "group", csvOnly: true },
  ];
  const cellsOf = (entry: LeaderboardRow): Record<string, Cell> => {
    const { row, score, decisionMicroseconds } = entry;
    const marks = `${entry.leads ? "*" : ""}${row.about.clairvoyant ? "†" : ""}${entry.isOutsideBound ? "‡" : ""}${entry.isIncomplete ? "§" : ""}`;
    const late = row.metrics["slo_violation"];
    const attained = (value: number) => 100 * (1 - value);
    const values: Record<string, Cell> = {
      router: marks === "" ? row.router : { value: row.router, mark: marks },
      family: row.about.family,
      score,
      attainment_percent:
        late === undefined || late.mean === null
          ? null
          : {
              value: attained(late.mean),
              ...(late.ci95 === null
                ? {}
                : { ci: [attained(late.ci95[1]), attained(late.ci95[0])] as const }),
            },
      runs: row.runs.done,
      group: row.about.group,
    };
    for (const [metric, , , factor] of known) {
      const summary = row.metrics[metric];
      values[metric] =
        summary === undefined || summary.mean === null
          ? null
          : {
              value: summary.mean * factor,
              ...(summary.ci95 === null
                ? {}
                : { ci: [summary.ci95[0] * factor, summary.ci95[1] * factor] as const }),
            };
    }
    if (overhead !== null) values["decision_us"] = decisionMicroseconds;
    return values;
  };
  const boundRow = (): Row[] => {
    if (bound === null) return [];
    const cells: Record<string, Cell> = { router: "bound" };
    for (const [metric, , , factor] of known) {
      if (!isBounded(metric)) continue;
      const value = bound[metric];
      cells[metric] = value === null ? null : value * factor;
    }
    return [{ cells, style: "reference" }];
  };
  const runs = Math.max(...rows.map(({ row }) => row.runs.done));
  return {
    title: `Leaderboard (${base.name})`,
    caption: `${sentence(base.found.result.description)}All per request. ${runs} runs each${runs > 1 ? ", under every figure its 95 % interval" : ""}. Score: the mean of violations, cost and carbon with idle replicas, each scaled to its range over these rows; lower is better.`,
    columns,
    rows: [...boundRow(), ...rows.map((entry) => ({ cells: cellsOf(entry) }))],
    notes: [
      "* leads its family: the best system and the best baseline of each by score, the reference router, and the next best to twelve.",
      boundNote(options.boundReason, options.withinSeconds),
      ...(rows.some(({ isOutsideBound }) => isOutsideBound)
        ? ["‡ requests end later than the bound allows, or not at all: it does not hold for this row."]
        : []),
      ...(rows.some(({ isIncomplete }) => isIncomplete)
        ? [
            `§ some of its runs failed: its figures are of the others, of fewer requests than the other rows${bound === null ? "" : " and the bound"}.`,
          ]
        : []),
      ...(overhead === null
        ? []
        : [
            `Decision: processor time of a decision at a request's arrival, ${overhead.endpoints} endpoints, ${Math.round(100 * overhead.load)} % load, measured by canopy overhead; of a planner without planning.`,
          ]),
      `${settings.length} ${settings.length === 1 ? "setting is" : "settings are"} compared: ${settings.map(({ name, found }) => `${name} (${seedsText(found.result.provenance.points[0].seeds)})`).join("; ")}.`,
      ...foundationNotes(
        {
          ...base.found.result,
          rows: base.rows,
          provenance: { ...base.found.result.provenance, points: [base.point] },
        },
        new Set(known.map(([metric]) => metric)),
      ),
    ],
    arrange: "stacked",
  };
}

function isBounded(metric: string): metric is BoundedMetric {
  return (BOUNDED_METRICS as readonly string[]).includes(metric);
}

function boundNote(reason: string | null, withinSeconds: number): string {
  return reason === null
    ? `bound: what no router goes below in which every request ends within ${formatShort(withinSeconds)} s of its arrival and the hold that its tier allows: each token at its best place and time, at the energy that it adds to the best batch. Each column is a bound by itself.`
    : `No lower bound is shown: ${reason}.`;
}

function equalTable({ rows, options, settings }: Leaderboard): Table {
  const percent = formatShort(100 * options.attainment);
  const { label = "rate", unit } = loadSweepOf(settings)?.axis ?? {};
  return {
    title: `At equal attainment: ${percent} %`,
    caption: `The highest rate at which a router attains ${percent} %, and its carbon (idle replicas included) and the fleet's rent per request there, all by linear interpolation between the rates of a sweep.`,
    columns: [
      { key: "router", header: "router", rowHeader: true },
      {
        key: unit === undefined ? "load" : "rate_per_s",
        header: label,
        ...(unit === undefined ? {} : { unit }),
        align: "decimal",
      },
      { key: "carbon_mg", header: "carbon at equal attainment", unit: "mg", align: "decimal" },
      { key: "raw_carbon_mg", header: "raw, first setting", unit: "mg", align: "decimal" },
      { key: "rent_musd", header: "rent at equal attainment", unit: "mUSD", align: "decimal" },
      { key: "raw_rent_musd", header: "rent raw, first setting", unit: "mUSD", align: "decimal" },
    ],
    rows: rows
      .filter(({ equal }) => equal !== null)
      .sort(
        (a, b) =>
          (a.equal?.carbonServerGrams ?? Number.POSITIVE_INFINITY) -
          (b.equal?.carbonServerGrams ?? Number.POSITIVE_INFINITY),
      )
      .map(({ row, equal, isIncomplete }) => {
        const cell = (value: number | null | undefined, factor: number): Cell =>
          value === null || value === undefined
            ? { value: null, ...(equal?.reason ? { reason: equal.reason } : {}) }
            : { value: value * factor, ...(equal?.isLeast === true ? { mark: "≤" } : {}) };
        return {
          cells: {
            router: isPartial({ equal, isIncomplete }) ? { value: row.router, mark: "§" } : row.router,
            [unit === undefined ? "load" : "rate_per_s"]:
              equal?.load === null || equal?.load === undefined
                ? cell(null, 1)
                : { value: equal.load, ...(equal.isLeast ? { mark: "≥" } : {}) },
            carbon_mg: cell(equal?.carbonServerGrams, 1000),
            raw_carbon_mg: scaled(meanOf(row, "carbon_server_g_per_request"), 1000),
            rent_musd: cell(equal?.fleetUsd, 1000),
            raw_rent_musd: scaled(meanOf(row, "fleet_cost_usd_per_request"), 1000),
          },
        };
      }),
    notes: [
      ...(rows.some(({ equal }) => equal?.isLeast === true)
        ? ["≥ and ≤: the level is attained at every rate of the sweep; the real rate is higher."]
        : []),
      ...(rows.some((entry) => entry.equal !== null && isPartial(entry))
        ? ["§ some of its runs failed, at a rate of the sweep or in the first setting: it is of the others."]
        : []),
    ],
  };
}

/** Whether a row at equal attainment lacks runs, there or in the first setting, of which it repeats figures. */
function isPartial({ equal, isIncomplete }: Pick<LeaderboardRow, "equal" | "isIncomplete">): boolean {
  return isIncomplete || equal?.isIncomplete === true;
}

function frontTable({ fronts }: Leaderboard): Table {
  const several = new Set(fronts.map(({ setting }) => setting)).size > 1;
  return {
    title: "Pareto fronts of the families",
    caption:
      "Violations, cost, and carbon with idle replicas. Hypervolume: share of the box between the best and the worst of each over all rows of the setting.",
    columns: [
      ...(several ? [{ key: "setting", header: "setting", rowHeader: true } satisfies Column] : []),
      { key: "family", header: "family", rowHeader: true },
      { key: "rows", header: "rows", format: "integer" },
      { key: "front", header: "on its front", format: "integer" },
      { key: "common", header: "on that of all", format: "integer" },
      { key: "hypervolume", header: "hypervolume", align: "decimal" },
      { key: "size_matched", header: "of equally many points", align: "decimal" },
      { key: "knee", header: "knee" },
    ],
    rows: fronts.map((front) => ({
      cells: {
        ...(several ? { setting: front.setting } : {}),
        family: front.family,
        rows: front.rows,
        front: front.front.length,
        common: front.onCommonFront,
        hypervolume: front.hypervolume,
        size_matched: front.sizeMatched,
        knee: front.knee,
      },
    })),
    notes: ["Clairvoyant rows take no part."],
  };
}

/** At most so many names in a cell. */
const MOST_WINNERS = 3;

function winnerTable({ verdicts, options }: Leaderboard): Table {
  const contests = contestsOf(verdicts);
  return {
    title: "Who wins",
    caption: `Among the routers that a setting shares with the first. Routers that the paired 95 % interval does not tell from the best stand beside it, if the setting has several runs.`,
    columns: [
      { key: "setting", header: "setting", rowHeader: true },
      { key: "routers", header: "routers", format: "integer" },
      ...contests.map((contest) => ({
        key: contestKey(contest),
        header: contestText(contest, options.attainment),
      })),
    ],
    rows: settingNames(verdicts).map((setting) => {
      const own = verdicts.filter((verdict) => verdict.setting === setting);
      const cells: Record<string, Cell> = {
        setting,
        routers: Math.max(...own.map(({ routers }) => routers)),
      };
      for (const verdict of own) {
        const { winners } = verdict;
        const more = winners.length - MOST_WINNERS;
        const text = winners.slice(0, MOST_WINNERS).join(" ≈ ");
        cells[contestKey(verdict)] =
          winners.length === 0 ? "none" : more > 0 ? `${text} and ${more} more` : text;
      }
      return { cells };
    }),
    notes: [],
  };
}

function tauTable({ verdicts }: Leaderboard): Table {
  const shown = contestsOf(verdicts).filter(({ attaining }) => !attaining);
  return {
    title: "How far the order of routers is that of the first setting",
    caption: "Kendall's tau-b over the routers in common: 1 the same order, 0 unrelated, -1 the reverse.",
    columns: [
      { key: "setting", header: "setting", rowHeader: true },
      ...shown.map(
        (contest): Column => ({
          key: contestKey(contest),
          header: metricLabel(contest.metric),
          align: "decimal",
          format: "fixed",
        }),
      ),
    ],
    rows: settingNames(verdicts)
      .slice(1)
      .map((setting) => {
        const cells: Record<string, Cell> = { setting };
        for (const verdict of verdicts) {
          if (verdict.setting === setting && !verdict.attaining) cells[contestKey(verdict)] = verdict.tau;
        }
        return { cells };
      }),
    notes: [],
  };
}

function contestsOf(verdicts: readonly Verdict[]): Contest[] {
  return CONTESTS.filter((contest) =>
    verdicts.some((verdict) => contestKey(verdict) === contestKey(contest)),
  );
}

function contestKey({ metric, attaining }: Contest): string {
  return attaining ? `${metric}_attaining` : metric;
}

function contestText({ metric, attaining }: Contest, attainment: number): string {
  const name = metric === "carbon_server_g_per_request" ? "carbon with idle" : metricLabel(metric);
  return attaining ? `${name}, ${formatShort(100 * attainment)} % attained` : name;
}

function settingNames(verdicts: readonly Verdict[]): string[] {
  return [...new Set(verdicts.map(({ setting }) => setting))];
}

function seedsText(seeds: readonly number[]): string {
  return seeds.length === 1 ? "1 seed" : `${seeds.length} seeds`;
}

function sentence(text: string | null): string {
  return text === null ? "" : `${text} `;
}

function scaled(value: number | undefined, factor: number): number | null {
  return value === undefined ? null : value * factor;
}

/** Figures by name: violations against carbon, attainment over the load, fronts of the families. */
export async function leaderboardFigures(board: Leaderboard): Promise<{ name: string; svg: string }[]> {
  const { base, rows, settings } = board;
  const figures: { name: string; svg: string }[] = [];
  const seeds = seedsText(base.point.seeds);
  const leaders = rows.filter(({ leads }) => leads);
  const points = leaders.flatMap(({ row }) => {
    const [x, y] = [meanOf(row, "carbon_server_g_per_request"), meanOf(row, "slo_violation")];
    return x === undefined || y === undefined
      ? []
      : [{ id: row.router, family: row.about.family, x: 1000 * x, y: 100 * y }];
  });
  if (points.length > 1) {
    const bound = board.options.bound?.carbon_server_g_per_request ?? null;
    figures.push({
      name: "violations-against-carbon",
      svg: await scatterFigure({
        title: "Violations against carbon",
        subtitle: `${base.name}, leaders of the families, ${seeds}${bound === null ? "" : ", line: lower bound of carbon"}`,
        x: { label: "carbon per request, idle included", unit: "mg" },
        y: { label: "SLO violations", unit: "%", scale: spread(points.map(({ y }) => y)) },
        points,
        ...(bound === null ? {} : { reference: { x: 1000 * bound } }),
      }),
    });
  }
  const { axis, loads } = loadSweepOf(settings) ?? { loads: [] };
  if (axis !== undefined && loads.length > 1) {
    const series = loads[0].setting.rows.map(({ router, about }) => ({
      id: router,
      family: about.family,
      x: loads.map(({ load }) => load),
      y: loads.map((at) => {
        const row = at.setting.rows.find((other) => other.router === router);
        const late = row === undefined ? undefined : meanOf(row, "slo_violation");
        return late === undefined ? Number.NaN : 100 * (1 - late);
      }),
    }));
    figures.push({
      name: "attainment-over-load",
      svg: await linesFigure({
        title: "Attainment over the load",
        x: { ...axis },
        y: { label: "requests within their objective", unit: "%" },
        series,
      }),
    });
  }
  return figures;
}

/** A logarithmic axis where the largest value is far from the least. */
function spread(values: readonly number[]): "linear" | "log" {
  const least = Math.min(...values);
  return least > 0 && Math.max(...values) > 8 * least ? "log" : "linear";
}
