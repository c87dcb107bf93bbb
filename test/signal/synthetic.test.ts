import { describe, expect, test } from "vitest";
import { type StepSeries, statistics, window } from "../../src/signal/series.ts";
import {
  CEDAR_WINDOW,
  syntheticPreset,
  syntheticPresets,
  syntheticSeries,
} from "../../src/signal/synthetic-presets.ts";

const year2024 = { startSeconds: Date.UTC(2024, 0, 1) / 1000, endSeconds: Date.UTC(2025, 0, 1) / 1000 };
const seeds = [1, 2, 3];

/** Mean of the series in each UTC hour. */
function hourMeans(series: StepSeries): number[] {
  const sums = new Float64Array(24);
  const counts = new Float64Array(24);
  series.times.forEach((t, i) => {
    sums[Math.floor((t % 86400) / 3600)] += series.values[i];
    counts[Math.floor((t % 86400) / 3600)]++;
  });
  return Array.from(sums, (sum, hour) => sum / counts[hour]);
}

function correlation(x: Float64Array, y: Float64Array): number {
  const mx = x.reduce((a, b) => a + b) / x.length;
  const my = y.reduce((a, b) => a + b) / y.length;
  const xy = x.reduce((sum, v, i) => sum + (v - mx) * (y[i] - my), 0);
  const xx = x.reduce((sum, v) => sum + (v - mx) ** 2, 0);
  return xy / Math.sqrt(xx * y.reduce((sum, v) => sum + (v - my) ** 2, 0));
}

function autocorrelation(values: Float64Array, lag: number): number {
  const mean = values.reduce((a, b) => a + b) / values.length;
  let covariance = 0;
  let variance = 0;
  for (let i = 0; i + lag < values.length; i++) {
    covariance += (values[i] - mean) * (values[i + lag] - mean);
    variance += (values[i] - mean) ** 2;
  }
  return covariance / variance;
}

describe("January to March 2025, CEDAR's regions", () => {
  test.each([
    ["us-east-1", 278, 374, 465],
    ["us-west-2-bpat", 24, 49, 72],
    ["us-west-2-pacw", 120, 212, 310],
    ["eu-west-1", 117, 297, 539],
  ])("%s is near %d/%d/%d for any seed", (id, min, mean, max) => {
    for (const seed of seeds) {
      const series = syntheticSeries(id, { seed });
      expect(series.times.length).toBe(25920);
      const found = statistics(series);
      expect(Math.abs(found.mean / mean - 1)).toBeLessThan(0.03);
      expect(found.min).toBeGreaterThan(min - 1);
      expect((found.min - min) / mean).toBeLessThan(0.12);
      expect(found.max).toBeLessThan(max + 1);
      expect((max - found.max) / mean).toBeLessThan(0.12);
    }
  });

  test("the regions are independent: their correlation averages to nothing over seeds", () => {
    const ids = ["us-east-1", "us-west-2-bpat", "eu-west-1"];
    const sums = [0, 0, 0];
    const count = 40;
    for (let seed = 0; seed < count; seed++) {
      const [a, b, c] = ids.map((id) => syntheticSeries(id, { seed, stepSeconds: 3600 }).values);
      const found = [correlation(a, b), correlation(a, c), correlation(b, c)];
      for (const [i, r] of found.entries()) sums[i] += r / count;
    }
    for (const mean of sums) expect(Math.abs(mean)).toBeLessThan(0.12);
  });

  test("Ireland swings more, and faster, than PJM", () => {
    const relative = (id: string) => {
      const { min, mean, max } = statistics(syntheticSeries(id, { seed: 1 }));
      return (max - min) / mean;
    };
    expect(relative("eu-west-1")).toBeGreaterThan(2 * relative("us-east-1"));
    const day = (id: string) => autocorrelation(syntheticSeries(id, { seed: 1 }).values, 288);
    expect(day("eu-west-1")).toBeLessThan(day("us-east-1"));
  });
});

describe("the marginal process has the MOER's statistics (June 2023, CAISO_NORTH)", () => {
  const series = syntheticSeries("caiso-marginal", { seed: 1 });
  const values = series.values;

  test("two states: quartiles 406/421/430, 17 % under 100, sd 143", () => {
    const { min, mean, max } = statistics(series);
    expect(min).toBeGreaterThanOrEqual(35);
    expect(max).toBeLessThanOrEqual(463);
    expect(Math.abs(mean - 355)).toBeLessThan(18);
    const sorted = Float64Array.from(values).sort();
    expect(Math.abs(sorted[values.length / 2] - 421)).toBeLessThan(6);
    expect(Math.abs(sorted[0.75 * values.length] - 430)).toBeLessThan(6);
    const clean = values.filter((v) => v < 100).length / values.length;
    expect(Math.abs(clean - 0.17)).toBeLessThan(0.04);
    const deviation = Math.sqrt(values.reduce((s, v) => s + (v - mean) ** 2, 0) / values.length);
    expect(Math.abs(deviation - 143)).toBeLessThan(15);
  });

  test("steps: mean change 11, lag-1 autocorrelation .93; mostly still, sometimes 350 at once", () => {
    const changes = Float64Array.from(values.subarray(1), (v, i) => Math.abs(v - values[i])).sort();
    const mean = changes.reduce((a, b) => a + b) / changes.length;
    expect(Math.abs(mean - 11)).toBeLessThan(2.5);
    expect(changes[changes.length >> 1]).toBeLessThan(5);
    expect(changes[Math.floor(0.99 * changes.length)]).toBeGreaterThan(300);
    expect(Math.abs(autocorrelation(values, 1) - 0.93)).toBeLessThan(0.02);
  });

  test("hours: low in Californian midday (216 at 18 h), gas at night (435 at 2 h)", () => {
    const hours = hourMeans(series);
    expect(Math.abs(hours[18] - 216)).toBeLessThan(40);
    expect(Math.abs(hours[4] - 430)).toBeLessThan(12);
  });

  test("Ireland's curtailment follows no hour", () => {
    const hours = hourMeans(syntheticSeries("eu-west-1-marginal", { seed: 1 }));
    expect(Math.min(...hours)).toBeGreaterThan(300);
  });
});

test("CAPS's week: CAISO, 5-11 August 2024, 102/237/340, lowest at 11 h local", () => {
  const [startSeconds, endSeconds] = [5, 12].map((day) => Date.UTC(2024, 7, day, 7) / 1000);
  for (const seed of seeds) {
    const series = syntheticSeries("caiso-week", { seed, startSeconds, endSeconds, stepSeconds: 3600 });
    expect(series.times.length).toBe(168);
    const { min, mean, max } = statistics(series);
    expect(Math.abs(mean - 237)).toBeLessThan(15);
    expect(Math.abs(min - 115)).toBeLessThan(30);
    expect(Math.abs(max - 330)).toBeLessThan(25);
    const hours = hourMeans(series);
    expect(Math.abs(indexAtMinimum(hours) - 18)).toBeLessThanOrEqual(2);
  }
});

describe("2024, zones and prices", () => {
  test.each([
    ["US-CAL-CISO", 51, 227, 423, 0.7],
    ["US-MIDA-PJM", 266, 392, 522, 0.08],
    ["DE-LU", 107, 332, 654, 0.39],
    ["AU-NSW", 171, 552, 808, 0.61],
    ["SG", 438, 485, 499, 0.07],
    ["GB", 36, 163, 384, 0.39],
  ])("%s: %d/%d/%d, daily swing %d of the mean", (id, min, mean, max, swing) => {
    const series = syntheticSeries(id, { seed: 1, ...year2024, stepSeconds: 3600 });
    const found = statistics(series);
    expect(Math.abs(found.mean / mean - 1)).toBeLessThan(0.02);
    expect(Math.abs(found.min - min) / mean).toBeLessThan(0.06);
    expect(Math.abs(found.max - max) / mean).toBeLessThan(0.1);
    const hours = hourMeans(series);
    expect(Math.abs((Math.max(...hours) - Math.min(...hours)) / mean - swing)).toBeLessThan(0.08);
  });

  test.each([
    ["price-US-MIDA-PJM", 36],
    ["price-US-CAL-CISO", 41],
    ["price-DE-LU", 84],
    ["price-US-TEX-ERCO", 26],
    ["price-BR-SP", 22],
  ])("%s: mean %d USD/MWh, never negative", (id, mean) => {
    const series = syntheticSeries(id, { seed: 1, ...year2024, stepSeconds: 3600 });
    const found = statistics(series);
    expect(Math.abs((found.mean * 1000) / mean - 1)).toBeLessThan(0.15);
    expect(found.min).toBeGreaterThan(0);
    expect(series.header).toMatchObject({ quantity: "price", unit: "usd/kWh" });
  });

  test("CAISO's price peaks in the evening (19 h local) and is lowest before noon", () => {
    const hours = hourMeans(
      syntheticSeries("price-US-CAL-CISO", { seed: 1, ...year2024, stepSeconds: 3600 }),
    );
    expect(Math.abs(hours.indexOf(Math.max(...hours)) - 2)).toBeLessThanOrEqual(1);
    expect(Math.abs(indexAtMinimum(hours) - 20)).toBeLessThanOrEqual(2);
  });
});

describe("drawing", () => {
  test("a preset is the same for the same seed and another for another", () => {
    const draw = (seed: number) => syntheticSeries("eu-west-1", { seed }).values;
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
  });

  test("windows agree wherever they overlap, also over New Year", () => {
    const day = 86400;
    const newYear = Date.UTC(2025, 0, 1) / 1000;
    for (const id of ["us-east-1", "caiso-marginal", "price-DE-LU"]) {
      const long = { seed: 3, startSeconds: newYear - 3 * day, endSeconds: newYear + 3 * day };
      const whole = syntheticSeries(id, { ...long, stepSeconds: 900 });
      const part = syntheticSeries(id, {
        seed: 3,
        startSeconds: newYear + day,
        endSeconds: newYear + 2 * day,
        stepSeconds: 900,
      });
      const cut = window(whole, newYear + day, newYear + 2 * day);
      expect(cut.values).toEqual(part.values);
      const before = syntheticSeries(id, {
        seed: 3,
        startSeconds: newYear - day,
        endSeconds: newYear,
        stepSeconds: 900,
      });
      expect(window(whole, newYear - day, newYear).values).toEqual(before.values);
    }
  });

  test("every preset says what it rests on and carries a full header", () => {
    expect(new Set(syntheticPresets.map((preset) => preset.id)).size).toBe(syntheticPresets.length);
    for (const { id, basis } of syntheticPresets) {
      expect(basis).toMatch(/\d/);
      const day = {
        seed: 1,
        startSeconds: CEDAR_WINDOW.startSeconds,
        endSeconds: CEDAR_WINDOW.startSeconds + 86400,
      };
      const series = syntheticSeries(id, { ...day, stepSeconds: 3600 });
      expect(series.header).toMatchObject({ provenance: "synthetic", source: `synthetic ${id}, seed 1` });
      expect(series.values.every(Number.isFinite)).toBe(true);
      expect(series.values.length).toBe(24);
      expect(series.endSeconds).toBe(day.endSeconds);
    }
  });

  test("mistakes", () => {
    expect(() => syntheticPreset("us-east1")).toThrow(
      'no synthetic signal "us-east1" (did you mean "us-east-1"?)',
    );
    expect(() => syntheticSeries("us-east-1", { seed: 1, stepSeconds: 7 })).toThrow(
      expect.objectContaining({ code: "CANOPY_SIGNAL_STEP" }),
    );
    expect(() => syntheticSeries("us-east-1", { seed: 1, startSeconds: 1735689601 })).toThrow(
      "a start on its grid",
    );
  });
});

function indexAtMinimum(values: number[]): number {
  return values.indexOf(Math.min(...values));
}
