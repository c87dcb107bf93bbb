import type { RequestTable } from "./request-table.ts";

/** Ended requests that the router has not been told of, handed out by finish time, endpoint, request number. */
export class CompletionQueue {
  readonly #table: RequestTable;
  #heap = new Int32Array(64);
  #size = 0;

  constructor(table: RequestTable) {
    this.#table = table;
  }

  get size(): number {
    return this.#size;
  }

  add(request: number): void {
    if (this.#size === this.#heap.length) {
      const wider = new Int32Array(2 * this.#size);
      wider.set(this.#heap);
      this.#heap = wider;
    }
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(request, this.#heap[parent])) break;
      this.#heap[at] = this.#heap[parent];
      at = parent;
    }
    this.#heap[at] = request;
  }

  /** The first that finished at or before `t`, taken out; -1 for none. */
  takeUntil(t: number): number {
    if (this.#size === 0) return -1;
    const first = this.#heap[0];
    if (this.#table.finishedSeconds[first] > t) return -1;
    const last = this.#heap[--this.#size];
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && this.#before(this.#heap[child + 1], this.#heap[child])) child++;
      if (!this.#before(this.#heap[child], last)) break;
      this.#heap[at] = this.#heap[child];
      at = child;
    }
    this.#heap[at] = last;
    return first;
  }

  #before(a: number, b: number): boolean {
    const { finishedSeconds, endpoint, id } = this.#table;
    if (finishedSeconds[a] !== finishedSeconds[b]) return finishedSeconds[a] < finishedSeconds[b];
    if (endpoint[a] !== endpoint[b]) return endpoint[a] < endpoint[b];
    return id[a] < id[b];
  }
}
