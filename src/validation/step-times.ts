import { quantileOf } from "../numeric/quantile.ts";
import type { Law } from "../profile/law.ts";
import type { RecordedStretch } from "./records.ts";

/** How the steps of a load compare with the law of the profile: fractions, not percent. */
export interface StepTimes {
  readonly kind: "decode" | "prompts" | "both" | "all";
  readonly steps: number;
  readonly recordedSeconds: number;
  readonly lawSeconds: number;
  /** Law over recorded, less 1. */
  readonly bias: number;
  /** Over the steps, |law - recorded| / recorded. */
  readonly medianError: number;
  readonly p95Error: number;
}

/** Step by step, the composition being the engine's: no batching of the simulator, no queue. Kinds without steps are left out. */
export function stepTimesOf(law: Law, log: RecordedStretch): StepTimes[] {
  const rows = Array.from(log.startNs, (startNs, i) => {
    const [P, D, K] = [log.prefillTokens[i], log.decodeSequences[i], log.contextTokens[i]];
    return {
      kind: P === 0 ? "decode" : D === 0 ? "prompts" : "both",
      recorded: (log.endNs[i] - startNs) / 1e9,
      law: law.seconds(P, D, K),
    };
  });
  return (["decode", "prompts", "both", "all"] as const).flatMap((kind) => {
    const own = kind === "all" ? rows : rows.filter((row) => row.kind === kind);
    if (own.length === 0) return [];
    const recordedSeconds = own.reduce((sum, { recorded }) => sum + recorded, 0);
    const lawSeconds = own.reduce((sum, row) => sum + row.law, 0);
    const errors = own.map((row) => Math.abs(row.law - row.recorded) / row.recorded);
    return [
      {
        kind,
        steps: own.length,
        recordedSeconds,
        lawSeconds,
        bias: lawSeconds / recordedSeconds - 1,
        medianError: quantileOf(errors, 0.5),
        p95Error: quantileOf(errors, 0.95),
      },
    ];
  });
}
