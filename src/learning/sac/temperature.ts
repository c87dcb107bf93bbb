/**
 * SAC's temperature alpha, adjusted so that the policy's entropy comes close to a target (Haarnoja et al. 2018b,
 * section 5): one parameter, log alpha, under Adam with its usual constants.
 */
export class Temperature {
  /** log alpha, Adam's two moments, its steps: what a checkpoint keeps. */
  readonly state = new Float64Array(4);
  readonly #targetEntropy: number;
  readonly #learningRate: number;

  /**
   * @param alpha to start from, above 0
   * @param targetEntropy in nats; usually minus the dimensions of the action
   * @param learningRate 0 keeps alpha as it is
   */
  constructor(alpha: number, targetEntropy: number, learningRate: number) {
    this.state[0] = Math.log(alpha);
    this.#targetEntropy = targetEntropy;
    this.#learningRate = learningRate;
  }

  get alpha(): number {
    return Math.exp(this.state[0]);
  }

  /** d/d log alpha of mean(-alpha (log-density + target)): positive, and alpha falls, above the target entropy. */
  gradient(meanLogDensity: number): number {
    return -this.alpha * (meanLogDensity + this.#targetEntropy);
  }

  step(meanLogDensity: number): void {
    if (this.#learningRate === 0) return;
    const state = this.state;
    const g = this.gradient(meanLogDensity);
    const steps = ++state[3];
    state[1] = 0.9 * state[1] + 0.1 * g;
    state[2] = 0.999 * state[2] + 0.001 * g * g;
    const first = state[1] / (1 - 0.9 ** steps);
    const second = state[2] / (1 - 0.999 ** steps);
    state[0] -= (this.#learningRate * first) / (Math.sqrt(second) + 1e-8);
  }
}
