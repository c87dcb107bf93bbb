/** Variation operators of genetic algorithms for vectors in [0, 1] (Deb and Agrawal 1995; Deb and Goyal 1996). */
import type { Stream } from "./random.ts";

/** Parents closer than this in a coordinate are taken to be equal in it (pymoo's value). */
const SAME = 1e-14;

/** How far children spread about their parents' mean, in units of the parents' own distance, for a uniform draw `u`. */
export function sbxSpread(u: number, eta: number): number {
  return u <= 0.5 ? (2 * u) ** (1 / (eta + 1)) : (1 / (2 * (1 - u))) ** (1 / (eta + 1));
}

/**
 * Simulated binary crossover: with `probability` each coordinate is crossed with chance 1/2 and then given to either
 * child with chance 1/2 (as pymoo does); otherwise the children are copies. The spread is the unbounded one and
 * children are cut to [0, 1].
 */
export function crossSbx(
  a: Float64Array,
  b: Float64Array,
  eta: number,
  probability: number,
  random: Stream,
): [Float64Array, Float64Array] {
  const first = a.slice();
  const second = b.slice();
  if (random.uniform() >= probability) return [first, second];
  for (let i = 0; i < a.length; i++) {
    if (random.uniform() >= 0.5 || Math.abs(a[i] - b[i]) <= SAME) continue;
    const [low, high] = sbxChildren(Math.min(a[i], b[i]), Math.max(a[i], b[i]), random.uniform(), eta);
    const swap = random.uniform() < 0.5;
    first[i] = clamp(swap ? high : low);
    second[i] = clamp(swap ? low : high);
  }
  return [first, second];
}

/** Both children of one coordinate, before they are cut. */
export function sbxChildren(a: number, b: number, u: number, eta: number): [number, number] {
  const half = 0.5 * sbxSpread(u, eta) * (b - a);
  const mean = 0.5 * (a + b);
  return [mean - half, mean + half];
}

/** Where polynomial mutation within [0, 1] takes `x` for a uniform draw `u`. */
export function polynomialMutant(x: number, u: number, eta: number): number {
  const power = 1 / (eta + 1);
  const step =
    u < 0.5
      ? (2 * u + (1 - 2 * u) * (1 - x) ** (eta + 1)) ** power - 1
      : 1 - (2 * (1 - u) + 2 * (u - 0.5) * x ** (eta + 1)) ** power;
  return clamp(x + step);
}

/** Polynomial mutation in place: each coordinate by itself with `probability`. */
export function mutatePolynomial(x: Float64Array, eta: number, probability: number, random: Stream): void {
  for (let i = 0; i < x.length; i++) {
    if (random.uniform() < probability) x[i] = polynomialMutant(x[i], random.uniform(), eta);
  }
}

function clamp(x: number): number {
  return Math.min(1, Math.max(0, x));
}
