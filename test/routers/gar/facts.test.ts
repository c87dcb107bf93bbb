/** The facts of the specification gar.md, section 9, on the parts that they are about. */
import { describe, expect, test } from "vitest";
import { smoothedAccuracy } from "../../../src/learning/calibration/smoothed-accuracy.ts";
import { Stream } from "../../../src/numeric/random.ts";
import { RollingEmissions, stepDual } from "../../../src/routers/gar/budget.ts";
import {
  ACCURACY_DUAL,
  CARBON_DUAL,
  CARBON_PRICE,
  Choice,
  FLOOR,
  LATENCY_DUAL,
  LIMIT,
} from "../../../src/routers/gar/choice.ts";

const [SMALL, MIDDLE, BIG] = [0, 1, 2];
const all = Int32Array.of(SMALL, MIDDLE, BIG);

/** 7B, 13B, 70B: accuracy, g, ms. */
function pool(floor: number, limit: number): Choice {
  const choice = new Choice(3);
  choice.accuracy.set([0.62, 0.71, 0.78]);
  choice.grams.set([0.3, 0.6, 2.7]);
  choice.seconds.set([400, 500, 430]);
  choice.terms[FLOOR] = floor;
  choice.terms[LIMIT] = limit;
  return choice;
}

describe("the gate and the fallback", () => {
  test.each([
    [0.7, 600, 2, MIDDLE],
    [0.75, 600, 1, BIG],
    [0.7, 450, 1, BIG],
  ])("floor %f, limit %i ms: %i feasible, the least carbon of them", (floor, limit, feasible, endpoint) => {
    const choice = pool(floor, limit);
    expect(choice.feasibleCount(all)).toBe(feasible);
    expect(choice.leastCarbonFeasible(all)).toBe(endpoint);
  });

  test.each([
    // Violations .311, .322, .133.
    [0.9, 450],
    // .311 + .053 = .364, .211 + .316 = .527, .133 + .132 = .265.
    [0.9, 380],
  ])("floor %f, limit %i ms: nothing is feasible, 70B violates least", (floor, limit) => {
    const choice = pool(floor, limit);
    expect(choice.leastCarbonFeasible(all)).toBe(-1);
    expect(choice.leastViolation(all)).toBe(BIG);
  });

  test("the violations of both terms count", () => {
    // Without 70B: .322 against .311 at 450 ms, so 7B; at 600 ms .211 against .311, so 13B.
    const two = Int32Array.of(SMALL, MIDDLE);
    expect(pool(0.9, 450).leastViolation(two)).toBe(SMALL);
    expect(pool(0.9, 600).leastViolation(two)).toBe(MIDDLE);
  });

  test("ties: higher accuracy, then lower latency, then lower load, then index; fallback to lower carbon", () => {
    const choice = pool(0.5, 600);
    choice.grams.fill(1);
    expect(choice.leastCarbonFeasible(all)).toBe(BIG);
    choice.accuracy.fill(0.7);
    expect(choice.leastCarbonFeasible(all)).toBe(SMALL);
    choice.seconds.fill(400);
    expect(choice.leastCarbonFeasible(all)).toBe(SMALL);
    choice.outstanding.set([3, 2, 2]);
    expect(choice.leastCarbonFeasible(all)).toBe(MIDDLE);
    choice.terms[FLOOR] = 0.9;
    choice.grams.set([3, 2, 1]);
    expect(choice.leastViolation(all)).toBe(BIG);
  });

  test("between twins the load comes before the latency", () => {
    const choice = pool(0.5, 600);
    choice.grams.fill(1);
    choice.accuracy.fill(0.7);
    choice.outstanding.set([2, 1, 0]);
    expect(choice.leastCarbonFeasible(all)).toBe(SMALL);
    choice.twins.fill(0);
    expect(choice.leastCarbonFeasible(all)).toBe(BIG);
  });

  test("an objective that is not there and a floor of zero violate nothing", () => {
    const choice = pool(0, Number.POSITIVE_INFINITY);
    expect(choice.leastCarbonFeasible(all)).toBe(SMALL);
    expect(choice.leastViolation(all)).toBe(SMALL);
  });

  test("what takes no requests is no candidate", () => {
    const choice = pool(0.7, 600);
    choice.usable[MIDDLE] = 0;
    expect(choice.leastCarbonFeasible(all)).toBe(BIG);
    choice.usable.fill(0);
    expect([
      choice.leastCarbonFeasible(all),
      choice.leastViolation(all),
      choice.lowest(all, choice.grams),
    ]).toEqual([-1, -1, -1]);
  });
});

describe("form U", () => {
  test.each([
    [0, BIG],
    // .560, .590, .240
    [0.2, MIDDLE],
    // .32, .11, -1.92
    [1, SMALL],
  ])("cref 1, lambda %f", (lambda, endpoint) => {
    const choice = pool(0, 600);
    choice.terms[CARBON_PRICE] = lambda;
    expect(choice.mostValueFeasible(all)).toBe(endpoint);
  });

  test("keeps to the gate", () => {
    const choice = pool(0.7, 600);
    choice.terms[CARBON_PRICE] = 1;
    expect(choice.mostValueFeasible(all)).toBe(MIDDLE);
  });
});

describe("form L", () => {
  test("without duals of accuracy and latency it is carbon-greedy, whatever the carbon dual", () => {
    const random = new Stream(5, "form L");
    const five = Int32Array.of(0, 1, 2, 3, 4);
    const reference = new Float64Array(1);
    for (let i = 0; i < 5000; i++) {
      const choice = new Choice(5);
      for (const e of five) {
        choice.accuracy[e] = random.uniform();
        // Neighbouring numbers too, which rounding could make one.
        choice.grams[e] = i % 2 === 0 ? random.uniform() : 1 + random.below(3) * Number.EPSILON;
        choice.seconds[e] = random.uniform();
        choice.outstanding[e] = random.below(3);
      }
      choice.terms[FLOOR] = random.uniform();
      choice.terms[LIMIT] = random.uniform();
      choice.terms[CARBON_DUAL] = 50 * random.uniform();
      reference[0] = 3 * random.uniform();
      expect(choice.leastLagrangian(five, reference)).toBe(choice.lowest(five, choice.grams));
    }
  });

  test("duals of accuracy and latency buy both", () => {
    const choice = pool(0.75, 450);
    const reference = Float64Array.of(2.7);
    // c / cref: .111, .222, 1; short of the floor: .13, .04, 0; late: 0, .111, 0.
    expect(choice.leastLagrangian(all, reference)).toBe(SMALL);
    choice.terms[ACCURACY_DUAL] = 2;
    // .371, .302, 1
    expect(choice.leastLagrangian(all, reference)).toBe(MIDDLE);
    choice.terms[LATENCY_DUAL] = 1;
    // .371, .413, 1
    expect(choice.leastLagrangian(all, reference)).toBe(SMALL);
    choice.terms[ACCURACY_DUAL] = 20;
    // 2.711, 1.133, 1
    expect(choice.leastLagrangian(all, reference)).toBe(BIG);
  });
});

describe("dual", () => {
  test("eta .1, B 1, cref 1: .5 goes to .54, .52, .47 under means 1.4, .8, .5; and never below 0 or above the most", () => {
    const dual = Float64Array.of(0.5);
    const step = Float64Array.of(0.1);
    const under = (mean: number) => {
      stepDual(dual, 0, Float64Array.of(mean - 1), step, 50);
      return dual[0];
    };
    expect(under(1.4)).toBeCloseTo(0.54, 12);
    expect(under(0.8)).toBeCloseTo(0.52, 12);
    expect(under(0.5)).toBeCloseTo(0.47, 12);
    dual[0] = 0.02;
    expect(under(0.5)).toBe(0);
    expect(under(1e6)).toBe(50);
  });
});

describe("rolling emissions", () => {
  const means = (mode: "window" | "count" | "clock", entries: [number, number][]) => {
    const rolling = new RollingEmissions({ mode, requests: 3, seconds: 60 });
    return entries.map(([grams, now]) => {
      rolling.add(Float64Array.of(grams), now);
      return rolling.mean[0];
    });
  };

  test("window: the latest three", () => {
    expect(
      means("window", [
        [3, 0],
        [6, 0],
        [9, 0],
        [0, 0],
        [0, 0],
      ]),
    ).toEqual([3, 4.5, 6, 5, 3]);
  });

  test("count: blocks of three", () => {
    expect(
      means("count", [
        [3, 0],
        [6, 0],
        [9, 0],
        [1, 0],
        [2, 0],
      ]),
    ).toEqual([3, 4.5, 6, 1, 1.5]);
  });

  test("clock: the latest sixty seconds, to a sixtieth", () => {
    expect(
      means("clock", [
        [3, 0],
        [6, 30],
        [9, 59.5],
        [1, 60],
        [2, 95],
        [4, 1000],
      ]),
    ).toEqual([3, 4.5, 6, 16 / 3, 4, 4]);
  });

  test("a long run of uneven emissions stays exact to rounding", () => {
    const rolling = new RollingEmissions({ mode: "window", requests: 200, seconds: 1 });
    const random = new Stream(3, "emissions");
    const kept: number[] = [];
    for (let i = 0; i < 100_000; i++) {
      kept.push(i % 1000 === 0 ? 1e9 : random.uniform());
      rolling.add(Float64Array.of(kept[i]), i);
    }
    const last = kept.slice(-200).reduce((a, b) => a + b, 0) / 200;
    expect(rolling.mean[0]).toBeCloseTo(last, 6);
  });
});

test("7 of 10 right are 8 of 12", () => {
  expect(smoothedAccuracy(7, 10)).toBeCloseTo(8 / 12, 12);
});
