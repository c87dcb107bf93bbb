/** Shares below this count as this: a plan with a zero has no finite logits. */
const SMALLEST_SHARE = 1e-6;
/** Factor between an action in (-1, 1) and its logit (encoding T). */
export const DEFAULT_KAPPA = 3;

/**
 * The plan that an action stands for (encoding T): each row of `plan` is softmax(kappa a), a in (-1, 1).
 *
 * @param actions [rows, width]
 * @param plan [rows, width], filled
 */
export function planOfActions(
  actions: ArrayLike<number>,
  rows: number,
  width: number,
  plan: Float64Array,
  kappa = DEFAULT_KAPPA,
): void {
  for (let row = 0; row < rows; row++) {
    const begin = row * width;
    let largest = Number.NEGATIVE_INFINITY;
    for (let i = begin; i < begin + width; i++) if (actions[i] > largest) largest = actions[i];
    let sum = 0;
    for (let i = begin; i < begin + width; i++) {
      plan[i] = Math.exp(kappa * (actions[i] - largest));
      sum += plan[i];
    }
    for (let i = begin; i < begin + width; i++) plan[i] /= sum;
  }
}

/**
 * The action of mean zero that stands for a plan: log(max(share, 1e-6)) / kappa less its mean by row, held within +-2.
 * Plans of encoding T and their blends never reach the bound: of `width` shares they stay within 2 (width - 1) / width.
 */
export function actionsOfPlan(
  plan: ArrayLike<number>,
  rows: number,
  width: number,
  actions: Float32Array,
  kappa = DEFAULT_KAPPA,
): void {
  for (let row = 0; row < rows; row++) {
    const begin = row * width;
    let sum = 0;
    for (let i = begin; i < begin + width; i++) sum += Math.log(Math.max(plan[i], SMALLEST_SHARE)) / kappa;
    const mean = sum / width;
    for (let i = begin; i < begin + width; i++) {
      const centred = Math.log(Math.max(plan[i], SMALLEST_SHARE)) / kappa - mean;
      actions[i] = Math.min(2, Math.max(-2, centred));
    }
  }
}

/**
 * Gradients by a plan's shares from gradients by the actions that {@link actionsOfPlan} gives for it. Shares below 1e-6
 * have none, as the action does not see them move; the bound of +-2 is left out of account.
 *
 * @param actionGradients [rows, width]
 * @param gradients [rows, width], filled
 */
export function planGradients(
  plan: ArrayLike<number>,
  actionGradients: ArrayLike<number>,
  rows: number,
  width: number,
  gradients: Float64Array,
  kappa = DEFAULT_KAPPA,
): void {
  for (let row = 0; row < rows; row++) {
    const begin = row * width;
    let sum = 0;
    for (let i = begin; i < begin + width; i++) sum += actionGradients[i];
    const mean = sum / width;
    for (let i = begin; i < begin + width; i++) {
      gradients[i] = plan[i] > SMALLEST_SHARE ? (actionGradients[i] - mean) / (kappa * plan[i]) : 0;
    }
  }
}
