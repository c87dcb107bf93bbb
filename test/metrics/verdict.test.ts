import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEFAULT_RULES, judgeAbsolute, judgeRatio } from "../../src/metrics/verdict.ts";

describe("judgeAbsolute", () => {
  it.each([
    [0.88, 0.88, "agrees"],
    [1.056, 0.88, "agrees"],
    [0.704, 0.88, "agrees"],
    [1.06, 0.88, "disagrees"],
    [0.7, 0.88, "disagrees"],
    [0, 0, "agrees"],
    [0.001, 0, "disagrees"],
    [-3, 3, "disagrees"],
    [-3, -3.3, "agrees"],
  ] as const)("%f against the paper's %f: %s", (run, paper, verdict) => {
    expect(judgeAbsolute(run, paper, DEFAULT_RULES)).toBe(verdict);
  });
});

describe("judgeRatio", () => {
  it.each([
    // CEDAR's claims against performance-only and round robin.
    [0.738, 0.738, "agrees"],
    [0.6, 0.727, "agrees"],
    [0.5, 0.727, "direction only"],
    [0.99, 0.727, "direction only"],
    [0.995, 0.727, "disagrees"],
    [1, 0.727, "disagrees"],
    [1.3, 0.727, "disagrees"],
    [1.02, 1.158, "agrees"],
    [2.4, 1.158, "direction only"],
    // Near enough in number, but on the other side of the baseline.
    [0.97, 1.158, "disagrees"],
    [1.05, 0.95, "disagrees"],
    // GAR's accuracy, 0.737 / 0.741: the paper's change is below 1 % and has no sign.
    [1.05, 0.737 / 0.741, "agrees"],
    [0.9, 0.737 / 0.741, "agrees"],
    [1.3, 0.737 / 0.741, "disagrees"],
    // Exactly on the edges: a change of 1 % has a sign.
    [0.8, 1, "agrees"],
    [1.2, 1, "agrees"],
    [0.98, 1.01, "disagrees"],
  ] as const)("%f against the paper's %f: %s", (run, paper, verdict) => {
    expect(judgeRatio(run, paper, DEFAULT_RULES)).toBe(verdict);
  });

  it("never agrees across the baseline when both changes have a sign", () => {
    const saving = fc.double({ min: 0.01, max: 0.98, noNaN: true });
    const loss = fc.double({ min: 1.02, max: 5, noNaN: true });
    fc.assert(
      fc.property(saving, loss, (below, above) => {
        expect(judgeRatio(below, above, DEFAULT_RULES)).toBe("disagrees");
        expect(judgeRatio(above, below, DEFAULT_RULES)).toBe("disagrees");
      }),
    );
  });

  it("follows other rules when given", () => {
    expect(judgeRatio(0.6, 0.7, { tolerance: 0.1, leastChange: 0.01 })).toBe("direction only");
    expect(judgeRatio(1.05, 0.97, { tolerance: 0.1, leastChange: 0.05 })).toBe("agrees");
  });
});
