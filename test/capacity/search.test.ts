import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mostProbes, searchCapacity } from "../../src/capacity/search.ts";

const LIMITS = { tolerance: 0.02, least: 2 ** -10, most: 64 };

/** Attainment that is 1 up to a rate and falls from there on to 0 at twice that rate. */
const falling = (from: number) => async (factor: number) => Math.min(1, Math.max(0, 2 - factor / from));

describe("the search for the highest rate", () => {
  test("finds where attainment crosses each level, from any side, in at most the probes it says", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: Math.log(2 ** -9), max: Math.log(30), noNaN: true }),
        fc.uniqueArray(fc.double({ min: 0.01, max: 0.99, noNaN: true }), { minLength: 1, maxLength: 4 }),
        fc.constantFrom(0.001, 0.02, 0.3, 1),
        async (logarithm, levels, tolerance) => {
          const from = Math.exp(logarithm);
          let asked = 0;
          const attain = falling(from);
          const limits = { ...LIMITS, tolerance };
          const { findings, probes } = await searchCapacity(
            (factor) => {
              asked++;
              return attain(factor);
            },
            levels,
            limits,
          );
          expect(asked).toBe(probes.length);
          expect(asked).toBeLessThanOrEqual(mostProbes(levels.length, limits));
          for (const { level, state, attains, misses, monotone } of findings) {
            const crossing = from * (2 - level);
            expect({ state, monotone }).toEqual({ state: "found", monotone: true });
            expect(attains).toBeLessThanOrEqual(crossing * (1 + 1e-12));
            expect(misses).toBeGreaterThan(crossing * (1 - 1e-12));
            expect((misses as number) / (attains as number)).toBeLessThanOrEqual(1 + tolerance);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  test("what is found does not depend on which probe ends first", async () => {
    const attain = falling(3.7);
    const levels = [0.5, 0.9, 0.99];
    const inOrder = await searchCapacity(attain, levels, LIMITS);
    const late = await searchCapacity(
      async (factor) => {
        await new Promise((resolve) => setTimeout(resolve, Math.abs(Math.sin(factor * 99)) * 2));
        return attain(factor);
      },
      levels,
      LIMITS,
    );
    expect(late).toEqual(inOrder);
  });

  test("a level that holds at the highest rate is at least that", async () => {
    const { findings, probes } = await searchCapacity(async () => 0.95, [0.9], { ...LIMITS, most: 10 });
    expect(findings).toEqual([
      { level: 0.9, state: "at least", attains: 10, misses: null, monotone: true, against: [] },
    ]);
    expect(probes.map(({ factor }) => factor)).toEqual([1, 2, 4, 8, 10]);
  });

  test("a level that is missed at the lowest rate is not attained", async () => {
    const { findings, probes } = await searchCapacity(async () => 0.85, [0.9], { ...LIMITS, least: 0.2 });
    expect(findings).toEqual([
      { level: 0.9, state: "not attained", attains: null, misses: 0.2, monotone: true, against: [] },
    ]);
    expect(probes.map(({ factor }) => factor)).toEqual([0.2, 0.25, 0.5, 1]);
  });

  test("attainment that does not fall steadily: the crossing found, and the probes against it", async () => {
    // Attains from 2.5 to 3 once more. The level 0.4 walks over that stretch, 0.8 stops below it.
    const attain = async (factor: number) =>
      factor < 1.9 || (factor > 2.5 && factor < 3) ? 0.9 : factor < 7 ? 0.5 : 0;
    const { findings } = await searchCapacity(attain, [0.4, 0.8], LIMITS);
    const [low, high] = findings;
    expect(low).toMatchObject({ state: "found", monotone: true, against: [] });
    expect(low.attains).toBeLessThan(7);
    expect(high).toMatchObject({ state: "found", monotone: true });
    const dip = async (factor: number) => (factor === 2 || factor > 5 ? 0.5 : 0.9);
    const dipped = await searchCapacity(dip, [0.4, 0.8], { ...LIMITS, most: 4 });
    expect(dipped.findings[1]).toMatchObject({ state: "found", monotone: false, against: [4] });
    expect(dipped.findings[1].attains).toBeLessThan(2);
  });

  test("a rate that cannot be run ends the search that way", async () => {
    const never = await searchCapacity(async (factor) => (factor < 0.5 ? Number.NaN : 0.1), [0.9], LIMITS);
    expect(never.findings[0]).toMatchObject({ state: "not attained", attains: null, misses: 0.5 });
    expect(never.probes.map(({ factor }) => factor)).toEqual([0.5, 1]);
    const always = await searchCapacity(async (factor) => (factor > 4 ? Number.NaN : 1), [0.9], LIMITS);
    expect(always.findings[0]).toMatchObject({ state: "at least", attains: 4 });
  });

  test("what a probe throws is thrown", async () => {
    const attain = async (factor: number) => {
      if (factor === 2) throw new Error("lost");
      return 1;
    };
    await expect(searchCapacity(attain, [0.9, 0.99], LIMITS)).rejects.toThrow("lost");
  });
});
