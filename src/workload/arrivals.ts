import type { Stream } from "../numeric/random.ts";
import { expectNotNegative, expectParameter, expectPositive } from "./check.ts";

/** A stretch of time in which the rate is multiplied, repeated every `periodSeconds`. */
export interface Burst {
  /** Multiplier of the rate while a burst lasts; below 1 it is a lull. */
  readonly factor: number;
  readonly durationSeconds: number;
  /** From the start of one burst to the start of the next; a single burst when absent. */
  readonly periodSeconds?: number;
  /** Start of the first burst. */
  readonly firstAtSeconds: number;
}

/** A factor of the rate from a time on. */
export interface RateStep {
  readonly fromSeconds: number;
  readonly factor: number;
}

/** When requests arrive. All times are seconds from the start of the run. */
export interface ArrivalParameters {
  /**
   * `poisson`; `constant` (the first arrival at time 0); or `gamma`: renewals whose gaps are gamma variates
   * of coefficient of variation `cv` (1 is Poisson).
   */
  readonly process: "poisson" | "constant" | "gamma";
  /** Rate outside bursts; with `dayShape` its mean over a day. Requests per second. */
  readonly ratePerSecond: number;
  /** Coefficient of variation of the gaps; required by `gamma`. */
  readonly cv?: number;
  readonly burst?: Burst;
  /** Times from which the rate is multiplied by a factor, until the next; they rise, and 1 holds before the first. */
  readonly steps?: readonly RateStep[];
  /** 24 weights, one for each hour of the day from midnight; scaled to a mean of 1. */
  readonly dayShape?: readonly number[];
  /** Hour of the day at time 0, default 0; may have a fraction. */
  readonly dayStartHour?: number;
}

/** Throws `CANOPY_WORKLOAD_PARAMETER` for parameters out of range. */
export function checkArrivals(p: ArrivalParameters, where = "arrival"): void {
  expectParameter(
    p.process === "poisson" || p.process === "constant" || p.process === "gamma",
    `${where}.process`,
    "poisson, constant or gamma",
    p.process,
  );
  expectPositive(p.ratePerSecond, `${where}.ratePerSecond`);
  if (p.process === "gamma") expectPositive(p.cv ?? Number.NaN, `${where}.cv`);
  if (p.burst !== undefined) {
    const { factor, durationSeconds, firstAtSeconds } = p.burst;
    const period = p.burst.periodSeconds ?? Number.POSITIVE_INFINITY;
    expectNotNegative(factor, `${where}.burst.factor`);
    expectPositive(durationSeconds, `${where}.burst.durationSeconds`);
    expectNotNegative(firstAtSeconds, `${where}.burst.firstAtSeconds`);
    expectParameter(
      factor > 0 ? period >= durationSeconds : period > durationSeconds,
      `${where}.burst.periodSeconds`,
      `longer than burst.durationSeconds (${durationSeconds})`,
      period,
    );
  }
  p.steps?.forEach(({ fromSeconds, factor }, i, steps) => {
    expectNotNegative(fromSeconds, `${where}.steps[${i}].fromSeconds`);
    expectPositive(factor, `${where}.steps[${i}].factor`);
    const before = i === 0 ? -1 : steps[i - 1].fromSeconds;
    expectParameter(
      fromSeconds > before,
      `${where}.steps[${i}].fromSeconds`,
      `later than ${before}`,
      fromSeconds,
    );
  });
  if (p.dayShape !== undefined) {
    expectParameter(p.dayShape.length === 24, `${where}.dayShape`, "24 hourly factors", p.dayShape.length);
    p.dayShape.forEach((factor, hour) => {
      expectNotNegative(factor, `${where}.dayShape[${hour}]`);
    });
    expectPositive(
      p.dayShape.reduce((sum, factor) => sum + factor, 0),
      `${where}.dayShape (sum)`,
    );
  }
  if (p.dayStartHour !== undefined) expectNotNegative(p.dayStartHour, `${where}.dayStartHour`);
}

/**
 * Arrival times in order.
 *
 * Points of a process of rate 1 are mapped through the inverse of the integrated rate, which is piecewise
 * linear: exact, with one variate per arrival, and the same variates at every rate (no thinning).
 */
export class ArrivalProcess {
  readonly #process: ArrivalParameters["process"];
  readonly #stream: Stream;
  readonly #shape: number;
  readonly #rates: PiecewiseRate;
  /** Position of the last point in operational time (expected arrivals so far). */
  #operational = 0;
  #index = 0;

  /** `p` has passed {@link checkArrivals}. */
  constructor(p: ArrivalParameters, stream: Stream) {
    this.#process = p.process;
    this.#stream = stream;
    this.#shape = p.process === "gamma" ? 1 / (p.cv as number) ** 2 : 1;
    this.#rates = new PiecewiseRate(p);
  }

  /**
   * Writes the next `count` arrival times, or fewer if one would be at `endSeconds` or later.
   * Returns how many were written; after a short return the process is at its end.
   */
  fill(out: Float64Array, count: number, endSeconds: number): number {
    const rates = this.#rates;
    const stream = this.#stream;
    const process = this.#process;
    let operational = this.#operational;
    for (let i = 0; i < count; i++) {
      if (process === "poisson") operational += stream.exponential();
      else if (process === "constant") operational = this.#index++;
      else operational += gamma(stream, this.#shape) / this.#shape;
      while (operational >= rates.endOperational) rates.advance();
      const time = rates.startSeconds + (operational - rates.startOperational) / rates.rate;
      if (time >= endSeconds) {
        this.#operational = operational;
        return i;
      }
      out[i] = Math.min(time, rates.endSeconds);
    }
    this.#operational = operational;
    return count;
  }
}

/** The current piece of a piecewise constant rate; boundaries are multiples, never accumulated. */
class PiecewiseRate {
  startSeconds = 0;
  endSeconds = 0;
  startOperational = 0;
  endOperational = 0;
  rate = 0;

  readonly #base: number;
  readonly #burst: Burst | undefined;
  readonly #day: Float64Array | undefined;
  readonly #startHour: number;
  #hour: number;
  readonly #steps: readonly RateStep[];
  #bursts = 0;
  #inBurst = false;
  /** Steps that have begun. */
  #step = 0;

  constructor(p: ArrivalParameters) {
    this.#base = p.ratePerSecond;
    this.#burst = p.burst;
    this.#startHour = p.dayStartHour ?? 0;
    this.#hour = Math.floor(this.#startHour);
    if (p.dayShape !== undefined) {
      const mean = p.dayShape.reduce((sum, factor) => sum + factor, 0) / 24;
      this.#day = Float64Array.from(p.dayShape, (factor) => factor / mean);
    }
    if (p.burst?.firstAtSeconds === 0) this.#inBurst = true;
    this.#steps = p.steps ?? [];
    if (this.#nextStep() === 0) this.#step++;
    this.#enter();
  }

  /** Goes on to the next piece. */
  advance(): void {
    const now = this.endSeconds;
    if (now === this.#nextHour()) this.#hour++;
    if (now === this.#nextBurstEdge()) {
      if (this.#inBurst) this.#bursts++;
      this.#inBurst = !this.#inBurst;
    }
    if (now === this.#nextStep()) this.#step++;
    // An edge can lie an ulp before the piece's start when a burst ends as the next begins.
    this.startSeconds = Math.max(this.startSeconds, now);
    this.startOperational = this.endOperational;
    this.#enter();
  }

  #enter(): void {
    this.rate =
      this.#base *
      (this.#day === undefined ? 1 : this.#day[this.#hour % 24]) *
      (this.#inBurst ? (this.#burst as Burst).factor : 1) *
      (this.#step === 0 ? 1 : this.#steps[this.#step - 1].factor);
    this.endSeconds = Math.min(this.#nextHour(), this.#nextBurstEdge(), this.#nextStep());
    const length = Math.max(0, this.endSeconds - this.startSeconds);
    this.endOperational = this.startOperational + (this.rate === 0 ? 0 : this.rate * length);
  }

  #nextHour(): number {
    return this.#day === undefined ? Number.POSITIVE_INFINITY : (this.#hour + 1 - this.#startHour) * 3600;
  }

  #nextStep(): number {
    return this.#step < this.#steps.length ? this.#steps[this.#step].fromSeconds : Number.POSITIVE_INFINITY;
  }

  #nextBurstEdge(): number {
    const burst = this.#burst;
    if (burst === undefined) return Number.POSITIVE_INFINITY;
    const offset = this.#bursts === 0 ? 0 : this.#bursts * (burst.periodSeconds ?? Number.POSITIVE_INFINITY);
    const start = burst.firstAtSeconds + offset;
    return this.#inBurst ? start + burst.durationSeconds : start;
  }
}

/** Gamma variate of the given shape and scale 1 (Marsaglia and Tsang 2000). */
function gamma(stream: Stream, shape: number): number {
  if (shape < 1) return gamma(stream, shape + 1) * (1 - stream.uniform()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = stream.normal();
    const v = (1 + c * x) ** 3;
    if (v <= 0) continue;
    if (Math.log(1 - stream.uniform()) < 0.5 * x * x + d * (1 - v + Math.log(v))) return d * v;
  }
}
