/** What a choice is held to: numbers in one column, since a fraction across a call would be boxed. */
export const FLOOR = 0;
export const LIMIT = 1;
/** Of GAR-PD: carbon dual over the reference carbon; duals of accuracy and latency of the request's data set. */
export const CARBON_PRICE = 2;
export const CARBON_DUAL = 3;
export const ACCURACY_DUAL = 4;
export const LATENCY_DUAL = 5;
const TERMS = 6;
/** Value of a candidate that a choice may not take. */
const NOT_OPEN = Number.NaN;

/**
 * Estimates of one request at every endpoint, and the choices that GAR makes of them. Columns by endpoint; only those
 * of the candidates asked about have to be filled. Every choice is -1 when no candidate is usable, and allocates
 * nothing.
 */
export class Choice {
  /** Probability of a right answer, g of CO2, tail latency in seconds. */
  readonly accuracy: Float64Array;
  readonly grams: Float64Array;
  readonly seconds: Float64Array;
  /** 1 where the endpoint takes requests. */
  readonly usable: Uint8Array;
  /** Requests outstanding: the last tie but the index; the first between twins. */
  readonly outstanding: Float64Array;
  /** Equal for endpoints of one model in one region, which the paper does not tell apart. */
  readonly twins: Int32Array;
  readonly terms = new Float64Array(TERMS);
  /** What a choice goes by, lowest first. */
  readonly #value: Float64Array;
  readonly #second: Float64Array;

  constructor(endpoints: number) {
    this.accuracy = new Float64Array(endpoints);
    this.grams = new Float64Array(endpoints);
    this.seconds = new Float64Array(endpoints);
    this.usable = new Uint8Array(endpoints).fill(1);
    this.outstanding = new Float64Array(endpoints);
    this.#value = new Float64Array(endpoints);
    this.#second = new Float64Array(endpoints);
    this.twins = Int32Array.from({ length: endpoints }, (_, e) => e);
  }

  /** Whether floor and limit hold at an endpoint. */
  meets(e: number): boolean {
    return this.accuracy[e] >= this.terms[FLOOR] && this.seconds[e] <= this.terms[LIMIT];
  }

  /** How many usable candidates meet floor and limit. */
  feasibleCount(candidates: Int32Array): number {
    let count = 0;
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      if (this.usable[e] === 1 && this.meets(e)) count++;
    }
    return count;
  }

  /** Least carbon among those that meet floor and limit: ties to the higher accuracy, then the lower latency. */
  leastCarbonFeasible(candidates: Int32Array): number {
    const { accuracy, grams } = this;
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      this.#value[e] = this.meets(e) ? grams[e] : NOT_OPEN;
      this.#second[e] = -accuracy[e];
    }
    return this.#least(candidates, this.#value, this.#second, true);
  }

  /** Least relative violation of floor and limit: max(0, A - a) / A + max(0, l - L) / L. Ties to the lower carbon. */
  leastViolation(candidates: Int32Array): number {
    const { accuracy, seconds, terms } = this;
    const floor = terms[FLOOR];
    const limit = terms[LIMIT];
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      const short = accuracy[e] < floor ? (floor - accuracy[e]) / floor : 0;
      const late = seconds[e] > limit ? (seconds[e] - limit) / limit : 0;
      this.#value[e] = short + late;
    }
    return this.#least(candidates, this.#value, this.grams, true);
  }

  /**
   * GAR-PD, form U: the most accuracy less priced carbon among those that meet floor and limit. Ties to the lower
   * carbon.
   */
  mostValueFeasible(candidates: Int32Array): number {
    const { accuracy, grams } = this;
    const price = this.terms[CARBON_PRICE];
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      this.#value[e] = this.meets(e) ? price * grams[e] - accuracy[e] : NOT_OPEN;
    }
    return this.#least(candidates, this.#value, grams, true);
  }

  /**
   * GAR-PD, form L: the least (1 + carbon dual) c + accuracy dual max(0, A - a) + latency dual max(0, l / L - 1), with
   * c over the reference carbon. No gate. Ties to the lower carbon.
   */
  leastLagrangian(candidates: Int32Array, referenceGrams: Float64Array): number {
    const { accuracy, grams, seconds, terms } = this;
    const floor = terms[FLOOR];
    const limit = terms[LIMIT];
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      const short = accuracy[e] < floor ? floor - accuracy[e] : 0;
      const late = seconds[e] > limit ? seconds[e] / limit - 1 : 0;
      this.#value[e] =
        (1 + terms[CARBON_DUAL]) * (grams[e] / referenceGrams[0]) +
        terms[ACCURACY_DUAL] * short +
        terms[LATENCY_DUAL] * late;
    }
    return this.#least(candidates, this.#value, grams, false);
  }

  /** The lowest of a column among those that meet the floor. */
  lowestAbove(candidates: Int32Array, column: Float64Array): number {
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      this.#value[e] = this.accuracy[e] < this.terms[FLOOR] ? NOT_OPEN : column[e];
    }
    return this.lowest(candidates, this.#value);
  }

  /** The lowest of a column, without floor or limit. */
  lowest(candidates: Int32Array, column: Float64Array): number {
    return this.#least(candidates, column, column, false);
  }

  /** The highest accuracy among the candidates, among those within the limit if `withinLimit`. */
  mostAccurate(candidates: Int32Array, withinLimit: boolean): number {
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      this.#value[e] = withinLimit && this.seconds[e] > this.terms[LIMIT] ? NOT_OPEN : -this.accuracy[e];
    }
    return this.#least(candidates, this.#value, this.#value, true);
  }

  /** The usable candidate with the lowest value, then the lowest of the second column, then by latency or load alone. */
  #least(
    candidates: Int32Array,
    value: Float64Array,
    second: Float64Array,
    latencyBreaksTies: boolean,
  ): number {
    let best = -1;
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      if (this.usable[e] === 0 || Number.isNaN(value[e])) continue;
      if (best >= 0) {
        if (value[e] > value[best]) continue;
        if (value[e] === value[best]) {
          if (second[e] > second[best]) continue;
          if (second[e] === second[best] && !this.#breaksTie(e, best, latencyBreaksTies)) continue;
        }
      }
      best = e;
    }
    return best;
  }

  /**
   * The lower latency, then the lower load; else the lower index stays. Between twins the load alone: by a latency that
   * is known late they would be flooded in turn.
   */
  #breaksTie(e: number, best: number, latencyBreaksTies: boolean): boolean {
    if (latencyBreaksTies && this.twins[e] !== this.twins[best] && this.seconds[e] !== this.seconds[best])
      return this.seconds[e] < this.seconds[best];
    return this.outstanding[e] < this.outstanding[best];
  }
}
