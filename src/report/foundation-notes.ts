/** What the numbers of a result rest on, in sentences. */
import type { ExperimentResult, PointProvenance, ResultProvenance, ResultRow } from "../experiment/result.ts";
import { metricInfo } from "../metrics/metric-catalogue.ts";
import { formatShort } from "./format-number.ts";
import { groupBy, listed, metricLabel, pointText, rowName } from "./result-names.ts";
import { workloadText } from "./workload-text.ts";

/** Above this share of work outside the measured grid a row counts as extrapolated. */
const OUTSIDE_LIMIT = 0.05;

/**
 * What all tables of a result rest on: first what restrains the conclusions, then the setting, then where things come
 * from.
 *
 * @param shown metrics that have a column
 */
export function foundationNotes(result: ExperimentResult, shown: ReadonlySet<string>): string[] {
  const { rows, provenance } = result;
  const byPoint = (text: (point: PointProvenance) => string | undefined) => perPoint(provenance.points, text);
  const inputs = provenance.points.map((point) => point.inputs.slice(0, 12));
  return [
    ...incomplete(rows),
    ...rowNotes(rows),
    ...byPoint((point) => remarks(point, shown)),
    ...calibration(result),
    ...shareNotes(rows, shown),
    ...setting(provenance.points),
    ...definitions(result, shown),
    ...byPoint(signalText),
    ...byPoint(startsText),
    ...byPoint((point) => (point.epochs === undefined ? profilesText(point, rows) : undefined)),
    ...byPoint((point) => pricesText(point, shown)),
    statusText(result),
    ...denseText(provenance),
    ...validationText(provenance),
    `Made by code ${provenance.code.slice(0, 12)} on Node ${provenance.node} from inputs ${listed(inputs)}.`,
  ];
}

/** A text once where all points share it, else with the points it belongs to. */
function perPoint(
  points: readonly PointProvenance[],
  text: (point: PointProvenance) => string | undefined,
): string[] {
  return [...groupBy(points, (point) => text(point) ?? "")].flatMap(([note, own]) => {
    if (note === "") return [];
    if (own.length === points.length) return [note];
    const where = listed(own.map(({ point }) => pointText(point)));
    // A point that is named after the very thing needs no note.
    return note === where ? [] : [`At ${where}: ${note}`];
  });
}

function incomplete(rows: readonly ResultRow[]): string[] {
  return rows
    .filter(({ runs }) => runs.done < runs.planned)
    .map((row) => `${rowName(row, rows)}: only ${row.runs.done} of ${row.runs.planned} runs ended.`);
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

/** Remarks of a point, e.g. that something stands in for data that is not there; on wider boundaries only where shown. */
export function remarks({ notes }: PointProvenance, shown: ReadonlySet<string>): string | undefined {
  const wide = [...shown].some((metric) => /_(server|facility)_/.test(metric));
  const kept = notes.filter((note) => wide || !note.startsWith("hostWattsPerReplica"));
  return kept.length === 0 ? undefined : `Note: ${kept.join("; ")}.`;
}

function calibration({ calibrated, outputs, provenance }: ExperimentResult): string[] {
  const fitted = calibrated.map(
    ({ router, metric, by, note }) =>
      `${metricLabel(metric, { outputs })} of ${router} by ${by}${note === undefined ? "" : ` (${note})`}`,
  );
  const changed = perPoint(provenance.points, (point) => {
    const entries = Object.entries(point.calibration).filter(([, value]) => value !== 1);
    const list = entries.map(([name, value]) => `${name} ${formatShort(value, 6)}`).join(", ");
    return list === "" ? undefined : `Departs from the profiles: ${list}.`;
  });
  return [
    ...(fitted.length === 0
      ? []
      : [`Fitted to the paper, never counted as agreement: ${fitted.join("; ")}.`]),
    ...changed,
  ];
}

/** Shares that decide how the rest is read, where no column shows them. */
function shareNotes(rows: readonly ResultRow[], shown: ReadonlySet<string>): string[] {
  const names = new Set(rows.flatMap(({ metrics }) => Object.keys(metrics)));
  const models = [...names].filter((name) => name.startsWith("tokens_share_"));
  // The last model's share is what the others leave.
  const wanted = models.some((name) => shown.has(name)) ? [] : models.slice(0, -1);
  const notes = wanted.flatMap((name) => sharesOf(name, metricLabel(name), rows));
  for (const [name, text] of [
    ["deferred_fraction", "held on purpose"],
    ["fallback_fraction", "time in fallback"],
    ["outside_grid_fraction", "outside the measured grid"],
  ]) {
    if (!shown.has(name)) notes.push(...sharesOf(name, text, rows));
  }
  const outside = rows.filter(({ metrics }) => (metrics["outside_grid_fraction"]?.mean ?? 0) > OUTSIDE_LIMIT);
  const extrapolated = listed(outside.map((row) => rowName(row, rows)));
  return [
    ...(notes.length === 0 ? [] : [`Shares: ${notes.join("; ")}.`]),
    ...(outside.length === 0
      ? []
      : [`Extrapolated, more than ${100 * OUTSIDE_LIMIT} % outside the measured grid: ${extrapolated}.`]),
  ];
}

/** `held on purpose cedar 3.1 %, others 0`; from least to most where a router has several points; empty where all are 0. */
function sharesOf(metric: string, text: string, rows: readonly ResultRow[]): string[] {
  const list: string[] = [];
  let others = false;
  for (const [router, own] of groupBy(rows, (row) => row.router)) {
    const values = own.flatMap(({ metrics }) => metrics[metric]?.mean ?? []);
    if (values.length === 0) continue;
    const [least, most] = [Math.min(...values), Math.max(...values)].map((value) => formatShort(100 * value));
    if (most === "0") others = true;
    else list.push(`${router} ${least === most ? least : `${least} to ${most}`} %`);
  }
  return list.length === 0 ? [] : [`${text} ${list.join(", ")}${others ? ", others 0" : ""}`];
}

/** The setting in one note, without what differs between points: that follows for each. */
function setting(points: readonly PointProvenance[]): string[] {
  const sentences = Math.max(0, ...points.map(({ epochs }) => epochs?.setting.length ?? 0));
  const ofEpochs = Array.from(
    { length: sentences },
    (_, i) => (point: PointProvenance) => point.epochs?.setting[i] ?? "",
  );
  const parts = sentences > 0 ? ofEpochs : ofRequests;
  const common: string[] = [];
  const differing: string[] = [];
  for (const part of parts) {
    const texts = perPoint(points, part);
    (texts.length === 1 && texts[0] === part(points[0]) ? common : differing).push(...texts);
  }
  return [`Setting: ${common.join("; ")}.`, ...differing.map((text) => `${text}.`)];
}

const ofRequests: readonly ((point: PointProvenance) => string)[] = [
  ({ workload }: PointProvenance) => workloadText(workload),
  latencyText,
  ({ workload: { floors } }: PointProvenance) =>
    `floors ${typeof floors === "string" ? floors : JSON.stringify(floors)}`,
  ({ end, horizon }: PointProvenance) =>
    `end ${end}, horizon ${horizon}${typeof horizon === "number" ? " s" : ""}`,
  ({ warmup }: PointProvenance) =>
    warmup === null
      ? ""
      : `warm-up ${formatShort(100 * warmup.fraction)} %, at least ${warmup.atLeast} requests`,
];

function latencyText({ latency, tiers }: PointProvenance): string {
  const what = latency === "ttft" ? "time to first token" : "time to last token";
  const limits = tiers.map(({ name, sloS }) => `${name} ${formatShort(sloS)} s`).join(", ");
  return `latency is the ${what} at the user${limits === "" ? "" : `, objectives ${limits}`}`;
}

/** What the shown metrics of cost, energy, carbon and oscillation are. */
function definitions({ rows, outputs }: ExperimentResult, shown: ReadonlySet<string>): string[] {
  const notes: string[] = [];
  for (const metric of shown) {
    const info =
      /cost_|energy_|carbon_|water_l|ttft_p[a-z]|objective|hypervolume|dispatch|_arrival$|^accuracy|^coverage$|^floor_violation$|^ece$/.test(
        metric,
      )
        ? metricInfo(metric)
        : undefined;
    if (info !== undefined) notes.push(`${metricLabel(metric, { outputs })}: ${info.description}`);
  }
  if ([...shown].some((metric) => metric.startsWith("oscillation"))) {
    const names = rows.flatMap(({ metrics }) => Object.keys(metrics));
    const groups = new Set(names.filter((name) => name.startsWith("share_"))).size;
    notes.push(
      `oscillation: CEDAR eq. 3 over ${groups} groups, realised shares of the placements in intervals of 0.1 s unless named; an empty interval keeps the last shares`,
    );
  }
  return notes.length === 0 ? [] : [`Definitions: ${notes.join("; ")}.`];
}

function signalText({ signal, carbon, price, epochs }: PointProvenance): string {
  if (Object.keys(carbon).length === 0) return "Carbon intensity: none given.";
  const prices = epochs === undefined ? "" : ` Prices: ${sourcesText(price)}.`;
  return `Carbon intensity, ${signal}: ${sourcesText(carbon)}.${prices}`;
}

function sourcesText(signals: PointProvenance["carbon"]): string {
  const regions = Object.entries(signals);
  const bySource = groupBy(
    regions,
    ([, { source, accounting }]) =>
      `${source}${accounting === undefined || accounting === "none" ? "" : ` (${accounting})`}`,
  );
  return [...bySource]
    .map(([source, own]) => `${listed(own.map(([region]) => region))} ${source}`)
    .join("; ");
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
  const weakest = [...groupBy(own, ({ provenance }) => provenance)];
  const rests =
    weakest.length === 1
      ? `all rows rest on ${weakest[0][0]} numbers`
      : `rows rest on ${weakest.map(([word, of]) => `${word} (${listed(of.map(({ router }) => router))})`).join(", ")} numbers`;
  return `Profiles: ${list.join("; ")}; ${rests}.`;
}

function pricesText({ prices }: PointProvenance, shown: ReadonlySet<string>): string | undefined {
  const sources = [...new Set(prices.map(({ source }) => source))];
  if (sources.length === 0 || ![...shown].some((metric) => metric.includes("cost_"))) return undefined;
  return `Prices: ${sources.join("; ")}.`;
}

function statusText({ rows, provenance }: ExperimentResult): string {
  const routers = [...new Map(rows.map((row) => [row.router, row])).values()];
  const list = [...groupBy(routers, ({ about }) => about.status)].map(
    ([status, own]) => `${listed(own.map(({ router }) => router))} ${status}`,
  );
  const sees = routers.some(({ about }) => about.clairvoyant) ? " † sees what no gateway can." : "";
  return `${provenance.kind === "epochs" ? "Planners" : "Routers"}: ${list.join("; ")}.${sees}`;
}

/** The dense kernels of what trains networks. */
function denseText({ dense }: ResultProvenance): string[] {
  if (dense === undefined) return [];
  const kernels = dense.backend === "native" ? `the addon's ${dense.isa} kernels` : "the TypeScript kernels";
  return [`What learns ran on ${kernels}: their rows are the same bytes on these alone.`];
}

/** Whether the simulator was checked against a running engine, and how it fared. */
function validationText({ validation }: ResultProvenance): string[] {
  if (validation === undefined) return [];
  if (validation === null) return ["Simulator: not checked against a running engine."];
  const { target, steps, loads, requests, e2eMedianError, e2eBias } = validation;
  const range = ([low, high]: readonly [number, number]) => {
    const [least, most] = [low, high].map((share) => (100 * share).toFixed(1));
    return least === most ? `${least} %` : `${least} to ${most} %`;
  };
  const equal = steps === null ? "" : `${steps.equal} of ${steps.all} steps are equal, `;
  return [
    `Simulator: checked against ${target} only, ${requests} requests at ${loads.join(", ")} of its capacity: ${equal}the median error of a request's end-to-end time is ${range(e2eMedianError)} by load, its bias ${range(e2eBias)}.`,
  ];
}
