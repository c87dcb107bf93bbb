import type { Endpoint, PowerState, Region } from "../fleet/fleet.ts";
import { checkLaw } from "./check-law.ts";
import type { RunOptions } from "./options.ts";
import { Replica } from "./replica.ts";
import { RequestList } from "./request-list.ts";
import { AT, type RequestTable } from "./request-table.ts";

const NONE = -1;

/** What an endpoint reports to the run. */
export interface EndpointOwner {
  finished(endpoint: EndpointState, request: number, atSeconds: number): void;
  prefilled(endpoint: EndpointState, request: number, atSeconds: number): void;
  takenBack(endpoint: EndpointState, request: number): void;
  /** It was at its cap and is no longer, by a batch end. */
  hasRoomAgain(endpoint: EndpointState, atSeconds: number): void;
}

/** One endpoint in motion: its replicas, what is on the way to them, and the local balancer. */
export class EndpointState {
  readonly index: number;
  readonly definition: Endpoint;
  readonly replicas: Replica[];
  up = true;
  /** Replicas ordered by the router. */
  ordered: number;
  /** Requests placed here that have not ended or left: on the network, as KV, waiting, running. */
  outstanding = 0;
  /** Outstanding requests of which another step of the session depends. */
  followed = 0;
  /** Iteration time relative to the law's: slow-down times power state. */
  timeFactor = 1;
  placed = 0;
  finishedCount = 0;
  promptTokens = 0;
  outputTokens = 0;
  /** On the network, in order of delivery. */
  readonly network: RequestList;
  /** Waiting for a replica with room (`shared-queue`). */
  readonly queue: RequestList;
  /** On their way here as KV. */
  readonly kv: RequestList;

  readonly #table: RequestTable;
  readonly #owner: EndpointOwner;
  #slowFactor = 1;
  #powerState: PowerState;
  #reached = 0;
  #turn = 0;

  constructor(
    index: number,
    definition: Endpoint,
    region: Region,
    table: RequestTable,
    owner: EndpointOwner,
    horizonSeconds: number,
    watch: RunOptions["watch"],
  ) {
    checkLaw(definition);
    this.index = index;
    this.definition = definition;
    this.ordered = definition.replicas;
    this.#table = table;
    this.#owner = owner;
    this.network = new RequestList(table);
    this.queue = new RequestList(table);
    this.kv = new RequestList(table);
    this.#powerState = definition.powerStates[0];
    this.replicas = Array.from(
      { length: Math.max(definition.replicas, definition.maxReplicas) },
      (_, i) => new Replica(i, definition, region, table, this, horizonSeconds, watch?.(index, i) ?? null),
    );
    this.#applyFactors();
  }

  get servingReplicas(): number {
    let count = 0;
    for (let i = 0; i < this.replicas.length; i++) if (this.replicas[i].phase === "serving") count++;
    return count;
  }

  /** Whether the router waits for the end of a batch here to have a request back. */
  get waitsToGiveBack(): boolean {
    for (let i = 0; i < this.replicas.length; i++) if (this.replicas[i].takeBacks > 0) return true;
    return false;
  }

  get atCap(): boolean {
    return this.outstanding >= this.definition.maxOutstanding;
  }

  /** Applies everything up to and including `t`, and starts batches before `t`. */
  advance(t: number): void {
    const { deliverySeconds } = this.#table;
    while (this.network.head !== NONE && deliverySeconds[this.network.head] <= t) {
      const request = this.network.head;
      const at = deliverySeconds[request];
      this.#advanceReplicas(at);
      this.network.remove(request);
      this.#assign(request, at);
    }
    this.#advanceReplicas(t);
  }

  /** Starts the batches that are pending at `t`. */
  startAt(t: number): void {
    for (let i = 0; i < this.replicas.length; i++) this.replicas[i].startAt(t);
  }

  /** Sends a request here over the network, or hands it over at once when there is none. */
  send(request: number, now: number): void {
    const delay = this.definition.roundTripSeconds / 2;
    if (delay > 0) {
      // Nobody else may look at this endpoint for long: let go of what has ended.
      this.advance(now);
      this.#table.at[request] = AT.network;
      this.#table.deliverySeconds[request] = now + delay;
      this.network.pushBack(request);
    } else {
      this.receive(request, now);
    }
  }

  /** A request arrives here at `now`. */
  receive(request: number, now: number): void {
    if (this.#table.at[request] === AT.kv) this.kv.remove(request);
    this.#advanceReplicas(now);
    this.#assign(request, now);
  }

  /**
   * Up to when nothing happens here that anybody else could notice, as far as can be told without going on: a
   * delivery, a batch's end or its start. Infinity when nothing can happen.
   */
  quietUntil(): number {
    let time =
      this.network.head === NONE ? Number.POSITIVE_INFINITY : this.#table.deliverySeconds[this.network.head];
    for (let i = 0; i < this.replicas.length; i++) {
      time = Math.min(time, this.replicas[i].quietUntil());
    }
    return time;
  }

  /** Whether a batch ends at `t` (or a delivery is due) rather than only starts. */
  hasEndAt(t: number): boolean {
    if (this.network.head !== NONE && this.#table.deliverySeconds[this.network.head] <= t) return true;
    for (let i = 0; i < this.replicas.length; i++) if (this.replicas[i].endAt <= t) return true;
    return false;
  }

  /** Takes a request that has not begun to run here away. */
  withdraw(request: number): void {
    const table = this.#table;
    if (table.at[request] === AT.kv) this.kv.remove(request);
    else if (table.at[request] === AT.waiting)
      this.#withdrawFrom(this.replicas[table.replica[request]], request);
    else if (table.at[request] === AT.queue) this.queue.remove(request);
    else this.network.remove(request);
    table.transferred[request] = 0;
    this.left(request);
  }

  /** Takes a running request away between two batches. */
  detach(request: number): void {
    const replica = this.replicas[this.#table.replica[request]];
    replica.detach(request);
    replica.preemptions++;
    this.left(request);
    this.#offIfDrained(replica, replica.now);
  }

  /** A request is on its way here as KV; {@link receive} ends that. */
  expectKv(request: number, atSeconds: number): void {
    const table = this.#table;
    table.at[request] = AT.kv;
    table.transferred[request] = 1;
    table.endpoint[request] = this.index;
    table.deliverySeconds[request] = atSeconds;
    this.kv.pushBack(request);
    this.outstanding++;
    if (table.nextStep[request] !== NONE) this.followed++;
  }

  slowDown(factor: number): void {
    this.#slowFactor = factor;
    this.#applyFactors();
  }

  setPowerState(state: PowerState): void {
    this.#powerState = state;
    this.#applyFactors();
  }

  /** Takes requests again, with the replicas ordered last. */
  bringUp(t: number): void {
    this.up = true;
    for (let i = 0; i < this.ordered; i++) this.replicas[i].switchOn(t, "serving");
  }

  /** Dies at `t`: the batches in progress are lost. Returns every request it had. */
  takeDown(t: number): number[] {
    const table = this.#table;
    const lost: number[] = [];
    const leave = (request: number) => {
      table.takeBack[request] = 0;
      this.left(request);
      lost.push(request);
    };
    for (const list of [this.network, this.queue, this.kv]) {
      while (list.head !== NONE) {
        const request = list.head;
        list.remove(request);
        table.transferred[request] = 0;
        leave(request);
      }
    }
    for (const replica of this.replicas) {
      replica.abort(t);
      while (replica.running.head !== NONE) {
        const request = replica.running.head;
        replica.detach(request);
        leave(request);
      }
      while (replica.waiting.head !== NONE) {
        const request = replica.waiting.head;
        replica.withdraw(request);
        leave(request);
      }
      replica.forget();
      if (replica.phase !== "off") replica.switchOff(t);
    }
    this.up = false;
    return lost;
  }

  /** Charges the batches in progress up to `t` and settles what running requests carry; nothing runs after. */
  settleAt(t: number): void {
    for (const replica of this.replicas) replica.settleAt(t);
  }

  /** Counts a request out that leaves without finishing. */
  left(request: number): void {
    this.outstanding--;
    if (this.#table.nextStep[request] !== NONE) this.followed--;
  }

  finished(replica: Replica, request: number, atSeconds: number): void {
    this.#leftAtBatchEnd(replica, request);
    this.finishedCount++;
    this.promptTokens += this.#table.promptTokens[request];
    this.outputTokens += this.#table.outputTokens[request];
    this.#table.endpoint[request] = this.index;
    this.#owner.finished(this, request, atSeconds);
    this.#offIfDrained(replica, atSeconds);
  }

  prefilled(replica: Replica, request: number, atSeconds: number): void {
    this.#leftAtBatchEnd(replica, request);
    this.#owner.prefilled(this, request, atSeconds);
    this.#offIfDrained(replica, atSeconds);
  }

  takenBack(replica: Replica, request: number): void {
    replica.preemptions++;
    this.#leftAtBatchEnd(replica, request);
    this.#owner.takenBack(this, request);
    this.#offIfDrained(replica, replica.now);
  }

  #applyFactors(): void {
    this.timeFactor = this.#slowFactor * this.#powerState.timeFactor;
    for (const replica of this.replicas) {
      replica.timeFactor = this.timeFactor;
      replica.powerFactor = this.#powerState.powerFactor;
    }
  }

  #leftAtBatchEnd(replica: Replica, request: number): void {
    const wasAtCap = this.atCap;
    this.left(request);
    if (wasAtCap && !this.atCap) this.#owner.hasRoomAgain(this, replica.now);
  }

  #withdrawFrom(replica: Replica, request: number): void {
    replica.withdraw(request);
    this.#offIfDrained(replica, replica.now);
  }

  #offIfDrained(replica: Replica, t: number): void {
    if (replica.phase === "draining" && replica.outstanding === 0) replica.switchOff(t);
  }

  #advanceReplicas(t: number): void {
    while (this.queue.length > 0) {
      if (!this.#stepWithQueue(t)) return;
    }
    for (let i = 0; i < this.replicas.length; i++) this.replicas[i].advance(t);
  }

  /** While a shared queue is not empty the replicas go batch by batch in order of time; false at `t`. */
  #stepWithQueue(t: number): boolean {
    let next = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.replicas.length; i++) {
      const replica = this.replicas[i];
      if (replica.startPending && replica.now < t) replica.startAt(replica.now);
      next = Math.min(next, replica.endAt);
    }
    if (next > t) return false;
    for (let i = 0; i < this.replicas.length; i++) this.replicas[i].advance(next);
    this.drawFromQueue(next);
    return true;
  }

  /** Hands what waits in the endpoint's queue to the replicas that can take it at `t`. */
  drawFromQueue(t: number): void {
    const shared = this.definition.localBalancer === "shared-queue";
    while (this.queue.head !== NONE) {
      const request = this.queue.head;
      const replica = shared ? this.#withRoom() : this.#chooseReplica(request);
      if (replica === null) return;
      this.queue.remove(request);
      replica.enqueue(request, t);
    }
  }

  #withRoom(): Replica | null {
    let best: Replica | null = null;
    for (let i = 0; i < this.replicas.length; i++) {
      const replica = this.replicas[i];
      if (replica.phase !== "serving" || replica.outstanding >= this.definition.batching.maxRequests)
        continue;
      if (best === null || replica.outstandingTokens < best.outstandingTokens) best = replica;
    }
    return best;
  }

  /** The local balancer. */
  #assign(request: number, t: number): void {
    const table = this.#table;
    table.reachedOrder[request] = this.#reached++;
    const shared = this.definition.localBalancer === "shared-queue";
    const replica = shared || this.queue.length > 0 ? null : this.#chooseReplica(request);
    if (replica !== null) {
      replica.enqueue(request, t);
      return;
    }
    table.at[request] = AT.queue;
    this.queue.pushBack(request);
    this.drawFromQueue(t);
  }

  /** The replica for a request, null while none serves. */
  #chooseReplica(request: number): Replica | null {
    const { replicas } = this;
    if (replicas.length === 1) return replicas[0].phase === "serving" ? replicas[0] : null;
    if (this.definition.localBalancer === "round-robin") {
      for (let i = 0; i < replicas.length; i++) {
        const replica = replicas[this.#turn];
        this.#turn = (this.#turn + 1) % replicas.length;
        if (replica.phase === "serving") return replica;
      }
      return null;
    }
    const session = this.#table.session[request];
    let best: Replica | null = null;
    let bestCached = false;
    for (let i = 0; i < replicas.length; i++) {
      const replica = replicas[i];
      if (replica.phase !== "serving") continue;
      const cached = replica.cache !== null && session >= 0 && replica.cache.has(session);
      if (
        best === null ||
        (cached && !bestCached) ||
        (cached === bestCached && replica.outstandingTokens < best.outstandingTokens)
      ) {
        best = replica;
        bestCached = cached;
      }
    }
    return best;
  }
}
