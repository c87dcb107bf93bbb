/**
 * A binary heap of slots by a key, smallest first, equal keys in the order of the pushes; a slot can be taken out
 * wherever it stands. Pure data: no clock, and nothing is allocated but when it outgrows its columns.
 */
export class SlotHeap {
  #size = 0;
  #keys: Float64Array;
  #sequences: Float64Array;
  #slots: Int32Array;
  /** Place of each slot in the heap, -1 where it is not in. */
  #places: Int32Array;
  #sequence = 0;

  /** @param capacity slots that fit before the first doubling */
  constructor(capacity = 256) {
    this.#keys = new Float64Array(capacity);
    this.#sequences = new Float64Array(capacity);
    this.#slots = new Int32Array(capacity);
    this.#places = new Int32Array(capacity).fill(-1);
  }

  get count(): number {
    return this.#size;
  }

  /** Slot of the smallest key; -1 when the heap is empty. */
  get first(): number {
    return this.#size === 0 ? -1 : this.#slots[0];
  }

  /** The smallest key; Infinity when the heap is empty. */
  get firstKey(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : this.#keys[0];
  }

  /** Whether the smallest key is at most the number in `limit[0]`. */
  isDue(limit: Float64Array): boolean {
    return this.#size > 0 && this.#keys[0] <= limit[0];
  }

  /** Whether the smallest key is at most another heap's; an empty heap's is Infinity. */
  isFirst(other: SlotHeap): boolean {
    return this.#size > 0 && (other.#size === 0 || this.#keys[0] <= other.#keys[0]);
  }

  has(slot: number): boolean {
    return slot < this.#places.length && this.#places[slot] >= 0;
  }

  /** Adds a slot that is not in. @param keys column indexed by slot, read at once */
  push(slot: number, keys: Float64Array): void {
    if (this.#size === this.#keys.length) this.#growEntries();
    if (slot >= this.#places.length) this.#growPlaces(slot);
    const at = this.#size++;
    this.#slots[at] = slot;
    this.#keys[at] = keys[slot];
    this.#sequences[at] = this.#sequence++;
    this.#places[slot] = at;
    this.#rise(at);
  }

  /** Removes and returns the slot of the smallest key; -1 when the heap is empty. */
  pop(): number {
    const slot = this.first;
    if (slot >= 0) this.remove(slot);
    return slot;
  }

  /** Removes a slot; false when it is not in. */
  remove(slot: number): boolean {
    if (!this.has(slot)) return false;
    const hole = this.#places[slot];
    this.#places[slot] = -1;
    const last = --this.#size;
    if (hole === last) return true;
    this.#keys[hole] = this.#keys[last];
    this.#sequences[hole] = this.#sequences[last];
    this.#slots[hole] = this.#slots[last];
    this.#places[this.#slots[hole]] = hole;
    this.#sink(hole);
    this.#rise(hole);
    return true;
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
      if (child >= this.#size) return;
      if (child + 1 < this.#size && this.#isBefore(child + 1, child)) child++;
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

  #swap(a: number, b: number): void {
    const key = this.#keys[a];
    const sequence = this.#sequences[a];
    const slot = this.#slots[a];
    this.#keys[a] = this.#keys[b];
    this.#sequences[a] = this.#sequences[b];
    this.#slots[a] = this.#slots[b];
    this.#keys[b] = key;
    this.#sequences[b] = sequence;
    this.#slots[b] = slot;
    this.#places[this.#slots[a]] = a;
    this.#places[slot] = b;
  }

  #growEntries(): void {
    const length = 2 * Math.max(1, this.#keys.length);
    const keys = new Float64Array(length);
    keys.set(this.#keys);
    this.#keys = keys;
    const sequences = new Float64Array(length);
    sequences.set(this.#sequences);
    this.#sequences = sequences;
    const slots = new Int32Array(length);
    slots.set(this.#slots);
    this.#slots = slots;
  }

  #growPlaces(slot: number): void {
    const places = new Int32Array(Math.max(slot + 1, 2 * this.#places.length)).fill(-1);
    places.set(this.#places);
    this.#places = places;
  }
}
