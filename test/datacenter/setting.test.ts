import { expect, test } from "vitest";
import { EpochModel } from "../../src/datacenter/epoch-model.ts";
import { emptyState } from "../../src/datacenter/epoch-state.ts";
import { referencePlanner } from "../../src/datacenter/reference-planners.ts";
import { evenNodes, makeSetting } from "../../src/datacenter/setting.ts";
import { simulateEpochs } from "../../src/datacenter/simulate-epochs.ts";
import { dataRoot, testWithData } from "../data-root.ts";

test("a thousand nodes of six types", () => {
  expect(evenNodes(1000, 6)).toEqual([167, 167, 167, 167, 166, 166]);
});

test.each([4, 6, 8, 10, 12])(
  "%d sites: the day with the busiest epoch, at 95 %% of capacity",
  async (sites) => {
    const setting = await makeSetting({ sites, seed: 5 });
    const { world, arrivals, history, conditions, firstEpoch, peakEpoch } = setting;
    expect(world.totalNodes).toBe(1000 * sites);
    expect(conditions).toMatchObject({ sites, epochs: 96 });
    expect(arrivals.epochs).toBe(history + 96);
    expect(firstEpoch % 96).toBe(0);
    const capacity = new Float64Array(2 * sites);
    new EpochModel(world).capacity(emptyState(world), capacity);
    const loads = [0, 1].map((v) => {
      const all = capacity.slice(v * sites, (v + 1) * sites).reduce((a, b) => a + b);
      return arrivals.counts[(history + peakEpoch - firstEpoch) * 2 + v] / all;
    });
    expect(Math.max(...loads)).toBeCloseTo(0.95, 9);
    const uniform = simulateEpochs({ ...setting, planner: referencePlanner("uniform", world) });
    expect(uniform.excessShare).toBeLessThan(1e-12);
  },
);

test("weather changes energy and water, and not where the nodes are", async () => {
  const run = async (weather: boolean) => {
    const setting = await makeSetting({ sites: 4, seed: 5, epochs: 8, weather });
    return simulateEpochs({ ...setting, planner: referencePlanner("uniform", setting.world) }).totals;
  };
  const [plain, hot] = [await run(false), await run(true)];
  expect(hot.ttft).toBe(plain.ttft);
  expect(hot.water).not.toBe(plain.water);
  expect(hot.cost).not.toBe(plain.cost);
});

test("settings that there are not", async () => {
  await expect(makeSetting({ sites: 13, seed: 1 })).rejects.toThrow("sites: expected 1 to 12, found 13");
  await expect(makeSetting({ seed: 1, firstEpoch: 1340 })).rejects.toThrow(/firstEpoch and epochs/);
});

testWithData("eight sites on reference data", async () => {
  const { conditions, fortnight, factor } = await makeSetting({ seed: 1, dataRoot });
  expect(fortnight.source).toContain("BurstGPT aggregates, days 43 to 56");
  expect(factor).toBeGreaterThan(1e4);
  expect(conditions.sources.every((source) => source.includes("2024_hourly.csv"))).toBe(true);
});
