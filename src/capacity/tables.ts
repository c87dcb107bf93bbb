/** The tables and figures of a search for capacities. */
import { barsFigure } from "../report/figures/bars.ts";
import { linesFigure } from "../report/figures/lines.ts";
import { formatShort, formatSignificant } from "../report/format-number.ts";
import { groupBy, listed, pointText, rowName } from "../report/result-names.ts";
import type { CellValue, Row, Table } from "../report/table.ts";
import type { CapacityLevel, CapacityResult, CapacityRow, CapacitySearch } from "./result.ts";
import type { RateUnit } from "./scale-rate.ts";

/** Routers in the figure of attainment over the rate: those of the highest capacities. */
const MOST_LINES = 8;

/** What is printed for people: a row for each router and point, a column for each level. */
export function capacityTable(result: CapacityResult): Table {
  const { rows, levels, unit } = result;
  const points = rows.some(({ point }) => Object.keys(point).length > 0);
  return {
    title: `Capacity: the highest rate at which so many requests attain ${objectiveText(result)}`,
    caption: `${result.experiment}, in ${unit}`,
    columns: [
      ...(points ? [{ key: "point", header: "point", rowHeader: true }] : []),
      { key: "router", header: "router", rowHeader: true },
      ...levels.map((level) => ({ key: keyOf(level), header: percent(level), unit, digits: 4 })),
      { key: "provenance", header: "rests on" },
    ],
    rows: rows.map((row) => ({
      cells: {
        ...(points ? { point: pointText(row.point) } : {}),
        router: row.router,
        ...Object.fromEntries(row.levels.map((level) => [keyOf(level.level), levelCell(level)])),
        provenance: row.provenance,
      },
    })),
    notes: [...searchNotes(result), ...result.notes],
  };
}

/** Every search with its bracket, for machines. */
export function searchesTable({ experiment, searches, unit }: CapacityResult): Table {
  const names = [...new Set(searches.flatMap(({ point }) => Object.keys(point)))];
  return {
    title: "Searches",
    columns: [
      "experiment",
      ...names.map((name) => `point_${name}`),
      "router",
      "seed",
      "start",
      "level",
      "state",
      "rate_per_s",
      "misses_at_per_s",
      "monotone",
      "own_rate_per_s",
      "counts",
      "runs",
      "axis",
      "set",
      "reason",
    ].map((key) => ({ key, header: key, digits: 9 })),
    rows: searches.flatMap((search): Row[] => {
      const common = {
        experiment,
        ...Object.fromEntries(names.map((name) => [`point_${name}`, textOf(search.point[name])])),
        router: search.router,
        seed: search.seed,
        start: search.start,
        own_rate_per_s: search.ownRate,
        counts: unit === "sessions/s" ? "sessions" : "requests",
        runs: search.probes.length,
        axis: search.axis,
      };
      if (search.failure !== null) {
        const { code, message } = search.failure;
        return [{ cells: { ...common, state: "failed", reason: `${code}: ${message}` } }];
      }
      return search.findings.map(({ level, state, rate, override, missesAt, monotone }) => ({
        cells: {
          ...common,
          level,
          state,
          rate_per_s: rate,
          misses_at_per_s: missesAt,
          monotone: monotone ? "yes" : "no",
          set: override,
        },
      }));
    }),
    notes: [],
  };
}

/** Capacities as bars, and what the first run of each router attains over the rate. */
export async function capacityFigures(
  result: CapacityResult,
): Promise<{ readonly name: string; readonly svg: string }[]> {
  const { rows, levels, unit, experiment } = result;
  const intervals = rows.some((row) => row.levels.some(({ ci95 }) => ci95 !== null));
  const notes = [
    `${restsText(rows)}. A bar is the highest rate probed that attains; a dash: not attained in every run.`,
    ...(rows.some((row) => row.levels.some(({ state }) => state === "at least"))
      ? ["Bars that the table marks ≥ end at the highest rate probed."]
      : []),
  ];
  const bars = await barsFigure({
    title: `Highest rate at which requests attain ${objectiveText(result)}`,
    subtitle: `${experiment}, mean over runs${intervals ? " with 95 % interval" : ""}`,
    notes,
    categories: rows.map((row) => ({ id: rowName(row, rows) })),
    series: levels.map((level, i) => ({
      id: percent(level),
      bars: rows.map((row) => {
        const { rate, ci95 } = row.levels[i];
        return { value: rate, ...(ci95 === null ? {} : { ci: ci95 }) };
      }),
    })),
    x: { label: "rate", unit },
  });
  const lines = await attainmentFigure(result);
  return [
    { name: "capacity", svg: bars },
    ...(lines === undefined ? [] : [{ name: "attainment", svg: lines }]),
  ];
}

async function attainmentFigure(result: CapacityResult): Promise<string | undefined> {
  const { rows, searches, levels, unit } = result;
  const [{ point: first }] = rows;
  const own = rows.filter(({ point }) => pointText(point) === pointText(first));
  const chosen = own
    .map((row) => ({ row, most: Math.max(...row.levels.map(({ rate }) => rate ?? 0)) }))
    .sort((a, b) => b.most - a.most)
    .slice(0, MOST_LINES)
    .map(({ row }) => row);
  const series = own
    .filter((row) => chosen.includes(row))
    .flatMap(({ router, about }) => {
      const search = searches.find(
        (other) => other.router === router && pointText(other.point) === pointText(first),
      );
      if (search === undefined || search.probes.length < 2) return [];
      return [
        {
          id: router,
          ...(about.family === "user" ? {} : { family: about.family }),
          x: search.probes.map(({ rate }) => rate),
          y: search.probes.map(({ attainment }) => 100 * attainment),
        },
      ];
    });
  if (series.length === 0) return undefined;
  const [search] = searches;
  const left = own.length - series.length;
  return linesFigure({
    title: `Requests that attain ${objectiveText(result)}, over the rate`,
    subtitle: [
      result.experiment,
      pointText(first),
      `seed ${search.seed}`,
      ...(search.start === null ? [] : [search.start]),
      "marks are the rates probed",
    ]
      .filter((text) => text !== "")
      .join(", "),
    notes: [
      `${restsText(own)}. Levels: ${levels.map(percent).join(", ")}.`,
      ...(left > 0 ? [`The ${left} routers of the lowest capacities are left out.`] : []),
    ],
    x: { label: "rate", unit, scale: "log" },
    y: { label: "attainment", unit: "%" },
    marks: true,
    series,
  });
}

/** 0.995 as `99.5 %`. */
export function percent(level: number): string {
  return `${Number((100 * level).toPrecision(10))} %`;
}

/** A search that has ended, in one line. */
export function searchText(search: CapacitySearch, unit: string): string {
  const { router, point, seed, start, findings, probes, failure } = search;
  const where = [router, pointText(point), `seed ${seed}`, ...(start === null ? [] : [start])];
  const head = where.filter((text) => text !== "").join(", ");
  if (failure !== null) return `${head}: failed: ${failure.code}: ${failure.message}`;
  const found = findings.map(({ level, state, rate }) => {
    const value = rate === null ? "not attained" : `${state === "at least" ? ">= " : ""}${rateText(rate)}`;
    return `${percent(level)} ${value}`;
  });
  return `${head}: ${found.join(", ")} ${unit} (${probes.length} runs)`;
}

function keyOf(level: number): string {
  return `capacity_at_${percent(level).replace(" %", "").replace(".", "_")}_per_s`;
}

function levelCell({
  state,
  rate,
  ci95,
  attained,
  n,
  notMonotone,
  lowestFactor,
  atLowestProbed,
}: CapacityLevel): CellValue {
  const mark = notMonotone > 0 ? { mark: "*" } : {};
  const interval = ci95 === null ? {} : { ci: ci95 };
  if (rate !== null && state === "at least") return { value: `≥ ${rateText(rate)}`, ...interval, ...mark };
  if (rate !== null) return { value: rate, ...interval, ...mark };
  const reason =
    state === "failed"
      ? "no search ended"
      : state === "not attained"
        ? `not attained even at ${formatShort(lowestFactor ?? 1)} of the experiment's own rate, where ${percent(Number((atLowestProbed ?? 0).toFixed(3)))} attain`
        : `attained in ${attained} of ${n} runs`;
  return { value: null, reason };
}

function searchNotes(result: CapacityResult): string[] {
  const { searches, rows, tolerance, least, most, unit, runs, metric, levels } = result;
  const probes = searches.map((search) => search.probes.length);
  const [fewestRuns, mostRuns] = [Math.min(...probes), Math.max(...probes)];
  const own = searches.map(({ ownRate }) => ownRate);
  const [slowest, fastest] = [Math.min(...own), Math.max(...own)].map((rate) => rateText(rate));
  const unmet = groupBy(
    searches.flatMap((search) =>
      search.findings.filter(({ monotone }) => !monotone).map((finding) => ({ search, finding })),
    ),
    ({ search }) => rowName(search, rows),
  );
  const crossings = [...unmet].map(([name, all]) => {
    const { search, finding } = all[0];
    const { level, rate, against } = finding;
    const others = listed(against.map((value) => rateText(value)));
    return `${name} (${percent(level)}, seed ${search.seed}: ${rate === null ? "not attained, but" : `${rateText(rate)} found, but`} contradicted at ${others})`;
  });
  const unplayable = [
    ...new Set(searches.flatMap((search) => search.unplayable.map(({ reason }) => reason))),
  ];
  return [
    `Attained: 1 - ${metric}, the metric of the experiment's tables: rejected and unfinished requests count as missed.`,
    `Search: from the experiment's own rate (${slowest === fastest ? slowest : `${slowest} to ${fastest}`} ${unit}) by doubling or halving to a bracket, between ${formatShort(least)} and ${formatShort(most)} of it, then bisection until the lowest rate that misses is within ${formatShort(100 * tolerance)} % of the one given, which attains. ${runs} runs for ${searches.length === 1 ? "one search" : `${searches.length} searches`} of ${levels.length === 1 ? "one level" : `${levels.length} levels`}${searches.length === 1 ? "" : `, ${fewestRuns === mostRuns ? mostRuns : `${fewestRuns} to ${mostRuns}`} each`}.`,
    axisNote(searches, unit),
    ...spanNotes(result),
    ...(rows.some((row) => row.levels.some(({ state }) => state === "at least"))
      ? ["≥: attained at the highest rate probed in some run; the capacity is at least this."]
      : []),
    ...(crossings.length === 0
      ? []
      : [
          `* attainment was seen not to fall steadily with the rate; the crossing given is the first that the search came to: ${crossings.join("; ")}.`,
        ]),
    ...unplayable.map((reason) => `A rate that cannot be run: ${reason}.`),
    ...searches
      .filter(({ failure }) => failure !== null)
      .map((search) => `Failed: ${searchText(search, unit)}.`),
  ];
}

/** By which value of the experiment the rate is changed, named as `--set` names it. */
export function axisNote(searches: readonly Pick<CapacitySearch, "axis">[], unit: RateUnit): string {
  const axes = [...new Set(searches.map(({ axis }) => axis))];
  const scaled = axes.includes("workload.rateFactor");
  const value = scaled ? ", which is 1 at the trace's own rate" : ` in ${unit}`;
  return `The rate is changed by ${listed(axes)}${value}: canopy run --set ${axes[0]}=… makes the same requests.`;
}

/** A run that ends before its queues are full attains at any rate: how long requests arrive has to be seen. */
function spanNotes({ searches, unit, provenance }: CapacityResult): string[] {
  if (unit !== "requests/s") return [];
  const spans = searches.flatMap(({ findings, probes }) => {
    const found = findings.map(({ rate }) => rate);
    return probes.flatMap(({ rate, requests }) => (found.includes(rate) ? requests / rate : []));
  });
  if (spans.length === 0) return [];
  const objectives = provenance.points.flatMap(({ tiers }) => tiers.map(({ sloS }) => sloS));
  const [shortest, longest] = [Math.min(...spans), Math.max(...spans)].map((seconds) => rateText(seconds));
  return [
    `At the rates found requests arrive for ${shortest === longest ? shortest : `${shortest} to ${longest}`} s, against objectives of up to ${formatShort(Math.max(...objectives))} s: the queues of a run that is short against them do not fill, and its capacity is too high.`,
  ];
}

function objectiveText({ metric }: Pick<CapacityResult, "metric">): string {
  const tier = metric.replace(/^slo_violation_?/, "");
  return tier === "" ? "their objective" : `the objective of ${tier}`;
}

function restsText(rows: readonly CapacityRow[]): string {
  const words = [...groupBy(rows, ({ provenance }) => provenance)];
  return words.length === 1
    ? `All rows rest on ${words[0][0]} numbers`
    : `Rows rest on ${words.map(([word, own]) => `${word} (${listed(own.map(({ router }) => router))})`).join(", ")} numbers`;
}

function rateText(rate: number): string {
  return formatSignificant(rate, 4);
}

function textOf(value: CapacitySearch["point"][string] | undefined): string | number | null {
  if (value === undefined || value === null) return null;
  return typeof value === "number" || typeof value === "string" ? value : JSON.stringify(value);
}
