import { describe, expect, it } from "vitest";
import {
  incompleteBeta,
  logGamma,
  normalCdf,
  normalQuantile,
  studentCdf,
  studentQuantile,
  studentTwoSided,
} from "../../src/numeric/special.ts";

// Expected values: scipy 1.17.1 (stats.norm, stats.t, special.betainc, special.gammaln), printed in full.
const RELATIVE = 2e-12;

function expectNear(actual: number, expected: number): void {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(RELATIVE * Math.max(1e-300, Math.abs(expected)));
}

describe("distribution functions", () => {
  it.each([
    [-8, 6.22096057427174e-16],
    [-3, 0.0013498980316300933],
    [-1.96, 0.024997895148220435],
    [-0.5, 0.3085375387259869],
    [0, 0.5],
    [0.1, 0.539827837277029],
    [1, 0.8413447460685429],
    [2.9, 0.998134186699616],
    [5, 0.9999997133484281],
  ])("normalCdf(%f)", (x, expected) => {
    expectNear(normalCdf(x), expected);
  });

  it.each([
    [1e-12, -7.034483825301131],
    [0.00025, -3.480756404346212],
    [0.025, -1.9599639845400545],
    [0.3, -0.5244005127080409],
    [0.5, 0],
    [0.9, 1.2815515655446004],
    [0.99975, 3.4807564043462422],
  ])("normalQuantile(%f)", (p, expected) => {
    expectNear(normalQuantile(p), expected);
  });

  it("reaches the ends of the normal distribution", () => {
    expect(normalQuantile(0)).toBe(Number.NEGATIVE_INFINITY);
    expect(normalQuantile(1)).toBe(Number.POSITIVE_INFINITY);
    expect(normalQuantile(-0.1)).toBeNaN();
    expect([normalCdf(Number.NEGATIVE_INFINITY), normalCdf(Number.POSITIVE_INFINITY)]).toEqual([0, 1]);
  });

  it.each([
    [-2, 1, 0.14758361765043326],
    [-0.3, 4, 0.3895607141387299],
    [2.5, 9, 0.9830690861585072],
    [-12, 3, 0.0006225079003946681],
    [1.96, 1000, 0.9748634075221256],
    [0.7, 2.5, 0.728297528405226],
  ])("studentCdf(%f, %f)", (t, df, expected) => {
    expectNear(studentCdf(t, df), expected);
  });

  it.each([
    [0.975, 1, 12.706204736174694],
    [0.975, 4, 2.7764451051977934],
    [0.975, 9, 2.262157162798205],
    [0.95, 30, 1.697260886593957],
    [0.995, 7.3, 3.451031655622185],
    [0.1, 2, -1.8856180831641267],
  ])("studentQuantile(%f, %f)", (p, df, expected) => {
    expectNear(studentQuantile(p, df), expected);
  });

  it("has Cauchy's distribution at one degree of freedom", () => {
    expectNear(studentTwoSided(1, 1), 0.5);
    expect(studentTwoSided(Number.POSITIVE_INFINITY, 3)).toBe(0);
  });

  it.each([
    [2, 3, 0.4, 0.5247999999999999],
    [0.5, 0.5, 0.9, 0.7951672353008665],
    [10, 0.5, 0.99, 0.6579281751567845],
    [50, 60, 0.3, 0.0003434115187662847],
  ])("incompleteBeta(%f, %f, %f)", (a, b, x, expected) => {
    expectNear(incompleteBeta(a, b, x), expected);
  });

  it.each([
    [0.5, 0.5723649429247],
    [4.5, 2.4537365708424423],
    [30, 71.257038967168],
    [171.5, 709.1431630309283],
  ])("logGamma(%f)", (x, expected) => {
    expectNear(logGamma(x), expected);
  });
});
