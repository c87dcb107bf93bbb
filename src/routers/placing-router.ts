import { UserError } from "../errors.ts";
import type { ReturnReason, Router, RouterHost, World } from "./contract.ts";
import { TierQueues } from "./ingress/tier-queues.ts";

/** Timer on which requests that could not be placed at once are tried again; others may use ids from 1. */
export const DISPATCH_TIMER = 0;

export interface PlacingOptions {
  /**
   * `tiers`: strict tiers, the earliest deadline (or the first to come) first inside; while anything is held, new
   * requests wait for the next tick with the others (CEDAR Algorithm 1). `arrival`: order of arrival; a new
   * request waits only behind held ones that may go to the same endpoints.
   */
  readonly queue: "tiers" | "arrival";
  /** Order inside a tier; `arrival` has no use for it. */
  readonly order?: "edf" | "fifo";
  /** Seconds between two tries at the held requests. */
  readonly retrySeconds: number;
}

/**
 * A router that places each request on one endpoint as soon as it can: the choice of that endpoint is all that a
 * subclass has to give. Where the host refuses the placement (endpoint down or at its cap) the next best is
 * tried; a request that nobody takes is held and tried again every `retrySeconds`.
 *
 * Only endpoints that both prefill and decode are candidates, unless {@link PlacingRouter.startsAt} and
 * {@link PlacingRouter.decodesAt} say otherwise. A request that needs the large model is rejected
 * when the fleet has no such endpoint for it, since it could only wait for ever.
 */
export abstract class PlacingRouter implements Router {
  abstract readonly needs: NonNullable<Router["needs"]>;
  protected world!: World;
  protected host!: RouterHost;
  /** Indices of the endpoints that may serve any request, and of those that may serve one that needs the large model. */
  protected all!: Int32Array;
  protected large!: Int32Array;
  /** 1 for endpoints that have refused a placement during this call of the router. */
  protected blocked!: Uint8Array;
  protected queues!: TierQueues;
  /** One score per endpoint for {@link reason}. */
  protected explained!: Float64Array;
  readonly #options: PlacingOptions;
  /** What a request has to outrank: priorities fall by this much from tier to tier. */
  #prioritySpan = 1;
  /** The blocked endpoints: the first {@link #blockedCount}. */
  #blockedEndpoints!: Int32Array;
  #blockedCount = 0;
  /** 1 for kinds of requests for which nobody was left in this call. */
  #exhausted!: Uint8Array;
  #anyExhausted = false;

  constructor(options: PlacingOptions) {
    this.#options = options;
  }

  start(world: World, host: RouterHost): void {
    this.world = world;
    this.host = host;
    const { count, role, large } = world.endpoints;
    const starts = Array.from({ length: count }, (_, e) => e).filter((e) => this.startsAt(role[e]));
    if (starts.length === 0) {
      throw new UserError(
        "CANOPY_ROUTER_ROLES",
        "the router places on endpoints that both prefill and decode and the fleet has none, expected an endpoint of role mixed, or a router such as splitwise",
      );
    }
    this.all = Int32Array.from(starts);
    this.large = Int32Array.from(starts.filter((e) => large[e] === 1));
    this.blocked = new Uint8Array(count);
    this.#blockedEndpoints = new Int32Array(count);
    this.#blockedCount = 0;
    this.explained = new Float64Array(count);
    const tiers = Math.max(1, world.tiers.length);
    this.queues =
      this.#options.queue === "tiers"
        ? new TierQueues(tiers, this.#options.order ?? "edf")
        : new TierQueues(this.kindCount, "fifo");
    this.#exhausted = new Uint8Array(this.kindCount);
    this.#prioritySpan = Math.floor(0x7fffffff / tiers);
    host.every(DISPATCH_TIMER, this.#options.retrySeconds, true);
    this.prepare();
  }

  arrival(request: number): void {
    this.#unblock();
    this.arrived(request);
    this.#admit(request);
  }

  returned(request: number, _reason: ReturnReason): void {
    this.#unblock();
    this.#admit(request);
  }

  timer(id: number): void {
    this.#unblock();
    if (id === DISPATCH_TIMER) this.#dispatchHeld();
    else this.tick(id);
  }

  /** Kinds of requests: those of one kind may go to the same endpoints. */
  protected get kindCount(): number {
    return 2;
  }

  /** Kind of a request, from 0; held requests of a lower kind are tried first unless there are tiers. */
  protected kindOf(request: number): number {
    return 1 - this.world.requests.needsLarge[request];
  }

  /** Called at the end of {@link start}: make columns, ask for timers. */
  protected prepare(): void {}

  /** Called at every first arrival, before the choice. */
  protected arrived(_request: number): void {}

  /** Timers of the subclass, ids from 1. */
  protected tick(_id: number): void {}

  /**
   * The endpoint for a request, or -1 when none is up that may serve it and is not {@link blocked}. Called again
   * for the same request after the endpoint refused. May not allocate.
   */
  protected abstract pick(request: number): number;

  /** Roles of the endpoints that {@link pick} may give: 0 mixed, 1 prefill only. */
  protected startsAt(role: number): boolean {
    return role === 0;
  }

  /** Endpoint that decodes a request whose prompt goes to the endpoint picked; -1 for the same. */
  protected decodesAt(_request: number, _endpoint: number): number {
    return -1;
  }

  /** Whether to keep the request on purpose instead of sending it to the endpoint picked. */
  protected postpones(_request: number, _endpoint: number): boolean {
    return false;
  }

  /** Called after a request of the tier has gone to the endpoint. */
  protected placed(_tier: number, _endpoint: number): void {}

  /** Called after {@link blocked} has changed for an endpoint. */
  protected availabilityChanged(_endpoint: number): void {}

  /**
   * Why the endpoint was picked, asked before the placement and only while the host keeps reasons. Writes the score
   * of each endpoint looked at into {@link explained}, which holds NaN everywhere.
   */
  protected reason(_request: number, _endpoint: number): string {
    return "";
  }

  /** Candidates of a request, by its need for the large model alone. */
  protected candidatesOf(request: number): Int32Array {
    return this.world.requests.needsLarge[request] === 1 ? this.large : this.all;
  }

  #admit(request: number): void {
    const { tier, deadlineSeconds, needsLarge } = this.world.requests;
    if (needsLarge[request] === 1 && this.large.length === 0) {
      this.host.reject(request, "needs the large model and no endpoint has it");
      return;
    }
    const byTier = this.#options.queue === "tiers";
    const lane = byTier ? tier[request] : this.kindOf(request);
    const ahead = byTier ? this.queues.count : this.queues.countOf(lane);
    if (ahead > 0 || !this.#dispatch(request)) this.queues.push(lane, request, deadlineSeconds);
  }

  #dispatchHeld(): void {
    for (let left = this.queues.count; left > 0; left--) {
      const request = this.queues.pop();
      if (!this.#dispatch(request)) this.queues.keep();
    }
    this.queues.restore();
  }

  /** True when the router is rid of the request. */
  #dispatch(request: number): boolean {
    const { requests } = this.world;
    const kind = this.kindOf(request);
    if (this.#exhausted[kind] === 1) return false;
    for (;;) {
      const endpoint = this.pick(request);
      if (endpoint < 0) {
        this.#exhausted[kind] = 1;
        this.#anyExhausted = true;
        return false;
      }
      if (this.postpones(request, endpoint)) {
        this.host.hold(request);
        return false;
      }
      const tier = requests.tier[request];
      const reason = this.host.explaining ? this.#reasonOf(request, endpoint) : "";
      const decodeAt = this.decodesAt(request, endpoint);
      if (this.host.place(request, endpoint, decodeAt, this.#priorityOf(request))) {
        if (reason !== "") this.host.explain(request, reason, this.explained);
        this.placed(tier, endpoint);
        return true;
      }
      this.blocked[endpoint] = 1;
      this.#blockedEndpoints[this.#blockedCount++] = endpoint;
      this.availabilityChanged(endpoint);
    }
  }

  #reasonOf(request: number, endpoint: number): string {
    this.explained.fill(Number.NaN);
    return this.reason(request, endpoint);
  }

  /**
   * Strict tiers, and the earlier deadline or arrival (to 10 ms) inside, as one whole number, for endpoints whose
   * batching order is `priority`; 0 for routers that know no tiers. A fraction would be boxed in every call.
   */
  #priorityOf(request: number): number {
    if (this.#options.queue !== "tiers") return 0;
    const { tier, deadlineSeconds, arrivalSeconds } = this.world.requests;
    const key = this.#options.order === "fifo" ? arrivalSeconds : deadlineSeconds;
    const rank = Math.min(this.#prioritySpan - 1, 100 * key[request]) | 0;
    return (0 - tier[request] * this.#prioritySpan - rank) | 0;
  }

  #unblock(): void {
    // Filling costs a call out of compiled code: only when there is something to undo.
    if (this.#anyExhausted) this.#exhausted.fill(0);
    this.#anyExhausted = false;
    while (this.#blockedCount > 0) {
      const endpoint = this.#blockedEndpoints[--this.#blockedCount];
      this.blocked[endpoint] = 0;
      this.availabilityChanged(endpoint);
    }
  }
}
