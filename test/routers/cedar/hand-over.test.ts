import { describe, expect, test } from "vitest";
import { HandOver, type HandOverRule, type LearnerHealth } from "../../../src/routers/cedar/hand-over.ts";
import { HAND_OVER_DEFAULTS } from "../../../src/routers/cedar/sac-parameters.ts";

const rule: HandOverRule = { ...HAND_OVER_DEFAULTS, qualifyIntervals: 4 };
const sound: LearnerHealth = { criticLoss: 1, medianLoss: 1, temperature: 0.1 };

/** Rewards -1, -2, -1, -2 (mean -1.5, squared error of the mean 1/12) and SAC's, the same raised. */
function compared(raised: number, lengths = 4): HandOver {
  const handOver = new HandOver(rule);
  for (const reward of [-1, -2, -1, -2]) handOver.heuristic.push(reward);
  for (const reward of [-1, -2, -1, -2].slice(0, lengths)) handOver.sac.push(reward + raised);
  return handOver;
}

describe("hand-over", () => {
  test("SAC has to lead by more than a standard error of the difference, sqrt(1/12 + 1/12) = 0.408", () => {
    expect(compared(0.5).lead).toBeCloseTo(0.5 / Math.sqrt(1 / 6), 12);
    expect(compared(0.4).qualifies(sound)).toBe(false);
    expect(compared(0.41).qualifies(sound)).toBe(true);
    expect(compared(-0.5).qualifies(sound)).toBe(false);
  });

  test("a record that is not full does not count", () => {
    expect(compared(5, 3).lead).toBeNaN();
    expect(compared(5, 3).qualifies(sound)).toBe(false);
  });

  test("only the last rewards count", () => {
    const handOver = compared(0.5);
    for (let i = 0; i < 4; i++) handOver.sac.push(-9);
    expect(handOver.sac.mean).toBe(-9);
    expect(handOver.qualifies(sound)).toBe(false);
  });

  test.each([
    ["a critics' loss of three medians", { ...sound, criticLoss: 3 }, true],
    ["one above three medians", { ...sound, criticLoss: 3.01 }, false],
    ["no update yet", { ...sound, medianLoss: Number.NaN }, false],
    ["a temperature of 1", { ...sound, temperature: 1 }, true],
    ["one above 1", { ...sound, temperature: 1.01 }, false],
    ["one below 1e-4", { ...sound, temperature: 9e-5 }, false],
  ])("%s: %o", (_, health, qualifies) => {
    expect(compared(1).qualifies(health)).toBe(qualifies);
  });

  test("SAC gives back after three intervals in a row beyond epsilon, and has to show itself anew", () => {
    const handOver = compared(1);
    handOver.judge(true, sound);
    expect(handOver.inCharge).toBe(false);
    handOver.judge(false, sound);
    expect([handOver.inCharge, handOver.takeovers]).toEqual([true, 1]);
    for (const broken of [true, true, false, true, true]) handOver.judge(broken, sound);
    expect(handOver.inCharge).toBe(true);
    handOver.judge(true, sound);
    expect([handOver.inCharge, handOver.reverts]).toEqual([false, 1]);
    for (let i = 0; i < 9; i++) handOver.judge(false, sound);
    expect([handOver.inCharge, handOver.sac.length, handOver.heuristic.length]).toEqual([false, 0, 0]);
  });
});
