import {
  type Bound,
  type BoundOptions,
  checkWeights,
  dot,
  linearEpoch,
  outOfOrder,
  type Relaxation,
} from "./bound.ts";
import { type EpochModel, METRICS } from "./epoch-model.ts";
import type { EpochState } from "./epoch-state.ts";
import { highs } from "./highs.ts";
import { planRowsOf } from "./world.ts";

export interface LinearBoundOptions extends BoundOptions {
  /** Largest value of a metric that plans may have, e.g. `{ ttft: sla }`. */
  readonly limits?: Readonly<Partial<Record<(typeof METRICS)[number], number>>>;
}

/**
 * The bound as a linear programme, solved by HiGHS: for plans with rows by origin as well, and with limits on metrics.
 * A variable x(row, site) is the share of a row's requests, y(segment) what of its model's requests a stretch takes.
 *
 * @param weights of the four metrics, in 1 / unit
 * @returns infinite value, with a plan of zeros, when no plan meets capacity and limits
 * @throws RangeError for a negative weight; Error when HiGHS gives up
 */
export async function boundByHighs(
  model: EpochModel,
  state: EpochState,
  weights: readonly number[],
  options: LinearBoundOptions = {},
): Promise<Bound> {
  checkWeights(weights);
  const { world } = model;
  const { sites, models } = state;
  const rows = planRowsOf(world);
  const linear = linearEpoch(model, state);
  const means = model.meanNetworkSeconds;
  const byOrigin = world.planRows === "origins";
  // Shares of a model's requests: the numbers of requests would be too large beside the energy of one.
  const rowShare = (row: number) => (byOrigin ? world.origins[Math.floor(row / models)].share : 1);
  const network = (row: number, d: number) =>
    byOrigin ? world.networkSeconds[Math.floor(row / models) * sites + d] : means[d];
  const columns: { name: string; metrics: readonly number[]; upper: number }[] = [];
  for (let row = 0; row < rows; row++) {
    const v = row % models;
    const requests = state.expectedRequests[v] * rowShare(row);
    for (let d = 0; d < sites; d++) {
      const seconds = linear.requests > 0 ? (2 * network(row, d) * requests) / linear.requests : 0;
      columns.push({ name: `x${row}_${d}`, metrics: [seconds, 0, 0, 0], upper: 1 });
    }
  }
  const segments = linear.segments
    .map((segment, place) => ({ segment, place }))
    .filter(({ segment }) => state.expectedRequests[segment.model] > 0)
    .filter(({ segment }) => options.beyondCapacity || !segment.beyondCapacity);
  for (const { segment, place } of segments) {
    const all = state.expectedRequests[segment.model];
    columns.push({
      name: `y${place}`,
      metrics: segment.metrics.map((metric) => metric * all),
      upper: segment.requests / all,
    });
  }
  const value = (column: { metrics: readonly number[] }) => dot(weights, column.metrics);
  // HiGHS works to absolute tolerances of 1e-7: the largest coefficient of each row is made 1.
  const scale = Math.max(Number.MIN_VALUE, ...columns.map(value));
  const lines = ["Minimize", ` cost: ${sum(columns.map((column) => [value(column) / scale, column.name]))}`];
  lines.push("Subject To");
  for (let row = 0; row < rows; row++) {
    lines.push(` row${row}: ${sum(range(sites).map((d) => [1, `x${row}_${d}`]))} = 1`);
  }
  for (let v = 0; v < models; v++) {
    if (state.expectedRequests[v] === 0) continue;
    for (let d = 0; d < sites; d++) {
      const into = range(rows)
        .filter((row) => row % models === v)
        .map((row): Term => [rowShare(row), `x${row}_${d}`]);
      const out = segments
        .filter(({ segment }) => segment.model === v && segment.site === d)
        .map(({ place }): Term => [-1, `y${place}`]);
      lines.push(` flow${v}_${d}: ${sum([...into, ...out])} = 0`);
    }
  }
  for (const [j, metric] of METRICS.entries()) {
    const limit = options.limits?.[metric];
    if (limit === undefined) continue;
    const top = Math.max(Number.MIN_VALUE, ...columns.map((column) => column.metrics[j]));
    const terms = columns.map((column): Term => [column.metrics[j] / top, column.name]);
    lines.push(` limit${j}: ${sum(terms)} <= ${(limit - linear.constant[j]) / top}`);
  }
  lines.push("Bounds");
  for (const { name, upper } of columns) {
    lines.push(upper === Number.POSITIVE_INFINITY ? ` ${name} >= 0` : ` 0 <= ${name} <= ${upper}`);
  }
  lines.push("End");
  const solver = await highs();
  const solution = solver.solve(lines.join("\n"));
  const plan = new Float64Array(model.planLength);
  if (solution.Status === "Infeasible") {
    return { value: Number.POSITIVE_INFINITY, plan, relaxations: linear.relaxations };
  }
  if (solution.Status !== "Optimal") throw new Error(`HiGHS ended as ${solution.Status}`);
  const primal = (name: string) => Math.max(0, solution.Columns[name].Primal);
  for (let row = 0; row < rows; row++) {
    let total = 0;
    for (let d = 0; d < sites; d++) total += primal(`x${row}_${d}`);
    for (let d = 0; d < sites; d++) plan[row * sites + d] = primal(`x${row}_${d}`) / total;
  }
  const taken = new Float64Array(linear.segments.length);
  const used = new Set<Relaxation>(linear.relaxations);
  for (const { segment, place } of segments) {
    const part = primal(`y${place}`);
    taken[place] = part > 1e-9 ? part * state.expectedRequests[segment.model] : 0;
    if (segment.beyondCapacity && taken[place] > 0) used.add("fluid");
  }
  for (let v = 0; v < models; v++) if (outOfOrder(linear.segments, taken, v)) used.add("order");
  return {
    value: solution.ObjectiveValue * scale + dot(weights, linear.constant),
    plan,
    relaxations: [...used],
  };
}

type Term = readonly [coefficient: number, name: string];

/** A linear expression of the LP format, a term a line: lines have a largest length. */
function sum(terms: readonly Term[]): string {
  const shown = terms.filter(([coefficient]) => coefficient !== 0);
  if (shown.length === 0) return `0 ${terms[0][1]}`;
  return shown.map(([c, name]) => `${c < 0 ? "-" : "+"} ${Math.abs(c)} ${name}`).join("\n  ");
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
