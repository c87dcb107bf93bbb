/**
 * Dense numbers for the requests that a router keeps notes on. A host's request numbers have gaps and are used again;
 * a slot is the place of a request in the router's own columns, from 0 and without gaps. An open hash table: nothing
 * is allocated but when the table doubles.
 */
export class RequestSlots {
  /** Request of each slot, -1 where the slot is free. */
  requestOf: Int32Array;
  /** Slots by hash of the request, -1 where empty. */
  #table: Int32Array;
  readonly #free: number[] = [];
  #used = 0;
  #count = 0;

  /** @param capacity requests that fit before the first doubling */
  constructor(capacity = 256) {
    const room = 2 ** Math.ceil(Math.log2(Math.max(4, capacity)));
    this.requestOf = new Int32Array(room).fill(-1);
    this.#table = new Int32Array(2 * room).fill(-1);
  }

  /** Requests that have a slot. */
  get count(): number {
    return this.#count;
  }

  /** Slots are below this: the length that columns have to have. */
  get capacity(): number {
    return this.requestOf.length;
  }

  /** Slot of a request; -1 when it has none. */
  find(request: number): number {
    const table = this.#table;
    const mask = table.length - 1;
    for (let at = hash(request) & mask; ; at = (at + 1) & mask) {
      const slot = table[at];
      if (slot < 0 || this.requestOf[slot] === request) return slot;
    }
  }

  /** Slot of a request, a new one when it has none. {@link capacity} may grow. */
  take(request: number): number {
    const found = this.find(request);
    if (found >= 0) return found;
    if (this.#count === this.requestOf.length) this.#grow();
    const slot = this.#free.length > 0 ? (this.#free.pop() as number) : this.#used++;
    this.requestOf[slot] = request;
    this.#count++;
    this.#insert(slot);
    return slot;
  }

  /** Frees the slot of a request; nothing when it has none. */
  release(request: number): void {
    const table = this.#table;
    const mask = table.length - 1;
    let at = hash(request) & mask;
    for (;;) {
      const slot = table[at];
      if (slot < 0) return;
      if (this.requestOf[slot] === request) break;
      at = (at + 1) & mask;
    }
    const freed = table[at];
    this.requestOf[freed] = -1;
    this.#free.push(freed);
    this.#count--;
    // What stands behind moves up, so that no search stops at the hole before its request.
    for (let next = (at + 1) & mask; table[next] >= 0; next = (next + 1) & mask) {
      const home = hash(this.requestOf[table[next]]) & mask;
      if (((next - home) & mask) < ((next - at) & mask)) continue;
      table[at] = table[next];
      at = next;
    }
    table[at] = -1;
  }

  #insert(slot: number): void {
    const table = this.#table;
    const mask = table.length - 1;
    let at = hash(this.requestOf[slot]) & mask;
    while (table[at] >= 0) at = (at + 1) & mask;
    table[at] = slot;
  }

  #grow(): void {
    const wider = new Int32Array(2 * this.requestOf.length).fill(-1);
    wider.set(this.requestOf);
    this.requestOf = wider;
    this.#table = new Int32Array(2 * wider.length).fill(-1);
    for (let slot = 0; slot < wider.length; slot++) if (wider[slot] >= 0) this.#insert(slot);
  }
}

function hash(request: number): number {
  const mixed = Math.imul(request, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}
