/** What a choice is held to: numbers in one column, since a fraction across a call would be boxed. */
export const FLOOR = 0;
export const LIMIT = 1;
/** Of GAR-PD: carbon dual over the reference carbon; duals of accuracy and latency of the request's data set. */
export const CARBON_PRICE = 2;
export const CARBON_DUAL = 3;
export const ACCURACY_DUAL = 4;
export const LATENCY_DUAL = 5;
const TERMS = 6;

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

  constructor(endpoints: number) {
    this.accuracy = new Float64Array(endpoints);
    this.grams = new Float64Array(endpoints);
    this.seconds = new Float64Array(endpoints);
    this.usable = new Uint8Array(endpoints).fill(1);
    this.outstanding = new Float64Array(endpoints);
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
    let best = -1;
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      if (this.usable[e] === 0 || !this.meets(e)) continue;
      if (best >= 0) {
        if (grams[e] > grams[best]) continue;
        if (grams[e] === grams[best]) {
          if (accuracy[e] < accuracy[best]) continue;
          if (accuracy[e] === accuracy[best] && !this.#breaksTie(e, best)) continue;
        }
      }
      best = e;
    }
    return best;
  }

  /** Least relative violation of floor and limit: max(0, A - a) / A + max(0, l - L) / L. Ties to the lower carbon. */
  leastViolation(candidates: Int32Array): number {
    const { accuracy, grams, seconds, terms } = this;
    const floor = terms[FLOOR];
    const limit = terms[LIMIT];
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      if (this.usable[e] === 0) continue;
      const short = accuracy[e] < floor ? (floor - accuracy[e]) / floor : 0;
      const late = seconds[e] > limit ? (seconds[e] - limit) / limit : 0;
      const violation = short + late;
      if (best >= 0) {
        if (violation > least) continue;
        if (violation === least) {
          if (grams[e] > grams[best]) continue;
          if (grams[e] === grams[best] && !this.#breaksTie(e, best)) continue;
        }
      }
      best = e;
      least = violation;
    }
    return best;
  }

  /** GAR-PD, form U: the most accuracy less priced carbon among those that meet floor and limit. */
  mostValueFeasible(candidates: Int32Array): number {
    const { accuracy, grams, terms } = this;
    const price = terms[CARBON_PRICE];
    let best = -1;
    let most = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      if (this.usable[e] === 0 || !this.meets(e)) continue;
      const value = accuracy[e] - price * grams[e];
      if (best >= 0) {
        if (value < most) continue;
        if (value === most) {
          if (grams[e] > grams[best]) continue;
          if (grams[e] === grams[best] && !this.#breaksTie(e, best)) continue;
        }
      }
      best = e;
      most = value;
    }
    return best;
  }

  /**
   * GAR-PD, form L: the least (1 + carbon dual) c + accuracy dual max(0, A - a) + latency dual max(0, l / L - 1), with
   * c over the reference carbon. No gate.
   */
  leastLagrangian(candidates: Int32Array, referenceGrams: Float64Array): number {
    const { accuracy, grams, seconds, terms } = this;
    const floor = terms[FLOOR];
    const limit = terms[LIMIT];
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      if (this.usable[e] === 0) continue;
      const short = accuracy[e] < floor ? floor - accuracy[e] : 0;
      const late = seconds[e] > limit ? seconds[e] / limit - 1 : 0;
      const value =
        (1 + terms[CARBON_DUAL]) * (grams[e] / referenceGrams[0]) +
        terms[ACCURACY_DUAL] * short +
        terms[LATENCY_DUAL] * late;
      if (best >= 0) {
        if (value > least) continue;
        if (value === least) {
          if (grams[e] > grams[best]) continue;
          if (grams[e] === grams[best] && !this.#lessLoaded(e, best)) continue;
        }
      }
      best = e;
      least = value;
    }
    return best;
  }

  /** Least carbon of all, without floor or limit. */
  leastCarbon(candidates: Int32Array): number {
    const { grams } = this;
    let best = -1;
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      if (this.usable[e] === 0) continue;
      if (best >= 0) {
        if (grams[e] > grams[best]) continue;
        if (grams[e] === grams[best] && !this.#lessLoaded(e, best)) continue;
      }
      best = e;
    }
    return best;
  }

  /** The lowest of a column among those that meet the floor. */
  lowestAbove(candidates: Int32Array, column: Float64Array): number {
    let best = -1;
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      if (this.usable[e] === 0 || this.accuracy[e] < this.terms[FLOOR]) continue;
      if (best >= 0) {
        if (column[e] > column[best]) continue;
        if (column[e] === column[best] && !this.#lessLoaded(e, best)) continue;
      }
      best = e;
    }
    return best;
  }

  /** The lowest of a column. */
  lowest(candidates: Int32Array, column: Float64Array): number {
    let best = -1;
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      if (this.usable[e] === 0) continue;
      if (best >= 0) {
        if (column[e] > column[best]) continue;
        if (column[e] === column[best] && !this.#lessLoaded(e, best)) continue;
      }
      best = e;
    }
    return best;
  }

  /** The highest accuracy among the candidates, among those within the limit if `withinLimit`. */
  mostAccurate(candidates: Int32Array, withinLimit: boolean): number {
    const { accuracy, seconds } = this;
    let best = -1;
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      if (this.usable[e] === 0 || (withinLimit && seconds[e] > this.terms[LIMIT])) continue;
      if (best >= 0) {
        if (accuracy[e] < accuracy[best]) continue;
        if (accuracy[e] === accuracy[best] && !this.#breaksTie(e, best)) continue;
      }
      best = e;
    }
    return best;
  }

  /**
   * The lower latency, then the lower load; else the lower index stays. Between twins the load alone: by a latency that
   * is known late they would be flooded in turn.
   */
  #breaksTie(e: number, best: number): boolean {
    if (this.twins[e] === this.twins[best]) return this.#lessLoaded(e, best);
    if (this.seconds[e] !== this.seconds[best]) return this.seconds[e] < this.seconds[best];
    return this.#lessLoaded(e, best);
  }

  #lessLoaded(e: number, best: number): boolean {
    return this.outstanding[e] < this.outstanding[best];
  }
}
