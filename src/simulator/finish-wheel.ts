import type { RequestTable } from "./request-table.ts";

const SLOTS = 1024;
const MASK = SLOTS - 1;
const NONE = -1;

/**
 * Which decoding requests finish at which decode step of a replica: a timing wheel of intrusive lists, so that
 * a step costs nothing when nobody finishes. A request more than 1,024 steps ahead shares the slot of a nearer
 * step and is passed over there.
 */
export class FinishWheel {
  /** Steps whose difference is a multiple of this share a slot. */
  static readonly SLOTS = SLOTS;
  readonly #heads = new Int32Array(SLOTS).fill(NONE);
  /** One bit per slot that is not empty. */
  readonly #occupied = new Int32Array(SLOTS / 32);
  readonly #table: RequestTable;

  constructor(table: RequestTable) {
    this.#table = table;
  }

  insert(request: number, finishStep: number): void {
    const { wheelNext, wheelPrevious } = this.#table;
    const slot = finishStep & MASK;
    const head = this.#heads[slot];
    wheelNext[request] = head;
    wheelPrevious[request] = NONE;
    if (head !== NONE) wheelPrevious[head] = request;
    this.#heads[slot] = request;
    this.#occupied[slot >> 5] |= 1 << (slot & 31);
    this.#table.finishStep[request] = finishStep;
  }

  remove(request: number): void {
    const { wheelNext, wheelPrevious, finishStep } = this.#table;
    const slot = finishStep[request] & MASK;
    const next = wheelNext[request];
    const previous = wheelPrevious[request];
    if (next !== NONE) wheelPrevious[next] = previous;
    if (previous !== NONE) wheelNext[previous] = next;
    else {
      this.#heads[slot] = next;
      if (next === NONE) this.#occupied[slot >> 5] &= ~(1 << (slot & 31));
    }
  }

  /** First request of the slot of `step`, -1 for none; follow `wheelNext`, and compare `finishStep`. */
  headAt(step: number): number {
    return this.#heads[step & MASK];
  }

  /** Steps from `step` to the next occupied slot after it, 1 to 1,024; 1,024 when the wheel is empty. */
  distanceAfter(step: number): number {
    const first = (step + 1) & MASK;
    let word = first >> 5;
    let bits = this.#occupied[word] & (-1 << (first & 31));
    for (let i = 0; i <= SLOTS / 32; i++) {
      if (bits !== 0) {
        const slot = (word << 5) + (31 - Math.clz32(bits & -bits));
        return ((slot - first) & MASK) + 1;
      }
      word = (word + 1) & (SLOTS / 32 - 1);
      bits = this.#occupied[word];
    }
    return SLOTS;
  }
}
