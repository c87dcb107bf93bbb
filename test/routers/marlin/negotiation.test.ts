import { describe, expect, test } from "vitest";
import {
  blend,
  type NegotiationParameters,
  negotiate,
  type Parties,
  vetoPull,
  vetoSequence,
} from "../../../src/routers/marlin/negotiation.ts";
import { DEFAULTS } from "./facts.ts";

/** Two agents who want all at their site: value = -distance to it, squared. */
function twoParties(capitals: readonly number[], worth = [1, 1], loss = 0): Parties {
  const plans = [Float64Array.of(1, 0), Float64Array.of(0, 1)];
  return {
    plans,
    capitals: Float64Array.from(capitals),
    value(j, plan, gradient) {
      let value = -loss;
      for (let i = 0; i < 2; i++) {
        const miss = plan[i] - plans[j][i];
        value -= worth[j] * miss * miss;
        if (gradient !== undefined) gradient[i] = -2 * worth[j] * miss;
      }
      return value;
    },
  };
}

function agree(parties: Parties, parameters: Partial<NegotiationParameters> = {}) {
  const plan = new Float64Array(2);
  return { ...negotiate(parties, { ...DEFAULTS, ...parameters }, plan), plan };
}

describe("veto (specification section 11)", () => {
  test("a loss of 6 % and a capital of 160: min(0.5, 9.6)", () => {
    expect(vetoPull(-1, -1.06001, 160, DEFAULTS)).toBe(0.5);
    const pulled = new Float64Array(2);
    blend([Float64Array.of(0.6, 0.4), Float64Array.of(1, 0)], Float64Array.of(0.5, 0.5), pulled);
    expect([...pulled]).toEqual([0.8, 0.2]);
  });

  test("none below the threshold of loss, below that of capital, or where the consensus is better", () => {
    expect(vetoPull(-1, -1.02, 160, DEFAULTS)).toBe(0);
    expect(vetoPull(-1, -1.06001, 149, DEFAULTS)).toBe(0);
    expect(vetoPull(-1, -0.9, 160, DEFAULTS)).toBe(0);
  });

  test("without capitals that move, none is too poor", () => {
    expect(vetoPull(-1, -1.06001, 100, { ...DEFAULTS, capital: false })).toBe(0.5);
  });

  test("the greatest capital last, where so ordered", () => {
    expect(vetoSequence(Float64Array.of(3, 1, 2, 1), "fixed")).toEqual([0, 1, 2, 3]);
    expect(vetoSequence(Float64Array.of(3, 1, 2, 1), "capitalAscending")).toEqual([1, 3, 2, 0]);
  });

  test("one after another: (0.5, 0.5) to (0.75, 0.25), then to (0.375, 0.625)", () => {
    const { plan, vetoes } = agree(twoParties([160, 160], [1, 1], 1));
    expect([...vetoes]).toEqual([0.5, 0.5]);
    expect([...plan]).toEqual([0.375, 0.625]);
    expect([
      ...agree(twoParties([200, 160], [1, 1], 1), {
        blending: "start",
        blendStart: "utility",
        vetoOrder: "capitalAscending",
      }).plan,
    ]).toEqual([0.625, 0.375]);
  });
});

describe("blending", () => {
  test("starts from the shares of the capitals", () => {
    const { weights, plan } = agree(twoParties([90, 30]), { blending: "start" });
    expect([...weights]).toEqual([0.75, 0.25]);
    expect([...plan]).toEqual([0.75, 0.25]);
  });

  test("one step of 0.05 on the mean value: from (0.75, 0.25) the slopes are -0.5 and 0.5", () => {
    // Mean value -(x^2 + y^2)/2 - ((1-x)^2 + (1-y)^2)/2, hence slopes 1 - 2x and 1 - 2y.
    const { weights } = agree(twoParties([90, 30]), { blendSteps: 1 });
    expect(weights[0]).toBeCloseTo(0.725, 12);
    expect(weights[1]).toBeCloseTo(0.275, 12);
  });

  test("five steps: (x - 1/2) shrinks by 0.9 each; values that stay on the simplex", () => {
    const { weights } = agree(twoParties([90, 30]));
    expect(weights[0] - 0.5).toBeCloseTo(0.25 * 0.9 ** 5, 12);
    expect(weights[0] + weights[1]).toBeCloseTo(1, 12);
  });

  test("many steps find the best blend: of values a and b times the squared distance, a / (a + b)", () => {
    const { weights } = agree(twoParties([90, 30], [3, 1]), { blendSteps: 200 });
    expect(weights[0]).toBeCloseTo(0.75, 6);
  });

  test("none: the plan of the agent with most capital, whatever the others say", () => {
    const { weights, vetoes, plan } = agree(twoParties([200, 300], [1, 1], 1), { blending: "none" });
    expect([...weights, ...vetoes, ...plan]).toEqual([0, 1, 0, 0, 0, 1]);
  });

  test("a dominant agent: fixed weights, and no other's veto", () => {
    const plan = new Float64Array(2);
    const weights = Float64Array.of(0.25, 0.75);
    const outcome = negotiate(twoParties([160, 160], [1, 1], 1), DEFAULTS, plan, { weights, soleVeto: 1 });
    expect([...outcome.weights, ...outcome.vetoes]).toEqual([0.25, 0.75, 0, 0.5]);
    expect([...plan]).toEqual([0.125, 0.875]);
  });
});
