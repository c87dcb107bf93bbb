/**
 * Discounted returns of a piece of several environments' runs: R_t = r_t + gamma (1 - done_t) R_(t+1), with the value
 * of the state after the last step in place of what follows.
 *
 * @param rewards [steps, environments]
 * @param done [steps, environments], 1 where the state after the step is terminal
 * @param nextValues [environments], of the state after the last step
 * @param returns [steps, environments], filled
 */
export function nStepReturns(
  rewards: ArrayLike<number>,
  done: ArrayLike<number>,
  nextValues: ArrayLike<number>,
  gamma: number,
  returns: Float64Array,
): void {
  const environments = nextValues.length;
  for (let at = rewards.length - 1; at >= 0; at--) {
    const after =
      at + environments < rewards.length ? returns[at + environments] : nextValues[at % environments];
    returns[at] = rewards[at] + gamma * (1 - done[at]) * after;
  }
}
