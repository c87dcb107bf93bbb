/**
 * A binary heap of events on typed arrays, ordered by (time, priority, sequence, payload), smallest first.
 *
 * The key is total: the order of pops depends on what was pushed and not on the order of the pushes. Nothing is
 * allocated by `push` and `pop` apart from the doubling of the columns.
 */
export class TimeHeap {
  #times: Float64Array;
  #priorities: Int32Array;
  #sequences: Int32Array;
  #payloads: Int32Array;
  #size = 0;

  /** @param capacity entries that fit before the first doubling */
  constructor(capacity = 64) {
    const room = Math.max(1, Math.floor(capacity));
    this.#times = new Float64Array(room);
    this.#priorities = new Int32Array(room);
    this.#sequences = new Int32Array(room);
    this.#payloads = new Int32Array(room);
  }

  get size(): number {
    return this.#size;
  }

  /**
   * Adds an entry.
   *
   * @param time seconds; `Infinity` is allowed
   * @param priority class of the event, lower first; a 32-bit integer
   * @param sequence order inside the class, lower first; a 32-bit integer
   * @param payload what `pop` returns; a 32-bit integer
   * @throws RangeError if the time is NaN, which has no place in an order
   */
  push(time: number, priority: number, sequence: number, payload: number): void {
    if (Number.isNaN(time)) throw new RangeError("TimeHeap.push: the time is NaN");
    if (this.#size === this.#times.length) this.#grow();
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(time, priority, sequence, payload, parent)) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#write(at, time, priority, sequence, payload);
  }

  /** Time of the first entry in seconds; `Infinity` when the heap is empty. */
  peekTime(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : this.#times[0];
  }

  /** Priority of the first entry. @throws RangeError when empty */
  peekPriority(): number {
    if (this.#size === 0) throw emptyHeap("TimeHeap.peekPriority");
    return this.#priorities[0];
  }

  /** Sequence of the first entry. @throws RangeError when empty */
  peekSequence(): number {
    if (this.#size === 0) throw emptyHeap("TimeHeap.peekSequence");
    return this.#sequences[0];
  }

  /** Payload of the first entry. @throws RangeError when empty */
  peekPayload(): number {
    if (this.#size === 0) throw emptyHeap("TimeHeap.peekPayload");
    return this.#payloads[0];
  }

  /** Removes the first entry and returns its payload. @throws RangeError when empty */
  pop(): number {
    if (this.#size === 0) throw emptyHeap("TimeHeap.pop");
    const payload = this.#payloads[0];
    const last = --this.#size;
    if (last > 0) this.#sink(last);
    return payload;
  }

  /** Removes every entry; the capacity stays. */
  clear(): void {
    this.#size = 0;
  }

  /** Puts the entry at `last`, just outside the heap, into the hole at the root. */
  #sink(last: number): void {
    const time = this.#times[last];
    const priority = this.#priorities[last];
    const sequence = this.#sequences[last];
    const payload = this.#payloads[last];
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= last) break;
      const right = child + 1;
      if (right < last && this.#isBeforeSlot(right, child)) child = right;
      if (!this.#isBeforeSlot(child, last)) break;
      this.#move(child, at);
      at = child;
    }
    this.#write(at, time, priority, sequence, payload);
  }

  #isBeforeSlot(a: number, b: number): boolean {
    const times = this.#times;
    if (times[a] !== times[b]) return times[a] < times[b];
    return this.#isBefore(times[a], this.#priorities[a], this.#sequences[a], this.#payloads[a], b);
  }

  #isBefore(time: number, priority: number, sequence: number, payload: number, slot: number): boolean {
    if (time !== this.#times[slot]) return time < this.#times[slot];
    if (priority !== this.#priorities[slot]) return priority < this.#priorities[slot];
    if (sequence !== this.#sequences[slot]) return sequence < this.#sequences[slot];
    return payload < this.#payloads[slot];
  }

  #move(from: number, to: number): void {
    this.#times[to] = this.#times[from];
    this.#priorities[to] = this.#priorities[from];
    this.#sequences[to] = this.#sequences[from];
    this.#payloads[to] = this.#payloads[from];
  }

  #write(at: number, time: number, priority: number, sequence: number, payload: number): void {
    this.#times[at] = time;
    this.#priorities[at] = priority;
    this.#sequences[at] = sequence;
    this.#payloads[at] = payload;
  }

  #grow(): void {
    const room = 2 * this.#times.length;
    this.#times = widenedFloat64(this.#times, room);
    this.#priorities = widenedInt32(this.#priorities, room);
    this.#sequences = widenedInt32(this.#sequences, room);
    this.#payloads = widenedInt32(this.#payloads, room);
  }
}

/**
 * A priority queue with at most one entry for each index 0..n-1, smallest (time, priority, index) first: the next
 * batch end of each replica, the next coupling event of each endpoint.
 *
 * It is a winner tree: `set` and `remove` replay the matches of one index up to the root, log2(n) comparisons, which
 * a binary heap needs twice of when the first entry moves back. Nothing is allocated except by `extend`.
 */
export class IndexedHeap {
  #indices: number;
  #size = 0;
  #times: Float64Array;
  #priorities: Int32Array;
  /** Number of leaves, a power of two; leaf of index i is node `#leaves + i`, the root is node 1. */
  #leaves: number;
  /** First index below each node, -1 where there is no entry. */
  #winners: Int32Array;

  /** @param indices how many indices there are: entries are for 0..indices-1 */
  constructor(indices: number) {
    this.#indices = indices;
    this.#leaves = leavesFor(indices);
    this.#times = new Float64Array(this.#leaves);
    this.#priorities = new Int32Array(this.#leaves);
    this.#winners = new Int32Array(2 * this.#leaves).fill(-1);
  }

  /** Number of indices that have an entry. */
  get size(): number {
    return this.#size;
  }

  /** Number of indices there are. */
  get indices(): number {
    return this.#indices;
  }

  /**
   * Inserts the entry of `index` or changes it.
   *
   * @param time seconds; `Infinity` is allowed and keeps the entry
   * @param priority lower first at equal times; a 32-bit integer
   * @throws RangeError if the index is outside 0..n-1 or the time is NaN
   */
  set(index: number, time: number, priority = 0): void {
    if (!(index >= 0 && index < this.#indices)) throw this.#outside("set", index);
    if (Number.isNaN(time)) throw new RangeError(`IndexedHeap.set: the time of index ${index} is NaN`);
    this.#times[index] = time;
    this.#priorities[index] = priority;
    if (this.#winners[this.#leaves + index] === -1) this.#size++;
    this.#replay(index, index);
  }

  /** Removes the entry of `index`; false when it had none. @throws RangeError if the index is outside 0..n-1 */
  remove(index: number): boolean {
    if (!(index >= 0 && index < this.#indices)) throw this.#outside("remove", index);
    if (!this.has(index)) return false;
    this.#size--;
    this.#replay(index, -1);
    return true;
  }

  /** True when `index` has an entry. */
  has(index: number): boolean {
    return index >= 0 && this.#winners[this.#leaves + index] >= 0;
  }

  /** Index of the first entry; -1 when the heap is empty. */
  peekIndex(): number {
    return this.#winners[1];
  }

  /** Time of the first entry in seconds; `Infinity` when the heap is empty. */
  peekTime(): number {
    const first = this.#winners[1];
    return first < 0 ? Number.POSITIVE_INFINITY : this.#times[first];
  }

  /** Priority of the first entry. @throws RangeError when empty */
  peekPriority(): number {
    if (this.#size === 0) throw emptyHeap("IndexedHeap.peekPriority");
    return this.#priorities[this.#winners[1]];
  }

  /** Removes the first entry and returns its index; -1 when the heap is empty. */
  pop(): number {
    const index = this.peekIndex();
    if (index >= 0) this.remove(index);
    return index;
  }

  /** Removes every entry. */
  clear(): void {
    this.#winners.fill(-1);
    this.#size = 0;
  }

  /** Makes room for the indices 0..indices-1; entries stay. Fewer than there are now changes nothing. */
  extend(indices: number): void {
    if (indices <= this.#indices) return;
    const before = this.#indices;
    this.#indices = indices;
    if (indices <= this.#leaves) return;
    const entries = this.#winners.slice(this.#leaves, this.#leaves + before);
    this.#leaves = leavesFor(indices);
    this.#times = widenedFloat64(this.#times, this.#leaves);
    this.#priorities = widenedInt32(this.#priorities, this.#leaves);
    this.#winners = new Int32Array(2 * this.#leaves).fill(-1);
    for (const index of entries) if (index >= 0) this.#replay(index, index);
  }

  /** Puts `winner`, which is `index` or -1, on the leaf of `index` and plays every match above it again. */
  #replay(index: number, winner: number): void {
    const winners = this.#winners;
    const times = this.#times;
    let best = winner;
    let time = best < 0 ? Number.POSITIVE_INFINITY : times[best];
    let node = this.#leaves + index;
    winners[node] = best;
    while (node > 1) {
      const rival = winners[node ^ 1];
      if (rival >= 0) {
        const rivalTime = times[rival];
        if (rivalTime < time || (rivalTime === time && this.#isFirstOfTie(rival, best))) {
          best = rival;
          time = rivalTime;
        }
      }
      node >>= 1;
      winners[node] = best;
    }
  }

  #isFirstOfTie(rival: number, best: number): boolean {
    if (best < 0) return true;
    const priorities = this.#priorities;
    return priorities[rival] === priorities[best] ? rival < best : priorities[rival] < priorities[best];
  }

  #outside(method: string, index: number): RangeError {
    return new RangeError(`IndexedHeap.${method}: index ${index} is outside 0..${this.#indices - 1}`);
  }
}

function leavesFor(indices: number): number {
  let leaves = 1;
  while (leaves < indices) leaves *= 2;
  return leaves;
}

function emptyHeap(method: string): RangeError {
  return new RangeError(`${method}: the heap is empty`);
}

function widenedFloat64(column: Float64Array, room: number): Float64Array {
  const wider = new Float64Array(room);
  wider.set(column);
  return wider;
}

function widenedInt32(column: Int32Array, room: number): Int32Array {
  const wider = new Int32Array(room);
  wider.set(column);
  return wider;
}
