import { type CapacityCell, EpochModel } from "../../datacenter/epoch-model.ts";
import type { EpochState } from "../../datacenter/epoch-state.ts";
import type { EpochPlanner, PlanBudget } from "../../datacenter/simulate-epochs.ts";
import { type DatacenterWorld, planRowsOf } from "../../datacenter/world.ts";
import { assignPhases, type PhaseInstance } from "./splitwise-rule.ts";

export interface SplitwiseOptions {
  /** Groups of equal size into which a row's requests are divided. Default 200 (ours). */
  readonly groups: number;
  /** Node types whose name begins so are prompt instances, others token instances. Default H100 (Splitwise). */
  readonly promptNodes: string;
}

export const SPLITWISE: SplitwiseOptions = { groups: 200, promptNodes: "H100" };

/** A model at a site: its kinds of nodes, each taken as one instance, and what a request takes of each. */
interface PhasedSite {
  readonly instances: PhaseInstance[];
  /** Of one request, as a share of what the instance can do in the epoch. */
  readonly prompt: number[];
  readonly sequence: number[];
  /** Requests of the epoch for which there is room. */
  left: number;
  readonly capacity: number;
}

/**
 * Splitwise at the scale of datacentres. Requests are given out in groups: each goes to the datacentre with most joint
 * room min(prompt room, token room) in its pools, in shares of its rated capacity, and there to a prompt and a token
 * instance by the mixed-pool rule; the lower latency wins between equals. Once no datacentre has joint room, mixed
 * instances serve both phases and the rated capacity that is left counts. It calls nothing. The model of the epoch
 * knows no split of phases, so their energy at different P-states is not told apart.
 */
export function splitwisePlanner(
  world: DatacenterWorld,
  given: Partial<SplitwiseOptions> = {},
): EpochPlanner {
  const options: SplitwiseOptions = { ...SPLITWISE, ...given };
  const model = new EpochModel(world);
  const means = model.meanNetworkSeconds;
  const sites = world.sites.length;
  const models = world.models.length;
  const rows = planRowsOf(world);
  const figures = { mixedInstances: 0 };
  return {
    name: "splitwise",
    plan(state, budget, plan) {
      plan.fill(0);
      figures.mixedInstances = 0;
      const cells = model.cells(state);
      for (let v = 0; v < models; v++) {
        const places = world.sites.map((_, d) => phasedSite(world, state, budget, cells, options, v, d));
        for (let row = v; row < rows; row += models) {
          const origin = world.planRows === "origins" ? Math.floor(row / models) : -1;
          const share = origin < 0 ? 1 : world.origins[origin].share;
          const group = (state.expectedRequests[v] * share) / options.groups;
          const latency = (d: number) => (origin < 0 ? means[d] : world.networkSeconds[origin * sites + d]);
          for (let g = 0; g < options.groups; g++) {
            const d = roomiest(places, latency);
            plan[row * sites + d] += 1 / options.groups;
            book(places[d], group);
          }
        }
        for (const { instances } of places) {
          figures.mixedInstances += instances.filter(({ pool }) => pool === "mixed").length;
        }
      }
    },
    figures: () => figures,
  };
}

function phasedSite(
  world: DatacenterWorld,
  state: EpochState,
  budget: PlanBudget,
  cells: readonly CapacityCell[],
  options: SplitwiseOptions,
  v: number,
  d: number,
): PhasedSite {
  const capacity = budget.capacity[v * state.sites + d];
  const site: PhasedSite = { instances: [], prompt: [], sequence: [], left: capacity, capacity };
  for (const cell of cells) {
    if (cell.site !== d || cell.model !== v || cell.nodes === 0) continue;
    const type = world.nodeTypes[cell.type];
    const { service } = cell;
    const engineSeconds = cell.nodes * (type.laws[world.models[v].name]?.replicas ?? 0) * state.seconds;
    const home = type.name.startsWith(options.promptNodes) ? "prompt" : "token";
    const step = service.stepBaseSeconds / service.batch + service.stepPerSequence;
    site.prompt.push(service.prefillSeconds / engineSeconds);
    site.sequence.push((service.outputTokens * step) / engineSeconds);
    site.instances.push({
      home,
      pool: home,
      pending: 0,
      memory: 0,
      pendingLimit: world.fill,
      memoryLimit: world.fill,
    });
  }
  return site;
}

/** Requests that both phases have room for in the pools as they are; mixed instances serve either with what is left. */
function jointRoom({ instances, prompt, sequence, left }: PhasedSite): number {
  let promptRoom = 0;
  let tokenRoom = 0;
  for (const [i, { pool, pending, memory, pendingLimit, memoryLimit }] of instances.entries()) {
    const free = Math.max(0, pool === "prompt" ? pendingLimit - pending : memoryLimit - memory);
    const mixed = Math.max(0, pendingLimit - pending - memory);
    if (pool !== "token") promptRoom += (pool === "mixed" ? mixed : free) / prompt[i];
    if (pool !== "prompt") tokenRoom += (pool === "mixed" ? mixed : free) / sequence[i];
  }
  return Math.max(0, Math.min(promptRoom, tokenRoom, left));
}

function roomiest(places: readonly PhasedSite[], latency: (d: number) => number): number {
  const joint = pick(places, latency, jointRoom);
  if (joint >= 0) return joint;
  const rated = pick(places, latency, ({ left }) => left);
  if (rated >= 0) return rated;
  // All are full: what is too much goes where it is least in shares of capacity.
  return Math.max(
    0,
    pick(places, latency, ({ left, capacity }) => capacity ** 2 / (1 + capacity - left)),
  );
}

/** Room in shares of rated capacity that differs by less than this is equal (ours). */
const SAME_ROOM = 1e-9;

/** The datacentre with most room above 0 in shares of its capacity; -1 without. */
function pick(
  places: readonly PhasedSite[],
  latency: (d: number) => number,
  roomOf: (place: PhasedSite) => number,
): number {
  let best = -1;
  let most = 0;
  for (const [d, place] of places.entries()) {
    const room = place.capacity > 0 ? roomOf(place) / place.capacity : 0;
    if (room <= SAME_ROOM) continue;
    const better = best < 0 || room > most + SAME_ROOM;
    if (better || (room >= most - SAME_ROOM && latency(d) < latency(best))) {
      best = d;
      most = room;
    }
  }
  return best;
}

function book(site: PhasedSite, requests: number): void {
  site.left -= requests;
  if (site.instances.length === 0) return;
  assignPhases(site.instances, {
    pending: site.prompt.map((share) => share * requests),
    memory: site.sequence.map((share) => share * requests),
  });
}
