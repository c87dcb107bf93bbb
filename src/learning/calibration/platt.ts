import { logistic, softplus } from "../../numeric/logistic.ts";

/** P(right) = 1 / (1 + exp(-(slope * score + offset))). */
export interface PlattScaling {
  readonly slope: number;
  readonly offset: number;
}

const STEPS = 100;
const RIDGE = 1e-12;
/** Newton's decrement, over the loss, at which one more whole step reaches the minimum to rounding. */
const LAST_DECREMENT = 1e-9;

/**
 * Platt scaling of scores on held-out labels (Platt 1999; Newton's method with halved steps as in Lin, Lin and Weng
 * 2007). Targets are smoothed to (n+ + 1) / (n+ + 2) and 1 / (n- + 2), so that labels which all agree stay finite.
 */
export function fitPlatt(scores: Float64Array, labels: Uint8Array): PlattScaling {
  let positives = 0;
  for (const label of labels) positives += label;
  const negatives = labels.length - positives;
  const high = (positives + 1) / (positives + 2);
  const low = 1 / (negatives + 2);
  const targets = Float64Array.from(labels, (label) => (label === 1 ? high : low));
  let slope = 0;
  let offset = Math.log((positives + 1) / (negatives + 1));
  let loss = crossEntropy(scores, targets, slope, offset);
  for (let step = 0; step < STEPS; step++) {
    let ss = RIDGE;
    let so = 0;
    let oo = RIDGE;
    let gs = 0;
    let go = 0;
    for (let i = 0; i < scores.length; i++) {
      const p = logistic(slope * scores[i] + offset);
      const weight = p * (1 - p);
      const error = p - targets[i];
      ss += weight * scores[i] * scores[i];
      so += weight * scores[i];
      oo += weight;
      gs += error * scores[i];
      go += error;
    }
    const determinant = ss * oo - so * so;
    // Scores that are all alike determine one of the two only: keep the slope.
    const alike = !(determinant > 1e-12 * ss * oo);
    const slopeStep = alike ? 0 : (oo * gs - so * go) / determinant;
    const offsetStep = alike ? go / oo : (ss * go - so * gs) / determinant;
    if (gs * slopeStep + go * offsetStep < LAST_DECREMENT * (1 + loss)) {
      slope -= slopeStep;
      offset -= offsetStep;
      break;
    }
    let length = 1;
    let next = loss;
    for (; length > 1e-10; length /= 2) {
      next = crossEntropy(scores, targets, slope - length * slopeStep, offset - length * offsetStep);
      if (next <= loss) break;
    }
    if (!(next <= loss)) break;
    slope -= length * slopeStep;
    offset -= length * offsetStep;
    loss = next;
  }
  return { slope, offset };
}

function crossEntropy(scores: Float64Array, targets: Float64Array, slope: number, offset: number): number {
  let loss = 0;
  for (let i = 0; i < scores.length; i++) {
    const z = slope * scores[i] + offset;
    loss += softplus(z) - targets[i] * z;
  }
  return loss;
}
