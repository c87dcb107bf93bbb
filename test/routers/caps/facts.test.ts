import { describe, expect, test } from "vitest";
import { CarbonWindow, lowCarbonHour, secondsToNextHour } from "../../../src/routers/caps/carbon-window.ts";
import { carbonGrams, relativeWatts, watts } from "../../../src/routers/caps/power-curve.ts";
import { PredictionQuality } from "../../../src/routers/caps/prediction-quality.ts";
import { carbonTerm, goodputTerm, loadRisk, score } from "../../../src/routers/caps/score.ts";

const curve = { idleWatts: 100, peakWatts: 400, exponent: 0.7 };
const weights = { alpha: 1, beta: 0.5, lambda: 2 };

describe("power and carbon (specification, section 11)", () => {
  test.each([
    [0, 100],
    [0.1, 159.858],
    [0.25, 213.679],
    [0.5, 284.672],
    [0.75, 345.281],
    [1, 400],
  ])("P(%d) = %d W", (utilisation, expected) => {
    expect(watts(curve, utilisation)).toBeCloseTo(expected, 3);
  });

  test("the table has the same over the peak", () => {
    const table = relativeWatts(curve, 4);
    expect([...table].map((ratio) => 400 * ratio)).toEqual(
      [100, 213.679, 284.672, 345.281, 400].map((w) => expect.closeTo(w, 3)),
    );
  });

  test("300 g/kWh at half the utilisation for 2 s are 0.047445 g", () => {
    expect(carbonGrams(300, watts(curve, 0.5), 2)).toBeCloseTo(0.047445, 6);
  });

  test("carbon over goodput is carbon over attainment in the paper's rows", () => {
    expect(10.6 / 0.835).toBeCloseTo(12.695, 3);
    expect(14.5 / 0.628).toBeCloseTo(23.089, 3);
  });
});

describe("score", () => {
  test("LP (.8, .6, .1) is .30 and BP (.75, .3, .12) .36; without carbon .60 and .51", () => {
    expect(score(0.8, 0.6, 0.1, weights)).toBeCloseTo(0.3, 12);
    expect(score(0.75, 0.3, 0.12, weights)).toBeCloseTo(0.36, 12);
    expect(score(0.8, 0.6, 0.1, { ...weights, beta: 0 })).toBeCloseTo(0.6, 12);
    expect(score(0.75, 0.3, 0.12, { ...weights, beta: 0 })).toBeCloseTo(0.51, 12);
  });

  test("goodput is the share of the fastest rate where the objective is met; equal rates leave 1 - 3V - E/2", () => {
    expect(goodputTerm(50, 100, 0.1)).toBeCloseTo(0.45, 12);
    expect(goodputTerm(100, 100, 0.1)).toBeCloseTo(0.9, 12);
    expect(score(goodputTerm(7, 7, 0.2), 0.4, 0.2, weights)).toBeCloseTo(1 - 3 * 0.2 - 0.5 * 0.4, 12);
  });

  test("carbon is that of the intensity, the power and the time over their references", () => {
    expect(carbonTerm(300, 240, 0.5, 2)).toBeCloseTo(1.25, 12);
    expect(carbonTerm(0, 0, 0.5, 2)).toBe(1);
  });

  test("risk by load: how far beyond the slack, in slacks", () => {
    expect(loadRisk(1, 2)).toBe(0);
    expect(loadRisk(3, 2)).toBe(0.5);
    expect(loadRisk(5, 2)).toBe(1);
    expect(loadRisk(0.1, 0)).toBe(1);
    expect(loadRisk(0.1, -1)).toBe(1);
  });
});

describe("carbon window", () => {
  test("the threshold is the 40th percentile of what was seen in 24 h, type 7", () => {
    const window = new CarbonWindow(0.4);
    window.observe(0, 200);
    expect([window.threshold, window.mean]).toEqual([200, 200]);
    for (const [hour, value] of [100, 300, 400, 500, 600].entries()) window.observe(3600 * (hour + 1), value);
    // 100 200 300 400 500 600: at 0.4 * 5 = 2.
    expect(window.threshold).toBe(300);
    expect(window.mean).toBe(350);
    // At 24 h the value of time 0 is out, at 25 h that of 1 h: 300 400 500 600 700 700, at 2.
    window.observe(86_400, 700);
    window.observe(90_000, 700);
    expect(window.threshold).toBe(500);
  });

  test("a month of five-minute fetches keeps a day", () => {
    const window = new CarbonWindow(0.5);
    for (let i = 0; i < 30 * 288; i++) window.observe(300 * i, i);
    // The last 288 values: their median is that of 8352 … 8639.
    expect(window.threshold).toBe(30 * 288 - 144.5);
  });
});

describe("lookahead", () => {
  test("(400, 380, 150, 160, 300, 420): the window opens in hour 2", () => {
    expect(lowCarbonHour(Float64Array.of(400, 380, 150, 160, 300, 420), 0.3)).toBe(2);
  });

  test("a flat forecast opens now", () => {
    expect(lowCarbonHour(new Float64Array(6).fill(250), 0.3)).toBe(0);
  });

  test("hours are those of the clock", () => {
    expect(secondsToNextHour(0, 0)).toBe(3600);
    expect(secondsToNextHour(600, 0)).toBe(3000);
    expect(secondsToNextHour(600, 7.5)).toBe(1200);
  });
});

describe("quality of predictions", () => {
  test("errors and the area under the curve", () => {
    const quality = new PredictionQuality();
    expect(quality.maeTokens).toBeNaN();
    quality.length(90, 100);
    quality.length(60, 50);
    expect([quality.maeTokens, quality.mape]).toEqual([10, expect.closeTo(0.15, 12)]);
    quality.risk(0.9, true);
    expect(quality.auroc).toBeNaN();
    quality.risk(0.2, false);
    quality.risk(0.9, false);
    // Of two pairs one is in order and one equal.
    expect(quality.auroc).toBe(0.75);
  });
});
