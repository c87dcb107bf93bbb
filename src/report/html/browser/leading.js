/** Rows that stand for many. */
import { meanOf } from "./data.js";

/** Rows of a place that are all named in a chart; of more of them some are. */
export const MOST_NAMED = 24;

/**
 * Reference rows (the baseline, those of the group `reference`, what sees the future), and of each family the best
 * system and the best baseline: the least mean of the metrics, each scaled to its range over all rows, from good to
 * bad. The same rule as that of figures with many points (`dense-scatter.ts`).
 *
 * @param {import("../report-data.ts").ReportData} data
 * @param {readonly number[]} metrics
 * @param {readonly number[]} rows of one place, with all of these metrics
 * @returns {Set<number>}
 */
export function leadingRows(data, metrics, rows) {
  const costs = costsOf(data, metrics, rows);
  const chosen = new Set();
  const best = new Map();
  for (const [i, row] of rows.entries()) {
    const { family, group, clairvoyant } = data.routers[data.rows.router[row]];
    const isBaseline = data.rows.label[row] === data.results[data.rows.result[row]].baseline;
    if (isBaseline || group === "reference" || clairvoyant) chosen.add(row);
    else if (group !== "ablation") {
      const part = `${family}/${group}`;
      const known = best.get(part);
      if (known === undefined || costs[i] < costs[known]) best.set(part, i);
    }
  }
  for (const i of best.values()) chosen.add(rows[i]);
  return chosen;
}

function costsOf(data, metrics, rows) {
  const sums = rows.map(() => 0);
  for (const metric of metrics) {
    const sign = data.metrics[metric].better === "higher" ? -1 : 1;
    const values = rows.map((row) => sign * meanOf(data, metric, row));
    const least = values.reduce((a, b) => Math.min(a, b), Infinity);
    const most = values.reduce((a, b) => Math.max(a, b), -Infinity);
    for (const [i, value] of values.entries()) {
      sums[i] += most > least ? (value - least) / (most - least) : 0;
    }
  }
  return sums;
}
