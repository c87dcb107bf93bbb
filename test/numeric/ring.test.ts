import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { quantileOf } from "../../src/numeric/quantile.ts";
import { SlidingWindow } from "../../src/numeric/ring.ts";

describe("SlidingWindow", () => {
  it("holds (now - W, now]: what is exactly W old has left", () => {
    const window = new SlidingWindow(60);
    window.add(0, 10);
    window.add(59.5, 20);
    expect([window.count, window.sum, window.mean]).toEqual([2, 30, 15]);
    window.advance(60);
    expect([window.count, window.sum, window.mean]).toEqual([1, 20, 20]);
    window.advance(119.5);
    expect([window.count, window.sum]).toEqual([0, 0]);
    expect(window.mean).toBeNaN();
    expect(window.p95()).toBeNaN();
  });

  it("gives the 95th percentile of 1..10 as 9.55", () => {
    const window = new SlidingWindow(100, 2);
    for (let i = 10; i >= 1; i--) window.add(10 - i, i);
    expect(window.p95()).toBeCloseTo(9.55, 12);
    expect(window.quantile(0)).toBe(1);
    window.add(103, 50);
    // 10, 9, 8 and 7 came at times 0 to 3 and are gone.
    expect(window.quantile(0.5)).toBe(4);
  });

  it("agrees with a filter over everything that ever came", () => {
    const gap = fc.oneof(fc.constant(0), fc.double({ min: 0, max: 5, noNaN: true }), fc.constant(12));
    const value = fc.double({ min: -1e3, max: 1e3, noNaN: true }).map((x) => (x === 0 ? 0 : x));
    fc.assert(
      fc.property(fc.array(fc.tuple(gap, value), { minLength: 1, maxLength: 150 }), (steps) => {
        const window = new SlidingWindow(10, 2);
        const all: [number, number][] = [];
        let now = 0;
        for (const [wait, x] of steps) {
          now += wait;
          window.add(now, x);
          all.push([now, x]);
          const inside = all.filter(([t]) => t > now - 10).map(([, v]) => v);
          expect(window.count).toBe(inside.length);
          expect(window.sum).toBeCloseTo(
            inside.reduce((a, b) => a + b, 0),
            8,
          );
          expect(window.p95()).toBe(quantileOf(inside, 0.95));
        }
      }),
    );
  });

  it("leaves no rounding error behind when a huge value has passed through", () => {
    const window = new SlidingWindow(10);
    window.add(0, 1e17);
    window.add(1, 0.1);
    window.add(2, 0.2);
    window.advance(10.5);
    expect(window.sum).toBeCloseTo(0.3, 12);
  });

  it("forgets everything at clear, the time too", () => {
    const window = new SlidingWindow(10);
    window.add(50, 1);
    window.clear();
    window.add(0, 2);
    expect([window.count, window.sum]).toEqual([1, 2]);
  });

  it("refuses time that goes backwards, NaN and a window without length", () => {
    const window = new SlidingWindow(10);
    window.add(5, 1);
    expect(() => window.add(4, 1)).toThrow("SlidingWindow: time 4 after 5");
    expect(() => window.add(Number.NaN, 1)).toThrow(RangeError);
    expect(() => window.add(6, Number.NaN)).toThrow(RangeError);
    expect(() => new SlidingWindow(0)).toThrow(RangeError);
    expect(window.count).toBe(1);
  });
});
