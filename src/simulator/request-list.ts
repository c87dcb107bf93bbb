import type { RequestTable } from "./request-table.ts";

const NONE = -1;

/** A doubly linked list of requests through the table's `previous` and `next`: a request is in at most one. */
export class RequestList {
  head = NONE;
  tail = NONE;
  length = 0;
  readonly #table: RequestTable;

  constructor(table: RequestTable) {
    this.#table = table;
  }

  pushBack(request: number): void {
    this.insertAfter(this.tail, request);
  }

  /** Puts `request` behind `place`, at the front when `place` is -1. */
  insertAfter(place: number, request: number): void {
    const { previous, next } = this.#table;
    const follower = place === NONE ? this.head : next[place];
    previous[request] = place;
    next[request] = follower;
    if (place === NONE) this.head = request;
    else next[place] = request;
    if (follower === NONE) this.tail = request;
    else previous[follower] = request;
    this.length++;
  }

  remove(request: number): void {
    const { previous, next } = this.#table;
    const before = previous[request];
    const after = next[request];
    if (before === NONE) this.head = after;
    else next[before] = after;
    if (after === NONE) this.tail = before;
    else previous[after] = before;
    this.length--;
  }
}
