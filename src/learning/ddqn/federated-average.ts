import { argumentError } from "../dense/arguments.ts";

/**
 * Federated averaging (McMahan et al. 2017): every set of parameters becomes the mean of all, weighted by the samples
 * that each was trained on since the last time. Nothing changes where there were none. Optimiser states stay their
 * owners'.
 *
 * @param parameters of networks of one shape
 * @param samples of each, at least 0
 */
export function federatedAverage(parameters: readonly Float32Array[], samples: ArrayLike<number>): void {
  let total = 0;
  for (let k = 0; k < parameters.length; k++) {
    if (parameters[k].length !== parameters[0].length) {
      throw argumentError(
        `network ${k} has ${parameters[k].length} parameters, the first ${parameters[0].length}: only equal shapes average`,
      );
    }
    if (!(samples[k] >= 0)) throw argumentError(`network ${k} was trained on ${samples[k]} samples`);
    total += samples[k];
  }
  if (total === 0) return;
  for (let i = 0; i < parameters[0].length; i++) {
    let sum = 0;
    for (let k = 0; k < parameters.length; k++) sum += samples[k] * parameters[k][i];
    const mean = sum / total;
    for (let k = 0; k < parameters.length; k++) parameters[k][i] = mean;
  }
}
