import { suggestion, UserError } from "../../errors.ts";

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

/**
 * Checks what a user gave for a planner against its defaults: names, kinds and ranges.
 *
 * @throws UserError CANOPY_ROUTER_PARAMETER: planner, option, what was expected
 */
export function checkPlannerOptions(
  planner: string,
  defaults: object,
  given: Readonly<Record<string, unknown>>,
  { words, optional }: OptionRules,
): void {
  const known = new Map<string, unknown>([
    ...Object.entries(defaults),
    ...optional.map((name) => [name, 0] as const),
  ]);
  for (const [name, value] of Object.entries(given)) {
    if (!known.has(name)) {
      throw refuse(planner, `there is no parameter "${name}"${suggestion(name, [...known.keys()])}`);
    }
    const expected = expectation(name, known.get(name), value, words);
    if (expected !== undefined) {
      throw refuse(planner, `${name} is ${JSON.stringify(value)}, expected ${expected}`);
    }
  }
}

/** What was expected instead of a value; undefined where it is right. */
function expectation(
  name: string,
  standard: unknown,
  value: unknown,
  words: OptionRules["words"],
): string | undefined {
  if (name === "calls") {
    const right = value === "own" || (Number.isInteger(value) && Number(value) >= 0);
    return right ? undefined : 'a whole number from 0 or "own"';
  }
  if (words[name] !== undefined) {
    const right = typeof value === "string" && words[name].includes(value);
    return right ? undefined : `one of ${words[name].join(", ")}`;
  }
  if (typeof standard === "string") return typeof value === "string" ? undefined : "a word";
  if (typeof standard === "boolean") return typeof value === "boolean" ? undefined : "true or false";
  const least = standard === 0 ? 0 : 1;
  const whole = (one: unknown) => Number.isInteger(one) && Number(one) >= least;
  if (Array.isArray(standard)) {
    return Array.isArray(value) && value.length > 0 && value.every(whole)
      ? undefined
      : "a list of whole numbers from 1";
  }
  if (WHOLE.has(name)) return whole(value) ? undefined : `a whole number from ${least}`;
  const number = typeof value === "number" && Number.isFinite(value) && value >= 0;
  if (SHARES.has(name)) return number && value <= 1 ? undefined : "0 to 1";
  return number ? undefined : "a number from 0";
}

function refuse(planner: string, what: string): UserError {
  return new UserError("CANOPY_ROUTER_PARAMETER", `planner ${planner}: ${what}`);
}
