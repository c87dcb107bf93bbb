import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PlacementSketcher, placementAgreement } from "../../src/metrics/placement-sketch.ts";
import { Stream } from "../../src/numeric/random.ts";

function sketchOf(endpoints: readonly number[], order = [...endpoints.keys()]) {
  const sketcher = new PlacementSketcher();
  for (const id of order) if (endpoints[id] >= 0) sketcher.place(id, endpoints[id]);
  return sketcher.sketch();
}

describe("placement sketch", () => {
  test("equal placements agree whatever the order in which they were made", () => {
    const endpoints = fc.array(fc.integer({ min: -1, max: 11 }), { maxLength: 300 });
    fc.assert(
      fc.property(endpoints, (places) => {
        const reversed = [...places.keys()].reverse();
        expect(sketchOf(places, reversed)).toEqual(sketchOf(places));
        expect(placementAgreement(sketchOf(places), sketchOf(places, reversed))).toBe(1);
      }),
    );
  });

  test("below 4,096 requests the agreement is the exact share", () => {
    const a = Array.from({ length: 1000 }, (_, i) => i % 3);
    const b = a.map((endpoint, i) => (i < 30 ? 7 : endpoint));
    expect(placementAgreement(sketchOf(a), sketchOf(b))).toBe(0.97);
  });

  test("one other placement among many is seen by the hash", () => {
    const a = Array.from({ length: 100_000 }, (_, i) => i % 3);
    const b = a.map((endpoint, i) => (i === 77_777 ? 5 : endpoint));
    expect(sketchOf(a).hash).not.toBe(sketchOf(b).hash);
  });

  test("a request never placed by one router counts as a difference", () => {
    expect(placementAgreement(sketchOf([0, 1, -1, 1]), sketchOf([0, 1, 0, 1]))).toBe(0.75);
    expect(placementAgreement(sketchOf([0, 1, 0, -1]), sketchOf([0, 1, 0, 1]))).toBe(0.75);
  });

  test("of a million requests 4,096 at most are kept, and the share is estimated within 1.5 %", () => {
    const stream = new Stream(1, "test");
    const a = new PlacementSketcher();
    const b = new PlacementSketcher();
    for (let id = 0; id < 1_000_000; id++) {
      a.place(id, id % 12);
      b.place(id, stream.uniform() < 0.9 ? id % 12 : 12);
    }
    const sketch = a.sketch();
    expect(sketch.every).toBe(256);
    expect(sketch.placed).toBe(1_000_000);
    expect(sketch.sample.length).toBeLessThan(11_000);
    expect(Math.abs(placementAgreement(sketch, b.sketch()) - 0.9)).toBeLessThan(0.015);
  });

  test("survives JSON", () => {
    const sketch = sketchOf([3, 1, 2]);
    expect(placementAgreement(JSON.parse(JSON.stringify(sketch)), sketchOf([3, 1, 0]))).toBeCloseTo(
      2 / 3,
      12,
    );
  });
});
