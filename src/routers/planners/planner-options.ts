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

/** What an option is; planners share words. */
const DESCRIPTIONS: Readonly<Record<string, string>> = {
  calls: "Calls of the model in an epoch; own: what the other parameters ask for",
  linkBytesPerSecond: "From an origin to a datacentre",
  tokenBytes: "Of a token on that link",
  leastLinkShare: "Links with less of their node's flow are not used",
  groups: "Groups of equal size into which requests are divided; helix: 0 for the limit of ever more",
  promptNodes: "Node types whose name begins so are prompt instances, others token instances",
  population: "Plans of a generation",
  generations: "After the first population; fewer where calls run out",
  crossoverEta: "Of simulated binary crossover",
  crossoverProbability: "Of crossover",
  mutationEta: "Of polynomial mutation",
  mutationProbability: "Of each number; default 1 over how many there are",
  delta: "Of the confidence bound",
  lambda: "Weight of the slack in the reward",
  promptBins: "Classes of prompt length of each row",
  batches: "Parts of the epoch, given out one after another",
  deadlineSeconds: "Within which a request must be done",
  transmissionWeight: "Of the energy of transmission",
  inferenceWeight: "Of the energy of inference",
  idleWeight: "Of the energy of idling",
  transmissionWatts: "While a request and its answer travel",
  penalty: "Above 0 all arms may be taken, and it times the share of violated constraints is taken off",
  decay: "By which counts are multiplied every epoch",
  variant: "Which plan of the front is taken",
  neighbours: "Nearest weights, from which parents come and where children may replace",
  replacements: "Plans that a child may replace",
  localMoves: "Neighbouring plans that the surrogate looks at for each child",
  moveShare: "Share that a move takes from one datacentre to another",
  trees: "Boosted trees for each metric",
  treeDepth: "Of a tree",
  retrainEvery: "Generations between trainings",
  minRows: "Fewest plans in a leaf",
  moves: "In an epoch, for each preference",
  learningRate: "Of the learner",
  gamma: "Discount",
  epsilonFirst: "Share of random choices at first",
  epsilonLast: "Share of random choices at last",
  epsilonMoves: "Moves from the first share to the last",
  epsilonGroups: "Groups from the first share to the last",
  moveCost: "Taken off the reward for a move",
  offReward: "Times the growth of the share of nodes that are off",
  choose: "The plan: the best that was judged, or what the policy itself gives",
  front: "Whether agents with each metric by itself learn as well",
  hidden: "Units of the hidden layers",
  replay: "Transitions kept",
  batch: "Transitions in an update",
  targetEvery: "Updates between copies to the target",
  rewardLimit: "Rewards are cut to this: waits beyond capacity have no bound",
  federateEvery: "Epochs between averages of the datacentres' networks",
  environments: "Plans drawn side by side",
  steps: "Steps between updates",
  updates: "Updates in an epoch, fewer where calls run out",
  entropyCoefficient: "Of the entropy in the loss",
  valueCoefficient: "Of the value in the loss",
  clipNorm: "Longest gradient",
  migrationCost: "Times the sum of changes of shares since the plan before, taken off the reward",
  loadLimit: "Datacentres above this load under the plan before get no share",
};

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
    shape[name] = described(name, kindOf(name, standard, words).default(standard));
  }
  for (const name of optional) shape[name] = described(name, kindOf(name, 0, words).optional());
  return z.strictObject(shape);
}

function described(name: string, schema: z.ZodType): z.ZodType {
  const text = DESCRIPTIONS[name];
  return text === undefined ? schema : schema.describe(text);
}

function kindOf(name: string, standard: unknown, words: OptionRules["words"]): z.ZodType {
  if (name === "calls") return z.union([z.int().min(0), z.literal("own")]);
  if (words[name] !== undefined) return z.enum(words[name]);
  if (typeof standard === "string") return z.string();
  if (typeof standard === "boolean") return z.boolean();
  const whole = z.int().min(standard === 0 ? 0 : 1);
  if (Array.isArray(standard)) return z.array(whole).min(1);
  if (WHOLE.has(name)) return whole;
  return SHARES.has(name) ? z.number().min(0).max(1) : z.number().min(0);
}
