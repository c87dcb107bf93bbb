import type { EpochPlanner } from "../../datacenter/simulate-epochs.ts";
import { type DatacenterWorld, planRowsOf } from "../../datacenter/world.ts";
import { type Link, maxFlow } from "../../numeric/max-flow.ts";
import { InterleavedWeightedRoundRobin } from "../weighted-round-robin.ts";

export interface HelixOptions {
  /** From an origin to a datacentre. Default 12.5e9: 100 Gbit/s (ours; the world has no bandwidths). */
  readonly linkBytesPerSecond: number;
  /** Of a token on that link. Default 4 (ours: a token's number). */
  readonly tokenBytes: number;
  /** Links with less than this share of the flow out of their node are not used. Default 0.05 (Helix's code). */
  readonly leastLinkShare: number;
  /**
   * Groups of equal size into which a row's requests are divided, each sent by interleaved weighted round robin.
   * Default 0: the shares that this comes to with ever more groups (ours).
   */
  readonly groups: number;
}

export const HELIX: HelixOptions = {
  linkBytesPerSecond: 12.5e9,
  tokenBytes: 4,
  leastLinkShare: 0.05,
  groups: 0,
};

/**
 * Helix (Mei et al., ASPLOS 2025) at the scale of datacentres: for each model the largest flow of tokens from origins
 * through links to datacentres, whose capacity is what their nodes sustain, and interleaved weighted round robin by
 * the flows. Every node holds the model whole, so there is nothing left to place. It knows nothing of carbon, water
 * and prices, and calls nothing.
 *
 * Origins inject their share of the requests, so that no origin takes all of the near capacity; among flows of the
 * same size links of low latency are filled first (both ours).
 */
export function helixPlanner(world: DatacenterWorld, given: Partial<HelixOptions> = {}): EpochPlanner {
  const options: HelixOptions = { ...HELIX, ...given };
  const sites = world.sites.length;
  const models = world.models.length;
  const rows = planRowsOf(world);
  return {
    name: "helix",
    plan(state, budget, plan) {
      for (let v = 0; v < models; v++) {
        const tokens = state.promptTokens[v] + state.outputTokens[v];
        const rates = budget.capacity
          .slice(v * sites, (v + 1) * sites)
          .map((requests) => (requests * tokens) / state.seconds);
        const flows = originFlows(world, rates, options.linkBytesPerSecond / options.tokenBytes);
        for (let row = v; row < rows; row += models) {
          const out =
            world.planRows === "origins"
              ? flows[Math.floor(row / models)]
              : rates.map((_, d) => flows.reduce((sum, flow) => sum + flow[d], 0));
          plan.set(sharesOf(out, rates, options), row * sites);
        }
      }
    },
  };
}

/** Tokens a second from each origin to each site. */
function originFlows(world: DatacenterWorld, rates: Float64Array, linkRate: number): Float64Array[] {
  const origins = world.origins.length;
  const sites = rates.length;
  const [source, sink] = [0, 1 + origins + sites];
  const total = rates.reduce((sum, rate) => sum + rate, 0);
  const links: Link[] = world.origins.map(({ share }, o) => ({
    from: source,
    to: 1 + o,
    capacity: share * total,
  }));
  const pairs = world.origins.flatMap((_, o) => Array.from({ length: sites }, (_, d) => o * sites + d));
  pairs.sort((a, b) => world.networkSeconds[a] - world.networkSeconds[b] || a - b);
  for (const pair of pairs) {
    links.push({
      from: 1 + Math.floor(pair / sites),
      to: 1 + origins + (pair % sites),
      capacity: linkRate,
    });
  }
  for (const [d, capacity] of rates.entries()) links.push({ from: 1 + origins + d, to: sink, capacity });
  const { flows } = maxFlow(sink + 1, links, source, sink);
  const out = world.origins.map(() => new Float64Array(sites));
  for (const [place, pair] of pairs.entries()) {
    out[Math.floor(pair / sites)][pair % sites] = flows[origins + place];
  }
  return out;
}

/**
 * Shares of requests over links with these flows.
 *
 * @param instead weights for where nothing flows; even shares where these are 0 as well
 */
export function sharesOf(
  flows: ArrayLike<number>,
  instead: ArrayLike<number>,
  { leastLinkShare, groups }: Pick<HelixOptions, "leastLinkShare" | "groups">,
): Float64Array {
  const all = Array.from(flows).some((flow) => flow > 0) ? flows : instead;
  let total = 0;
  for (let d = 0; d < all.length; d++) total += all[d];
  if (total === 0) return new Float64Array(all.length).fill(1 / all.length);
  const kept = Float64Array.from(all, (flow) => (flow >= leastLinkShare * total ? flow : 0));
  const sum = kept.reduce((one, other) => one + other, 0);
  // So many links that each is below the least share: then all are used.
  if (sum === 0) return sharesOf(flows, instead, { leastLinkShare: 0, groups });
  if (groups === 0) return kept.map((flow) => flow / sum);
  const robin = new InterleavedWeightedRoundRobin(kept);
  const shares = new Float64Array(kept.length);
  for (let g = 0; g < groups; g++) {
    const d = robin.peek(1);
    robin.take(d, 1);
    shares[d] += 1 / groups;
  }
  return shares;
}
