import { z } from "zod";

/** Options that count something: whole numbers. */
const WHOLE = new Set([
  "population",
  "generations",
  "groups",
  "batches",
  "promptBins",
  "moves",
  "neighbours",
  "replacements",
  "localMoves",
  "trees",
  "treeDepth",
  "retrainEvery",
  "minRows",
  "environments",
  "steps",
  "updates",
  "hidden",
  "replay",
  "batch",
  "targetEvery",
  "federateEvery",
  "epsilonMoves",
  "epsilonGroups",
]);
/** Probabilities, discounts and shares: 0 to 1. */
const SHARES = new Set([
  "crossoverProbability",
  "mutationProbability",
  "leastLinkShare",
  "moveShare",
  "gamma",
  "epsilonFirst",
  "epsilonLast",
  "decay",
]);

export interface OptionRules {
  /** Words that an option may be, by its name. */
  readonly words: Readonly<Record<string, readonly string[]>>;
  /** Numbers without a default. */
  readonly optional: readonly string[];
}

/** The schema of a planner's options, from their defaults: names, kinds and ranges. */
export function plannerSchema(
  defaults: object,
  { words, optional }: OptionRules,
): z.ZodObject<Record<string, z.ZodType>> {
  const shape: Record<string, z.ZodType> = {};
  for (const [name, standard] of Object.entries(defaults)) {
    shape[name] = kindOf(name, standard, words).default(standard);
  }
  for (const name of optional) shape[name] = kindOf(name, 0, words).optional();
  return z.strictObject(shape);
}

function kindOf(name: string, standard: unknown, words: OptionRules["words"]): z.ZodType {
  if (name === "calls") {
    return z
      .union([z.int().min(0), z.literal("own")])
      .describe("Calls of the model in an epoch; own: what its other parameters ask for");
  }
  if (words[name] !== undefined) return z.enum(words[name]);
  if (typeof standard === "string") return z.string();
  if (typeof standard === "boolean") return z.boolean();
  const whole = z.int().min(standard === 0 ? 0 : 1);
  if (Array.isArray(standard)) return z.array(whole).min(1);
  if (WHOLE.has(name)) return whole;
  return SHARES.has(name) ? z.number().min(0).max(1) : z.number().min(0);
}
