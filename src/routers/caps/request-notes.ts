import { RequestSlots } from "../ingress/request-slots.ts";

/** Where a request is; `leaving` its endpoint, from which it was called back. */
export const AT = { router: 0, queued: 1, placed: 2, leaving: 3 } as const;

/** What CAPS notes on each request that has not ended: columns by slot. */
export class RequestNotes {
  readonly slots = new RequestSlots();
  /** Output tokens and risk that were expected of it; -1 where nobody asked. */
  outputs = new Float64Array(this.slots.capacity);
  risk = new Float64Array(this.slots.capacity);
  /** Seconds from which its objective counts: its arrival, or the end of its wait on purpose. */
  eligibleSeconds = new Float64Array(this.slots.capacity);
  /** Latest time at which a pool may still hold it. */
  latestSeconds = new Float64Array(this.slots.capacity);
  /** Its place in the order of its pool's queue. */
  key = new Float64Array(this.slots.capacity);
  /** Number of its last placement: the youngest at any endpoint has the largest. */
  placement = new Float64Array(this.slots.capacity);
  at = new Uint8Array(this.slots.capacity);
  /** How often it was paused. */
  pauses = new Uint8Array(this.slots.capacity);

  /** Slot of a request that arrives, its notes at their beginning. */
  begin(request: number, arrivalSeconds: number): number {
    const slot = this.slots.take(request);
    if (slot >= this.at.length) this.#grow();
    this.outputs[slot] = -1;
    this.risk[slot] = -1;
    this.eligibleSeconds[slot] = arrivalSeconds;
    this.latestSeconds[slot] = arrivalSeconds;
    this.placement[slot] = 0;
    this.at[slot] = AT.router;
    this.pauses[slot] = 0;
    return slot;
  }

  #grow(): void {
    const { capacity } = this.slots;
    this.outputs = wider(this.outputs, new Float64Array(capacity));
    this.risk = wider(this.risk, new Float64Array(capacity));
    this.eligibleSeconds = wider(this.eligibleSeconds, new Float64Array(capacity));
    this.latestSeconds = wider(this.latestSeconds, new Float64Array(capacity));
    this.key = wider(this.key, new Float64Array(capacity));
    this.placement = wider(this.placement, new Float64Array(capacity));
    this.at = wider(this.at, new Uint8Array(capacity));
    this.pauses = wider(this.pauses, new Uint8Array(capacity));
  }
}

function wider<Column extends Float64Array | Uint8Array>(column: Column, target: Column): Column {
  target.set(column);
  return target;
}
