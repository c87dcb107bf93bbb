import { EpochModel } from "./epoch-model.ts";
import type { EpochState } from "./epoch-state.ts";
import type { ItKwhPrices } from "./physics.ts";
import type { EpochPlanner, PlanBudget } from "./simulate-epochs.ts";
import { pricesAtSite } from "./site-prices.ts";
import { type DatacenterWorld, planRowsOf } from "./world.ts";

/** Rows that any planner should beat. They never call the model. */
export const REFERENCE_PLANNERS = [
  "uniform",
  "nearest",
  "greedy-carbon",
  "greedy-water",
  "greedy-cost",
] as const;
export type ReferencePlanner = (typeof REFERENCE_PLANNERS)[number];

/**
 * `uniform` gives every site the same share. The others fill sites one after another up to their rated capacity, in
 * order of latency from where the row's requests come from, or of carbon, water or cost of a kWh of IT energy;
 * what exceeds the whole fleet goes to all sites in proportion to their capacity.
 */
export function referencePlanner(kind: ReferencePlanner, world: DatacenterWorld): EpochPlanner {
  if (kind === "uniform") {
    return { name: kind, plan: (_state, _budget, plan) => void plan.fill(1 / world.sites.length) };
  }
  const sites = world.sites.length;
  const models = world.models.length;
  const rows = planRowsOf(world);
  const means = new EpochModel(world).meanNetworkSeconds;
  const keys = new Float64Array(sites);
  const left = new Float64Array(models * sites);
  const order = Array.from({ length: sites }, (_, d) => d);
  return {
    name: kind,
    plan(state, budget, plan) {
      left.set(budget.capacity);
      for (let row = 0; row < rows; row++) {
        const v = row % models;
        const origin = Math.floor(row / models);
        const byOrigin = world.planRows === "origins";
        for (let d = 0; d < sites; d++) {
          keys[d] =
            kind === "nearest"
              ? byOrigin
                ? world.networkSeconds[origin * sites + d]
                : means[d]
              : sitePrice(kind, world, state, d);
        }
        order.sort((a, b) => keys[a] - keys[b] || a - b);
        const share = byOrigin ? world.origins[origin].share : 1;
        fillInOrder(order, state.expectedRequests[v] * share, left, budget, plan, row, v);
      }
    },
  };
}

/** Writes a row of `plan` and takes from `left` what it uses. */
function fillInOrder(
  order: readonly number[],
  requests: number,
  left: Float64Array,
  budget: PlanBudget,
  plan: Float64Array,
  row: number,
  model: number,
): void {
  const sites = order.length;
  if (requests === 0) {
    for (const [place, d] of order.entries()) plan[row * sites + d] = place === 0 ? 1 : 0;
    return;
  }
  let rest = requests;
  for (const d of order) {
    const part = Math.min(rest, left[model * sites + d]);
    plan[row * sites + d] = part / requests;
    left[model * sites + d] -= part;
    rest -= part;
  }
  if (rest <= 0) return;
  let capacity = 0;
  for (let d = 0; d < sites; d++) capacity += budget.capacity[model * sites + d];
  for (let d = 0; d < sites; d++) {
    const share = capacity > 0 ? budget.capacity[model * sites + d] / capacity : 1 / sites;
    plan[row * sites + d] += (rest / requests) * share;
  }
}

const prices: ItKwhPrices = { carbonKg: 0, waterLitres: 0, usd: 0 };

function sitePrice(
  kind: Exclude<ReferencePlanner, "uniform" | "nearest">,
  world: DatacenterWorld,
  state: EpochState,
  d: number,
): number {
  pricesAtSite(state, d, world.physics, prices);
  if (kind === "greedy-carbon") return prices.carbonKg;
  return kind === "greedy-water" ? prices.waterLitres : prices.usd;
}
