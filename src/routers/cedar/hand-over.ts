export interface HandOverRule {
  /** Evaluation intervals of each policy that are compared. */
  readonly qualifyIntervals: number;
  /** Standard errors of the difference by which SAC's mean reward has to be above the heuristic's. */
  readonly qualifyErrors: number;
  /** Largest critic loss, as a multiple of its median. */
  readonly lossFactor: number;
  readonly leastTemperature: number;
  readonly largestTemperature: number;
  /** Control intervals in a row with a tier beyond epsilon before SAC gives back. */
  readonly revertIntervals: number;
}

/** How sound the learner is. */
export interface LearnerHealth {
  readonly criticLoss: number;
  /** Of the last updates; NaN before the first. */
  readonly medianLoss: number;
  /** The temperature alpha. */
  readonly temperature: number;
}

/** The last rewards of a policy; a ring that a checkpoint keeps whole. */
export class RewardWindow {
  readonly values: Float64Array;
  /** Rewards ever taken since it was cleared, then the place of the next. */
  readonly counts = new Int32Array(1);

  constructor(length: number) {
    this.values = new Float64Array(length);
  }

  get length(): number {
    return Math.min(this.counts[0], this.values.length);
  }

  push(reward: number): void {
    this.values[this.counts[0] % this.values.length] = reward;
    this.counts[0]++;
  }

  clear(): void {
    this.counts[0] = 0;
    this.values.fill(0);
  }

  get mean(): number {
    let sum = 0;
    for (let i = 0; i < this.length; i++) sum += this.values[i];
    return this.length === 0 ? Number.NaN : sum / this.length;
  }

  /** Square of the standard error of the mean; NaN with fewer than two rewards. */
  get squaredError(): number {
    const { length, mean } = this;
    if (length < 2) return Number.NaN;
    let sum = 0;
    for (let i = 0; i < length; i++) sum += (this.values[i] - mean) ** 2;
    return sum / (length - 1) / length;
  }
}

/**
 * Who is in charge (specification section 5, and section 7 of the learner's): SAC takes over once the mean reward of
 * its last evaluation intervals is above the heuristic's by some standard errors of the difference, its critics' loss
 * is below a multiple of the median and its temperature within bounds; it gives back after some intervals in a row in
 * which a tier broke epsilon. Both records are then forgotten: SAC has to show itself anew.
 */
export class HandOver {
  readonly heuristic: RewardWindow;
  readonly sac: RewardWindow;
  inCharge = false;
  /** Times that SAC took over, and gave back. */
  takeovers = 0;
  reverts = 0;
  readonly #rule: HandOverRule;
  #broken = 0;

  constructor(rule: HandOverRule) {
    this.#rule = rule;
    this.heuristic = new RewardWindow(rule.qualifyIntervals);
    this.sac = new RewardWindow(rule.qualifyIntervals);
  }

  /** Mean reward of SAC less the heuristic's, in standard errors of the difference; NaN while a record is short. */
  get lead(): number {
    const { heuristic, sac } = this;
    const wanted = this.#rule.qualifyIntervals;
    if (heuristic.length < wanted || sac.length < wanted) return Number.NaN;
    const difference = sac.mean - heuristic.mean;
    const error = Math.sqrt(sac.squaredError + heuristic.squaredError);
    return difference === 0 ? 0 : difference / error;
  }

  /** Whether the learner's loss and temperature are those of one that has settled. */
  isStable({ criticLoss, medianLoss, temperature }: LearnerHealth): boolean {
    const { lossFactor, leastTemperature, largestTemperature } = this.#rule;
    return (
      criticLoss <= lossFactor * medianLoss &&
      temperature >= leastTemperature &&
      temperature <= largestTemperature
    );
  }

  /** Whether SAC may take over. */
  qualifies(health: LearnerHealth): boolean {
    return this.lead > this.#rule.qualifyErrors && this.isStable(health);
  }

  /**
   * Ends a control interval.
   *
   * @param broken whether a tier is beyond epsilon
   */
  judge(broken: boolean, health: LearnerHealth): void {
    this.#broken = broken ? this.#broken + 1 : 0;
    if (!this.inCharge) {
      if (!broken && this.qualifies(health)) {
        this.inCharge = true;
        this.takeovers++;
      }
      return;
    }
    if (this.#broken < this.#rule.revertIntervals) return;
    this.inCharge = false;
    this.reverts++;
    this.#broken = 0;
    this.heuristic.clear();
    this.sac.clear();
  }
}
