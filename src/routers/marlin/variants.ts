import { suggestion, UserError } from "../../errors.ts";
import { AGENTS, type AgentName } from "./parameters.ts";

/** What a variant or ablation changes. */
export interface MarlinVariant {
  readonly name: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  /** How the loop over epochs has to be run where it is not as usual. */
  readonly loop?: { readonly forecast: "persistence"; readonly prewarm: false };
}

const METRIC_WORDS: Readonly<Record<AgentName, string>> = {
  ttft: "latency",
  carbon: "carbon",
  water: "water",
  cost: "cost",
};

/** The five variants of the paper, then what each part is worth: the balanced one without it. */
export const MARLIN_VARIANTS: readonly MarlinVariant[] = [
  { name: "marlin-balanced", parameters: {} },
  ...AGENTS.map((agent) => ({
    name: `marlin-min-${METRIC_WORDS[agent]}`,
    parameters: { dominant: agent, weights: AGENTS.map((one) => (one === agent ? 1 : 0)) },
  })),
  { name: "marlin-no-veto", parameters: { veto: false } },
  { name: "marlin-no-blending", parameters: { blending: "none" } },
  // The goal stays in sight beside the state: hidden from the policy, relabelled transitions would only mislead it.
  { name: "marlin-no-film", parameters: { conditioning: "concat" } },
  { name: "marlin-no-her", parameters: { her: false } },
  { name: "marlin-no-capital", parameters: { capital: false } },
  { name: "marlin-no-predictor", parameters: {}, loop: { forecast: "persistence", prewarm: false } },
];

/** @throws UserError CANOPY_ROUTER_UNKNOWN for a name that is no variant's */
export function marlinVariant(name: string): MarlinVariant {
  const found = MARLIN_VARIANTS.find((variant) => variant.name === name);
  if (found !== undefined) return found;
  const names = MARLIN_VARIANTS.map((variant) => variant.name);
  throw new UserError("CANOPY_ROUTER_UNKNOWN", `planner "${name}" is not known${suggestion(name, names)}`);
}
