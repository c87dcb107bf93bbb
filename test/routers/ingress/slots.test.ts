import { describe, expect, test } from "vitest";
import { Stream } from "../../../src/numeric/random.ts";
import { LanedHeap } from "../../../src/routers/ingress/laned-heap.ts";
import { RequestSlots } from "../../../src/routers/ingress/request-slots.ts";
import { SlotHeap } from "../../../src/routers/ingress/slot-heap.ts";
import { SlotLists } from "../../../src/routers/ingress/slot-lists.ts";

describe("RequestSlots", () => {
  test("agrees with a Map through takes and releases, its slots dense", () => {
    const random = new Stream(1, "slots");
    const slots = new RequestSlots(4);
    const model = new Map<number, number>();
    for (let step = 0; step < 20_000; step++) {
      // Numbers with gaps, as the simulator has them.
      const request = 24 * random.below(200);
      if (random.uniform() < 0.5) {
        const slot = slots.take(request);
        if (model.has(request)) expect(slot).toBe(model.get(request));
        else expect([...model.values()]).not.toContain(slot);
        model.set(request, slot);
      } else {
        slots.release(request);
        model.delete(request);
      }
      const probe = 24 * random.below(200);
      expect(slots.find(probe)).toBe(model.get(probe) ?? -1);
      expect(slots.count).toBe(model.size);
    }
    expect(slots.capacity).toBeLessThanOrEqual(256);
    for (const [request, slot] of model) expect(slots.requestOf[slot]).toBe(request);
  });
});

describe("SlotHeap", () => {
  test("deadlines 5, 3, 9 leave as 3, 5, 9, equal ones in order of arrival", () => {
    const heap = new SlotHeap(1);
    const keys = Float64Array.of(5, 3, 9, 3);
    for (const slot of [0, 1, 2, 3]) heap.push(slot, keys);
    expect(heap.firstKey).toBe(3);
    expect([heap.pop(), heap.pop(), heap.pop(), heap.pop(), heap.pop()]).toEqual([1, 3, 0, 2, -1]);
  });

  test("gives what a sorted list gives, whatever is taken out in between", () => {
    const random = new Stream(2, "heap");
    const heap = new SlotHeap(2);
    const keys = new Float64Array(300);
    let model: { slot: number; key: number; order: number }[] = [];
    for (let step = 0; step < 5000; step++) {
      const slot = random.below(300);
      if (random.uniform() < 0.6) {
        if (heap.has(slot)) continue;
        keys[slot] = random.below(20);
        heap.push(slot, keys);
        model.push({ slot, key: keys[slot], order: step });
        model.sort((a, b) => a.key - b.key || a.order - b.order);
      } else {
        expect(heap.remove(slot)).toBe(model.some((entry) => entry.slot === slot));
        model = model.filter((entry) => entry.slot !== slot);
      }
      expect(heap.first).toBe(model[0]?.slot ?? -1);
      expect(heap.count).toBe(model.length);
    }
  });

  test("is due where its first key is at most the limit", () => {
    const heap = new SlotHeap();
    heap.push(0, Float64Array.of(7));
    expect(heap.isDue(Float64Array.of(6.9))).toBe(false);
    expect(heap.isDue(Float64Array.of(7))).toBe(true);
    heap.pop();
    expect(heap.isDue(Float64Array.of(Number.POSITIVE_INFINITY))).toBe(false);
  });
});

test("LanedHeap: the smaller key of both lanes is first, and a lane can be passed over", () => {
  const queue = new LanedHeap();
  const keys = Float64Array.of(4, 2, 1);
  queue.push(0, 0, keys);
  queue.push(1, 1, keys);
  expect(queue.firstLane).toBe(1);
  queue.push(2, 0, keys);
  expect(queue.firstLane).toBe(0);
  expect(queue.lanes[1].first).toBe(1);
  expect([queue.pop(), queue.pop(), queue.pop()]).toEqual([2, 1, 0]);
});

test("SlotLists: a slot is in one list; the youngest is the last", () => {
  const lists = new SlotLists(2, 1);
  for (const slot of [3, 7, 5]) lists.append(0, slot);
  expect([lists.lastOf(0), lists.before(5), lists.before(7), lists.before(3)]).toEqual([5, 7, 3, -1]);
  lists.append(1, 7);
  expect([lists.countOf(0), lists.countOf(1), lists.listOf(7)]).toEqual([2, 1, 1]);
  expect(lists.before(5)).toBe(3);
  expect(lists.remove(5)).toBe(true);
  expect(lists.remove(5)).toBe(false);
  expect(lists.lastOf(0)).toBe(3);
});
