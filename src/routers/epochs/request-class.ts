/** A router's fleet as the datacentres that planners of epochs know: regions are sites, replicas nodes. */
import { PAPER_PHYSICS, type PhysicsParameters } from "../../datacenter/physics.ts";
import { type EngineLimits, type ServiceLaw, serviceOf } from "../../datacenter/service.ts";
import { type DatacenterWorld, makeWorld, POWER_STATES, type PowerStates } from "../../datacenter/world.ts";
import type { Law } from "../../profile/law.ts";
import type { EndpointView, World } from "../contract.ts";

/** Requests that may go to the same endpoints, and those endpoints as datacentres of one model. */
export interface RequestClass {
  /** The endpoints, and the site of each in {@link RequestClass.world}. */
  readonly endpoints: Int32Array;
  readonly site: Int32Array;
  /** Kind of node of each endpoint, how many it has, and the requests a second that one of them sustains. */
  readonly type: Int32Array;
  readonly nodes: Float64Array;
  readonly rate: Float64Array;
  /** Region of each site. */
  readonly regions: Int32Array;
  /** By site: what a kWh of IT energy costs where energy has no price of its own, the rent over rated power. */
  readonly rentUsdPerKwh: Float64Array;
  /** `nodesOf` is written at every epoch: endpoints that are down have none. */
  readonly world: DatacenterWorld;
}

export interface ClassOptions {
  /** Which time to first token the planner minimises. */
  readonly ttft: "paper" | "simulated";
  /** Nodes of a site are filled one after another; otherwise all serve alike. */
  readonly consolidation: boolean;
}

/** A site's PUE is 1 + overhead / COP with this overhead at least: COP is infinite at a PUE of 1. */
const LEAST_OVERHEAD = 0.01;
/** The meters of requests count no energy for making and treating water. */
const PHYSICS: PhysicsParameters = {
  ...PAPER_PHYSICS,
  infrastructureFraction: 0,
  potableKwhPerLitre: 0,
  wasteKwhPerLitre: 0,
};
/** Of engines: the default budget, and the spread of Azure's prompts. A router sees neither. */
const LIMITS: Omit<EngineLimits, "maxBatch"> = { tokenBudget: 2048, promptScv: Math.expm1(0.99 ** 2) };

/**
 * @param members endpoints that may serve the requests, at least one
 * @param name of the class, for messages
 */
export function requestClass(
  { endpoints: fleet, regions: facts, signals, meanPromptTokens, meanOutputTokens }: World,
  members: readonly number[],
  name: string,
  { ttft, consolidation }: ClassOptions,
): RequestClass {
  const prompt = Math.max(1, meanPromptTokens);
  const output = Math.max(1, meanOutputTokens);
  const regions = [...new Set(members.map((e) => fleet.region[e]))].sort((a, b) => a - b);
  const kinds: { law: Law; batch: number; watts: ReplicaWatts; service: ServiceLaw; rate: number }[] = [];
  const kindOf = members.map((e) => {
    const law = fleet.law[e];
    const batch = largestBatch(fleet, e, prompt + output);
    const known = kinds.findIndex((kind) => kind.law === law && kind.batch === batch);
    if (known >= 0) return known;
    const service = serviceLawOf(law, batch, prompt, output);
    const rate = sustainedRate(law, batch, prompt, output);
    kinds.push({ law, batch, watts: replicaWatts(law, batch), service, rate });
    return kinds.length - 1;
  });
  const site = members.map((e) => regions.indexOf(fleet.region[e]));
  const nodes = members.map((e) => Math.max(1, fleet.minReplicas[e]));
  const sumOver = (d: number, of: (i: number) => number) =>
    members.reduce((sum, _, i) => sum + (site[i] === d ? of(i) : 0), 0);
  const counts = regions.map((_, d) =>
    kinds.map((_, k) => sumOver(d, (i) => (kindOf[i] === k ? nodes[i] : 0))),
  );
  const overhead = Math.max(LEAST_OVERHEAD, ...regions.map((r) => facts.pue[r] - 1));
  const made = makeWorld({
    sites: regions.map((r, d) => ({ name: signals.regions[r], latitude: 0, longitude: 0, nodes: counts[d] })),
    mix: [1],
    promptTokens: [prompt],
    outputTokens: [output],
    // A byte for a token and no weights: the memory of a node is its KV capacity.
    models: [{ name, weightBytes: 0, kvBytesPerToken: 1 }],
    nodeTypes: kinds.map(({ batch, watts, service }, k) => ({
      gpus: 1,
      // Replicas are loaded: there are no weights to load.
      loadBytesPerSecond: 1,
      name: `kind-${k}`,
      memoryBytes: Math.ceil(batch * (prompt + output)),
      tdpWatts: watts.full,
      laws: { [name]: service },
    })),
    origins: [{ name: "gateway", latitude: 0, longitude: 0, share: 1 }],
    consolidation,
    ttft,
    memoryUse: 1,
    prewarm: false,
    bootPenalty: false,
    limits: { ...LIMITS, maxBatch: Math.max(...kinds.map(({ batch }) => batch)) },
    power: statesOf(
      kinds.map(({ watts }, k) => ({ watts, nodes: counts.reduce((sum, at) => sum + at[k], 0) })),
    ),
    physics: { ...PHYSICS, coolingPerCrac: overhead },
  });
  const networkSeconds = regions.map(
    (_, d) => sumOver(d, (i) => fleet.roundTripSeconds[members[i]]) / sumOver(d, () => 1) / 2,
  );
  const rents = regions.map((_, d) => {
    const kilowatts = sumOver(d, (i) => (nodes[i] * kinds[kindOf[i]].watts.full) / 1000);
    return sumOver(d, (i) => nodes[i] * fleet.usdPerReplicaSecond[members[i]] * 3600) / kilowatts;
  });
  return {
    endpoints: Int32Array.from(members),
    site: Int32Array.from(site),
    type: Int32Array.from(kindOf),
    nodes: Float64Array.from(nodes),
    rate: Float64Array.from(kindOf, (k) => kinds[k].rate),
    regions: Int32Array.from(regions),
    rentUsdPerKwh: Float64Array.from(rents),
    world: { ...made, networkSeconds: Float64Array.from(networkSeconds) },
  };
}

/** Requests of this many tokens that a replica of an endpoint can hold at once, at least 1. */
export function largestBatch(fleet: EndpointView, endpoint: number, tokens: number): number {
  const room = Math.floor(fleet.kvTokens[endpoint] / tokens);
  return Math.max(1, Math.min(fleet.maxRequests[endpoint], fleet.law[endpoint].maxSequences, room));
}

/** Requests a second that a replica sustains which computes prompts and decodes. */
export function sustainedRate(law: Law, batch: number, prompt: number, output: number): number {
  const service = serviceLawOf(law, batch, prompt, output);
  const tokens = Math.ceil(batch * (prompt + output));
  const limits = { ...LIMITS, maxBatch: batch };
  return serviceOf(service, tokens, prompt, output, limits)?.requestsPerSecond ?? 0;
}

/** PUE as the model has it: {@link copOf} of it gives it back. */
export function copOf(pue: number, { physics }: DatacenterWorld): number {
  return physics.coolingPerCrac / Math.max(LEAST_OVERHEAD, pue - 1);
}

/**
 * The affine law of a replica at the mean lengths: decode steps by the chord between batches of one and the largest,
 * and what a mean prompt adds to a step of half the largest batch.
 */
function serviceLawOf(law: Law, batch: number, prompt: number, output: number): ServiceLaw {
  const context = prompt + output / 2;
  const step = (n: number) => law.decodeSeconds(n, Math.round(n * context));
  const perSequence = batch > 1 ? Math.max(0, (step(batch) - step(1)) / (batch - 1)) : 0;
  const half = Math.max(1, Math.floor(batch / 2));
  const held = Math.round(half * context);
  const added = law.seconds(Math.round(prompt), half, held) - law.decodeSeconds(half, held);
  return {
    replicas: 1,
    stepBaseSeconds: step(1) - perSequence,
    perSequenceSeconds: perSequence,
    // The mean context is in the chord.
    perContextTokenSeconds: 0,
    prefillBaseSeconds: Math.max(0, added),
    perPromptTokenSeconds: 0,
  };
}

interface ReplicaWatts {
  readonly idle: number;
  /** At half the largest batch, and at the largest or while prompts are computed. */
  readonly mid: number;
  readonly full: number;
}

/** Relative where the profile has no power. */
function replicaWatts(law: Law, batch: number): ReplicaWatts {
  if (!law.hasPower) return POWER_STATES;
  const half = law.decodeWatts[Math.max(1, Math.floor(batch / 2))];
  const full = Math.max(law.prefillWatts, law.decodeWatts[batch], half, law.idleWatts);
  return { idle: law.idleWatts, mid: Math.max(half, law.idleWatts), full };
}

/** P-states of the whole fleet over full power. Replicas without requests idle: nobody turns them off. */
function statesOf(kinds: readonly { readonly watts: ReplicaWatts; readonly nodes: number }[]): PowerStates {
  const sum = (of: (watts: ReplicaWatts) => number) =>
    kinds.reduce((total, { watts, nodes }) => total + nodes * of(watts), 0);
  const full = sum((watts) => watts.full);
  const idle = sum((watts) => watts.idle) / full;
  return { off: idle, idle, mid: sum((watts) => watts.mid) / full, full: 1, midUpTo: POWER_STATES.midUpTo };
}
