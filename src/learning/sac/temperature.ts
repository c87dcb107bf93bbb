import { adamScalarStep, type ScalarState, scalarState } from "../dense/adam-scalar.ts";

/**
 * SAC's temperature alpha, adjusted so that the policy's entropy comes close to a target (Haarnoja et al. 2018b,
 * section 5): one parameter, log alpha, under Adam with its usual constants.
 */
export class Temperature {
  /** Of log alpha. */
  readonly state: ScalarState;
  readonly #targetEntropy: number;
  readonly #learningRate: number;

  /**
   * @param alpha to start from, above 0
   * @param targetEntropy in nats; usually minus the dimensions of the action
   * @param learningRate 0 keeps alpha as it is
   */
  constructor(alpha: number, targetEntropy: number, learningRate: number) {
    this.state = scalarState(Math.log(alpha));
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
    adamScalarStep(this.state, this.gradient(meanLogDensity), this.#learningRate);
  }
}
