import type { Stream } from "../numeric/random.ts";
import { expectNotNegative, expectParameter, expectPositive, expectShares } from "./check.ts";

/**
 * A distribution of lengths (tokens) or of times (seconds).
 *
 * - `lognormal`: exp(mu + sigma Z); a draw outside [min, max] takes the nearer bound.
 * - `constant`: always `value`.
 * - `uniform`: for tokens the whole numbers min..max, both ends included; for seconds the interval [min, max).
 * - `empirical`: `values[i]` with probability proportional to `weights[i]` (all equal when absent).
 * - `mixture`: part i with probability `share`; the shares sum to 1.
 */
export type Distribution =
  | {
      readonly dist: "lognormal";
      readonly mu: number;
      readonly sigma: number;
      readonly min?: number;
      readonly max?: number;
    }
  | { readonly dist: "constant"; readonly value: number }
  | { readonly dist: "uniform"; readonly min: number; readonly max: number }
  | { readonly dist: "empirical"; readonly values: ArrayLike<number>; readonly weights?: ArrayLike<number> }
  | {
      readonly dist: "mixture";
      readonly parts: readonly { readonly share: number; readonly of: Distribution }[];
    };

/** What a distribution is of: decides whether `uniform` draws whole numbers. */
export type Quantity = "tokens" | "seconds";

/** Largest length a workload can hold: prompt + output then still fits in an int32. */
export const MAX_TOKENS = 1_000_000_000;

const DISTRIBUTIONS = ["lognormal", "constant", "uniform", "empirical", "mixture"];

/** Draws of one distribution from one stream. */
export interface Sampler {
  /** The next draw, unrounded. */
  next(): number;
  /** Writes `count` draws, each multiplied by `factor` and made a token count. */
  fillTokens(out: Int32Array, count: number, factor: number): void;
}

/** The nearest whole number of tokens, at least 1. */
export function toTokens(length: number): number {
  return length >= MAX_TOKENS ? MAX_TOKENS : length < 1 ? 1 : (length + 0.5) | 0;
}

/** Throws `CANOPY_WORKLOAD_PARAMETER` or `CANOPY_WORKLOAD_SHARES` for parameters out of range. */
export function checkDistribution(d: Distribution, where: string): void {
  switch (d.dist) {
    case "lognormal":
      expectParameter(Number.isFinite(d.mu), `${where}.mu`, "a finite number", d.mu);
      expectNotNegative(d.sigma, `${where}.sigma`);
      if (d.min !== undefined) expectNotNegative(d.min, `${where}.min`);
      if (d.max !== undefined)
        expectParameter(d.max >= (d.min ?? 0), `${where}.max`, `at least min (${d.min ?? 0})`, d.max);
      return;
    case "constant":
      expectNotNegative(d.value, `${where}.value`);
      return;
    case "uniform":
      expectNotNegative(d.min, `${where}.min`);
      expectParameter(
        Number.isFinite(d.max) && d.max >= d.min,
        `${where}.max`,
        `at least min (${d.min})`,
        d.max,
      );
      return;
    case "empirical": {
      expectParameter(d.values.length > 0, `${where}.values`, "at least one value", "empty");
      for (let i = 0; i < d.values.length; i++) expectNotNegative(d.values[i], `${where}.values[${i}]`);
      if (d.weights === undefined) return;
      const expected = `as many as values (${d.values.length})`;
      expectParameter(d.weights.length === d.values.length, `${where}.weights`, expected, d.weights.length);
      let total = 0;
      for (let i = 0; i < d.weights.length; i++) {
        expectNotNegative(d.weights[i], `${where}.weights[${i}]`);
        total += d.weights[i];
      }
      expectPositive(total, `${where}.weights (sum)`);
      return;
    }
    case "mixture":
      expectShares(
        d.parts.map((part) => part.share),
        d.parts.map((_, i) => `[${i}]`),
        `${where}.parts`,
      );
      d.parts.forEach((part, i) => {
        checkDistribution(part.of, `${where}.parts[${i}].of`);
      });
      return;
    default:
      expectParameter(false, `${where}.dist`, `one of ${DISTRIBUTIONS.join(", ")}`, (d as Distribution).dist);
  }
}

/** A sampler of a checked distribution. Draws use `stream` only, in order. */
export function sampler(d: Distribution, stream: Stream, quantity: Quantity): Sampler {
  switch (d.dist) {
    case "lognormal":
      return new LogNormalSampler(d.mu, d.sigma, d.min ?? 0, d.max ?? Number.POSITIVE_INFINITY, stream);
    case "constant":
      return new ConstantSampler(d.value);
    case "uniform":
      return new UniformSampler(
        d.min,
        quantity === "tokens" ? d.max - d.min + 1 : d.max - d.min,
        quantity,
        stream,
      );
    case "empirical":
      return new EmpiricalSampler(d.values, d.weights, stream);
    case "mixture":
      return new MixtureSampler(
        d.parts.map((part) => part.share),
        d.parts.map((part) => sampler(part.of, stream, quantity)),
        stream,
      );
  }
}

/**
 * The expectation of `f` of a draw, without sampling: sums where the distribution is discrete, the
 * trapezoidal rule over the normal variate (step 1/128 within ±10) for `lognormal`.
 */
export function expectation(d: Distribution, quantity: Quantity, f: (draw: number) => number): number {
  switch (d.dist) {
    case "lognormal": {
      const step = 1 / 128;
      let sum = 0;
      let mass = 0;
      for (let i = -1280; i <= 1280; i++) {
        const z = i * step;
        const density = Math.exp(-0.5 * z * z);
        const draw = Math.exp(d.mu + d.sigma * z);
        sum += density * f(Math.min(Math.max(draw, d.min ?? 0), d.max ?? draw));
        mass += density;
      }
      return sum / mass;
    }
    case "constant":
      return f(d.value);
    case "uniform": {
      const span = quantity === "tokens" ? d.max - d.min + 1 : d.max - d.min;
      const cells = quantity === "tokens" && span <= 65536 ? span : 4096;
      let sum = 0;
      for (let i = 0; i < cells; i++)
        sum += f(
          quantity === "tokens"
            ? d.min + Math.floor(((i + 0.5) * span) / cells)
            : d.min + ((i + 0.5) * span) / cells,
        );
      return sum / cells;
    }
    case "empirical": {
      let sum = 0;
      let mass = 0;
      for (let i = 0; i < d.values.length; i++) {
        const weight = d.weights === undefined ? 1 : d.weights[i];
        sum += weight * f(d.values[i]);
        mass += weight;
      }
      return sum / mass;
    }
    case "mixture":
      return d.parts.reduce((sum, part) => sum + part.share * expectation(part.of, quantity, f), 0);
  }
}

class LogNormalSampler implements Sampler {
  readonly #stream: Stream;
  readonly #mu: number;
  readonly #sigma: number;
  readonly #min: number;
  readonly #max: number;

  constructor(mu: number, sigma: number, min: number, max: number, stream: Stream) {
    this.#mu = mu;
    this.#sigma = sigma;
    this.#min = min;
    this.#max = max;
    this.#stream = stream;
  }

  next(): number {
    const draw = Math.exp(this.#mu + this.#sigma * this.#stream.normal());
    return Math.min(Math.max(draw, this.#min), this.#max);
  }

  fillTokens(out: Int32Array, count: number, factor: number): void {
    const stream = this.#stream;
    const mu = this.#mu;
    const sigma = this.#sigma;
    const min = this.#min;
    const max = this.#max;
    for (let i = 0; i < count; i++) {
      const draw = Math.exp(mu + sigma * stream.normal());
      out[i] = toTokens(Math.min(Math.max(draw, min), max) * factor);
    }
  }
}

class ConstantSampler implements Sampler {
  readonly #value: number;

  constructor(value: number) {
    this.#value = value;
  }

  next(): number {
    return this.#value;
  }

  fillTokens(out: Int32Array, count: number, factor: number): void {
    out.fill(toTokens(this.#value * factor), 0, count);
  }
}

class UniformSampler implements Sampler {
  readonly #stream: Stream;
  readonly #min: number;
  readonly #span: number;
  readonly #whole: boolean;

  constructor(min: number, span: number, quantity: Quantity, stream: Stream) {
    this.#min = min;
    this.#span = span;
    this.#whole = quantity === "tokens";
    this.#stream = stream;
  }

  next(): number {
    const offset = this.#stream.uniform() * this.#span;
    return this.#min + (this.#whole ? Math.floor(offset) : offset);
  }

  fillTokens(out: Int32Array, count: number, factor: number): void {
    for (let i = 0; i < count; i++) out[i] = toTokens(this.next() * factor);
  }
}

class EmpiricalSampler implements Sampler {
  readonly #stream: Stream;
  readonly #values: Float64Array;
  /** Running sums of the weights, or undefined when all are equal. */
  readonly #cumulative: Float64Array | undefined;

  constructor(values: ArrayLike<number>, weights: ArrayLike<number> | undefined, stream: Stream) {
    this.#values = Float64Array.from(values);
    this.#stream = stream;
    if (weights === undefined) return;
    let total = 0;
    this.#cumulative = Float64Array.from(weights, (weight) => (total += weight));
  }

  next(): number {
    const cumulative = this.#cumulative;
    if (cumulative === undefined) return this.#values[this.#stream.below(this.#values.length)];
    const target = this.#stream.uniform() * cumulative[cumulative.length - 1];
    let low = 0;
    let high = cumulative.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (cumulative[middle] > target) high = middle;
      else low = middle + 1;
    }
    return this.#values[low];
  }

  fillTokens(out: Int32Array, count: number, factor: number): void {
    for (let i = 0; i < count; i++) out[i] = toTokens(this.next() * factor);
  }
}

class MixtureSampler implements Sampler {
  readonly #stream: Stream;
  readonly #shares: Float64Array;
  readonly #parts: readonly Sampler[];

  constructor(shares: readonly number[], parts: readonly Sampler[], stream: Stream) {
    this.#shares = Float64Array.from(shares);
    this.#parts = parts;
    this.#stream = stream;
  }

  next(): number {
    return this.#parts[this.#stream.choice(this.#shares)].next();
  }

  fillTokens(out: Int32Array, count: number, factor: number): void {
    for (let i = 0; i < count; i++) out[i] = toTokens(this.next() * factor);
  }
}
