/** A single parameter under Adam: [value, first moment, second moment, steps], as a checkpoint keeps it. */
export type ScalarState = Float64Array;

export function scalarState(value: number): ScalarState {
  return Float64Array.of(value, 0, 0, 0);
}

/** One step of Adam with its usual constants (0.9, 0.999, 1e-8). */
export function adamScalarStep(state: ScalarState, gradient: number, learningRate: number): void {
  const steps = ++state[3];
  state[1] = 0.9 * state[1] + 0.1 * gradient;
  state[2] = 0.999 * state[2] + 0.001 * gradient * gradient;
  const first = state[1] / (1 - 0.9 ** steps);
  const second = state[2] / (1 - 0.999 ** steps);
  state[0] -= (learningRate * first) / (Math.sqrt(second) + 1e-8);
}
