/** Weights of the score: goodput, carbon, risk of a missed objective (CAPS, section 4: 1.0, 0.5, 2.0). */
export interface ScoreWeights {
  readonly alpha: number;
  readonly beta: number;
  readonly lambda: number;
}

/** alpha G - beta E - lambda V of three terms that are each around 1; the largest wins. */
export function score(goodput: number, carbon: number, risk: number, weights: ScoreWeights): number {
  return weights.alpha * goodput - weights.beta * carbon - weights.lambda * risk;
}

/**
 * (1 - V) min(1, rate / rateRef): tokens a second of the request where its objective is met, over those of the
 * fastest pool that may have it.
 */
export function goodputTerm(rate: number, fastestRate: number, risk: number): number {
  return (1 - risk) * (fastestRate > 0 ? Math.min(1, rate / fastestRate) : 1);
}

/**
 * (gamma / mean gamma of the last 24 h) (P(u) / P_peak) (tau / tauRef): the request's carbon over that of a GPU at
 * full power for its nominal cost. 1 for the ratio of the intensities where the mean is 0.
 */
export function carbonTerm(
  intensity: number,
  meanIntensity: number,
  powerRatio: number,
  timeRatio: number,
): number {
  return (meanIntensity > 0 ? intensity / meanIntensity : 1) * powerRatio * timeRatio;
}

/**
 * Risk of a missed objective without a classifier: by how much of the slack the expected latency is beyond it, 0 to
 * 1; 1 where there is no slack.
 */
export function loadRisk(latencySeconds: number, slackSeconds: number): number {
  if (!(slackSeconds > 0)) return 1;
  return Math.min(1, Math.max(0, (latencySeconds - slackSeconds) / slackSeconds));
}
