import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { IndexedHeap, TimeHeap } from "../../src/numeric/heap.ts";

/** Few distinct values, so that ties in every column are common. */
const time = fc.oneof(
  fc.integer({ min: 0, max: 4 }),
  fc.constant(Number.POSITIVE_INFINITY),
  fc.double({ noNaN: true }),
);
const small = fc.integer({ min: -3, max: 3 });

function compareTuples(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
  return 0;
}

describe("TimeHeap", () => {
  it("pops by time, then priority, then sequence, then payload", () => {
    const heap = new TimeHeap(2);
    heap.push(2, 0, 0, 10);
    heap.push(1, 1, 0, 11);
    heap.push(1, 0, 5, 12);
    heap.push(1, 0, 4, 14);
    heap.push(1, 0, 4, 13);
    expect([heap.peekTime(), heap.peekPriority(), heap.peekSequence(), heap.peekPayload()]).toEqual([
      1, 0, 4, 13,
    ]);
    expect(Array.from({ length: 5 }, () => heap.pop())).toEqual([13, 14, 12, 11, 10]);
    expect(heap.size).toBe(0);
    expect(heap.peekTime()).toBe(Number.POSITIVE_INFINITY);
  });

  it("gives the order of sorting for any pushes", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(time, small, small, small), { maxLength: 200 }), (entries) => {
        const heap = new TimeHeap(1);
        for (const [t, priority, sequence, payload] of entries) heap.push(t, priority, sequence, payload);
        const popped: number[][] = [];
        while (heap.size > 0) {
          const key = [heap.peekTime(), heap.peekPriority(), heap.peekSequence(), heap.peekPayload()];
          expect(heap.pop()).toBe(key[3]);
          popped.push(key);
        }
        expect(popped).toEqual([...entries].sort(compareTuples));
      }),
    );
  });

  it("gives the least of what is inside when pushes and pops alternate", () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.tuple(time, small) },
      { weight: 2, arbitrary: fc.constant(null) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const heap = new TimeHeap(1);
        let model: number[][] = [];
        for (const [i, entry] of steps.entries()) {
          if (entry !== null) {
            heap.push(entry[0], entry[1], i, i);
            model.push([entry[0], entry[1], i]);
          } else if (model.length > 0) {
            model = model.sort(compareTuples);
            expect(heap.pop()).toBe(model.shift()?.[2]);
          }
          expect(heap.size).toBe(model.length);
        }
      }),
    );
  });

  it("is usable again after clear", () => {
    const heap = new TimeHeap();
    heap.push(1, 0, 0, 1);
    heap.clear();
    heap.push(5, 0, 0, 2);
    expect([heap.size, heap.pop()]).toEqual([1, 2]);
  });

  it("refuses a NaN time and a pop from nothing", () => {
    const heap = new TimeHeap();
    expect(() => heap.push(Number.NaN, 0, 0, 0)).toThrow(RangeError);
    expect(() => heap.pop()).toThrow("TimeHeap.pop: the heap is empty");
    expect(() => heap.peekPayload()).toThrow(RangeError);
  });
});

describe("IndexedHeap", () => {
  it("breaks ties by priority, then index", () => {
    const heap = new IndexedHeap(4);
    heap.set(3, 1);
    heap.set(2, 1);
    heap.set(1, 1, 7);
    heap.set(0, 2, -5);
    expect(Array.from({ length: 4 }, () => heap.pop())).toEqual([2, 3, 1, 0]);
    expect([heap.pop(), heap.peekIndex(), heap.peekTime()]).toEqual([-1, -1, Number.POSITIVE_INFINITY]);
  });

  it("always shows the least entry while entries are set, changed and removed", () => {
    const indices = 9;
    const index = fc.integer({ min: 0, max: indices - 1 });
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({ kind: fc.constant("set" as const), index, time, priority: small }),
      },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant("remove" as const), index }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant("pop" as const) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const heap = new IndexedHeap(indices);
        const model = new Map<number, [number, number, number]>();
        const least = () => [...model.values()].sort(compareTuples)[0];
        for (const action of steps) {
          if (action.kind === "set") {
            heap.set(action.index, action.time, action.priority);
            model.set(action.index, [action.time, action.priority, action.index]);
          } else if (action.kind === "remove") {
            expect(heap.remove(action.index)).toBe(model.delete(action.index));
            expect(heap.has(action.index)).toBe(false);
          } else {
            const expected = least()?.[2] ?? -1;
            expect(heap.pop()).toBe(expected);
            model.delete(expected);
          }
          expect(heap.size).toBe(model.size);
          expect(heap.peekIndex()).toBe(least()?.[2] ?? -1);
          expect(heap.peekTime()).toBe(least()?.[0] ?? Number.POSITIVE_INFINITY);
          for (let i = 0; i < indices; i++) {
            expect(heap.has(i)).toBe(model.has(i));
          }
        }
      }),
    );
  });

  it("keeps its entries when it is extended", () => {
    const heap = new IndexedHeap(2);
    heap.set(0, 5);
    heap.set(1, 3);
    heap.extend(40);
    expect(heap.has(39)).toBe(false);
    heap.set(39, 4);
    heap.extend(10);
    expect(heap.indices).toBe(40);
    expect([heap.pop(), heap.pop(), heap.pop(), heap.pop()]).toEqual([1, 39, 0, -1]);
  });

  it("refuses an index that it has no room for, and NaN", () => {
    const heap = new IndexedHeap(3);
    expect(() => heap.set(3, 1)).toThrow("IndexedHeap.set: index 3 is outside 0..2");
    expect(() => heap.set(-1, 1)).toThrow(RangeError);
    expect(() => heap.remove(3)).toThrow(RangeError);
    expect(() => heap.set(1, Number.NaN)).toThrow(RangeError);
    expect(heap.size).toBe(0);
  });

  it("has no entry for an index that does not exist", () => {
    const heap = new IndexedHeap(3);
    for (let i = 0; i < 3; i++) heap.set(i, i);
    for (const index of [-8, -4, -1, 3, 4, 99]) {
      expect(heap.has(index)).toBe(false);
    }
  });

  it("is empty after clear", () => {
    const heap = new IndexedHeap(3);
    heap.set(2, 1);
    heap.clear();
    expect([heap.size, heap.has(2), heap.peekIndex()]).toEqual([0, false, -1]);
    heap.set(2, 4);
    expect(heap.peekTime()).toBe(4);
  });
});
