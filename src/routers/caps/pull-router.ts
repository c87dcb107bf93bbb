import { UserError } from "../../errors.ts";
import type { FleetChange, ReturnReason, Router, RouterHost, World } from "../contract.ts";
import { LanedHeap } from "../ingress/laned-heap.ts";
import { RequestSlots } from "../ingress/request-slots.ts";
import { SlotHeap } from "../ingress/slot-heap.ts";
import { Rooms } from "./rooms.ts";

/** Timer on which endpoints without a cap of their own are looked at again; others may use ids from 1. */
export const POLL_TIMER = 0;

export interface PullOptions {
  /** Order in a queue: by deadline, or by arrival. Not preemptive. */
  readonly order: "edf" | "fifo";
  readonly pollSeconds: number;
}

/**
 * Central queues from which free GPUs draw: a request waits with the router until an endpoint of its queue has room
 * (its cap of outstanding requests, else its batch), and goes to the one with the fewest outstanding requests
 * (CAPS, section 5, Baselines: "next free GPU", all on the same batching engine). A subclass says which endpoints
 * a queue feeds, which queue a request waits in, and whether its head may go.
 */
export abstract class PullRouter implements Router {
  readonly needs: NonNullable<Router["needs"]> = { telemetry: "counts" };
  protected world!: World;
  protected host!: RouterHost;
  /** Endpoints that each queue feeds. */
  protected pools!: readonly Int32Array[];
  #rooms!: Rooms;
  #queues!: readonly LanedHeap[];
  /** Prompt tokens to compute of the requests in each queue. */
  protected queuedTokens!: Float64Array;
  /** Requests that wait on purpose, of all queues. */
  #held!: SlotHeap;
  #slots!: RequestSlots;
  /** Key of each slot in its queue. */
  #keys!: Float64Array;
  readonly #options: PullOptions;
  #explained = new Float64Array(0);

  constructor(options: PullOptions) {
    this.#options = options;
  }

  start(world: World, host: RouterHost): void {
    this.world = world;
    this.host = host;
    this.pools = this.feeds();
    this.#rooms = new Rooms(world, (e) => world.endpoints.maxRequests[e]);
    this.#queues = this.pools.map(() => new LanedHeap());
    this.queuedTokens = new Float64Array(this.pools.length);
    this.#held = new SlotHeap();
    this.#slots = new RequestSlots();
    this.#keys = new Float64Array(this.#slots.capacity);
    this.#explained = new Float64Array(world.endpoints.count);
    if (this.#rooms.polls) host.every(POLL_TIMER, this.#options.pollSeconds, true);
    this.prepare();
  }

  arrival(request: number): void {
    if (!this.#mayEnd(request)) {
      this.host.reject(request, "needs the large model and no endpoint has it");
      return;
    }
    this.#enqueue(request);
    this.drain();
  }

  returned(request: number, _reason: ReturnReason): void {
    this.#enqueue(request);
    this.drain();
  }

  capacity(endpoint: number): void {
    this.#rooms.free(endpoint);
    this.drain();
  }

  fleet(endpoint: number, _change: FleetChange): void {
    this.#rooms.free(endpoint);
    this.drain();
  }

  timer(id: number): void {
    if (id === POLL_TIMER) this.#rooms.forget();
    else this.tick(id);
    this.drain();
  }

  /** Endpoints of each queue, asked once in {@link start}. */
  protected abstract feeds(): readonly Int32Array[];

  /** Queue of a request. */
  protected abstract queueOf(request: number): number;

  /** Called at the end of {@link start}. */
  protected prepare(): void {}

  /** Whether a request at the head of its queue may go now; it is asked again at every event. */
  protected mayGo(_request: number): boolean {
    return true;
  }

  /** Whether a request waits on purpose; of those that do, the first in order is the first that no longer does. */
  protected waits(_request: number): boolean {
    return false;
  }

  /** Timers of the subclass, ids from 1. */
  protected tick(_id: number): void {}

  /** Requests in a queue. */
  protected queuedIn(queue: number): number {
    return this.#queues[queue].count;
  }

  /** Endpoints that both prefill and decode. */
  protected mixedEndpoints(): Int32Array {
    const { count, role } = this.world.endpoints;
    const mixed = Array.from({ length: count }, (_, e) => e).filter((e) => role[e] === 0);
    if (mixed.length > 0) return Int32Array.from(mixed);
    throw new UserError(
      "CANOPY_ROUTER_ROLES",
      "the router places on endpoints that both prefill and decode and the fleet has none, expected an endpoint of role mixed, or a router such as splitwise",
    );
  }

  /** Sends what may go to endpoints that have room. */
  protected drain(): void {
    let left = 0;
    for (let q = 0; q < this.#queues.length; q++) {
      const queue = this.#queues[q];
      while (queue.count > 0) {
        const lane = queue.firstLane;
        if (!this.#sendHead(q, lane) && !this.#sendHead(q, 1 - lane)) break;
      }
      left += queue.count;
    }
    // What is left may merely lack room.
    while (this.#held.count > 0 && !this.waits(this.#slots.requestOf[this.#held.first])) {
      this.host.release(this.#slots.requestOf[this.#held.pop()]);
    }
    this.host.watchCapacity(left > 0);
    if (left === 0) this.#rooms.forget();
  }

  /** Whether some endpoint of the fleet may serve the request at all. */
  #mayEnd(request: number): boolean {
    if (this.world.requests.needsLarge[request] === 0) return true;
    const { large } = this.world.endpoints;
    const pool = this.pools[this.queueOf(request)];
    for (let i = 0; i < pool.length; i++) if (large[pool[i]] === 1) return true;
    return false;
  }

  #enqueue(request: number): void {
    const { requests } = this.world;
    const slot = this.#slots.take(request);
    if (slot >= this.#keys.length) this.#growKeys();
    const column = this.#options.order === "edf" ? requests.deadlineSeconds : requests.arrivalSeconds;
    this.#keys[slot] = column[request];
    const queue = this.queueOf(request);
    this.#queues[queue].push(slot, requests.needsLarge[request], this.#keys);
    this.queuedTokens[queue] += requests.promptTokens[request] + requests.producedTokens[request];
    if (!this.waits(request)) return;
    this.host.hold(request);
    this.#held.push(slot, this.#keys);
  }

  #sendHead(queue: number, lane: number): boolean {
    const heap = this.#queues[queue].lanes[lane];
    if (heap.count === 0) return false;
    const request = this.#slots.requestOf[heap.first];
    if (!this.mayGo(request)) return false;
    const { promptTokens, producedTokens } = this.world.requests;
    const tokens = promptTokens[request] + producedTokens[request];
    for (;;) {
      const endpoint = this.#rooms.leastOutstanding(this.pools[queue], lane, false);
      if (endpoint < 0) return false;
      if (this.host.explaining) this.#explain(request, queue, lane, endpoint);
      if (this.host.place(request, endpoint, -1, 0)) {
        this.#held.remove(heap.pop());
        this.queuedTokens[queue] -= tokens;
        this.#slots.release(request);
        return true;
      }
      this.#rooms.refuse(endpoint);
    }
  }

  #explain(request: number, queue: number, needsLarge: number, endpoint: number): void {
    const { endpoints, telemetry } = this.world;
    const scores = this.#explained;
    scores.fill(Number.NaN);
    for (const e of this.pools[queue]) {
      if (endpoints.large[e] >= needsLarge && this.#rooms.has(e)) scores[e] = telemetry.outstanding[e];
    }
    this.host.explain(
      request,
      `head of its queue, fewest outstanding requests at ${endpoints.names[endpoint]}`,
      scores,
    );
  }

  #growKeys(): void {
    const wider = new Float64Array(this.#slots.capacity);
    wider.set(this.#keys);
    this.#keys = wider;
  }
}
