/** What the router may do. */
import { UserError } from "../../src/errors.ts";
import type { RouterHost } from "../../src/routers/contract.ts";
import type { Explanation } from "../../src/simulator/options.ts";
import { setReplicas } from "./fleet-changes.ts";
import { cut, type Lengths, limitOf, neverFits, neverPrefills } from "./ingress.ts";
import { leaveReplica, send, settle } from "./replica.ts";
import { comeBack, reject, uproot } from "./requests.ts";
import { atCap, type Job, type Sim, type Site, tokensOf, without } from "./state.ts";
import { Timers } from "./timers.ts";

type Writable<T> = { -readonly [K in keyof T]: T[K] };

export class OracleHost implements RouterHost {
  readonly explanations: Explanation[] = [];
  readonly #sim: Sim;
  readonly #timers: Timers;
  /** Explained before they were placed. */
  readonly #unplaced = new Map<Job, Writable<Explanation>[]>();

  constructor(sim: Sim) {
    this.#sim = sim;
    this.#timers = new Timers(sim);
  }

  get now(): number {
    return this.#sim.now;
  }

  get held(): number {
    return this.#sim.held;
  }

  get explaining(): boolean {
    return this.#sim.options.explain;
  }

  place(request: number, endpoint: number, decodeAt = -1, priority = 0): boolean {
    const sim = this.#sim;
    const { columns } = sim;
    const job = this.#held(request, "place");
    const site = this.#site(endpoint);
    const decodes = decodeAt === -1 || decodeAt === endpoint ? null : this.#site(decodeAt);
    this.#checkPlacement(job, site, decodes);
    if (!site.up || atCap(site)) return false;
    if (decodes !== null && !decodes.up) return false;
    const refusal = this.#fit(job, site, decodes);
    sim.held--;
    if (refusal !== null) {
      reject(sim, job, refusal);
      return true;
    }
    if (Number.isNaN(columns.dispatchedSeconds[request])) {
      columns.dispatchedSeconds[request] = sim.now;
      if (!Number.isNaN(job.heldSince)) columns.heldSeconds[request] += sim.now - job.heldSince;
    }
    columns.endpoint[request] = endpoint;
    site.totals.placed++;
    sim.lastActivity = sim.now;
    job.decodeAt = decodes;
    job.priority = priority;
    job.target = tokensOf(sim, job);
    sim.sink.placed(request, endpoint, sim.now);
    for (const explanation of this.#unplaced.get(job) ?? []) explanation.endpoint = endpoint;
    this.#unplaced.delete(job);
    sim.telemetry.placed(site, tokensOf(sim, job));
    send(sim, site, job, sim.now + site.endpoint.roundTripSeconds / 2);
    return true;
  }

  hold(request: number): void {
    const job = this.#held(request, "hold");
    if (!Number.isNaN(job.heldSince)) return;
    job.heldSince = this.#sim.now;
    if (!job.deferred) this.#sim.counts.deferred++;
    job.deferred = true;
  }

  release(request: number): void {
    const job = this.#held(request, "release");
    const { columns, now } = this.#sim;
    if (!Number.isNaN(job.heldSince) && Number.isNaN(columns.dispatchedSeconds[request]))
      columns.heldSeconds[request] += now - job.heldSince;
    job.heldSince = Number.NaN;
  }

  reject(request: number, reason: string): void {
    const job = this.#held(request, "reject");
    this.#sim.held--;
    reject(this.#sim, job, reason);
  }

  preempt(request: number): void {
    const sim = this.#sim;
    const job = sim.jobs[request];
    if (job === undefined) throw new UserError("CANOPY_ROUTER_ACTION", `no request ${request}`);
    const { site, replica } = job;
    if (job.state === "running" && replica !== null) {
      if (replica.batch !== null) {
        job.leaving = true;
        return;
      }
      leaveReplica(sim, replica, job);
    } else if (job.state === "waiting" && replica !== null) {
      replica.waiting = without(replica.waiting, job);
    } else if ((job.state === "flight" || job.state === "lobby") && site !== null) {
      if (job.delivery !== null) sim.events.remove(job.delivery);
      job.delivery = null;
      site.flying = without(site.flying, job);
      site.lobby = without(site.lobby, job);
    } else {
      return;
    }
    uproot(job);
    if (replica !== null) settle(sim, replica);
    comeBack(sim, job, "preempted");
  }

  setWeights(requestClass: number, weights: Float64Array): void {
    this.#sim.sink.weights(requestClass, weights, this.#sim.now);
  }

  setReplicas(endpoint: number, replicas: number): void {
    const site = this.#site(endpoint);
    if (!Number.isInteger(replicas)) {
      throw new UserError("CANOPY_ROUTER_ACTION", `${replicas} replicas of ${site.endpoint.name}`);
    }
    setReplicas(this.#sim, site, replicas);
  }

  setPowerState(endpoint: number, state: number): void {
    const site = this.#site(endpoint);
    if (site.endpoint.powerStates[state] === undefined) {
      throw new UserError("CANOPY_ROUTER_ACTION", `${site.endpoint.name} has no power state ${state}`);
    }
    site.powerState = state;
  }

  every(id: number, intervalSeconds: number, onlyWhileHolding = false): void {
    this.#timers.every(id, intervalSeconds, onlyWhileHolding);
  }

  at(id: number, atSeconds: number): void {
    this.#timers.at(id, atSeconds);
  }

  watchCapacity(on: boolean): void {
    this.#sim.watching = on;
  }

  predict(request: number, accuracy: number, floor: number, feasible: boolean): void {
    this.#held(request, "predict");
    const { columns } = this.#sim;
    columns.predictedAccuracy[request] = accuracy;
    columns.accuracyFloor[request] = floor;
    columns.feasible[request] = feasible ? 1 : 0;
  }

  explain(request: number, reason: string, scores?: Float64Array): void {
    if (!this.explaining) return;
    const job = this.#sim.jobs[request];
    const placed = job.state !== "router";
    const explanation: Writable<Explanation> = {
      id: request,
      atSeconds: this.#sim.now,
      endpoint: placed ? this.#sim.columns.endpoint[request] : -1,
      reason,
      scores: scores === undefined ? null : Array.from(scores),
    };
    this.explanations.push(explanation);
    if (!placed) this.#unplaced.set(job, [...(this.#unplaced.get(job) ?? []), explanation]);
  }

  #held(request: number, action: string): Job {
    const job = this.#sim.jobs[request];
    if (job?.state !== "router") {
      const what = `the router cannot ${action} request ${request}, which it does not hold`;
      throw new UserError("CANOPY_ROUTER_ACTION", `${what} (${job?.state ?? "unknown"})`);
    }
    return job;
  }

  #site(endpoint: number): Site {
    const site = this.#sim.sites[endpoint];
    if (site === undefined) throw new UserError("CANOPY_ROUTER_ACTION", `no endpoint ${endpoint}`);
    return site;
  }

  #checkPlacement(job: Job, site: Site, decodes: Site | null): void {
    const { name, role } = site.endpoint;
    const split = decodes !== null;
    const isAllowed = split
      ? role === "prefill" &&
        decodes.endpoint.role === "decode" &&
        decodes.endpoint.model === site.endpoint.model
      : role === "mixed";
    if (!isAllowed) {
      const given = split ? `${name} and ${decodes.endpoint.name}` : name;
      const wanted = "a placement names a prefill and a decode endpoint of one model, or a mixed endpoint";
      throw new UserError("CANOPY_ROUTER_ACTION", `request ${job.id} was placed at ${given}: ${wanted}`);
    }
    if (this.#sim.columns.needsLarge[job.id] === 0) return;
    for (const { endpoint } of decodes === null ? [site] : [site, decodes]) {
      if (!this.#sim.options.fleet.models[endpoint.model].large) {
        throw new UserError(
          "CANOPY_ROUTER_ACTION",
          `request ${job.id} needs a large model, not ${endpoint.name}`,
        );
      }
    }
  }

  /** Cuts the request to the endpoint that decodes it; why it is refused, or null. */
  #fit(job: Job, site: Site, decodes: Site | null): string | null {
    const sim = this.#sim;
    const { promptTokens, outputTokens, producedTokens } = sim.columns;
    const { endpoint } = decodes ?? site;
    const limit = Math.min(limitOf(endpoint), site.endpoint.maxModelTokens);
    const produced = producedTokens[job.id];
    if (produced > 0 && promptTokens[job.id] + produced >= limit) {
      return `${endpoint.name}: came back with ${promptTokens[job.id] + produced} tokens of at most ${limit}`;
    }
    const lengths: Lengths = { prompt: promptTokens[job.id], outputs: outputTokens[job.id] };
    if (cut(lengths, limit)) {
      if (endpoint.overlong === "reject") return `${endpoint.name}: longer than ${limit} tokens`;
      if (!job.cut) sim.counts.truncated++;
      job.cut = true;
      promptTokens[job.id] = lengths.prompt;
      outputTokens[job.id] = lengths.outputs;
    }
    const target = lengths.prompt + produced;
    return neverFits(endpoint, lengths) ?? (decodes === null ? null : neverPrefills(site.endpoint, target));
  }
}
