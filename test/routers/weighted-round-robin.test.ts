import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  InterleavedWeightedRoundRobin,
  SmoothWeightedRoundRobin,
} from "../../src/routers/weighted-round-robin.ts";

function turns(robin: SmoothWeightedRoundRobin, count: number, open?: Uint8Array): number[] {
  return Array.from({ length: count }, () => {
    const next = robin.peek(open);
    if (next >= 0) robin.take(next, open);
    return next;
  });
}

describe("smooth weighted round robin", () => {
  test("weights 5, 1, 1 give A A B A C A A (MARLIN baselines, facts)", () => {
    expect(turns(new SmoothWeightedRoundRobin([5, 1, 1]), 14)).toEqual([
      0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0,
    ]);
  });

  test("after n turns no entry is a whole turn away from its share", () => {
    const weights = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(weights, fc.integer({ min: 1, max: 60 }), (list, n) => {
        const sum = list.reduce((a, b) => a + b, 0);
        const taken = turns(new SmoothWeightedRoundRobin(list), n);
        if (sum === 0) {
          expect(taken).toEqual(Array(n).fill(-1));
          return;
        }
        for (const [i, weight] of list.entries()) {
          const count = taken.filter((t) => t === i).length;
          expect(Math.abs(count - (n * weight) / sum)).toBeLessThan(list.length);
          if (weight === 0) expect(count).toBe(0);
        }
        const period = taken.length >= sum ? taken.slice(0, sum) : [];
        for (const i of new Set(period)) expect(period.filter((t) => t === i)).toHaveLength(list[i]);
      }),
    );
  });

  test("a mask leaves entries out, a refused look changes nothing", () => {
    const robin = new SmoothWeightedRoundRobin([5, 1, 1]);
    expect([robin.peek(), robin.peek()]).toEqual([0, 0]);
    expect(turns(robin, 4, Uint8Array.of(0, 1, 1))).toEqual([1, 2, 1, 2]);
    expect(robin.peek(Uint8Array.of(0, 0, 0))).toBe(-1);
  });
});

describe("interleaved weighted round robin", () => {
  test("capacities 100, 50, 25: seven workloads of 100 go 0 0 1 0 0 1 2, loads 4 4 4 (MARLIN baselines, facts)", () => {
    const robin = new InterleavedWeightedRoundRobin([100, 50, 25]);
    const taken = Array.from({ length: 7 }, () => {
      const next = robin.peek(100);
      robin.take(next, 100);
      return next;
    });
    expect(taken).toEqual([0, 0, 1, 0, 0, 1, 2]);
    expect([...robin.loads]).toEqual([4, 4, 4]);
  });

  test("entries of capacity 0 and masked ones are never taken", () => {
    const robin = new InterleavedWeightedRoundRobin([0, 5, 5]);
    expect(robin.peek(1)).toBe(1);
    expect(robin.peek(1, Uint8Array.of(1, 0, 1))).toBe(2);
    expect(robin.peek(1, Uint8Array.of(1, 0, 0))).toBe(-1);
  });
});
