import { describe, expect, test } from "vitest";
import { bonus, nextCapital, performance, updateCapitals } from "../../../src/routers/marlin/capital.ts";
import { DEFAULTS } from "./facts.ts";

describe("capital (specification section 11)", () => {
  test("C 100, eta 0.9, Perf 2, Bonus 0.8, beta 0.5: 90.24, or 114 with earnings times 100", () => {
    expect(nextCapital(100, 2, 0.8, { ...DEFAULTS, capitalScale: 1 })).toBeCloseTo(90.24, 12);
    expect(nextCapital(100, 2, 0.8, DEFAULTS)).toBeCloseTo(114, 12);
  });

  test("best 10, own 12, consensus 13: Perf 3/2, Bonus 1 - 1/12", () => {
    expect(performance(10, 12, 13, DEFAULTS)).toBe(1.5);
    expect(bonus(12, 13, DEFAULTS)).toBeCloseTo(0.916667, 6);
  });

  test("the agent that has the minimum: 3 / 0.1 is cut to 3", () => {
    expect(performance(10, 10, 13, DEFAULTS)).toBe(3);
    expect(performance(10, 10, 13, { ...DEFAULTS, performanceCap: 100 })).toBeCloseTo(30, 9);
    expect(performance(10, 10, 10, DEFAULTS)).toBe(0);
  });

  test("the bonus is -1 at least, and metrics of zero give no NaN", () => {
    expect(bonus(1, 9, DEFAULTS)).toBe(-1);
    expect(bonus(0, 9, DEFAULTS)).toBe(-1);
    expect(bonus(0, 0, DEFAULTS)).toBe(1);
    expect(performance(0, 0, 0, DEFAULTS)).toBe(0);
    expect(performance(0, 0, 1, DEFAULTS)).toBe(3);
  });

  test("at a standstill the capital is what is earned: 150 needs Perf + beta Bonus of 1.5", () => {
    let capital = 100;
    for (let e = 0; e < 1000; e++) capital = nextCapital(capital, 1.1, 0.8, DEFAULTS);
    expect(capital).toBeCloseTo(150, 6);
  });

  test("each agent is judged by its own metric and the best of all plans in it", () => {
    const capitals = Float64Array.of(100, 100);
    const own = [Float64Array.of(12, 5), Float64Array.of(10, 4)];
    updateCapitals(capitals, own, Float64Array.of(13, 4), DEFAULTS);
    expect(capitals[0]).toBeCloseTo(90 + 10 * (1.5 + 0.5 * (11 / 12)), 9);
    expect(capitals[1]).toBeCloseTo(90 + 10 * 0.5, 9);
  });
});
