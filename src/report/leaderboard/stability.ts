/** Who wins depends on what: winners and orders of routers, setting by setting. */
import type { ResultRow } from "../../experiment/result.ts";
import { metricInfo } from "../../metrics/metric-catalogue.ts";
import { kendallTau } from "../../numeric/rank.ts";
import { compareFigures } from "../comparison/compare-figures.ts";
import { meanOf, runsOf, type Setting, sweepsParameters } from "./settings.ts";

/** Something to be best at. */
export interface Contest {
  readonly metric: string;
  /** Only among routers that attain the level. */
  readonly attaining: boolean;
}

export const CONTESTS: readonly Contest[] = [
  ...[
    "latency_p95_s",
    "slo_violation",
    "goodput_tok_s",
    "cost_usd_per_request",
    "energy_server_j_per_request",
    "carbon_g_per_request",
    "carbon_server_g_per_request",
    "water_l_per_request",
    "oscillation_10s",
    "accuracy_macro",
  ].map((metric) => ({ metric, attaining: false })),
  { metric: "cost_usd_per_request", attaining: true },
  { metric: "carbon_server_g_per_request", attaining: true },
];

export interface Verdict extends Contest {
  readonly setting: string;
  /** Best first: the winner, and those that are not told from it within the interval of the paired difference. */
  readonly winners: readonly string[];
  /** Kendall's tau-b of the order of all common routers with that of the first setting; null without an order. */
  readonly tau: number | null;
  /** Routers that both settings have. */
  readonly routers: number;
}

/**
 * Winners and rank correlations of every setting, over the routers that it has in common with the first setting.
 * Settings with fewer than two of them are left out, as are sweeps of routers' parameters and clairvoyant routers.
 */
export function rankStability(settings: readonly Setting[], attainment: number): Verdict[] {
  const [base, ...others] = settings.filter((setting) => !sweepsParameters(setting));
  if (base === undefined) return [];
  // The first setting is judged among the routers that some other has too.
  const labels = new Set(others.flatMap((other) => commonRows(base, other)).map(({ router }) => router));
  const isShared = ({ router }: ResultRow) => labels.size === 0 || labels.has(router);
  return [base, ...others].flatMap((setting) => {
    const rows = commonRows(base, setting).filter(isShared);
    if (rows.length < 2) return [];
    return CONTESTS.flatMap((contest): Verdict[] => {
      const known = rows.filter((row) => meanOf(row, contest.metric) !== undefined);
      if (known.length < 2) return [];
      const allowed = contest.attaining
        ? known.filter((row) => (meanOf(row, "slo_violation") ?? 1) <= 1 - attainment)
        : known;
      return [
        {
          ...contest,
          setting: setting.name,
          winners: winnersOf(setting, allowed, contest.metric),
          tau: contest.attaining ? null : tauOf(base, known, contest.metric),
          routers: known.length,
        },
      ];
    });
  });
}

function commonRows(base: Setting, setting: Setting): ResultRow[] {
  const labels = new Set(base.rows.filter(({ about }) => !about.clairvoyant).map(({ router }) => router));
  return setting.rows.filter(({ router }) => labels.has(router));
}

function winnersOf(setting: Setting, rows: readonly ResultRow[], metric: string): string[] {
  const sign = metricInfo(metric)?.better === "higher" ? -1 : 1;
  const value = (row: ResultRow) => sign * (meanOf(row, metric) ?? Number.NaN);
  const [best, ...others] = [...rows].sort((a, b) => value(a) - value(b));
  if (best === undefined) return [];
  const figure = (row: ResultRow) => ({ summary: row.metrics[metric], ...runsOf(setting, row, metric) });
  const equals = others.filter((row) => {
    const { word } = compareFigures(metric, figure(best), figure(row));
    return word === "identical" || word === "same within noise";
  });
  return [best, ...equals].map(({ router }) => router);
}

function tauOf(base: Setting, rows: readonly ResultRow[], metric: string): number | null {
  const pairs = rows.flatMap((row) => {
    const there = base.rows.find(({ router }) => router === row.router);
    const [x, y] = [there && meanOf(there, metric), meanOf(row, metric)];
    return x === undefined || y === undefined ? [] : [[x, y] as const];
  });
  const tau = kendallTau(
    pairs.map(([x]) => x),
    pairs.map(([, y]) => y),
  );
  return Number.isNaN(tau) ? null : tau;
}
