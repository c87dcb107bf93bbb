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
 * A binary heap with at most one entry for each index 0..n-1, smallest (time, priority, index) first: the next
 * batch end of each replica, the next coupling event of each endpoint.
 *
 * `set` inserts or changes in O(log n); nothing is allocated after construction except by `extend`.
 */
export class IndexedHeap {
  #times: Float64Array;
  #priorities: Int32Array;
  /** Place of each index in `#order`, -1 when it has no entry. */
  #places: Int32Array;
  #order: Int32Array;
  #size = 0;

  /** @param indices how many indices there are: entries are for 0..indices-1 */
  constructor(indices: number) {
    this.#times = new Float64Array(indices);
    this.#priorities = new Int32Array(indices);
    this.#places = new Int32Array(indices).fill(-1);
    this.#order = new Int32Array(indices);
  }

  /** Number of indices that have an entry. */
  get size(): number {
    return this.#size;
  }

  /** Number of indices there are. */
  get indices(): number {
    return this.#places.length;
  }

  /**
   * Inserts the entry of `index` or changes it.
   *
   * @param time seconds; `Infinity` is allowed and keeps the entry
   * @param priority lower first at equal times; a 32-bit integer
   * @throws RangeError if the index is outside 0..n-1 or the time is NaN
   */
  set(index: number, time: number, priority = 0): void {
    const place = this.#places[index];
    if (place === undefined) throw this.#outside("set", index);
    if (Number.isNaN(time)) throw new RangeError(`IndexedHeap.set: the time of index ${index} is NaN`);
    this.#times[index] = time;
    this.#priorities[index] = priority;
    if (place === -1) this.#rise(this.#size++, index);
    else this.#settle(place, index);
  }

  /** Removes the entry of `index`; false when it had none. @throws RangeError if the index is outside 0..n-1 */
  remove(index: number): boolean {
    const place = this.#places[index];
    if (place === undefined) throw this.#outside("remove", index);
    if (place === -1) return false;
    this.#places[index] = -1;
    const last = --this.#size;
    if (place !== last) this.#settle(place, this.#order[last]);
    return true;
  }

  /** True when `index` has an entry. */
  has(index: number): boolean {
    return this.#places[index] >= 0;
  }

  /** Time of the entry of `index` in seconds; `Infinity` when it has none. */
  timeOf(index: number): number {
    return this.#places[index] >= 0 ? this.#times[index] : Number.POSITIVE_INFINITY;
  }

  /** Index of the first entry; -1 when the heap is empty. */
  peekIndex(): number {
    return this.#size === 0 ? -1 : this.#order[0];
  }

  /** Time of the first entry in seconds; `Infinity` when the heap is empty. */
  peekTime(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : this.#times[this.#order[0]];
  }

  /** Priority of the first entry. @throws RangeError when empty */
  peekPriority(): number {
    if (this.#size === 0) throw emptyHeap("IndexedHeap.peekPriority");
    return this.#priorities[this.#order[0]];
  }

  /** Removes the first entry and returns its index; -1 when the heap is empty. */
  pop(): number {
    const index = this.peekIndex();
    if (index >= 0) this.remove(index);
    return index;
  }

  /** Removes every entry. */
  clear(): void {
    this.#places.fill(-1);
    this.#size = 0;
  }

  /** Makes room for the indices 0..indices-1; entries stay. Fewer than there are now changes nothing. */
  extend(indices: number): void {
    const before = this.#places.length;
    if (indices <= before) return;
    this.#times = widenedFloat64(this.#times, indices);
    this.#priorities = widenedInt32(this.#priorities, indices);
    this.#places = widenedInt32(this.#places, indices).fill(-1, before);
    this.#order = widenedInt32(this.#order, indices);
  }

  /** Puts `index` where it belongs, starting from a hole at `place`. */
  #settle(place: number, index: number): void {
    if (place > 0 && this.#isBefore(index, this.#order[(place - 1) >> 1])) this.#rise(place, index);
    else this.#sink(place, index);
  }

  #rise(from: number, index: number): void {
    const order = this.#order;
    const places = this.#places;
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const other = order[parent];
      if (!this.#isBefore(index, other)) break;
      order[place] = other;
      places[other] = place;
      place = parent;
    }
    order[place] = index;
    places[index] = place;
  }

  #sink(from: number, index: number): void {
    const order = this.#order;
    const places = this.#places;
    const size = this.#size;
    let place = from;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#isBefore(order[child + 1], order[child])) child++;
      const other = order[child];
      if (!this.#isBefore(other, index)) break;
      order[place] = other;
      places[other] = place;
      place = child;
    }
    order[place] = index;
    places[index] = place;
  }

  #isBefore(a: number, b: number): boolean {
    const times = this.#times;
    if (times[a] !== times[b]) return times[a] < times[b];
    const priorities = this.#priorities;
    if (priorities[a] !== priorities[b]) return priorities[a] < priorities[b];
    return a < b;
  }

  #outside(method: string, index: number): RangeError {
    return new RangeError(`IndexedHeap.${method}: index ${index} is outside 0..${this.#places.length - 1}`);
  }
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
