import type { CapacityCell } from "../../datacenter/epoch-model.ts";
import type { DatacenterWorld } from "../../datacenter/world.ts";
import { DivergenceGuard } from "../../learning/checkpoint/divergence-guard.ts";
import { Ddqn } from "../../learning/ddqn/ddqn.ts";
import { federatedAverage } from "../../learning/ddqn/federated-average.ts";
import type { Dense } from "../../learning/dense/dense.ts";
import { type Batch, makeBatch } from "../../learning/replay/batch.ts";
import { ReplayBuffer } from "../../learning/replay/replay-buffer.ts";
import { Stream } from "../../numeric/random.ts";

export interface NodeAgentOptions {
  readonly hidden: readonly number[];
  readonly learningRate: number;
  readonly gamma: number;
  readonly replay: number;
  readonly batch: number;
  readonly targetEvery: number;
  /** Epochs between averages of all agents' networks. */
  readonly federateEvery: number;
}

/** Features of a type of nodes: load, energy of a request over the worst of the site. */
const FEATURES = 2;

/**
 * The lower level of the hierarchy: at every datacentre an agent that chooses the type of nodes for a group of
 * requests. It is rewarded for little energy, and fined where the type is full. All begin with the same network and
 * are averaged every few epochs by their samples.
 */
export class NodeAgents {
  readonly #world: DatacenterWorld;
  readonly #options: NodeAgentOptions;
  readonly #agents: readonly Ddqn[];
  readonly #guards: readonly DivergenceGuard[];
  readonly #replays: readonly ReplayBuffer[];
  readonly #batch: Batch;
  readonly #random: Stream;
  readonly #samples: Float64Array;
  /** Index (site * models + model) * types + type. */
  readonly #capacity: Float64Array;
  readonly #joules: Float64Array;
  readonly #booked: Float64Array;
  readonly #allowed: Uint8Array;
  #state: Float32Array;
  #next: Float32Array;
  #epochs = 0;

  constructor(world: DatacenterWorld, dense: Dense, options: NodeAgentOptions, seed: number) {
    const sites = world.sites.length;
    const types = world.nodeTypes.length;
    const models = world.models.length;
    const stateSize = FEATURES * types + models;
    this.#world = world;
    this.#options = options;
    const { hidden, gamma, learningRate, targetEvery } = options;
    const shape = { stateSize, actions: types, hidden, gamma, learningRate, targetEvery };
    this.#agents = world.sites.map((_, d) => new Ddqn(dense, shape, seed, `ddqn nodes ${d}`));
    for (const agent of this.#agents) {
      agent.networks.online.parameters.set(this.#agents[0].networks.online.parameters);
      agent.syncTarget();
    }
    this.#guards = this.#agents.map(
      (agent, d) =>
        new DivergenceGuard(agent, { learner: `planner ddqn's agent at site ${world.sites[d].name}` }),
    );
    const transition = { state: stateSize, action: 1, goal: 0, metrics: 0 };
    this.#replays = world.sites.map(() => new ReplayBuffer(transition, options.replay));
    this.#batch = makeBatch(transition, options.batch);
    this.#random = new Stream(seed, "ddqn nodes replay");
    this.#samples = new Float64Array(sites);
    this.#capacity = new Float64Array(sites * models * types);
    this.#joules = new Float64Array(sites * models * types);
    this.#booked = new Float64Array(sites * models * types);
    this.#allowed = new Uint8Array(types);
    this.#state = new Float32Array(stateSize);
    this.#next = new Float32Array(stateSize);
  }

  /** Takes in what an epoch offers; nothing is booked yet. */
  begin(cells: readonly CapacityCell[]): void {
    const world = this.#world;
    const models = world.models.length;
    const types = world.nodeTypes.length;
    this.#capacity.fill(0);
    this.#joules.fill(0);
    this.#booked.fill(0);
    for (const { site, model, type, requests, service } of cells) {
      const at = (site * models + model) * types + type;
      const { tdpWatts, laws } = world.nodeTypes[type];
      const replicas = laws[world.models[model].name]?.replicas ?? 0;
      if (requests === 0 || replicas === 0) continue;
      this.#capacity[at] = requests;
      this.#joules[at] = tdpWatts / (replicas * service.requestsPerSecond);
    }
    for (let first = 0; first < this.#joules.length; first += types) {
      const worst = Math.max(...this.#joules.subarray(first, first + types));
      if (worst > 0) for (let k = 0; k < types; k++) this.#joules[first + k] /= worst;
    }
  }

  /**
   * Gives a group of requests to a type of nodes.
   *
   * @param learn whether the choice is kept and trained on
   * @returns energy of its requests over that of the worst type; 1 where no node runs the model
   */
  book(site: number, model: number, requests: number, epsilon: number, learn: boolean): number {
    const types = this.#world.nodeTypes.length;
    const first = (site * this.#world.models.length + model) * types;
    let any = false;
    for (let k = 0; k < types; k++) {
      this.#allowed[k] = this.#capacity[first + k] > 0 ? 1 : 0;
      any ||= this.#allowed[k] === 1;
    }
    if (!any) return 1;
    const agent = this.#agents[site];
    this.#look(first, model, this.#state);
    const type = agent.choose(this.#state, epsilon, this.#allowed);
    const at = first + type;
    this.#booked[at] += requests;
    if (!learn) return this.#joules[at];
    this.#look(first, model, this.#next);
    const full = this.#booked[at] > this.#capacity[at] ? 1 : 0;
    const replay = this.#replays[site];
    replay.push({
      state: this.#state,
      action: [type],
      reward: -this.#joules[at] - full,
      nextState: this.#next,
      done: false,
    });
    this.#samples[site]++;
    if (replay.length >= this.#options.batch) {
      replay.sample(this.#random, this.#options.batch, this.#batch);
      this.#guards[site].watch(agent.update(this.#batch));
    }
    return this.#joules[at];
  }

  endEpoch(): void {
    if (++this.#epochs % this.#options.federateEvery !== 0) return;
    federatedAverage(
      this.#agents.map(({ networks }) => networks.online.parameters),
      this.#samples,
    );
    for (const agent of this.#agents) agent.syncTarget();
    this.#samples.fill(0);
  }

  /** Parameters of each datacentre's network. */
  get parameters(): readonly Float32Array[] {
    return this.#agents.map(({ networks }) => networks.online.parameters);
  }

  #look(first: number, model: number, out: Float32Array): void {
    const types = this.#world.nodeTypes.length;
    out.fill(0);
    for (let k = 0; k < types; k++) {
      const capacity = this.#capacity[first + k];
      out[FEATURES * k] = capacity > 0 ? Math.min(2, this.#booked[first + k] / capacity) : 2;
      out[FEATURES * k + 1] = this.#joules[first + k];
    }
    out[FEATURES * types + model] = 1;
  }
}
