import {
  type Bound,
  type BoundOptions,
  checkWeights,
  dot,
  type LinearEpoch,
  linearEpoch,
  noteRelaxations,
  type PricedStretch,
  pricedStretches,
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
 * A variable x(row, site) is the share of a row's requests, y(stretch) what of its model's requests a stretch takes.
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
  const limits = METRICS.map((metric) => options.limits?.[metric]);
  const limited = limits.some((limit) => limit !== undefined);
  const stretches = limited
    ? rawStretches(linear, weights, options.beyondCapacity ?? false)
    : pricedStretches(linear, weights, options.beyondCapacity ?? false).map((stretch) => ({
        stretch,
        metrics: [],
      }));
  const columns: { name: string; cost: number; metrics: readonly number[]; upper: number }[] = [];
  for (let row = 0; row < rows; row++) {
    const v = row % models;
    const requests = state.expectedRequests[v] * rowShare(row);
    for (let d = 0; d < sites; d++) {
      const seconds = linear.requests > 0 ? (2 * network(row, d) * requests) / linear.requests : 0;
      columns.push({
        name: `x${row}_${d}`,
        cost: weights[0] * seconds,
        metrics: [seconds, 0, 0, 0],
        upper: 1,
      });
    }
  }
  const active = stretches
    .map(({ stretch, metrics }, place) => ({
      stretch,
      metrics,
      name: `y${place}`,
      all: state.expectedRequests[stretch.model],
    }))
    .filter(({ all }) => all > 0);
  for (const { stretch, metrics, name, all } of active) {
    columns.push({
      name,
      cost: stretch.cost * all,
      metrics: metrics.map((metric) => metric * all),
      upper: stretch.requests / all,
    });
  }
  // HiGHS works to absolute tolerances of 1e-7: the largest coefficient of each row is made 1.
  const scale = Math.max(Number.MIN_VALUE, ...columns.map(({ cost }) => cost));
  const lines = ["Minimize", ` cost: ${sum(columns.map(({ cost, name }) => [cost / scale, name]))}`];
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
      const out = active
        .filter(({ stretch }) => stretch.model === v && stretch.site === d)
        .map(({ name }): Term => [-1, name]);
      lines.push(` flow${v}_${d}: ${sum([...into, ...out])} = 0`);
    }
  }
  for (const [j, limit] of limits.entries()) {
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
  const used = new Set<Relaxation>(linear.relaxations);
  for (const { stretch, name, all } of active) {
    const part = primal(name);
    if (part > 1e-9) noteRelaxations(stretch, part * all, used);
  }
  if (limited) used.add("order");
  return {
    value: solution.ObjectiveValue * scale + dot(weights, linear.constant),
    plan,
    relaxations: [...used],
  };
}

/** Every kind of node by itself, with all its metrics: limits see more than the weighted sum. */
function rawStretches(
  linear: LinearEpoch,
  weights: readonly number[],
  beyondCapacity: boolean,
): { stretch: PricedStretch; metrics: readonly number[] }[] {
  return linear.segments
    .filter((segment) => beyondCapacity || !segment.beyondCapacity)
    .map((segment) => ({
      stretch: { ...segment, cost: dot(weights, segment.metrics), mixed: false },
      metrics: segment.metrics,
    }));
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
