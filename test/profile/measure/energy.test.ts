import { describe, expect, test } from "vitest";
import type { PowerSamples } from "../../../src/native/power-addon.ts";
import { energyBetween, integralBetween } from "../../../src/profile/measure/energy.ts";
import { buildFakes, inNode, whySkipped } from "../../native/fake-nvml.ts";
import { ofAddon } from "../../native/with-addon.ts";

/** Samples, each `period`, of a counter of 100 W that is refreshed each `refresh`; in millijoules. */
function counterOf(refresh: number, period = 0.02, phase = 0.003) {
  const seconds = Array.from({ length: 500 }, (_, i) => i * period);
  return { seconds, counter: seconds.map((time) => 100e3 * Math.floor((time + phase) / refresh) * refresh) };
}

describe("a counter", () => {
  test.each([0.1, 0.05, 0.02])("refreshed each %d s gives constant power exactly", (refresh) => {
    const { seconds, counter } = counterOf(refresh);
    for (const [from, to] of [
      [1, 5],
      [1.013, 5.049],
      [2.5, 3.5],
    ]) {
      const joules = (energyBetween(seconds, counter, from, to) ?? Number.NaN) / 1e3;
      expect(joules / (100 * (to - from))).toBeCloseTo(1, 2);
    }
  });

  test("nearest samples would be off by a refresh period", () => {
    const { seconds, counter } = counterOf(0.1);
    // From just before a refresh to just after one.
    const [from, to] = [1.08, 2];
    expect((energyBetween(seconds, counter, from, to) as number) / 1e3).toBeCloseTo(92, 0);
    const nearest = counter[Math.round(to / 0.02)] - counter[Math.round(from / 0.02)];
    expect(Math.abs(nearest / 1e3 - 92)).toBeGreaterThan(5);
  });

  test("a boundary without a change on either side has no energy", () => {
    const { seconds, counter } = counterOf(0.1);
    expect(energyBetween(seconds, counter, 0.01, 5)).toBeNull();
    expect(energyBetween(seconds, counter, 1, 9.99)).toBeNull();
    expect(energyBetween(seconds, counter.fill(5), 1, 5)).toBeNull();
    expect(energyBetween([], [], 1, 5)).toBeNull();
  });

  test("missing samples are passed over", () => {
    const { seconds, counter } = counterOf(0.1);
    for (let i = 100; i < 110; i++) counter[i] = Number.NaN;
    expect((energyBetween(seconds, counter, 1, 5) as number) / 1e3).toBeCloseTo(400, 0);
  });

  test("a counter that was reset in the window has no energy; before and after it has", () => {
    const { seconds, counter } = counterOf(0.1);
    const reset = counter.map((value, i) => (seconds[i] >= 4 ? value - 400e3 : value));
    expect(energyBetween(seconds, reset, 1, 9)).toBeNull();
    expect(energyBetween(seconds, reset, 3, 4.5)).toBeNull();
    expect((energyBetween(seconds, reset, 1, 3) as number) / 1e3).toBeCloseTo(200, 0);
    expect((energyBetween(seconds, reset, 5, 9) as number) / 1e3).toBeCloseTo(400, 0);
  });
});

describe("momentary power", () => {
  test("a ramp is integrated exactly between any two times", () => {
    const seconds = [0, 0.3, 0.5, 1.2, 2];
    const power = seconds.map((time) => 10 * time);
    for (const [from, to] of [
      [0, 2],
      [0.1, 0.2],
      [0.4, 1.9],
      [0.5, 1.2],
    ]) {
      expect(integralBetween(seconds, power, from, to)).toBeCloseTo(5 * (to * to - from * from), 9);
    }
  });

  test("samples that do not reach over both ends, or leave a long gap, give nothing", () => {
    expect(integralBetween([1, 1.5, 2], [1, 1, 1], 0.5, 1.8)).toBeNull();
    expect(integralBetween([1, 1.5, 2], [1, 1, 1], 1.2, 2.1)).toBeNull();
    expect(integralBetween([1, 1.2, 2.5, 2.6], [1, 1, 1, 1], 1.1, 2.55)).toBeNull();
    expect(integralBetween([1, 1.2, 1.4, 1.6], [1, Number.NaN, 1, 1], 1.1, 1.5)).toBeCloseTo(0.4, 9);
    expect(integralBetween([], [], 1, 2)).toBeNull();
  });
});

const fakes = buildFakes();
describe.skipIf("skipped" in fakes)(ofAddon("energy of the fake driver's samples", whySkipped(fakes)), () => {
  // 95, 620 and 350 W in cycles of 1.1 s; three of them are 1,330.5 J wherever they begin.
  const TRACE = "300:95000,500:620000,300:350000";
  const JOULES = 3 * (0.3 * 95 + 0.5 * 620 + 0.3 * 350);

  test.each(["0", "25", "100"])(
    "three cycles of a known trace, within 2 percent, refreshed each %s ms",
    async (refresh) => {
      const { from, to, samples } = (await inNode(
        fakes,
        `const { gpus } = addon.describePower(places).nvml;
       const sampler = new addon.PowerSampler({ gpus: [gpus[0].uuid], cpu: false, periodMs: 20, capacity: 1000, ...places });
       sampler.start();
       await sleep(250);
       const from = now();
       const to = from + 3.3;
       await sleep(3550);
       return { from, to, samples: sampler.stop() };`,
        { FAKE_NVML_TRACE: TRACE, FAKE_NVML_REFRESH_MS: refresh },
      )) as { from: number; to: number; samples: PowerSamples };
      const { columns } = samples.gpus[0];
      const finite = (values: ArrayLike<number | null>) => Array.from(values, (value) => value ?? Number.NaN);
      const counted = energyBetween(
        finite(columns.energySeconds),
        finite(columns.energyMillijoules),
        from,
        to,
      );
      expect(Math.abs((counted as number) / 1e3 / JOULES - 1)).toBeLessThan(0.02);
      const summed = integralBetween(finite(columns.powerSeconds), finite(columns.powerMilliwatts), from, to);
      expect(Math.abs((summed as number) / 1e3 / JOULES - 1)).toBeLessThan(0.02);
    },
  );
});
