import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OscillationMeter, ShareOscillation, TargetOscillation } from "../../src/metrics/oscillation.ts";
import { Stream } from "../../src/numeric/random.ts";

function oneHot(groups: number, hot: number): number[] {
  return Array.from({ length: groups }, (_, f) => (f === hot ? 1 : 0));
}

/** The greatest float64 below a positive number. */
function floatBelow(x: number): number {
  const bits = new BigInt64Array(Float64Array.of(x).buffer);
  bits[0]--;
  return new Float64Array(bits.buffer)[0];
}

describe("OscillationMeter", () => {
  it("of (1,0,0), (.5,.5,0), (.5,.25,.25), (0,0,1) has steps 1/3, 1/6, 1/2 and value 1/3", () => {
    const sequence = [
      [1, 0, 0],
      [0.5, 0.5, 0],
      [0.5, 0.25, 0.25],
      [0, 0, 1],
    ];
    const steps = sequence.slice(1).map((weights, i) => {
      const pair = new OscillationMeter(3);
      pair.observe(sequence[i]);
      pair.observe(weights);
      return pair.value;
    });
    expect(steps[0]).toBeCloseTo(0.3333, 4);
    expect(steps[1]).toBeCloseTo(0.1667, 4);
    expect(steps[2]).toBeCloseTo(0.5, 12);
    const meter = new OscillationMeter(3);
    for (const weights of sequence) meter.observe(weights);
    expect(meter.value).toBeCloseTo(0.3333, 4);
    expect(meter.distance).toBeCloseTo(1 + 0.5 + 1.5, 12);
    expect(meter.transitions).toBe(3);
  });

  it("is at most 2/12 over twelve endpoints, reached by moving everything each time", () => {
    const meter = new OscillationMeter(12);
    for (let t = 0; t < 50; t++) meter.observe(oneHot(12, t % 2));
    expect(meter.value).toBeCloseTo(0.16667, 5);
    const weights = fc.array(fc.array(fc.nat(20), { minLength: 12, maxLength: 12 }), { minLength: 2 });
    fc.assert(
      fc.property(weights, (sequence) => {
        const any = new OscillationMeter(12);
        for (const row of sequence) {
          const total = row.reduce((a, b) => a + b, 0);
          any.observe(total === 0 ? oneHot(12, 0) : row.map((x) => x / total));
        }
        expect(any.value).toBeLessThanOrEqual(1 / 6 + 1e-12);
      }),
    );
  });

  it("has no value before a transition, and takes |F| weights only", () => {
    const meter = new OscillationMeter(2);
    meter.carry(3);
    expect(meter.value).toBeNull();
    meter.observe([1, 0]);
    expect(meter.value).toBeNull();
    expect(() => meter.observe([1])).toThrow("1 weights, expected 2");
    meter.carry(1);
    expect(meter.value).toBe(0);
  });
});

describe("ShareOscillation", () => {
  it("counts in [k, k+1) intervals and carries the shares over empty ones", () => {
    const shares = new ShareOscillation(2, 0.1);
    shares.count(0, 0);
    shares.count(0.05, 1);
    // A dispatch on a boundary belongs to the later interval: (.5,.5) to (0,1) is 1/2.
    shares.count(0.1, 1);
    // Intervals 2, 3 and 4 are empty; in 5 all goes to group 0: 1.
    shares.count(0.55, 0);
    expect(shares.transitions).toBe(4);
    shares.finish(0.6);
    expect(shares.transitions).toBe(5);
    expect(shares.value).toBeCloseTo((0.5 + 0 + 0 + 0 + 1) / 5, 12);
  });

  it("starts with the first dispatch", () => {
    const shares = new ShareOscillation(2, 1);
    shares.count(7.5, 0);
    shares.count(8.5, 1);
    shares.finish(8.5);
    expect([shares.transitions, shares.value]).toEqual([1, 1]);
  });

  it("carries the last shares to the end of the run", () => {
    const shares = new ShareOscillation(2, 1);
    shares.count(0.5, 0);
    shares.count(1.5, 1);
    shares.finish(10);
    // One move, then eight intervals without a dispatch.
    expect([shares.transitions, shares.value]).toEqual([9, 1 / 9]);
  });

  it("agrees with eq. 3 written out over all intervals", () => {
    const dispatches = fc.array(fc.tuple(fc.nat(400), fc.nat(2)), { minLength: 1, maxLength: 120 });
    fc.assert(
      fc.property(dispatches, (list) => {
        // Times are multiples of 1/8, an exact float64, as is the interval.
        const sorted = [...list].sort((a, b) => a[0] - b[0]);
        const meter = new ShareOscillation(3, 0.5);
        for (const [t, group] of sorted) meter.count(t / 8, group);
        meter.finish(51);
        const rows: number[][] = [];
        for (let k = 0; k < 102; k++) {
          const inside = sorted.filter(([t]) => Math.floor(t / 4) === k);
          if (inside.length > 0) {
            rows.push([0, 1, 2].map((f) => inside.filter(([, g]) => g === f).length / inside.length));
          } else if (rows.length > 0) {
            rows.push(rows[rows.length - 1]);
          }
        }
        let sum = 0;
        for (let t = 1; t < rows.length; t++) {
          for (let f = 0; f < 3; f++) sum += Math.abs(rows[t][f] - rows[t - 1][f]) / 3;
        }
        expect(meter.transitions).toBe(rows.length - 1);
        if (rows.length > 1) expect(meter.value).toBeCloseTo(sum / (rows.length - 1), 10);
      }),
    );
  });

  it("puts times near a boundary by the product k * interval", () => {
    // 0.3 is below 3 * 0.1 = 0.30000000000000004, and 0.7 / 0.1 is 6.999999999999999 while 7 * 0.1 > 0.7.
    for (let k = 1; k < 1_000; k++) {
      const transitionsAt = (time: number) => {
        const shares = new ShareOscillation(2, 0.1);
        shares.count(0, 0);
        shares.count(time, 1);
        return shares.transitions;
      };
      expect(transitionsAt(k * 0.1)).toBe(k - 1);
      expect(transitionsAt(floatBelow(k * 0.1))).toBe(Math.max(0, k - 2));
    }
  });

  it("gives round robin over three regions of four, Poisson(5) arrivals an interval, the noise of 0.45", () => {
    // The specification's check of the paper's 0.51 for round robin.
    const stream = new Stream(1, "arrivals");
    const shares = new ShareOscillation(3, 0.1);
    let time = 0;
    for (let i = 0; time < 200; i++) {
      shares.count(time, Math.floor((i % 12) / 4));
      time += stream.exponential() / 50;
    }
    expect(shares.value).toBeGreaterThan(0.42);
    expect(shares.value).toBeLessThan(0.48);
  });

  it("refuses groups that do not exist and time that goes backwards", () => {
    const shares = new ShareOscillation(2, 1);
    expect(() => shares.count(0, 2)).toThrow("group 2 is outside 0..1");
    shares.count(3, 0);
    expect(() => shares.count(2, 0)).toThrow("oscillation: time 2 after 3");
    expect(() => new ShareOscillation(2, 0)).toThrow(RangeError);
  });
});

describe("TargetOscillation", () => {
  it("samples what was announced by the end of each interval", () => {
    const target = new TargetOscillation(2, 10);
    target.announce(12, [1, 0]);
    // Overwritten inside the same interval: never in force at an end.
    target.announce(15, [0.2, 0.8]);
    target.announce(19, [0.5, 0.5]);
    target.announce(40, [0, 1]);
    target.finish(60);
    // Intervals 1, 2, 3 end with (.5,.5), 4 and 5 with (0,1): steps 0, 0, .5, 0.
    expect(target.transitions).toBe(4);
    expect(target.value).toBeCloseTo(0.5 / 4, 12);
  });

  it("has no value when nothing was announced", () => {
    const target = new TargetOscillation(2, 10);
    target.finish(100);
    expect(target.value).toBeNull();
    expect(() => target.announce(100, [1])).toThrow(RangeError);
  });
});
