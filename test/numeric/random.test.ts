import { describe, expect, it } from "vitest";
import { hashWords, Stream } from "../../src/numeric/random.ts";
import { normalCdf } from "../../src/numeric/special.ts";

/**
 * Kolmogorov and Smirnov's distance between n draws and a distribution function, times sqrt(n). Above 1.95 has
 * probability 0.001; the streams are seeded, so the outcome never changes.
 */
function distance(draws: Float64Array, cdf: (x: number) => number): number {
  const sorted = draws.toSorted();
  const n = sorted.length;
  let largest = 0;
  for (let i = 0; i < n; i++) {
    const p = cdf(sorted[i]);
    largest = Math.max(largest, p - i / n, (i + 1) / n - p);
  }
  return largest * Math.sqrt(n);
}

function draws(n: number, draw: () => number): Float64Array {
  return Float64Array.from({ length: n }, draw);
}

const LIMIT = 1.95;
const N = 200_000;

describe("Stream", () => {
  it("gives the draws of sfc32: its recurrence written with unbounded integers", () => {
    const words = hashWords("42\u0000arrivals");
    let [x, y, z, counter] = [BigInt(words[0]), BigInt(words[1]), BigInt(words[2]), 1n];
    const mask = 0xffffffffn;
    const next = () => {
      const t = (x + y + counter) & mask;
      counter = (counter + 1n) & mask;
      x = y ^ (y >> 9n);
      y = (z + (z << 3n)) & mask;
      z = (((z << 21n) | (z >> 11n)) + t) & mask;
      return Number(t);
    };
    for (let i = 0; i < 15; i++) next();
    const stream = new Stream(42, "arrivals");
    for (let i = 0; i < 1_000; i++) expect(stream.uint32()).toBe(next());
  });

  it("depends on seed and purpose and on nothing else", () => {
    const first = (seed: number | string, purpose: string) => {
      const stream = new Stream(seed, purpose);
      return [stream.uint32(), stream.uint32()];
    };
    expect(first(1, "lengths")).toEqual(first(1, "lengths"));
    expect(first(1, "lengths")).toEqual(first("1", "lengths"));
    const seen = [first(1, "lengths"), first(2, "lengths"), first(1, "arrivals"), first("1l", "engths")].map(
      String,
    );
    expect(new Set(seen).size).toBe(4);
  });

  it("has neighbouring seeds that do not correlate", () => {
    let product = 0;
    for (let seed = 0; seed < 20_000; seed++) {
      product += (new Stream(seed, "x").uniform() - 0.5) * (new Stream(seed + 1, "x").uniform() - 0.5);
    }
    // Each term has mean 0 and standard deviation 1/12.
    expect(Math.abs(product / Math.sqrt(20_000)) * 12).toBeLessThan(4);
  });

  it("draws uniforms in [0, 1)", () => {
    const stream = new Stream(1, "uniform");
    const values = draws(N, () => stream.uniform());
    expect(values.every((x) => x >= 0 && x < 1)).toBe(true);
    expect(distance(values, (x) => x)).toBeLessThan(LIMIT);
  });

  it("draws normals, the tail of the ziggurat included", () => {
    const stream = new Stream(1, "normal");
    const values = draws(5 * N, () => stream.normal());
    expect(distance(values, normalCdf)).toBeLessThan(LIMIT);
    for (const edge of [3.442619855899, 4]) {
      const expected = 5 * N * normalCdf(-edge);
      for (const sign of [1, -1]) {
        const beyond = values.filter((x) => sign * x > edge).length;
        expect(Math.abs(beyond - expected)).toBeLessThan(4 * Math.sqrt(expected));
      }
    }
  });

  it("draws exponentials of mean 1, the tail of the ziggurat included", () => {
    const stream = new Stream(1, "exponential");
    const values = draws(5 * N, () => stream.exponential());
    expect(distance(values, (x) => 1 - Math.exp(-x))).toBeLessThan(LIMIT);
    const expected = 5 * N * Math.exp(-7.69711747013105);
    expect(Math.abs(values.filter((x) => x > 7.69711747013105).length - expected)).toBeLessThan(
      4 * Math.sqrt(expected),
    );
  });

  it("draws log-normals whose logarithm has the parameters given", () => {
    const stream = new Stream(1, "log-normal");
    const values = draws(N, () => stream.logNormal(2, 0.5));
    expect(distance(values, (x) => normalCdf((Math.log(x) - 2) / 0.5))).toBeLessThan(LIMIT);
  });

  it("draws whole numbers below n evenly, also when n is no power of two", () => {
    const stream = new Stream(1, "below");
    const counts = new Float64Array(7);
    for (let i = 0; i < 70_000; i++) counts[stream.below(7)]++;
    // Chi-square with 6 degrees of freedom: above 22.46 has probability 0.001.
    expect(counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0)).toBeLessThan(22.46);
  });

  it.each([0.3, 4, 25, 200])("draws Poisson counts of mean and variance %f", (lambda) => {
    const stream = new Stream(1, `poisson ${lambda}`);
    const n = 50_000;
    const values = draws(n, () => stream.poisson(lambda));
    const centre = values.reduce((sum, x) => sum + x, 0) / n;
    const variance = values.reduce((sum, x) => sum + (x - centre) ** 2, 0) / (n - 1);
    expect(Math.abs(centre - lambda)).toBeLessThan(4 * Math.sqrt(lambda / n));
    // The variance of the sample variance is (lambda + 2 lambda^2) / n to first order.
    expect(Math.abs(variance - lambda)).toBeLessThan(4 * Math.sqrt((lambda + 2 * lambda ** 2) / n));
    const zeros = values.filter((x) => x === 0).length;
    const expected = n * Math.exp(-lambda);
    expect(Math.abs(zeros - expected)).toBeLessThanOrEqual(4 * Math.sqrt(expected) + 1e-9);
  });

  it("chooses by weight and never what has none", () => {
    const stream = new Stream(1, "choice");
    const counts = new Float64Array(4);
    for (let i = 0; i < 60_000; i++) counts[stream.choice([1, 0, 2, 3])]++;
    expect(counts[1]).toBe(0);
    const expected = [10_000, 0, 20_000, 30_000];
    const chiSquare = [0, 2, 3].reduce((sum, k) => sum + (counts[k] - expected[k]) ** 2 / expected[k], 0);
    // Two degrees of freedom: above 13.8 has probability 0.001.
    expect(chiSquare).toBeLessThan(13.8);
  });

  it("samples CEDAR's lengths, log-normal(6.5, 1.2): mean 1366.49, P(T<=50) = 0.01552, P(T<=500) = 0.40601", () => {
    const stream = new Stream(1, "cedar lengths");
    const values = draws(N, () => stream.logNormal(6.5, 1.2));
    const share = (limit: number) => values.filter((x) => x <= limit).length / N;
    expect(Math.abs(share(50) - 0.01552)).toBeLessThan(4 * Math.sqrt((0.01552 * 0.98448) / N));
    expect(Math.abs(share(500) - 0.40601)).toBeLessThan(4 * Math.sqrt((0.40601 * 0.59399) / N));
    const centre = values.reduce((sum, x) => sum + x, 0) / N;
    const deviation = 1366.49 * Math.sqrt(Math.exp(1.2 ** 2) - 1);
    expect(Math.abs(centre - 1366.49)).toBeLessThan(4 * (deviation / Math.sqrt(N)));
  });
});
