/** Bins of the curve; each holds sum and number of the rewards of both policies. */
const BINS = 200;
export const HEURISTIC = 0;
export const SAC = 1;

/** Points of a line: x in the unit of the curve, y the mean reward of a bin. */
export interface CurveLine {
  readonly x: readonly number[];
  readonly y: readonly number[];
}

/**
 * Mean rewards of the two policies over a training whose length is not known beforehand: when the bins are full,
 * pairs of them become one.
 */
export class RewardCurve {
  /** Intervals of a bin, intervals seen; then by bin: sum and number of the heuristic's rewards, and of SAC's. */
  readonly values = new Float64Array(2 + 4 * BINS);

  constructor() {
    this.values[0] = 1;
  }

  /** Takes an interval. @param policy whose reward counts; -1 for an interval that is nobody's */
  add(policy: number, reward: number): void {
    const { values } = this;
    if (values[1] >= BINS * values[0]) this.#halve();
    const bin = Math.floor(values[1]++ / values[0]);
    if (policy < 0) return;
    const at = 2 + 4 * bin + 2 * policy;
    values[at] += reward;
    values[at + 1]++;
  }

  /** The line of a policy over intervals: bins without a reward of its are left out. */
  line(policy: number): CurveLine {
    const [width, seen] = this.values;
    const x: number[] = [];
    const y: number[] = [];
    for (let bin = 0; bin * width < seen; bin++) {
      const at = 2 + 4 * bin + 2 * policy;
      const count = this.values[at + 1];
      if (count === 0) continue;
      x.push((bin + 0.5) * width);
      y.push(this.values[at] / count);
    }
    return { x, y };
  }

  #halve(): void {
    const { values } = this;
    values[0] *= 2;
    for (let bin = 0; bin < BINS; bin++) {
      for (let i = 0; i < 4; i++) {
        const from = 2 + 8 * bin + i;
        values[2 + 4 * bin + i] = 2 * bin < BINS ? values[from] + values[from + 4] : 0;
      }
    }
  }
}
