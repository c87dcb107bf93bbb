/**
 * Doubly linked lists of slots, one for each owner (an endpoint, a pool): a slot is in at most one, and can be taken
 * out wherever it stands. Pure data; nothing is allocated but when a slot lies beyond the columns.
 */
export class SlotLists {
  readonly #first: Int32Array;
  readonly #last: Int32Array;
  readonly #count: Int32Array;
  #before: Int32Array;
  #behind: Int32Array;
  /** List of each slot, -1 for none. */
  #listOf: Int32Array;

  constructor(lists: number, capacity = 256) {
    this.#first = new Int32Array(lists).fill(-1);
    this.#last = new Int32Array(lists).fill(-1);
    this.#count = new Int32Array(lists);
    this.#before = new Int32Array(capacity);
    this.#behind = new Int32Array(capacity);
    this.#listOf = new Int32Array(capacity).fill(-1);
  }

  countOf(list: number): number {
    return this.#count[list];
  }

  /** Last slot of a list; -1 when it is empty. */
  lastOf(list: number): number {
    return this.#last[list];
  }

  /** The slot before one that is in a list; -1 for the first. */
  before(slot: number): number {
    return this.#before[slot];
  }

  /** List that a slot is in; -1 for none. */
  listOf(slot: number): number {
    return slot < this.#listOf.length ? this.#listOf[slot] : -1;
  }

  /** Puts a slot at the end of a list, out of the one it was in. */
  append(list: number, slot: number): void {
    this.remove(slot);
    if (slot >= this.#listOf.length) this.#grow(slot);
    const last = this.#last[list];
    this.#before[slot] = last;
    this.#behind[slot] = -1;
    if (last >= 0) this.#behind[last] = slot;
    else this.#first[list] = slot;
    this.#last[list] = slot;
    this.#listOf[slot] = list;
    this.#count[list]++;
  }

  /** Takes a slot out of its list; false when it is in none. */
  remove(slot: number): boolean {
    const list = this.listOf(slot);
    if (list < 0) return false;
    const before = this.#before[slot];
    const behind = this.#behind[slot];
    if (before >= 0) this.#behind[before] = behind;
    else this.#first[list] = behind;
    if (behind >= 0) this.#before[behind] = before;
    else this.#last[list] = before;
    this.#listOf[slot] = -1;
    this.#count[list]--;
    return true;
  }

  #grow(slot: number): void {
    const length = Math.max(slot + 1, 2 * this.#listOf.length);
    const before = new Int32Array(length);
    before.set(this.#before);
    this.#before = before;
    const behind = new Int32Array(length);
    behind.set(this.#behind);
    this.#behind = behind;
    const listOf = new Int32Array(length).fill(-1);
    listOf.set(this.#listOf);
    this.#listOf = listOf;
  }
}
