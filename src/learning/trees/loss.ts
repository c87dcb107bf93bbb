import { logistic, softplus } from "../../numeric/logistic.ts";

/** `squared` for quantities, `logistic` for labels 0 and 1 (the score is then a log-odds). */
export type Loss = "squared" | "logistic";

/** The constant score of least loss. With labels that are all equal it is finite: half a row is given to the other. */
export function bestConstant(loss: Loss, labels: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < labels.length; i++) sum += labels[i];
  const mean = sum / labels.length;
  if (loss === "squared") return mean;
  const half = 0.5 / labels.length;
  const share = Math.min(1 - half, Math.max(half, mean));
  return Math.log(share / (1 - share));
}

/** First and second derivatives of the loss by the score; the second is not written where it is 1 everywhere. */
export function fillDerivatives(
  loss: Loss,
  labels: Float64Array,
  scores: Float64Array,
  gradient: Float64Array,
  hessian: Float64Array,
): void {
  if (loss === "squared") {
    for (let i = 0; i < labels.length; i++) gradient[i] = scores[i] - labels[i];
    return;
  }
  for (let i = 0; i < labels.length; i++) {
    const p = logistic(scores[i]);
    gradient[i] = p - labels[i];
    hessian[i] = p * (1 - p);
  }
}

/** Mean loss: half the squared error, or the negative log-likelihood. */
export function meanLoss(loss: Loss, labels: Float64Array, scores: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < labels.length; i++) {
    sum +=
      loss === "squared" ? 0.5 * (scores[i] - labels[i]) ** 2 : softplus(scores[i]) - labels[i] * scores[i];
  }
  return sum / labels.length;
}
