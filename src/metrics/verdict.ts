/**
 * What a comparison with a paper comes to. `calibrated` is said of quantities that were fitted to the paper, which
 * therefore never count as agreement.
 */
export type Verdict = "agrees" | "direction only" | "disagrees" | "not comparable" | "calibrated";

export interface VerdictRules {
  /** Greatest deviation from the paper that agrees, as a share of the paper's figure. */
  readonly tolerance: number;
  /** Changes against the baseline smaller than this have no sign. */
  readonly leastChange: number;
}

/** +-20 % (metrics specification, section 11); changes below 1 % have no sign (ours). */
export const DEFAULT_RULES: VerdictRules = { tolerance: 0.2, leastChange: 0.01 };

/** Verdict on an absolute value: `agrees` within the tolerance, else `disagrees`; a paper's 0 agrees with 0 only. */
export function judgeAbsolute(run: number, paper: number, rules: VerdictRules): Verdict {
  return isWithin(run, paper, rules.tolerance) ? "agrees" : "disagrees";
}

/**
 * Verdict on a ratio to a baseline. It
 * - `agrees` when it is within the tolerance of the paper's and changes the same way from the baseline,
 * - is `direction only` when it changes the same way and is not within the tolerance,
 * - `disagrees` otherwise: also when the paper reports a change and the run shows less than `leastChange`.
 *
 * Where the paper's own change has no sign (`hasSign`) the tolerance alone decides between `agrees` and `disagrees`.
 */
export function judgeRatio(run: number, paper: number, rules: VerdictRules): Verdict {
  const within = isWithin(run, paper, rules.tolerance);
  if (!hasSign(paper, rules)) return within ? "agrees" : "disagrees";
  if (!hasSign(run, rules) || Math.sign(run - 1) !== Math.sign(paper - 1)) return "disagrees";
  return within ? "agrees" : "direction only";
}

/** True when a ratio is far enough from 1 to count as a change. */
export function hasSign(ratio: number, rules: VerdictRules): boolean {
  return Math.abs(ratio - 1) >= rules.leastChange * (1 - ROUNDING);
}

function isWithin(run: number, paper: number, tolerance: number): boolean {
  return Math.abs(run - paper) <= tolerance * Math.abs(paper) * (1 + ROUNDING);
}

/** Rounding must not decide at exactly 20 % or 1 %. */
const ROUNDING = 1e-12;
