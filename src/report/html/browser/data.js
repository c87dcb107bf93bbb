/** The data of the page. */

/** @typedef {import("../report-data.ts").ReportData} ReportData */

/**
 * Reads what the page carries: JSON, or JSON packed by gzip in base64.
 *
 * @returns {Promise<ReportData>}
 */
export async function readData() {
  const holder = document.getElementById("data");
  const text = holder?.textContent ?? "";
  if (holder?.getAttribute("data-packed") !== "gzip") return JSON.parse(text);
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

/** A metric's mean in the unit in which it is read; null where the row has none. */
export function meanOf(data, metric, row) {
  const value = data.rows.mean[metric][row] ?? null;
  return value === null ? null : value * data.metrics[metric].factor;
}

/** The 95 % interval in the same unit, or null. */
export function intervalOf(data, metric, row) {
  const low = data.rows.low[metric][row] ?? null;
  const high = data.rows.high[metric][row] ?? null;
  const { factor } = data.metrics[metric];
  return low === null || high === null ? null : [low * factor, high * factor];
}

/** `p95 (s)` */
export function metricTitle({ label, unit }) {
  return unit === "" ? label : `${label} (${unit})`;
}

/** A row's experiment, with its point where the experiment has several. */
export function placeText(data, row) {
  const result = data.results[data.rows.result[row]];
  const point = result.points[data.rows.point[row]];
  return point === undefined || point === "" ? result.experiment : `${result.experiment}, ${point}`;
}

/** Places at which rows compete: the same requests on the same fleet. */
export function placesOf(data) {
  const places = new Map();
  for (let row = 0; row < data.rows.result.length; row++) {
    const key = `${data.rows.result[row]} ${data.rows.point[row]}`;
    const place = places.get(key);
    if (place === undefined) places.set(key, { key, text: placeText(data, row), rows: [row] });
    else place.rows.push(row);
  }
  return [...places.values()];
}

/** Chief metrics that the data has, in the order in which they are shown. */
export function chiefMetrics(data) {
  const wanted = [
    "latency_p95_s",
    "e2e_p95_s",
    "slo_violation",
    "goodput_tok_s",
    "accuracy",
    "cost_usd_per_request",
    "energy_j_per_request",
    "carbon_g_per_request",
    "water_l_per_request",
    "oscillation",
  ];
  const found = wanted
    .map((name) => data.metrics.findIndex((metric) => metric.name === name))
    .filter((index) => index >= 0);
  return found.length >= 3 ? found : data.metrics.slice(0, 8).map((_, index) => index);
}

/**
 * Rows of a place whose value is the best, clairvoyant ones left out; empty where less is neither better nor worse, or
 * there is nothing to compare.
 *
 * @returns {Set<number>}
 */
export function bestRows(data, metric, rows) {
  const { better } = data.metrics[metric];
  const own = rows.filter(
    (row) => !data.routers[data.rows.router[row]].clairvoyant && meanOf(data, metric, row) !== null,
  );
  if (better === "neither" || own.length < 2) return new Set();
  const sign = better === "lower" ? 1 : -1;
  const best = own.reduce((least, row) => Math.min(least, sign * meanOf(data, metric, row)), Infinity);
  const winners = own.filter((row) => sign * meanOf(data, metric, row) === best);
  return new Set(winners.length === own.length ? [] : winners);
}
