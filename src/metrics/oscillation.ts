/**
 * Oscillation of a sequence of weights (CEDAR eq. 3): Osc = 1/T sum_t 1/|F| sum_f |w_t^f - w_{t-1}^f|, T being the
 * number of transitions. For weights that sum to 1 it is at most 2/|F|, so it says little without |F|.
 */
export class OscillationMeter {
  readonly groups: number;
  readonly #previous: Float64Array;
  #isFirst = true;
  #transitions = 0;
  #distance = 0;

  /** @param groups |F|, the number of weights */
  constructor(groups: number) {
    this.groups = groups;
    this.#previous = new Float64Array(groups);
  }

  /** Number of transitions so far. */
  get transitions(): number {
    return this.#transitions;
  }

  /** Sum over transitions of the L1 distance between consecutive weights (migration distance). */
  get distance(): number {
    return this.#distance;
  }

  /** The oscillation; null without a transition. */
  get value(): number | null {
    return this.#transitions === 0 ? null : this.#distance / this.groups / this.#transitions;
  }

  /**
   * Takes the weights of the next interval.
   *
   * @throws RangeError if there are not |F| of them
   */
  observe(weights: ArrayLike<number>): void {
    const previous = this.#previous;
    if (weights.length !== previous.length) {
      throw new RangeError(
        `OscillationMeter.observe: ${weights.length} weights, expected ${previous.length}`,
      );
    }
    let distance = 0;
    for (let f = 0; f < previous.length; f++) {
      distance += Math.abs(weights[f] - previous[f]);
      previous[f] = weights[f];
    }
    if (this.#isFirst) {
      this.#isFirst = false;
      return;
    }
    this.#transitions++;
    this.#distance += distance;
  }

  /** Counts `intervals` intervals that keep the weights of the last one; before the first weights nothing. */
  carry(intervals: number): void {
    if (!this.#isFirst) this.#transitions += intervals;
  }
}

/**
 * Oscillation of realised shares: w_t^f is the share of group f in what was dispatched in [k, k + 1) intervals from
 * time 0. An interval without a dispatch carries the shares of the one before; those before the first dispatch do
 * not count.
 */
export class ShareOscillation {
  readonly #meter: OscillationMeter;
  readonly #intervals: IntervalCounter;
  readonly #counts: Float64Array;
  #total = 0;

  /**
   * @param groups |F|, the number of groups of endpoints
   * @param intervalSeconds length of an interval, above 0
   * @throws RangeError if the interval is not above 0
   */
  constructor(groups: number, intervalSeconds: number) {
    this.#meter = new OscillationMeter(groups);
    this.#intervals = new IntervalCounter(intervalSeconds);
    this.#counts = new Float64Array(groups);
  }

  /** The oscillation over closed intervals; null without a transition. */
  get value(): number | null {
    return this.#meter.value;
  }

  /** Number of transitions between closed intervals. */
  get transitions(): number {
    return this.#meter.transitions;
  }

  /**
   * Counts a dispatch.
   *
   * @param timeSeconds not before the last one, at least 0
   * @param group from 0
   * @throws RangeError if time goes backwards or the group does not exist
   */
  count(timeSeconds: number, group: number): void {
    if (!(group >= 0 && group < this.#counts.length)) {
      throw new RangeError(`ShareOscillation.count: group ${group} is outside 0..${this.#counts.length - 1}`);
    }
    this.#advance(timeSeconds);
    this.#counts[group]++;
    this.#total++;
  }

  /** Ends the run: whole intervals before `endSeconds` close, and the one under way if it saw a dispatch. */
  finish(endSeconds: number): void {
    this.#advance(endSeconds);
    if (this.#total > 0) this.#close();
  }

  #advance(timeSeconds: number): void {
    const passed = this.#intervals.advance(timeSeconds);
    if (passed === 0) return;
    if (this.#total > 0) {
      this.#close();
      this.#meter.carry(passed - 1);
    } else {
      this.#meter.carry(passed);
    }
  }

  #close(): void {
    for (let f = 0; f < this.#counts.length; f++) this.#counts[f] /= this.#total;
    this.#meter.observe(this.#counts);
    this.#counts.fill(0);
    this.#total = 0;
  }
}

/**
 * Oscillation of target weights: w_t is what the router had announced by the end of interval t. Intervals before the
 * first announcement do not count.
 */
export class TargetOscillation {
  readonly #meter: OscillationMeter;
  readonly #intervals: IntervalCounter;
  readonly #weights: Float64Array;
  #isAnnounced = false;

  /**
   * @param groups |F|, the number of weights
   * @param intervalSeconds length of an interval, above 0
   * @throws RangeError if the interval is not above 0
   */
  constructor(groups: number, intervalSeconds: number) {
    this.#meter = new OscillationMeter(groups);
    this.#intervals = new IntervalCounter(intervalSeconds);
    this.#weights = new Float64Array(groups);
  }

  /** The oscillation over closed intervals; null without a transition. */
  get value(): number | null {
    return this.#meter.value;
  }

  /** Number of transitions between closed intervals. */
  get transitions(): number {
    return this.#meter.transitions;
  }

  /**
   * Takes weights that hold from now on.
   *
   * @param timeSeconds not before the last one, at least 0
   * @throws RangeError if time goes backwards or there are not |F| weights
   */
  announce(timeSeconds: number, weights: ArrayLike<number>): void {
    if (weights.length !== this.#weights.length) {
      throw new RangeError(
        `TargetOscillation.announce: ${weights.length} weights, expected ${this.#weights.length}`,
      );
    }
    this.#advance(timeSeconds);
    this.#weights.set(weights);
    this.#isAnnounced = true;
  }

  /** Ends the run: whole intervals before `endSeconds` close. */
  finish(endSeconds: number): void {
    this.#advance(endSeconds);
  }

  #advance(timeSeconds: number): void {
    const passed = this.#intervals.advance(timeSeconds);
    if (passed === 0 || !this.#isAnnounced) return;
    this.#meter.observe(this.#weights);
    this.#meter.carry(passed - 1);
  }
}

/** Tells how many ends of intervals, at k * intervalSeconds, time has passed. */
class IntervalCounter {
  readonly #intervalSeconds: number;
  #current = 0;
  #endSeconds: number;
  #latest = 0;

  constructor(intervalSeconds: number) {
    if (!(intervalSeconds > 0)) {
      throw new RangeError(`oscillation: intervalSeconds ${intervalSeconds}, expected above 0`);
    }
    this.#intervalSeconds = intervalSeconds;
    this.#endSeconds = intervalSeconds;
  }

  advance(timeSeconds: number): number {
    if (!(timeSeconds >= this.#latest)) {
      throw new RangeError(`oscillation: time ${timeSeconds} after ${this.#latest}`);
    }
    this.#latest = timeSeconds;
    if (timeSeconds < this.#endSeconds) return 0;
    // The quotient may be rounded across a boundary: 0.3 / 0.1 is below 3. The products are what counts.
    let interval = Math.floor(timeSeconds / this.#intervalSeconds);
    while (interval * this.#intervalSeconds > timeSeconds) interval--;
    while ((interval + 1) * this.#intervalSeconds <= timeSeconds) interval++;
    const passed = interval - this.#current;
    this.#current = interval;
    this.#endSeconds = (interval + 1) * this.#intervalSeconds;
    return passed;
  }
}
