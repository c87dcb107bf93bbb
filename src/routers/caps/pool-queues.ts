import type { RouterHost, World } from "../contract.ts";
import { LanedHeap } from "../ingress/laned-heap.ts";
import { SlotHeap } from "../ingress/slot-heap.ts";
import type { OwnQueue } from "./parameters.ts";
import { BP, CP, LP, POOLS } from "./pools.ts";
import { AT, type RequestNotes } from "./request-notes.ts";
import type { Rooms } from "./rooms.ts";

const NO_LIMIT = Float64Array.of(Number.POSITIVE_INFINITY);

/**
 * The queues in front of the pools: low latency by class and arrival, low carbon by arrival, delay tolerant by
 * expected output. What a closed pool holds leaves when it may wait no longer.
 */
export class PoolQueues {
  /** Placements because a request might wait no longer. */
  forced = 0;
  /** Prompt tokens to compute of the requests that {@link aheadOf} counts. */
  readonly aheadTokens = new Float64Array(POOLS.length);
  readonly #world: World;
  readonly #host: RouterHost;
  readonly #pools: readonly Int32Array[];
  readonly #rooms: Rooms;
  readonly #notes: RequestNotes;
  readonly #open: Uint8Array;
  readonly #dueStartsRound: boolean;
  readonly #counted: OwnQueue;
  readonly #placed: (request: number, slot: number, pool: number, endpoint: number) => void;
  /** By the order in which they leave, and by the time at which they must. */
  readonly #queues = POOLS.map(() => new LanedHeap());
  readonly #due = POOLS.map(() => new LanedHeap());
  /** Those that wait on purpose, by the time at which they may no longer. */
  readonly #held = POOLS.map(() => new SlotHeap());
  readonly #now = new Float64Array(1);

  /**
   * @param open 1 for pools that let requests go
   * @param dueStartsRound a request of the delay-tolerant pool that may wait no longer opens it for this round
   * @param counted which requests {@link aheadOf} counts
   */
  constructor(
    world: World,
    host: RouterHost,
    pools: readonly Int32Array[],
    rooms: Rooms,
    notes: RequestNotes,
    open: Uint8Array,
    dueStartsRound: boolean,
    counted: OwnQueue,
    placed: (request: number, slot: number, pool: number, endpoint: number) => void,
  ) {
    this.#world = world;
    this.#host = host;
    this.#pools = pools;
    this.#rooms = rooms;
    this.#notes = notes;
    this.#open = open;
    this.#dueStartsRound = dueStartsRound;
    this.#counted = counted;
    this.#placed = placed;
  }

  get count(): number {
    return this.#queues[LP].count + this.#queues[CP].count + this.#queues[BP].count;
  }

  countOf(pool: number): number {
    return this.#queues[pool].count;
  }

  /** Requests in the queue of a pool that are ahead of one that comes. */
  aheadOf(pool: number): number {
    if (this.#counted === "none") return 0;
    return this.#queues[pool].count - (this.#counted === "room" ? this.#held[pool].count : 0);
  }

  /** Seconds at which the next request of a pool may wait no longer; Infinity for none. */
  dueSeconds(pool: number): number {
    const { lanes } = this.#due[pool];
    return Math.min(lanes[0].firstKey, lanes[1].firstKey);
  }

  /**
   * Sends a request past the queue of its pool: where nothing waits there, the pool lets requests go and an endpoint
   * has room. As {@link push} and {@link drain} would, for less.
   */
  sendPast(request: number, slot: number, pool: number): boolean {
    if (this.#open[pool] === 0 || this.#queues[pool].count > 0) return false;
    return this.#place(request, slot, pool, this.#world.requests.needsLarge[request]);
  }

  /** Puts a request into the queue of a pool, by its notes `key` and `latestSeconds`. */
  push(request: number, slot: number, pool: number): void {
    const notes = this.#notes;
    const needsLarge = this.#world.requests.needsLarge[request];
    notes.at[slot] = AT.queued;
    this.#queues[pool].push(slot, needsLarge, notes.key);
    this.#count(request, pool, 1);
    if (pool !== LP) this.#due[pool].push(slot, needsLarge, notes.latestSeconds);
  }

  /** Holds a request in the queue of a pool on purpose where the pool is closed and the request may still wait. */
  hold(request: number, slot: number, pool: number): void {
    const { latestSeconds } = this.#notes;
    if (this.#open[pool] === 1 || latestSeconds[slot] <= this.#host.now) return;
    this.#host.hold(request);
    this.#held[pool].push(slot, latestSeconds);
    if (this.#counted === "room") this.#count(request, pool, -1);
  }

  /** Takes any request out of the queue of a pool: its slot, -1 for none. */
  take(pool: number): number {
    const slot = this.#queues[pool].pop();
    if (slot < 0) return -1;
    this.#due[pool].remove(slot);
    if (this.#held[pool].remove(slot)) this.#release(slot, pool);
    this.#count(this.#notes.slots.requestOf[slot], pool, -1);
    this.#notes.at[slot] = AT.router;
    return slot;
  }

  /** Sends what a pool lets go to endpoints that have room; what then stays waits for room, no longer on purpose. */
  drain(pool: number): void {
    if (this.#queues[pool].count === 0) return;
    this.#now[0] = this.#host.now;
    const isOpen = this.#open[pool] === 1;
    this.#send(pool, isOpen);
    const held = this.#held[pool];
    while (held.isDue(isOpen ? NO_LIMIT : this.#now)) this.#release(held.pop(), pool);
  }

  #send(pool: number, isOpen: boolean): void {
    const due = this.#due[pool];
    const round = isOpen || (pool === BP && this.#dueStartsRound && due.isDue(this.#now));
    for (;;) {
      if (due.isDue(this.#now)) {
        if (!this.#sendOne(pool, due, this.#now)) return;
        if (!isOpen) this.forced++;
      } else if (!round || !this.#sendOne(pool, this.#queues[pool], NO_LIMIT)) {
        return;
      }
    }
  }

  /** The objective of a request counts from here. */
  #release(slot: number, pool: number): void {
    const request = this.#notes.slots.requestOf[slot];
    this.#notes.eligibleSeconds[slot] = this.#host.now;
    if (this.#counted === "room") this.#count(request, pool, 1);
    this.#host.release(request);
  }

  /** Sends the first of a queue whose key is at most `limit[0]`, or the first of its other lane. */
  #sendOne(pool: number, queue: LanedHeap, limit: Float64Array): boolean {
    const lane = queue.firstLane;
    return this.#sendFirst(pool, queue, lane, limit) || this.#sendFirst(pool, queue, 1 - lane, limit);
  }

  #sendFirst(pool: number, queue: LanedHeap, lane: number, limit: Float64Array): boolean {
    const heap = queue.lanes[lane];
    if (!heap.isDue(limit)) return false;
    const slot = heap.first;
    const request = this.#notes.slots.requestOf[slot];
    if (!this.#place(request, slot, pool, lane)) return false;
    this.#queues[pool].remove(slot);
    this.#due[pool].remove(slot);
    const isHeld = this.#held[pool].remove(slot);
    if (isHeld) this.#notes.eligibleSeconds[slot] = this.#now[0];
    if (!isHeld || this.#counted !== "room") this.#count(request, pool, -1);
    return true;
  }

  #count(request: number, pool: number, times: number): void {
    if (this.#counted === "none") return;
    const { promptTokens, producedTokens } = this.#world.requests;
    this.aheadTokens[pool] += times * (promptTokens[request] + producedTokens[request]);
  }

  #place(request: number, slot: number, pool: number, needsLarge: number): boolean {
    for (;;) {
      const endpoint = this.#rooms.leastOutstanding(this.#pools[pool], needsLarge, false);
      if (endpoint < 0) return false;
      // Whole numbers across calls: the tier says enough where an endpoint's order is by priority.
      const priority = 0 - this.#world.requests.tier[request];
      if (this.#host.place(request, endpoint, -1, priority)) {
        this.#placed(request, slot, pool, endpoint);
        return true;
      }
      this.#rooms.refuse(endpoint);
    }
  }
}
