import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import {
  arrivalsOfTrace,
  drawArrivals,
  readBurstGptShape,
  sliceArrivals,
  syntheticShape,
} from "../../src/datacenter/arrivals.ts";
import { makeConditions, setConditions } from "../../src/datacenter/conditions.ts";
import { EpochModel } from "../../src/datacenter/epoch-model.ts";
import { emptyState } from "../../src/datacenter/epoch-state.ts";
import { scaleToPeak } from "../../src/datacenter/scaling.ts";
import { siteSeries } from "../../src/datacenter/site-series.ts";
import { SITES } from "../../src/datacenter/sites.ts";
import { copAt, evaporationShareAt } from "../../src/datacenter/weather.ts";
import { meanOver, statistics } from "../../src/signal/series.ts";
import { readTrace } from "../../src/workload/read/read-trace.ts";
import { dataRoot, testWithData } from "../data-root.ts";
import { paperWorld } from "./worlds.ts";

const folder = mkdtempSync(join(tmpdir(), "canopy-inputs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const START = Date.UTC(2024, 6, 1) / 1000;
const DAY = 86_400;

test("the stand-in for BurstGPT: days of its mean and spread, its busiest and quietest hour", () => {
  const shape = syntheticShape(1, 20_000);
  const mean = shape.days.reduce((a, b) => a + b) / shape.days.length;
  const variance = shape.days.reduce((sum, day) => sum + (day - mean) ** 2, 0) / shape.days.length;
  expect(Math.abs(mean / 23_438 - 1)).toBeLessThan(0.03);
  expect(Math.abs(Math.sqrt(variance) / mean / 1.14 - 1)).toBeLessThan(0.15);
  expect(shape.hours.indexOf(Math.max(...shape.hours))).toBe(14);
  expect(shape.hours.indexOf(Math.min(...shape.hours))).toBe(7);
  expect(Math.max(...shape.hours) / Math.min(...shape.hours)).toBeCloseTo(11.72, 9);
  expect(syntheticShape(1).days).toEqual(shape.days.slice(0, 14));
  expect(syntheticShape(2).days).not.toEqual(syntheticShape(1).days);
});

test("drawn counts have the shape's days, hours and mix", () => {
  const shape = { days: [96_000, 48_000], hours: new Array(24).fill(1).fill(3, 12), source: "made" };
  const arrivals = drawArrivals(shape, [0.75, 0.25], 7);
  expect(arrivals.epochs).toBe(192);
  const sum = (from: number, to: number, v: number) => {
    let total = 0;
    for (let e = from; e < to; e++) total += arrivals.counts[e * 2 + v];
    return total;
  };
  // Poisson: within five standard deviations.
  const near = (found: number, mean: number) =>
    expect(Math.abs(found - mean)).toBeLessThan(5 * Math.sqrt(mean));
  near(sum(0, 96, 0), 72_000);
  near(sum(0, 96, 1), 24_000);
  near(sum(0, 48, 0), 18_000);
  near(sum(96, 192, 0), 36_000);
  expect([...sliceArrivals(arrivals, 3, 5).counts]).toEqual([...arrivals.counts.slice(6, 10)]);
  expect(drawArrivals(shape, [0.75, 0.25], 7).counts).toEqual(arrivals.counts);
});

test("scaling: the busiest epoch takes 95 % of the scarcer model's nodes", () => {
  const world = paperWorld(4);
  const raw = drawArrivals(syntheticShape(3), world.mix, 3);
  const { arrivals, factor, peakEpoch, peakModel } = scaleToPeak(world, raw);
  const capacity = new Float64Array(8);
  new EpochModel(world).capacity(emptyState(world), capacity);
  const of = (v: number) => capacity.slice(4 * v, 4 * v + 4).reduce((a, b) => a + b);
  const loads = Array.from(arrivals.counts, (count, i) => count / of(i % 2));
  expect(Math.max(...loads)).toBeCloseTo(0.95, 9);
  const at = loads.indexOf(Math.max(...loads));
  expect([Math.floor(at / 2), world.models[at % 2].name]).toEqual([peakEpoch, peakModel]);
  expect(arrivals.counts[5] / raw.counts[5]).toBeCloseTo(factor, 6);
  // The specification's estimate: ten thousand times BurstGPT or more.
  expect(factor).toBeGreaterThan(1e4);
  expect(arrivals.source).toContain(`times ${Number(factor.toPrecision(6))}`);
  const none = { ...raw, counts: new Float64Array(raw.counts.length) };
  expect(() => scaleToPeak(world, none)).toThrow(expect.objectContaining({ code: "CANOPY_ARRIVALS_EMPTY" }));
});

test("a trace of BurstGPT's schema: counts, mix and lengths by model", async () => {
  const path = join(folder, "burst.csv");
  const rows = [
    "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type",
    "5,ChatGPT,100,10,110,Conversation log",
    "890,GPT-4,300,30,330,API log",
    "900,ChatGPT,200,20,220,Conversation log",
    "2000,ChatGPT,300,60,360,Conversation log",
  ];
  writeFileSync(path, `${rows.join("\n")}\n`);
  const trace = await readTrace(path, { largeModels: ["GPT-4"] });
  const arrivals = arrivalsOfTrace(trace);
  expect([...arrivals.counts]).toEqual([1, 1, 1, 0, 1, 0]);
  expect(arrivals).toMatchObject({ mix: [0.75, 0.25], promptTokens: [200, 300], outputTokens: [30, 30] });
});

test("twelve sites have synthetic series of every kind, with the statistics of 2024", async () => {
  const options = { seed: 1, startSeconds: START, endSeconds: START + 30 * DAY };
  const series = await siteSeries(SITES, options);
  const table = makeConditions(SITES, series, { startSeconds: START, epochs: 96, weather: true });
  for (const [d, site] of SITES.entries()) {
    expect(table.sources[d]).toContain("synthetic");
    const { wetBulb } = await siteSeries([site], { ...options, endSeconds: START + 366 * DAY }).then(
      (all) => all[0],
    );
    // A year with autocorrelated noise: the mean is that of the climate to about a degree.
    expect(Math.abs(statistics(wetBulb).mean - site.wetBulb.meanC)).toBeLessThan(1.5);
  }
  expect(Math.min(...table.carbonKgPerKwh)).toBeGreaterThan(0);
  expect(Math.max(...table.carbonKgPerKwh)).toBeLessThan(0.85);
  expect(Math.min(...table.usdPerKwh)).toBeGreaterThanOrEqual(0);
});

test("weather: more lift, lower COP; evaporation grows with the wet bulb and is never above all", () => {
  expect(copAt(12, 4, 12)).toBe(4);
  // 12 K above the wet bulb and an evaporator of 10 C: a lift of 14 K at 12 C, 28 K at 26 C, 6 K at the least.
  expect(copAt(26, 4, 12)).toBeCloseTo(2, 12);
  expect(copAt(-20, 4, 12)).toBeCloseTo((4 * 14) / 6, 12);
  expect(evaporationShareAt(15)).toBe(0.75);
  expect(evaporationShareAt(25)).toBeCloseTo(0.85, 12);
  expect([evaporationShareAt(-40), evaporationShareAt(60)]).toEqual([0.5, 1]);
});

test("conditions are means over epochs, constants of the site without weather", async () => {
  const [series] = await siteSeries([SITES[0]], { seed: 4, startSeconds: START, endSeconds: START + DAY });
  const table = makeConditions([SITES[0]], [series], { startSeconds: START, epochs: 24, epochSeconds: 3600 });
  const state = emptyState(paperWorld(1), 3600);
  setConditions(table, 7, state);
  const from = START + 7 * 3600;
  expect(state.carbonKgPerKwh[0]).toBeCloseTo(meanOver(series.carbon, from, from + 3600) / 1000, 12);
  expect([state.cop[0], state.evaporation[0], state.waterLPerKwh[0]]).toEqual([SITES[0].cop, 1, 1.75]);
});

test("the paper's factors: hydropower takes four times the water, where there is any", async () => {
  const series = await siteSeries(SITES, { seed: 4, startSeconds: START, endSeconds: START + DAY });
  const options = { startSeconds: START, epochs: 1 };
  const median = makeConditions(SITES, series, options).waterLPerKwh;
  const paper = makeConditions(SITES, series, { ...options, waterFactors: "paper" }).waterLPerKwh;
  const ratio = (name: string) => {
    const d = SITES.findIndex((site) => site.name === name);
    return paper[d] / median[d];
  };
  expect(ratio("sao-paulo")).toBeCloseTo(52.7 / 13.4, 12);
  expect(ratio("singapore")).toBeLessThan(1.02);
  for (const [d, site] of SITES.entries()) {
    // Between no hydropower and nothing but that: 67 over 17.
    expect(paper[d] / median[d], site.name).toBeGreaterThanOrEqual(1);
    expect(paper[d] / median[d], site.name).toBeLessThan(67 / 17 + 0.01);
  }
});

test("a site without a price, or with a series too short, is named", async () => {
  const [series] = await siteSeries([SITES[0]], { seed: 4, startSeconds: START, endSeconds: START + DAY });
  const options = { startSeconds: START, epochs: 96 };
  const { price: _, ...unpriced } = series;
  expect(() => makeConditions([SITES[0]], [unpriced], options)).toThrow(
    "site ashburn (US-MIDA-PJM) has no price: expected a series for every site",
  );
  expect(() => makeConditions([SITES[0]], [series], { startSeconds: START, epochs: 97 })).toThrow(
    /^site ashburn \(US-MIDA-PJM\): its carbon intensity covers 2024-07-01T00:00:00Z to 2024-07-02T00:00:00Z, but/,
  );
});

testWithData("BurstGPT's aggregates: the calmest fortnight has 18,867 requests a day", async () => {
  const shape = await readBurstGptShape(dataRoot!);
  const mean = shape.days.reduce((a, b) => a + b) / 14;
  expect(Math.round(mean)).toBe(18_867);
  expect(shape.hours).toHaveLength(24);
  await expect(readBurstGptShape(dataRoot!, { firstDay: 55 })).rejects.toThrow(/firstDay and days/);
});

testWithData("2024's files: the means of the zones, prices cut, weather within the year", async () => {
  const endSeconds = START + DAY;
  const series = await siteSeries(SITES.slice(0, 8), { dataRoot, seed: 1, startSeconds: START, endSeconds });
  const means = [392, 226.5, 103.3, 332.1, 713.1, 485.4, 417.9, 552.4];
  for (const [d, { carbon }] of series.entries()) {
    expect(Math.abs(statistics(carbon).mean - means[d])).toBeLessThan(0.1);
  }
  for (const [d, { price, wetBulb }] of series.entries()) {
    const { min, max } = statistics(price);
    expect(min).toBeGreaterThanOrEqual(0);
    // Sydney's spikes reach 15 $/kWh.
    expect(max).toBeLessThan(2);
    expect(Math.abs(statistics(wetBulb).mean - SITES[d].wetBulb.meanC)).toBeLessThan(0.3);
  }
  const table = makeConditions(SITES.slice(0, 8), series, { startSeconds: START, epochs: 96 });
  expect(table.sources[0]).toContain("ci_lca_2024_hourly.csv");
});
