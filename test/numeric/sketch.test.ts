import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sumOf } from "../../src/numeric/compensated-sum.ts";
import { quantileSorted } from "../../src/numeric/quantile.ts";
import { QuantileStore } from "../../src/numeric/quantile-store.ts";
import { Stream } from "../../src/numeric/random.ts";
import { QuantileSketch } from "../../src/numeric/sketch.ts";

/** Half the width of a bucket, 2^-9, with room for the rounding of the expected value itself. */
const RELATIVE_ERROR = 2 ** -9 * (1 + 1e-9);
const QUANTILES = [0, 0.001, 0.05, 0.5, 0.9, 0.95, 0.99, 0.999, 1];

function sketchOf(values: Iterable<number>): QuantileSketch {
  const sketch = new QuantileSketch();
  for (const value of values) sketch.add(value);
  return sketch;
}

function draws(purpose: string, n: number, draw: (stream: Stream) => number): Float64Array {
  const stream = new Stream(7, purpose);
  return Float64Array.from({ length: n }, () => draw(stream));
}

/** Every order statistic is within the bound, and for values of one sign an interpolation between two is too. */
function expectWithinGuarantee(sketch: QuantileSketch, values: Float64Array): void {
  const sorted = values.toSorted();
  for (const q of QUANTILES) {
    const exact = quantileSorted(sorted, q);
    expect(Math.abs(sketch.quantile(q) - exact)).toBeLessThanOrEqual(RELATIVE_ERROR * Math.abs(exact));
  }
}

describe("QuantileSketch", () => {
  it.each([
    ["log-normal over nine decades", (s: Stream) => s.logNormal(0, 4)],
    ["exponential", (s: Stream) => s.exponential()],
    ["uniform 1 to 2, one octave", (s: Stream) => 1 + s.uniform()],
    ["whole numbers", (s: Stream) => 1 + s.below(50)],
    ["negative", (s: Stream) => -s.logNormal(2, 1)],
    ["a few heavy values", (s: Stream) => (s.uniform() < 0.01 ? 1e8 : 1e-8)],
  ])("is within 0.2 %% of the exact quantiles: %s", (name, draw) => {
    const values = draws(name, 50_000, draw);
    expectWithinGuarantee(sketchOf(values), values);
  });

  it("is within the bound for any positive values in range", () => {
    const value = fc.double({ min: 1e-9, max: 1e9, noNaN: true });
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 60 }), (list) => {
        const values = Float64Array.from(list);
        expectWithinGuarantee(sketchOf(values), values);
      }),
    );
  });

  it("orders both signs and zero", () => {
    const sketch = sketchOf([-100, -1, 0, 1e-12, 4, 900, 20]);
    const found = Array.from({ length: 7 }, (_, rank) => sketch.quantile(rank / 6));
    [-100, -1, 0, 0, 4, 20, 900].forEach((expected, rank) => {
      expect(Math.abs(found[rank] - expected)).toBeLessThanOrEqual(RELATIVE_ERROR * Math.abs(expected));
    });
  });

  it("keeps count, sum, minimum and maximum exactly", () => {
    const values = draws("exact parts", 10_000, (s) => s.logNormal(3, 2));
    const sketch = sketchOf(values);
    expect(sketch.count).toBe(10_000);
    expect(sketch.min).toBe(Math.min(...values));
    expect(sketch.max).toBe(Math.max(...values));
    expect(Math.abs(sketch.sum - sumOf(values))).toBeLessThanOrEqual(1e-13 * sumOf(values));
    expect(sketch.mean).toBe(sketch.sum / 10_000);
  });

  it("gives the extremes themselves at 0 and 1, wherever in their bucket they lie", () => {
    // The bucket [1, 1.00390625) has its middle at 1.00195.
    const low = sketchOf([1, 1.0039]);
    expect([low.quantile(0), low.quantile(1)]).toEqual([1, 1.0039]);
  });

  it("reports the exact extremes for what lies outside its range", () => {
    const sketch = sketchOf([1, 5e12, 3e12, -7e11]);
    expect(sketch.quantile(1)).toBe(5e12);
    expect(sketch.quantile(2 / 3)).toBe(5e12);
    expect(sketch.quantile(0)).toBe(-7e11);
    const tiny = sketchOf([2e-10, 3e-10, 4e-10]);
    expect(tiny.quantile(0)).toBe(2e-10);
    expect(tiny.quantile(0.5)).toBeLessThanOrEqual(1e-9);
  });

  it("is empty at first", () => {
    const sketch = new QuantileSketch();
    expect([sketch.count, sketch.sum]).toEqual([0, 0]);
    expect(sketch.quantile(0.5)).toBeNaN();
    expect(sketch.mean).toBeNaN();
  });

  it("counts nothing of a value that it refuses", () => {
    const sketch = sketchOf([1]);
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      expect(() => sketch.add(value)).toThrow(RangeError);
    }
    expect([sketch.count, sketch.sum, sketch.max]).toEqual([1, 1, 1]);
    expect(() => sketch.quantile(2)).toThrow(RangeError);
  });

  it("merges to what one sketch of all values would hold", () => {
    const a = draws("merge a", 3_000, (s) => s.logNormal(0, 1));
    const b = draws("merge b", 5_000, (s) => s.normal() * 1e4);
    const merged = sketchOf(a);
    const other = sketchOf(b);
    merged.merge(other);
    const whole = sketchOf([...a, ...b]);
    expect(merged.toJSON()).toEqual({ ...whole.toJSON(), sum: merged.sum });
    expect(merged.sum).toBeCloseTo(whole.sum, 6);
    expect(other.toJSON()).toEqual(sketchOf(b).toJSON());
  });

  it("survives JSON", () => {
    const sketch = sketchOf([...draws("json", 2_000, (s) => s.normal() * 50), 0, 0, 1e10, -1e11]);
    const copy = QuantileSketch.fromJSON(JSON.parse(JSON.stringify(sketch)));
    expect(copy.toJSON()).toEqual(sketch.toJSON());
    for (const q of QUANTILES) expect(copy.quantile(q)).toBe(sketch.quantile(q));
    const empty = QuantileSketch.fromJSON(JSON.parse(JSON.stringify(new QuantileSketch())));
    expect([empty.count, empty.min, empty.max]).toEqual([
      0,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
    ]);
  });
});

describe("QuantileStore", () => {
  it("is exact up to its limit, by the definitions of quantile.ts", () => {
    const values = draws("store", 1_000, (s) => s.logNormal(0, 2));
    const store = new QuantileStore({ exactUpTo: 1_000 });
    for (const value of values) store.add(value);
    const sorted = values.toSorted();
    expect(store.isExact).toBe(true);
    for (const q of QUANTILES) expect(store.quantile(q)).toBe(quantileSorted(sorted, q));
    expect(store.sortedValues()).toEqual(sorted);
    expect([store.min, store.max, store.count]).toEqual([sorted[0], sorted[999], 1_000]);
  });

  it("becomes a sketch with the value that does not fit, and stays within its bound", () => {
    const values = draws("conversion", 2_000, (s) => s.logNormal(0, 2));
    const store = new QuantileStore({ exactUpTo: 1_999 });
    for (const value of values.subarray(0, 1_999)) store.add(value);
    expect(store.isExact).toBe(true);
    store.add(values[1_999]);
    expect(store.isExact).toBe(false);
    expect(store.sortedValues()).toBeUndefined();
    expect(store.count).toBe(2_000);
    expectWithinGuarantee(store.toSketch(), values);
    expect(store.quantile(0.95)).toBe(store.toSketch().quantile(0.95));
  });

  it("gives the same numbers for any order of arrival", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true })), (list) => {
        const forward = new QuantileStore();
        const backward = new QuantileStore();
        for (const value of list) forward.add(value);
        for (const value of list.toReversed()) backward.add(value);
        expect([forward.sum, forward.quantile(0.3)]).toEqual([backward.sum, backward.quantile(0.3)]);
      }),
    );
  });

  it("can be asked and added to in turn", () => {
    const store = new QuantileStore();
    expect(store.quantile(0.5)).toBeNaN();
    for (const value of [5, 1]) store.add(value);
    expect(store.quantile(0.5)).toBe(3);
    store.add(0);
    expect(store.quantile(0.5)).toBe(1);
    expect(store.sum).toBe(6);
    expect(() => store.add(Number.NaN)).toThrow(RangeError);
  });

  it("merges exactly while both are exact, else as sketches", () => {
    const stores = (limit: number) =>
      [1, 2].map((x) => {
        const store = new QuantileStore({ exactUpTo: limit });
        for (let i = 0; i < 10; i++) store.add(x + i);
        return store;
      });
    const [a, b] = stores(20);
    a.merge(b);
    expect([a.isExact, a.count, a.sum, a.max]).toEqual([true, 20, 120, 11]);
    const [c, d] = stores(19);
    c.merge(d);
    expect([c.isExact, c.count, c.sum, c.max]).toEqual([false, 20, 120, 11]);
    const [e, f] = stores(5);
    e.merge(f);
    expect([e.isExact, e.count, e.sum, e.max]).toEqual([false, 20, 120, 11]);
  });

  it("is a sketch from the start when told so", () => {
    const store = new QuantileStore({ mode: "sketch" });
    store.add(2);
    expect([store.isExact, store.count, store.min, store.max, store.sum]).toEqual([false, 1, 2, 2, 2]);
  });
});
