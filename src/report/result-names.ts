/** Names of metrics, points and rows for people. */

import type { ExperimentResult, ResultRow } from "../experiment/result.ts";
import { metricInfo } from "../metrics/metric-catalogue.ts";

/** Unit and factor in which a metric is read: shares in percent, everything else as it is. */
export function readingUnit(metric: string): { readonly unit: string; readonly factor: number } {
  return isShare(metric) ? { unit: "%", factor: 100 } : { unit: metricInfo(metric)?.unit ?? "", factor: 1 };
}

function isShare(metric: string): boolean {
  return /^(slo_violation|share_|tokens_share_)|_fraction$|^utilisation$/.test(metric);
}

/** A metric's name without its unit: the one that a table of the experiment gives it, else one made of its own. */
export function metricLabel(metric: string, from?: Pick<ExperimentResult, "outputs">): string {
  for (const column of (from?.outputs.tables ?? []).flatMap(({ columns }) => columns)) {
    if (typeof column === "object" && column.metric === metric && column.header !== undefined)
      return column.header;
  }
  return readableName(metric);
}

/** `cost_usd_per_request` as `cost per request`, `ttft_p999_s` as `TTFT p99.9`. */
function readableName(metric: string): string {
  const label = metricInfo(metric)?.label;
  if (label !== undefined) return label;
  const named = /^(tokens_share|share|slo_violation)_(.+)$/.exec(metric);
  if (named !== null) return `${NAMED[named[1]]} ${named[2]}`;
  return metric
    .replace(/(?<=p\d+|mean)_s$|_fraction$/, "")
    .replace(/_(usd|j|g|l)_per_/, "_per_")
    .replace(/_p999\b/, "_p99.9")
    .replaceAll("_", " ")
    .replace(/^(ttft|e2e|tpot|slo)\b/, (word) => word.toUpperCase());
}

const NAMED: Readonly<Record<string, string>> = {
  tokens_share: "tokens on",
  share: "placements in",
  slo_violation: "SLO violations of",
};

/**
 * What is varied, from the path of an axis: `telemetryIntervalS` as `telemetry interval` in s, `routers.0.epsilon` as
 * `epsilon`, `routers.0` as `routers 0`.
 *
 * @param beside labels of the same points: a name that two of them would have gets longer, `fleet 0 replicas`
 */
export function pointHeader(
  label: string,
  beside: readonly string[] = [],
): { readonly text: string; readonly unit?: string } {
  const keys = keysOfLabel(label);
  const others = beside.filter((other) => other !== label).map(keysOfLabel);
  let length = 1;
  const named = () => keys.slice(-length);
  const isTaken = () => others.some((other) => other.slice(-length).join(" ") === named().join(" "));
  while (length < keys.length && (/^\d+$/.test(named()[0]) || isTaken())) length++;
  const last = keys[keys.length - 1] ?? label;
  const timed = /^(.*[a-z])(S|Ms)$/.exec(last);
  const isTimed = timed !== null && !timed[1].endsWith("Per");
  const text = [...named().slice(0, -1), isTimed ? timed[1] : last]
    .join(" ")
    .replace(/(?<=[a-z])[A-Z](?=[a-z]|$)/g, (letter) => ` ${letter.toLowerCase()}`);
  return { text, ...(isTimed ? { unit: timed[2].toLowerCase() } : {}) };
}

/** `*` names nothing, and is left out. */
function keysOfLabel(label: string): string[] {
  return label.split(".").filter((key) => key !== "*");
}

/** A value of a point's label as text. */
export function pointValue(value: ResultRow["point"][string]): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A point in words, empty for the only one: `epsilon 0.05, floors off`. */
export function pointText(point: ResultRow["point"], beside: readonly string[] = Object.keys(point)): string {
  return Object.entries(point)
    .map(([label, value]) => (label === "point" ? pointValue(value) : labelText(label, value, beside)))
    .join(", ");
}

/** Whether a user who writes `name` means this point: as tables name it, or by its name alone. */
export function isPointNamed(point: ResultRow["point"], name: string): boolean {
  return pointText(point) === name || point["point"] === name;
}

function labelText(label: string, value: ResultRow["point"][string], beside: readonly string[]): string {
  const { text, unit } = pointHeader(label, beside);
  return `${text} ${pointValue(value)}${unit === undefined || typeof value !== "number" ? "" : ` ${unit}`}`;
}

/** A row's router, with its point where the rows are of several. */
export function rowName(
  row: Pick<ResultRow, "router" | "point">,
  rows: readonly Pick<ResultRow, "point">[],
): string {
  const where = pointText(row.point);
  const several = rows.some((other) => pointText(other.point) !== where);
  return several && where !== "" ? `${row.router} at ${where}` : row.router;
}

/** Words in a row with commas, each once. */
export function listed(words: readonly string[]): string {
  return [...new Set(words)].join(", ");
}

/** Items by key, in the order in which the keys come up. */
export function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const own = groups.get(key(item));
    if (own === undefined) groups.set(key(item), [item]);
    else own.push(item);
  }
  return groups;
}
