import { describe, expect, test } from "vitest";
import { createForecast, type ForecastOptions, forecastErrors } from "../../src/signal/forecast.ts";
import { type Steps, valueAt } from "../../src/signal/series.ts";

const hour = 3600;
const day = 24 * hour;

/** Hourly values of a function of the hour number. */
function hourly(hours: number, value: (hour: number) => number, startSeconds = 0): Steps {
  return {
    times: Float64Array.from({ length: hours }, (_, i) => startSeconds + i * hour),
    values: Float64Array.from({ length: hours }, (_, i) => value(i)),
    endSeconds: startSeconds + hours * hour,
  };
}

/** A ramp over days with a daily cycle: 100 + 10 per day + hour of day. */
const ramp = hourly(10 * 24, (h) => 100 + 10 * Math.floor(h / 24) + (h % 24));

describe("perfect", () => {
  test("tells the truth", () => {
    const forecast = createForecast(ramp, { kind: "perfect" });
    for (let h = 0; h < 240; h += 7) expect(forecast.predict(0, h * hour)).toBe(valueAt(ramp, h * hour));
    expect(forecastErrors(forecast, ramp, [hour, day]).map((error) => error.mae)).toEqual([0, 0]);
  });
});

describe("persistence", () => {
  const forecast = createForecast(ramp, { kind: "persistence" });

  test("is yesterday at the same hour: a day behind for leads up to a day, two for the next", () => {
    const now = 5 * day + 3 * hour;
    expect(forecast.predict(now, now + 4 * hour)).toBe(valueAt(ramp, now + 4 * hour) - 10);
    expect(forecast.predict(now, now + day)).toBe(valueAt(ramp, now + day) - 10);
    expect(forecast.predict(now, now + 30 * hour)).toBe(valueAt(ramp, now + 30 * hour) - 20);
  });

  test("never reads what is not yet known at issue", () => {
    const seen: number[] = [];
    const spied: Steps = { ...hourly(96, (h) => h), endSeconds: 96 * hour };
    const values = new Proxy(spied.values, {
      get: (target, key) => {
        if (typeof key === "string" && /^\d+$/.test(key)) seen.push(Number(key));
        return Reflect.get(target, key);
      },
    });
    const watched = createForecast({ ...spied, values }, { kind: "persistence" });
    for (let lead = 0; lead < 40; lead++) watched.predict(50 * hour, (50 + lead) * hour);
    expect(Math.max(...seen)).toBe(50);
    expect(seen.length).toBe(40);
  });

  test("knows the value under way and the past; without a yesterday it holds the present", () => {
    expect(forecast.predict(5.5 * hour, 5.9 * hour)).toBe(105);
    expect(forecast.predict(5.5 * hour, 2 * hour)).toBe(102);
    expect(forecast.predict(5.5 * hour, 9 * hour)).toBe(105);
  });

  test("errors of a ramp are its rise: 10 a day", () => {
    const inner: Steps = { ...ramp, times: ramp.times.slice(48), values: ramp.values.slice(48) };
    const late = createForecast(ramp, { kind: "persistence" });
    const [a, b] = forecastErrors(late, inner, [4 * hour, 30 * hour]);
    expect(a.mae).toBeCloseTo(10, 9);
    expect(b.mae).toBeCloseTo(20, 9);
  });
});

describe("noisy", () => {
  const flat = hourly(24 * 400, () => 200);
  const noisy = (options: Partial<ForecastOptions> = {}) =>
    createForecast(flat, { kind: "noisy", seed: 1, zone: "X", ...options });

  test("deviation is 3 % at 1 h, 12 % at 96 h, linear between; mean absolute error sqrt(2/pi) of it", () => {
    const errors = forecastErrors(
      noisy(),
      flat,
      [1, 24, 48.5, 96].map((lead) => lead * hour),
    );
    const expected = [0.03, 0.03 + (0.09 * 23) / 95, 0.03 + (0.09 * 48) / 95, 0.12];
    errors.forEach((error, i) => {
      expect(error.samples).toBeGreaterThan(9000);
      expect(Math.abs(error.relativeDeviation / expected[i] - 1)).toBeLessThan(0.03);
      expect(Math.abs(error.mape / (expected[i] * Math.sqrt(2 / Math.PI)) - 1)).toBeLessThan(0.03);
      expect(error.mae).toBeCloseTo(200 * error.mape, 9);
    });
  });

  test("is unbiased, and neighbouring lead hours err alike", () => {
    const forecast = noisy();
    let sum = 0;
    let product = 0;
    let squares = 0;
    const issues = 9000;
    for (let i = 0; i < issues; i++) {
      const a = forecast.predict(i * hour, (i + 20) * hour) / 200 - 1;
      const b = forecast.predict(i * hour, (i + 21) * hour) / 200 - 1;
      sum += a;
      product += a * b;
      squares += a * a;
    }
    expect(Math.abs(sum / issues)).toBeLessThan(0.002);
    expect(
      Math.abs(product / squares - (0.95 * (0.03 + (0.09 * 20) / 95)) / (0.03 + (0.09 * 19) / 95)),
    ).toBeLessThan(0.03);
  });

  test("the same issue errs the same, in any order of asking; the next issue differs", () => {
    const forecast = noisy();
    const target = 100 * hour;
    const first = forecast.predict(50 * hour, target);
    const next = forecast.predict(51 * hour, target);
    expect(next).not.toBe(first);
    expect(forecast.predict(50.9 * hour, target)).toBe(first);
    expect(noisy().predict(51 * hour, target)).toBe(next);
    expect(noisy({ seed: 2 }).predict(50 * hour, target)).not.toBe(first);
    expect(noisy({ zone: "Y" }).predict(50 * hour, target)).not.toBe(first);
    const daily = noisy({ issuedEverySeconds: day });
    expect(daily.predict(49 * hour, target)).toBe(daily.predict(71 * hour, target));
    expect(daily.predict(49 * hour, target)).not.toBe(daily.predict(72 * hour, target));
  });

  test("what is under way is known, and beyond the horizon the last error stays", () => {
    const forecast = noisy();
    expect(forecast.predict(50.5 * hour, 50.9 * hour)).toBe(200);
    expect(forecast.predict(50.5 * hour, 3 * hour)).toBe(200);
    expect(forecast.predict(50 * hour, 200 * hour)).toBe(forecast.predict(50 * hour, 146 * hour));
  });

  test("no deviation is the truth; the parameters are checked", () => {
    expect(noisy({ deviation: [0, 0] }).predict(0, 50 * hour)).toBe(200);
    for (const bad of [
      { deviation: [-1, 0] },
      { correlation: 1 },
      { horizonHours: 1 },
      { issuedEverySeconds: 0 },
    ]) {
      expect(() => noisy(bad as Partial<ForecastOptions>)).toThrow(
        expect.objectContaining({ code: "CANOPY_FORECAST" }),
      );
    }
    expect(() => createForecast(flat, { kind: "noisey" } as never)).toThrow('did you mean "noisy"?');
  });
});
