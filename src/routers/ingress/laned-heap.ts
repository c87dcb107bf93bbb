import { SlotHeap } from "./slot-heap.ts";

/**
 * A queue by key whose requests may need the large model or not: two heaps, so that a request that waits for the
 * large model does not stand in the way of one that any endpoint may serve. Equal keys: the one that needs it first.
 */
export class LanedHeap {
  /** Requests that any endpoint may serve, and those that need the large model. */
  readonly lanes: readonly [SlotHeap, SlotHeap] = [new SlotHeap(), new SlotHeap()];

  get count(): number {
    return this.lanes[0].count + this.lanes[1].count;
  }

  /** @param keys column indexed by slot, read at once */
  push(slot: number, needsLarge: number, keys: Float64Array): void {
    this.lanes[needsLarge].push(slot, keys);
  }

  remove(slot: number): boolean {
    return this.lanes[0].remove(slot) || this.lanes[1].remove(slot);
  }

  /** Lane of the smallest key; the other one where a lane is empty. */
  get firstLane(): number {
    return this.lanes[1].isFirst(this.lanes[0]) ? 1 : 0;
  }

  /** Whether the smallest key is at most the number in `limit[0]`. */
  isDue(limit: Float64Array): boolean {
    return this.lanes[0].isDue(limit) || this.lanes[1].isDue(limit);
  }

  /** Removes and returns any slot; -1 when there is none. */
  pop(): number {
    return this.lanes[this.firstLane].pop();
  }
}
