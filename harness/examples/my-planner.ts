/**
 * A planner of epochs in one file: `canopy run harness/marlin/small.yaml --set 'planners=[uniform,
 * ./harness/examples/my-planner.ts]'`.
 *
 * Fills the datacentres in order of carbon and price together, each up to a share of its capacity.
 */
import { definePlanner, z } from "canopy-bench";

export default definePlanner({
  id: "my-planner",
  family: "user",
  group: "user",
  status: "ours",
  source: "harness/examples/my-planner.ts",
  summary: "Clean and cheap datacentres first",
  parameters: z.strictObject({
    carbonWeight: z.number().min(0).max(1).default(0.5).describe("Of carbon; the rest is of the price"),
    fill: z.number().gt(0).max(1).default(0.8).describe("Share of a datacentre's capacity that is used"),
  }),
  create({ carbonWeight, fill }, { world }) {
    const sites = world.sites.length;
    const order = Array.from({ length: sites }, (_, d) => d);
    const mean = (column: Float64Array) => column.reduce((sum, value) => sum + value, 0) / sites;
    return {
      name: "my-planner",
      plan(state, budget, plan) {
        const [carbon, price] = [mean(state.carbonKgPerKwh), mean(state.usdPerKwh)];
        const score = (d: number) =>
          (carbonWeight * state.carbonKgPerKwh[d]) / carbon +
          ((1 - carbonWeight) * state.usdPerKwh[d]) / price;
        order.sort((a, b) => score(a) - score(b));
        for (let row = 0; row < plan.length / sites; row++) {
          // Rows are models here; what does not fit goes to all in equal shares.
          const requests = state.expectedRequests[row % state.models];
          let left = 1;
          for (const d of order) {
            const room = requests > 0 ? (fill * budget.capacity[row * sites + d]) / requests : 0;
            plan[row * sites + d] = Math.min(left, room);
            left -= plan[row * sites + d];
          }
          for (let d = 0; d < sites; d++) plan[row * sites + d] += left / sites;
        }
      },
    };
  },
});
