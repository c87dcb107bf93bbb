/**
 * The queues in front of a fleet: one for each tier, the strictest tier first (CEDAR Algorithm 1). Inside a tier
 * the earliest deadline goes first (`edf`) or the first to come (`fifo`); equal deadlines keep the order of
 * arrival. Pure data: it knows no clock, and allocates only when a tier outgrows its columns.
 *
 * A scan takes the requests out one by one with {@link pop}; those that have to stay are set aside with
 * {@link keep} and come back, in their old order, with {@link restore}.
 */
export class TierQueues {
  readonly tiers: number;
  readonly order: "edf" | "fifo";
  readonly #heaps: readonly RequestHeap[];
  /** Requests in the queues, those set aside included. */
  #count = 0;
  #sequence = 0;
  /** Tier of the last request popped. */
  #poppedTier = 0;

  /**
   * @param tiers number of tiers, strictest first
   * @param order inside a tier
   * @param capacity requests of a tier that fit before its columns double
   */
  constructor(tiers: number, order: "edf" | "fifo" = "edf", capacity = 256) {
    this.tiers = tiers;
    this.order = order;
    this.#heaps = Array.from({ length: tiers }, () => new RequestHeap(capacity));
  }

  /** Requests in all queues, those set aside included. */
  get count(): number {
    return this.#count;
  }

  /** Requests in the queue of a tier, those set aside included. */
  countOf(tier: number): number {
    const heap = this.#heaps[tier];
    return heap.size + heap.kept;
  }

  /**
   * Adds a request behind those of its tier with the same deadline.
   *
   * @param deadlineSeconds column indexed by request; read at once
   */
  push(tier: number, request: number, deadlineSeconds: Float64Array): void {
    this.#count++;
    this.#heaps[tier].push(request, this.order === "edf" ? deadlineSeconds : undefined, this.#sequence++);
  }

  /** First request of the strictest tier that has one; -1 when there is none. */
  peek(): number {
    for (let tier = 0; tier < this.tiers; tier++) {
      if (this.#heaps[tier].size > 0) return this.#heaps[tier].first;
    }
    return -1;
  }

  /** Removes and returns the first request of the strictest tier that has one; -1 when there is none. */
  pop(): number {
    for (let tier = 0; tier < this.tiers; tier++) {
      if (this.#heaps[tier].size > 0) return this.popOf(tier);
    }
    return -1;
  }

  /** First request of a tier; -1 when it has none. */
  peekOf(tier: number): number {
    return this.#heaps[tier].size > 0 ? this.#heaps[tier].first : -1;
  }

  /** Removes and returns the first request of a tier; -1 when it has none. */
  popOf(tier: number): number {
    const heap = this.#heaps[tier];
    if (heap.size === 0) return -1;
    this.#count--;
    this.#poppedTier = tier;
    return heap.pop();
  }

  /** Sets the request popped last aside: it counts, but is not seen again before {@link restore}. */
  keep(): void {
    this.#count++;
    this.#heaps[this.#poppedTier].keep();
  }

  /** Puts everything that was set aside back where it was. */
  restore(): void {
    for (let tier = 0; tier < this.tiers; tier++) {
      if (this.#heaps[tier].kept > 0) this.#heaps[tier].restore();
    }
  }

  /** Removes a request of a tier wherever it stands, in time linear in the queue; false when it is not there. */
  remove(tier: number, request: number): boolean {
    if (!this.#heaps[tier].remove(request)) return false;
    this.#count--;
    return true;
  }
}

/** Binary heap of requests by (key, sequence), followed in the same columns by those set aside. */
class RequestHeap {
  size = 0;
  kept = 0;
  #keys: Float64Array;
  #sequences: Float64Array;
  #requests: Int32Array;
  #keptKeys: Float64Array;
  #keptSequences: Float64Array;
  #keptRequests: Int32Array;
  /** Key and sequence of the entry popped last. */
  readonly #popped = new Float64Array(2);
  #poppedRequest = -1;

  constructor(capacity: number) {
    this.#keys = new Float64Array(capacity);
    this.#sequences = new Float64Array(capacity);
    this.#requests = new Int32Array(capacity);
    this.#keptKeys = new Float64Array(capacity);
    this.#keptSequences = new Float64Array(capacity);
    this.#keptRequests = new Int32Array(capacity);
  }

  get first(): number {
    return this.#requests[0];
  }

  push(request: number, keyColumn: Float64Array | undefined, sequence: number): void {
    if (this.size === this.#keys.length) this.#grow();
    const at = this.size++;
    this.#requests[at] = request;
    this.#keys[at] = keyColumn === undefined ? 0 : keyColumn[request];
    this.#sequences[at] = sequence;
    this.#rise(at);
  }

  pop(): number {
    this.#popped[0] = this.#keys[0];
    this.#popped[1] = this.#sequences[0];
    this.#poppedRequest = this.#requests[0];
    this.#fill(0);
    return this.#poppedRequest;
  }

  keep(): void {
    if (this.kept === this.#keptKeys.length) this.#growKept();
    const at = this.kept++;
    this.#keptKeys[at] = this.#popped[0];
    this.#keptSequences[at] = this.#popped[1];
    this.#keptRequests[at] = this.#poppedRequest;
  }

  restore(): void {
    for (let i = 0; i < this.kept; i++) {
      if (this.size === this.#keys.length) this.#grow();
      const at = this.size++;
      this.#requests[at] = this.#keptRequests[i];
      this.#keys[at] = this.#keptKeys[i];
      this.#sequences[at] = this.#keptSequences[i];
      this.#rise(at);
    }
    this.kept = 0;
  }

  remove(request: number): boolean {
    for (let at = 0; at < this.size; at++) {
      if (this.#requests[at] === request) {
        this.#fill(at);
        return true;
      }
    }
    return false;
  }

  /** Closes the hole at `hole` with the last entry. */
  #fill(hole: number): void {
    const last = --this.size;
    if (hole === last) return;
    this.#move(last, hole);
    this.#sink(hole);
    this.#rise(hole);
  }

  #rise(from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #sink(from: number): void {
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.size) return;
      if (child + 1 < this.size && this.#isBefore(child + 1, child)) child++;
      if (!this.#isBefore(child, at)) return;
      this.#swap(at, child);
      at = child;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const keys = this.#keys;
    if (keys[a] !== keys[b]) return keys[a] < keys[b];
    return this.#sequences[a] < this.#sequences[b];
  }

  #move(from: number, to: number): void {
    this.#keys[to] = this.#keys[from];
    this.#sequences[to] = this.#sequences[from];
    this.#requests[to] = this.#requests[from];
  }

  #swap(a: number, b: number): void {
    const key = this.#keys[a];
    const sequence = this.#sequences[a];
    const request = this.#requests[a];
    this.#move(b, a);
    this.#keys[b] = key;
    this.#sequences[b] = sequence;
    this.#requests[b] = request;
  }

  #grow(): void {
    this.#keys = doubled(this.#keys);
    this.#sequences = doubled(this.#sequences);
    this.#requests = doubled(this.#requests);
  }

  #growKept(): void {
    this.#keptKeys = doubled(this.#keptKeys);
    this.#keptSequences = doubled(this.#keptSequences);
    this.#keptRequests = doubled(this.#keptRequests);
  }
}

function doubled<Column extends Float64Array | Int32Array>(column: Column): Column {
  const wider = new (column.constructor as new (length: number) => Column)(2 * Math.max(1, column.length));
  wider.set(column);
  return wider;
}
