import type { EpochState } from "./epoch-state.ts";
import {
  blowdownFactor,
  energyFactor,
  evaporationLitres,
  type ItKwhPrices,
  itKwh,
  loadSeconds,
} from "./physics.ts";
import { fluidWaitSeconds, type Latency, latencyAt, type Service, serviceOf } from "./service.ts";
import { pricesAtSite } from "./site-prices.ts";
import { type DatacenterWorld, planRowsOf } from "./world.ts";

/** A plan's metrics, in the order of `out`: all are costs. */
export const METRICS = ["ttft", "carbon", "water", "cost"] as const;
export const METRIC_UNITS = ["s", "kg", "L", "usd"] as const;
/** Where `out` is longer than the metrics: share of nodes that are off, share of requests beyond rated capacity. */
export const OFF_SHARE = 4;
export const EXCESS_SHARE = 5;

/** Longest wait that is counted for a request: at a site without a node it would be infinite. */
const LONGEST_WAIT_SECONDS = 86_400;

/** All that the model knows of an epoch under a plan. */
export interface EpochDetail {
  /** Means over requests: equation 3 literally, and queue + prefill + network. */
  readonly ttftPaperSeconds: number;
  readonly ttftSimSeconds: number;
  /** One way, mean over requests. */
  readonly networkSeconds: number;
  readonly itKwh: number;
  readonly coolingKwh: number;
  readonly infrastructureKwh: number;
  /** Of `itKwh`: idle energy of nodes that leave off. */
  readonly bootKwh: number;
  readonly totalKwh: number;
  readonly evaporationLitres: number;
  readonly blowdownLitres: number;
  readonly gridLitres: number;
  readonly gridCarbonKg: number;
  /** Carbon of the energy for potable and waste water (9). */
  readonly waterCarbonKg: number;
  readonly costUsd: number;
  /** IT energy by site. */
  readonly siteItKwh: Float64Array;
  /** Requests over rated capacity, index site * models + model. */
  readonly loads: Float64Array;
  /** Index (site * models + model) * types + type. */
  readonly nodesOn: Float64Array;
  readonly offShare: number;
  /** Requests beyond rated capacity: they are served after the epoch. */
  readonly excessRequests: number;
  /** Nodes that had to load weights with requests waiting. */
  readonly coldNodes: number;
}

/** One kind of node for one model at one site, as the bound sees it. */
export interface CapacityCell {
  readonly site: number;
  readonly model: number;
  readonly type: number;
  /** Whole nodes that can be used. */
  readonly nodes: number;
  /** Requests of an epoch at rated capacity, all nodes. */
  readonly requests: number;
  readonly service: Service;
}

/**
 * The physical model of an epoch: a plan and a state in, four metrics out.
 *
 * A plan is row-major [models] x [sites] (or [origins x models] x [sites]): each row says how the requests of a model
 * are split. Within a site a model's requests fill its nodes, the kind with least energy for a request first, each
 * node up to `fill` of its sustainable rate; nodes that are not needed are off. Requests beyond the rated capacity
 * wait as the fluid limit says, and their energy is that of the least efficient kind, spent after the epoch at the
 * epoch's prices: a plan gains nothing by leaving work undone. Without consolidation load is spread over all nodes.
 */
export class EpochModel {
  readonly world: DatacenterWorld;
  /** Entries of a plan. */
  readonly planLength: number;
  readonly #types: number;
  /** Mean one-way latency by site, for plans without origins. */
  readonly #meanNetwork: Float64Array;
  /** Mean lengths for which the tables below hold. */
  readonly #promptTokens: Float64Array;
  readonly #outputTokens: Float64Array;
  /** By model * types + place in the order of filling. */
  readonly #order: Int32Array;
  /** Kinds on which the model runs. */
  readonly #kinds: Int32Array;
  /** By model * types + type. Requests a second of a node: sustainable, and rated. */
  readonly #rate: Float64Array;
  readonly #rated: Float64Array;
  readonly #paperLatency: Float64Array;
  readonly #simLatency: Float64Array;
  readonly #load: Float64Array;
  readonly #replicas: Float64Array;
  readonly #services: (Service | undefined)[];
  readonly #nodesOn: Float64Array;
  readonly #siteItKwh: Float64Array;
  /** Nodes of each site that serve a model. */
  readonly #siteNodes: Float64Array;
  /** Requests by model * sites + site. */
  readonly #demand: Float64Array;
  readonly #tdp: Float64Array;
  readonly #prices: ItKwhPrices = { carbonKg: 0, waterLitres: 0, usd: 0 };
  readonly #latency: Latency = { queueSeconds: 0, prefillSeconds: 0, stepSeconds: 0 };
  /** Sums over the requests of the last run, see the constants below. */
  readonly #sums = new Float64Array(9);

  constructor(world: DatacenterWorld) {
    this.world = world;
    const sites = world.sites.length;
    const models = world.models.length;
    const types = world.nodeTypes.length;
    this.planLength = planRowsOf(world) * sites;
    this.#types = types;
    this.#meanNetwork = new Float64Array(sites);
    for (const [o, origin] of world.origins.entries()) {
      for (let d = 0; d < sites; d++) {
        this.#meanNetwork[d] += origin.share * world.networkSeconds[o * sites + d];
      }
    }
    this.#promptTokens = new Float64Array(models).fill(Number.NaN);
    this.#outputTokens = new Float64Array(models).fill(Number.NaN);
    this.#order = new Int32Array(models * types);
    this.#kinds = new Int32Array(models);
    this.#rate = new Float64Array(models * types);
    this.#rated = new Float64Array(models * types);
    this.#paperLatency = new Float64Array(models * types);
    this.#simLatency = new Float64Array(models * types);
    this.#services = new Array(models * types).fill(undefined);
    this.#load = Float64Array.from({ length: models * types }, (_, i) =>
      loadSeconds(
        world.models[Math.floor(i / types)].weightBytes,
        world.nodeTypes[i % types].loadBytesPerSecond,
      ),
    );
    this.#replicas = Float64Array.from(
      { length: models * types },
      (_, i) => world.nodeTypes[i % types].laws[world.models[Math.floor(i / types)].name]?.replicas ?? 0,
    );
    this.#nodesOn = new Float64Array(sites * models * types);
    this.#siteItKwh = new Float64Array(sites);
    this.#siteNodes = new Float64Array(sites);
    for (const [at, nodes] of world.nodesOf.entries()) {
      this.#siteNodes[Math.floor(at / (models * types))] += nodes;
    }
    this.#demand = new Float64Array(models * sites);
    this.#tdp = Float64Array.from(world.nodeTypes, (type) => type.tdpWatts);
  }

  /** Mean one-way latency from all origins to each site, seconds. */
  get meanNetworkSeconds(): Float64Array {
    return this.#meanNetwork.slice();
  }

  /**
   * @param plan rows on the simplex; not checked here, see {@link checkPlan}
   * @param out receives mean TTFT (s), carbon (kg), water (L), cost ($); where it is longer, also the share of nodes
   *   that are off and the share of requests beyond rated capacity
   */
  evaluate(state: EpochState, plan: Float64Array, out: Float64Array): void {
    this.#run(state, plan);
    const { physics } = this.world;
    const prices = this.#prices;
    const it = this.#siteItKwh;
    const sums = this.#sums;
    let carbon = 0;
    let water = 0;
    let cost = 0;
    for (let d = 0; d < it.length; d++) {
      pricesAtSite(state, d, physics, prices);
      carbon += it[d] * prices.carbonKg;
      water += it[d] * prices.waterLitres;
      cost += it[d] * prices.usd;
    }
    const requests = sums[REQUESTS];
    const ttft = this.world.ttft === "paper" ? sums[PAPER] : sums[SIM];
    out[0] = requests > 0 ? ttft / requests : 0;
    out[1] = carbon;
    out[2] = water;
    out[3] = cost;
    if (out.length > OFF_SHARE) {
      this.#countUsable(state);
      const usable = sums[USABLE];
      out[OFF_SHARE] = usable > 0 ? 1 - sums[ON] / usable : 0;
    }
    if (out.length > EXCESS_SHARE) out[EXCESS_SHARE] = requests > 0 ? sums[EXCESS] / requests : 0;
  }

  /** Everything about the epoch, in new arrays. */
  detail(state: EpochState, plan: Float64Array): EpochDetail {
    this.#run(state, plan);
    this.#countUsable(state);
    const { physics } = this.world;
    const sums = this.#sums;
    const mean = (sum: number) => (sums[REQUESTS] > 0 ? sum / sums[REQUESTS] : 0);
    const total = {
      itKwh: 0,
      totalKwh: 0,
      coolingKwh: 0,
      infrastructureKwh: 0,
      evaporationLitres: 0,
      gridLitres: 0,
      gridCarbonKg: 0,
      carbonKg: 0,
      costUsd: 0,
    };
    for (const [d, it] of this.#siteItKwh.entries()) {
      const all = it * energyFactor(state.cop[d], physics);
      pricesAtSite(state, d, physics, this.#prices);
      total.itKwh += it;
      total.totalKwh += all;
      total.infrastructureKwh += it * physics.infrastructureFraction;
      total.coolingKwh += (it * physics.coolingPerCrac) / state.cop[d];
      total.evaporationLitres += evaporationLitres(it, physics, state.evaporation[d]);
      total.gridLitres += all * state.waterLPerKwh[d];
      total.gridCarbonKg += all * state.carbonKgPerKwh[d];
      total.carbonKg += it * this.#prices.carbonKg;
      total.costUsd += it * this.#prices.usd;
    }
    const { carbonKg, ...rest } = total;
    return {
      ...rest,
      ttftPaperSeconds: mean(sums[PAPER]),
      ttftSimSeconds: mean(sums[SIM]),
      networkSeconds: mean(sums[NETWORK]),
      bootKwh: sums[BOOT_KWH],
      blowdownLitres: total.evaporationLitres * blowdownFactor(physics.blowdown),
      waterCarbonKg: carbonKg - total.gridCarbonKg,
      siteItKwh: this.#siteItKwh.slice(),
      loads: this.#loads(state),
      nodesOn: this.#nodesOn.slice(),
      offShare: sums[USABLE] > 0 ? 1 - sums[ON] / sums[USABLE] : 0,
      excessRequests: sums[EXCESS],
      coldNodes: sums[COLD],
    };
  }

  /**
   * Nodes that the last evaluated plan keeps on, index (site * models + model) * types + type: the model's own array,
   * written by the next evaluation.
   */
  get nodesOn(): Readonly<Float64Array> {
    return this.#nodesOn;
  }

  /** Rated capacity in requests of an epoch, index model * sites + site, as a plan is laid out. */
  capacity(state: EpochState, out: Float64Array): void {
    this.#prepare(state);
    const types = this.#types;
    for (let v = 0; v < state.models; v++) {
      for (let d = 0; d < state.sites; d++) {
        let sum = 0;
        for (let k = 0; k < types; k++) sum += this.#nodes(state, d, v, k) * this.#rated[v * types + k];
        out[v * state.sites + d] = sum * state.seconds;
      }
    }
  }

  /** The kinds of nodes of every site and model in the order in which they are filled. */
  cells(state: EpochState): CapacityCell[] {
    this.#prepare(state);
    const types = this.#types;
    const cells: CapacityCell[] = [];
    for (let d = 0; d < state.sites; d++) {
      for (let v = 0; v < state.models; v++) {
        for (let j = 0; j < this.#kinds[v]; j++) {
          const type = this.#order[v * types + j];
          const nodes = this.#nodes(state, d, v, type);
          const requests = nodes * this.#rated[v * types + type] * state.seconds;
          const service = this.#services[v * types + type] as Service;
          cells.push({ site: d, model: v, type, nodes, requests, service });
        }
      }
    }
    return cells;
  }

  #loads(state: EpochState): Float64Array {
    const loads = new Float64Array(state.sites * state.models);
    const capacity = new Float64Array(state.models * state.sites);
    this.capacity(state, capacity);
    for (let d = 0; d < state.sites; d++) {
      for (let v = 0; v < state.models; v++) {
        const at = v * state.sites + d;
        loads[d * state.models + v] = this.#demand[at] === 0 ? 0 : this.#demand[at] / capacity[at];
      }
    }
    return loads;
  }

  #nodes(state: EpochState, d: number, v: number, k: number): number {
    return Math.floor(this.world.nodesOf[(d * state.models + v) * this.#types + k] * state.availability[d]);
  }

  /** Into the sums, not returned: a number that is would be boxed. */
  #countUsable(state: EpochState): void {
    let usable = 0;
    for (let d = 0; d < state.sites; d++) {
      if (state.availability[d] === 1) {
        usable += this.#siteNodes[d];
        continue;
      }
      for (let v = 0; v < state.models; v++) {
        for (let k = 0; k < this.#types; k++) usable += this.#nodes(state, d, v, k);
      }
    }
    this.#sums[USABLE] = usable;
  }

  /** Rates and latencies for the mean lengths of the state. */
  #prepare(state: EpochState): void {
    for (let v = 0; v < state.models; v++) {
      if (
        state.promptTokens[v] === this.#promptTokens[v] &&
        state.outputTokens[v] === this.#outputTokens[v]
      ) {
        continue;
      }
      this.#promptTokens[v] = state.promptTokens[v];
      this.#outputTokens[v] = state.outputTokens[v];
      this.#prepareModel(v);
    }
  }

  #prepareModel(v: number): void {
    const { world } = this;
    const types = this.#types;
    const kinds: number[] = [];
    for (const [k, type] of world.nodeTypes.entries()) {
      const at = v * types + k;
      const law = type.laws[world.models[v].name];
      const service =
        law === undefined || world.kvTokens[at] === 0
          ? undefined
          : serviceOf(law, world.kvTokens[at], this.#promptTokens[v], this.#outputTokens[v], world.limits);
      this.#services[at] = service;
      if (service === undefined) {
        this.#rate[at] = 0;
        this.#rated[at] = 0;
        continue;
      }
      kinds.push(k);
      this.#rate[at] = this.#replicas[at] * service.requestsPerSecond;
      this.#rated[at] = world.fill * this.#rate[at];
      latencyAt(service, world.fill, this.#latency);
      const { queueSeconds, prefillSeconds, stepSeconds } = this.#latency;
      this.#simLatency[at] = queueSeconds + prefillSeconds;
      this.#paperLatency[at] = (queueSeconds + prefillSeconds) / service.outputTokens + stepSeconds;
    }
    const joules = (k: number) => world.nodeTypes[k].tdpWatts / this.#rated[v * types + k];
    kinds.sort((a, b) => joules(a) - joules(b));
    this.#kinds[v] = kinds.length;
    for (const [j, k] of kinds.entries()) this.#order[v * types + j] = k;
  }

  #run(state: EpochState, plan: Float64Array): void {
    this.#prepare(state);
    this.#sums.fill(0);
    this.#siteItKwh.fill(0);
    this.#nodesOn.fill(0);
    if (this.world.planRows === "origins") this.#demandOfOrigins(state, plan);
    else this.#demandOfModels(state, plan);
    if (this.world.consolidation) {
      this.#pack(state);
      return;
    }
    for (let v = 0; v < state.models; v++) {
      for (let d = 0; d < state.sites; d++) this.#spread(state, d, v);
    }
  }

  #demandOfModels(state: EpochState, plan: Float64Array): void {
    const demand = this.#demand;
    const means = this.#meanNetwork;
    const { models, sites, expectedRequests } = state;
    let requests = 0;
    let network = 0;
    for (let v = 0; v < models; v++) {
      const all = expectedRequests[v];
      for (let d = 0; d < sites; d++) {
        const part = plan[v * sites + d] * all;
        demand[v * sites + d] = part;
        requests += part;
        network += part * means[d];
      }
    }
    // Written here and not in a function of its own: numbers passed to it would be boxed.
    const sums = this.#sums;
    sums[REQUESTS] = requests;
    sums[NETWORK] = network;
    sums[PAPER] = 2 * network;
    sums[SIM] = 2 * network;
  }

  #demandOfOrigins(state: EpochState, plan: Float64Array): void {
    const demand = this.#demand;
    const { origins, networkSeconds } = this.world;
    const { models, sites, expectedRequests } = state;
    demand.fill(0);
    let requests = 0;
    let network = 0;
    for (let o = 0; o < origins.length; o++) {
      for (let v = 0; v < models; v++) {
        const all = expectedRequests[v] * origins[o].share;
        const row = (o * models + v) * sites;
        for (let d = 0; d < sites; d++) {
          const part = plan[row + d] * all;
          demand[v * sites + d] += part;
          requests += part;
          network += part * networkSeconds[o * sites + d];
        }
      }
    }
    const sums = this.#sums;
    sums[REQUESTS] = requests;
    sums[NETWORK] = network;
    sums[PAPER] = 2 * network;
    sums[SIM] = 2 * network;
  }

  /**
   * Fills the nodes of each model at each site one after another. One function and local sums: a call for each of the
   * hundred kinds of nodes, or a number kept in an object, would cost more than the arithmetic.
   */
  #pack(state: EpochState): void {
    const { nodesOf, fill, prewarm, bootPenalty } = this.world;
    const { off, idle, mid, full, midUpTo } = this.world.power;
    const { seconds, nodesOn: before, nodesWarm, models, sites, availability } = state;
    const types = this.#types;
    const sums = this.#sums;
    const order = this.#order;
    const rated = this.#rated;
    const tdp = this.#tdp;
    const paperLatency = this.#paperLatency;
    const simLatency = this.#simLatency;
    const loading = this.#load;
    const kept = this.#nodesOn;
    const demand = this.#demand;
    const noneElse = off === 0 && nodesWarm === null;
    const warm = nodesWarm ?? (prewarm ? null : before);
    const previous = bootPenalty ? before : null;
    const kwhPerWatt = seconds / 3.6e6;
    let allPaper = 0;
    let allSim = 0;
    let allOn = 0;
    let allCold = 0;
    let allExcess = 0;
    let bootWatts = 0;
    for (let v = 0; v < models; v++) {
      const first = v * types;
      const kinds = this.#kinds[v];
      const outputTokens = this.#outputTokens[v];
      for (let d = 0; d < sites; d++) {
        const requests = demand[v * sites + d];
        const base = (d * models + v) * types;
        const usable = availability[d];
        let left = requests;
        let capacity = 0;
        let watts = 0;
        let last = first + order[first + kinds - 1];
        for (let j = 0; j < kinds; j++) {
          const k = order[first + j];
          const at = first + k;
          const cell = base + k;
          const nodes = usable === 1 ? nodesOf[cell] : Math.floor(nodesOf[cell] * usable);
          const perNode = rated[at] * seconds;
          const room = nodes * perNode;
          capacity += room;
          let on = 0;
          if (left > 0 && nodes > 0) {
            let served = left;
            if (left >= room) {
              on = nodes;
              served = room;
              left -= room;
              watts += nodes * full * tdp[k];
            } else {
              const exact = left / perNode;
              on = Math.floor(exact);
              let states = on * full;
              const rest = exact - on;
              if (rest > 0) {
                on++;
                states += rest * fill <= midUpTo ? mid : full;
              }
              left = 0;
              watts += states * tdp[k];
            }
            allPaper += served * paperLatency[at];
            allSim += served * simLatency[at];
            last = at;
            kept[cell] = on;
            allOn += on;
            // Requests that wait for weights: by equation 3 the first of each cold node; in fact all that come
            // meanwhile.
            if (warm !== null && on > warm[cell]) {
              const cold = on - warm[cell];
              const wait = Math.min(loading[at], seconds);
              allCold += cold;
              allPaper += cold * loading[at];
              allSim += served * (cold / on) * (wait / seconds) * 0.5 * wait;
            }
          }
          watts += (nodes - on) * off * tdp[k];
          if (previous !== null) {
            const up = nodesWarm !== null && nodesWarm[cell] > on ? nodesWarm[cell] : on;
            if (up > previous[cell]) {
              const boot = (up - previous[cell]) * idle * tdp[k];
              watts += boot;
              bootWatts += boot;
            }
          }
          if (left === 0 && noneElse) break;
        }
        let energy = watts * kwhPerWatt;
        // With nothing left over the loop may have ended before it had seen the whole capacity.
        if (left > 0) {
          const wait = longWait(requests, capacity, seconds);
          energy += (full * tdp[last - first] * left) / rated[last] / 3.6e6;
          allPaper += left * paperLatency[last] + (requests * wait) / outputTokens;
          allSim += left * simLatency[last] + requests * wait;
          allExcess += left;
        }
        this.#siteItKwh[d] += energy;
      }
    }
    sums[PAPER] += allPaper;
    sums[SIM] += allSim;
    sums[ON] = allOn;
    sums[COLD] = allCold;
    sums[EXCESS] = allExcess;
    sums[BOOT_KWH] = bootWatts * kwhPerWatt;
  }

  /** Spreads a model's requests over all its nodes at a site, each at the same load; none is off. */
  #spread(state: EpochState, d: number, v: number): void {
    const requests = this.#demand[v * state.sites + d];
    const { power, fill } = this.world;
    const types = this.#types;
    const kinds = this.#kinds[v];
    const latency = this.#latency;
    const sums = this.#sums;
    let sustainable = 0;
    for (let j = 0; j < kinds; j++) {
      const k = this.#order[v * types + j];
      sustainable += this.#nodes(state, d, v, k) * this.#rate[v * types + k];
    }
    sustainable *= state.seconds;
    const capacity = fill * sustainable;
    const served = Math.min(requests, capacity);
    const load = sustainable > 0 ? served / sustainable : 0;
    const fraction = load === 0 ? power.idle : load <= power.midUpTo ? power.mid : power.full;
    let energy = 0;
    for (let j = 0; j < kinds; j++) {
      const k = this.#order[v * types + j];
      const at = v * types + k;
      const nodes = this.#nodes(state, d, v, k);
      energy += itKwh(nodes * fraction, this.#tdp[k], state.seconds);
      this.#nodesOn[(d * state.models + v) * types + k] = nodes;
      sums[ON] += nodes;
      if (served === 0 || nodes === 0) continue;
      const service = this.#services[at] as Service;
      const part = (served * nodes * this.#rate[at] * state.seconds) / sustainable;
      latencyAt(service, load, latency);
      const wait = latency.queueSeconds + latency.prefillSeconds;
      sums[SIM] += part * wait;
      sums[PAPER] += part * (wait / service.outputTokens + latency.stepSeconds);
    }
    const left = requests - served;
    if (left > 0) {
      const last = this.#order[v * types + kinds - 1];
      const at = v * types + last;
      const wait = longWait(requests, capacity, state.seconds);
      energy += itKwh(power.full, this.#tdp[last], left / this.#rated[at]);
      sums[PAPER] += left * this.#paperLatency[at] + (requests * wait) / this.#outputTokens[v];
      sums[SIM] += left * this.#simLatency[at] + requests * wait;
      sums[EXCESS] += left;
    }
    this.#siteItKwh[d] += energy;
  }
}

/** Mean wait of the requests of a site with less capacity than requests, seconds. */
function longWait(requests: number, capacity: number, seconds: number): number {
  if (capacity === 0) return LONGEST_WAIT_SECONDS;
  return Math.min(fluidWaitSeconds(requests / capacity, seconds), LONGEST_WAIT_SECONDS);
}

/** Places in the sums of a run. */
const REQUESTS = 0;
const NETWORK = 1;
const PAPER = 2;
const SIM = 3;
const EXCESS = 4;
const COLD = 5;
const BOOT_KWH = 6;
const ON = 7;
const USABLE = 8;
