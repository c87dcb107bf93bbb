import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  constantSeries,
  integral,
  meanOver,
  refineTo,
  resample,
  rescale,
  type SignalHeader,
  type StepSeries,
  scaleBy,
  shareSeries,
  statistics,
  valueAt,
  window,
} from "../../src/signal/series.ts";

const header: SignalHeader = {
  quantity: "carbon-intensity",
  unit: "g/kWh",
  signal: "average",
  accounting: "direct",
  zone: "XX",
  source: "hand",
  provenance: "measured",
};

function series(times: number[], values: number[], endSeconds: number): StepSeries {
  return { header, times: Float64Array.from(times), values: Float64Array.from(values), endSeconds };
}

/** 100 for [0, 10), 300 for [10, 30), 200 for [30, 40). */
const hand = series([0, 10, 30], [100, 300, 200], 40);

const anySeries = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: -200, max: 900 })), { minLength: 1 })
  .map((pairs) => {
    let t = 0;
    const times = pairs.map(([gap]) => (t += gap));
    return series(
      times,
      pairs.map(([, value]) => value),
      t + 7,
    );
  });

describe("reading a step function", () => {
  test("a value holds from its time on, the outer ones beyond the ends", () => {
    expect([-5, 0, 9.99, 10, 29, 30, 39, 1000].map((t) => valueAt(hand, t))).toEqual([
      100, 100, 100, 300, 300, 200, 200, 200,
    ]);
  });

  test("the integral splits at the steps: 5*100 + 20*300 + 2*200", () => {
    expect(integral(hand, 5, 32)).toBe(500 + 6000 + 400);
    expect(integral(hand, 32, 5)).toBe(-6900);
    expect(meanOver(hand, 5, 32)).toBeCloseTo(6900 / 27, 12);
    expect(meanOver(hand, 30, 30)).toBe(200);
  });

  test("energy over a signal boundary: 1 kW for an hour, half at 100 and half at 300 g/kWh, emits 200 g", () => {
    const hourly = series([0, 1800], [100, 300], 3600);
    expect(integral(hourly, 0, 3600) / 3600).toBe(200);
  });

  test("mean weighs by time", () => {
    expect(statistics(hand)).toEqual({ min: 100, mean: (1000 + 6000 + 2000) / 40, max: 300 });
    expect(statistics(constantSeries(header, 7))).toEqual({ min: 7, mean: 7, max: 7 });
  });

  test("integrals are additive and equal a sum over unit cells", () => {
    fc.assert(
      fc.property(
        anySeries,
        fc.integer({ min: 0, max: 300 }),
        fc.integer({ min: 0, max: 300 }),
        (s, a, b) => {
          const middle = Math.min(a, b) + 3;
          expect(integral(s, a, middle) + integral(s, middle, b)).toBeCloseTo(integral(s, a, b), 6);
          let sum = 0;
          for (let t = Math.min(a, b); t < Math.max(a, b); t++) sum += valueAt(s, t);
          expect(Math.sign(b - a) * sum + 0).toBeCloseTo(integral(s, a, b) + 0, 6);
        },
      ),
    );
  });
});

describe("window", () => {
  test("is in run time and starts with the step that is under way", () => {
    expect(window(hand, 15, 35)).toEqual({
      times: Float64Array.of(-5, 15),
      values: Float64Array.of(300, 200),
      endSeconds: 25,
    });
  });

  test("leaves out a step that begins at its end, and keeps history when asked", () => {
    expect(window(hand, 10, 30).times).toEqual(Float64Array.of(0));
    expect(window(hand, 35, 40, 10).times).toEqual(Float64Array.of(-25, -5));
    expect(window(hand, 35, 40, 1e9).times).toEqual(Float64Array.of(-35, -25, -5));
  });

  test("says what is covered when it leaves the series", () => {
    expect(() => window(hand, 0, 41)).toThrow(
      "signal XX (hand) covers 1970-01-01T00:00:00Z to 1970-01-01T00:00:40Z, but 1970-01-01T00:00:00Z to 1970-01-01T00:00:41Z",
    );
    expect(() => window(hand, -1, 10)).toThrow(expect.objectContaining({ code: "CANOPY_SIGNAL_RANGE" }));
  });

  test("reads the same values at the same instants", () => {
    fc.assert(
      fc.property(anySeries, fc.nat(1000), fc.nat(1000), (s, a, b) => {
        const span = s.endSeconds - s.times[0];
        const start = s.times[0] + Math.min(a % span, b % span);
        const end = s.times[0] + Math.max(a % span, b % span);
        const track = window(s, start, end);
        expect(track.times[0]).toBeLessThanOrEqual(0);
        for (let t = start; t < end; t++) expect(valueAt(track, t - start)).toBe(valueAt(s, t));
        expect(integral(track, 0, end - start)).toBeCloseTo(integral(s, start, end), 6);
      }),
    );
  });
});

describe("changing grid and scale", () => {
  test("resample takes time means: cells of 20 s", () => {
    const coarse = resample(hand, 20);
    expect(coarse.times).toEqual(Float64Array.of(0, 20));
    expect(coarse.values).toEqual(Float64Array.of(200, 250));
    expect(coarse.header.provenance).toBe("derived");
  });

  test("resample keeps the integral for any step", () => {
    fc.assert(
      fc.property(anySeries, fc.integer({ min: 1, max: 90 }), (s, step) => {
        const coarse = resample(s, step);
        expect(integral(coarse, s.times[0], s.endSeconds)).toBeCloseTo(
          integral(s, s.times[0], s.endSeconds),
          5,
        );
      }),
    );
  });

  test("refine holds or joins", () => {
    expect(refineTo(hand, 10, "hold").values).toEqual(Float64Array.of(100, 300, 300, 200));
    const linear = refineTo(hand, 5, "linear");
    expect(linear.values).toEqual(Float64Array.of(100, 200, 300, 275, 250, 225, 200, 200));
    expect(linear.header.source).toBe("hand, linear to 5 s");
    expect(() => refineTo(hand, 20, "hold")).toThrow(expect.objectContaining({ code: "CANOPY_SIGNAL_STEP" }));
    expect(() => refineTo(hand, 0, "hold")).toThrow(expect.objectContaining({ code: "CANOPY_SIGNAL_STEP" }));
  });

  test("rescale maps the range affinely: CAPS's 90 to 520", () => {
    const mapped = rescale(hand, [90, 520]);
    expect(mapped.values).toEqual(Float64Array.of(90, 520, 305));
    expect(mapped.header).toMatchObject({ source: "hand, rescaled to 90-520", provenance: "derived" });
    expect(() => rescale(constantSeries(header, 5, 0, 10), [90, 520])).toThrow(
      expect.objectContaining({ code: "CANOPY_SIGNAL_RESCALE" }),
    );
    expect(() => rescale(hand, [520, 90])).toThrow(
      expect.objectContaining({ code: "CANOPY_SIGNAL_RESCALE" }),
    );
  });

  test("scaleBy multiplies and says so", () => {
    expect(scaleBy(hand, 2.5).values).toEqual(Float64Array.of(250, 750, 500));
    expect(scaleBy(hand, 2.5).header.source).toBe("hand, times 2.5");
  });

  test("shared columns hold the same numbers on shared memory", () => {
    const shared = shareSeries(hand);
    expect(shared.values.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(Array.from(shared.values)).toEqual(Array.from(hand.values));
    expect(Array.from(shared.times)).toEqual(Array.from(hand.times));
    expect(shared.header).toBe(hand.header);
  });
});
