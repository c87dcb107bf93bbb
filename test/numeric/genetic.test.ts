import { expect, test } from "vitest";
import {
  crossSbx,
  mutatePolynomial,
  polynomialMutant,
  sbxChildren,
  sbxSpread,
} from "../../src/numeric/genetic.ts";
import { Stream } from "../../src/numeric/random.ts";

test("crossover by hand: eta 15, u 0.25, parents 0.2 and 0.6 (MARLIN baselines, facts)", () => {
  expect(sbxSpread(0.25, 15)).toBeCloseTo(0.957603, 6);
  const [low, high] = sbxChildren(0.2, 0.6, 0.25, 15);
  expect(low).toBeCloseTo(0.208479, 6);
  expect(high).toBeCloseTo(0.591521, 6);
});

test("the spread is 1 at one half, and its reciprocal on the other side", () => {
  expect(sbxSpread(0.5, 15)).toBe(1);
  expect(sbxSpread(0.9, 7) * sbxSpread(0.1, 7)).toBeCloseTo(1, 12);
});

test("children keep their parents' sum where nothing is cut, and equal parents are copied", () => {
  const random = new Stream(1, "test");
  const a = Float64Array.from({ length: 50 }, () => 0.4 + 0.1 * random.uniform());
  const b = Float64Array.from({ length: 50 }, () => 0.5 + 0.1 * random.uniform());
  const [first, second] = crossSbx(a, b, 15, 1, random);
  for (let i = 0; i < 50; i++) expect(first[i] + second[i]).toBeCloseTo(a[i] + b[i], 12);
  expect(first).not.toEqual(a);
  expect(crossSbx(a, a, 15, 1, random)).toEqual([a, a]);
  expect(crossSbx(a, b, 15, 0, random)).toEqual([a, b]);
});

test("mutation stays within 0 and 1, reaches both ends, and leaves a number at the middle draw", () => {
  expect(polynomialMutant(0.3, 0, 20)).toBeCloseTo(0, 12);
  expect(polynomialMutant(0.3, 1, 20)).toBeCloseTo(1, 12);
  expect(polynomialMutant(0.3, 0.5, 20)).toBeCloseTo(0.3, 12);
  // (2 * 0.25 + 0.5 * 0.5^2)^(1/2) - 1 with eta 1.
  expect(polynomialMutant(0.5, 0.25, 1)).toBeCloseTo(0.5 + Math.sqrt(0.625) - 1, 12);
});

test("the share of numbers that mutate is the probability", () => {
  const random = new Stream(2, "test");
  const x = new Float64Array(20_000).fill(0.5);
  mutatePolynomial(x, 20, 0.1, random);
  const changed = x.reduce((count, value) => count + Number(value !== 0.5), 0);
  // Five standard deviations of a binomial count.
  expect(Math.abs(changed - 2000)).toBeLessThan(5 * Math.sqrt(20_000 * 0.09));
});
