/** The datacentres of an experiment: what does not change from epoch to epoch, checked and laid out in columns. */
import { UserError } from "../errors.ts";
import { latencySeconds, type NetworkParameters, PAPER_NETWORK, type Place } from "./network.ts";
import { kvTokensPerReplica, MODELS, type ModelSpec, NODE_TYPES, type NodeType } from "./node-types.ts";
import { partitionNodes } from "./partition.ts";
import { PAPER_PHYSICS, type PhysicsParameters } from "./physics.ts";
import { type EngineLimits, serviceOf } from "./service.ts";

/** A datacentre. */
export interface WorldSite extends Place {
  /** Nodes of each type, in the order of the world's node types. */
  readonly nodes: readonly number[];
}

/** Where requests come from; shares of all origins sum to 1. */
export interface Origin extends Place {
  readonly share: number;
}

/** Power of a node in each P-state, as a fraction of its TDP (ours; idle agrees with Splitwise's simulator). */
export interface PowerStates {
  readonly off: number;
  readonly idle: number;
  readonly mid: number;
  readonly full: number;
  /** Largest load, as a share of the node's sustainable rate, at which it stays in `mid`. */
  readonly midUpTo: number;
}

export const POWER_STATES: PowerStates = { off: 0, idle: 0.25, mid: 0.6, full: 1, midUpTo: 0.5 };

export interface WorldOptions {
  readonly sites: readonly WorldSite[];
  /** Share of all requests that each model gets, for the division of nodes among models. */
  readonly mix: readonly number[];
  /** Mean lengths by model, for the same. */
  readonly promptTokens: readonly number[];
  readonly outputTokens: readonly number[];
  readonly models?: readonly ModelSpec[];
  readonly nodeTypes?: readonly NodeType[];
  /** Default: every site is one, all alike ("uniform over regions"). */
  readonly origins?: readonly Origin[];
  /** A plan's rows: one for each model (default), or one for each origin and model. */
  readonly planRows?: "models" | "origins";
  /** Nodes are filled one after another and the rest is off (default); otherwise load is spread and none is off. */
  readonly consolidation?: boolean;
  /** Share of the sustainable rate up to which a node is filled: what makes the rated capacity (default 0.9, ours). */
  readonly fill?: number;
  /** Which TTFT is a plan's first metric: equation 3 (default), or queue, prefill and network. */
  readonly ttft?: "paper" | "simulated";
  /** Nodes that the forecast needs are loaded an epoch ahead (default). */
  readonly prewarm?: boolean;
  /** A node that leaves off costs an epoch of idle energy (default). */
  readonly bootPenalty?: boolean;
  /** Fraction of GPU memory for weights and KV cache (default 0.9, as in vLLM). */
  readonly memoryUse?: number;
  /** Default: batches of 256, a budget of 2,048 tokens, prompts with log-sigma 0.99 as in Azure's conversations. */
  readonly limits?: EngineLimits;
  readonly power?: PowerStates;
  readonly physics?: PhysicsParameters;
  readonly network?: NetworkParameters;
}

const DEFAULT_LIMITS: EngineLimits = {
  maxBatch: 256,
  tokenBudget: 2048,
  promptScv: Math.expm1(0.99 ** 2),
};

/** A checked world. Arrays by site, model, type: index (site * models + model) * types + type. */
export interface DatacenterWorld extends Required<WorldOptions> {
  /** Nodes of each site and type that serve each model. */
  readonly nodesOf: Float64Array;
  /** KV tokens of a replica, index model * types + type; 0 where the model cannot run. */
  readonly kvTokens: Float64Array;
  /** One way, seconds, index origin * sites + site. */
  readonly networkSeconds: Float64Array;
  readonly totalNodes: number;
}

/**
 * Checks the options and divides the nodes of each site among the models: a node serves one model, and both models
 * of a site run out at the same load when requests come in the expected mix.
 *
 * @throws UserError CANOPY_DATACENTER_VALUE for a value out of range, CANOPY_DATACENTER_MODEL when a site has no node
 *   on which a model fits
 */
export function makeWorld(options: WorldOptions): DatacenterWorld {
  const { sites, mix, promptTokens, outputTokens } = options;
  const models = options.models ?? MODELS;
  const nodeTypes = options.nodeTypes ?? NODE_TYPES;
  const even = 1 / sites.length;
  const complete: Required<WorldOptions> = {
    sites,
    mix,
    promptTokens,
    outputTokens,
    models,
    nodeTypes,
    origins:
      options.origins ??
      sites.map(({ name, latitude, longitude }) => ({ name, latitude, longitude, share: even })),
    planRows: options.planRows ?? "models",
    consolidation: options.consolidation ?? true,
    fill: options.fill ?? 0.9,
    ttft: options.ttft ?? "paper",
    prewarm: options.prewarm ?? true,
    bootPenalty: options.bootPenalty ?? true,
    memoryUse: options.memoryUse ?? 0.9,
    limits: options.limits ?? DEFAULT_LIMITS,
    power: options.power ?? POWER_STATES,
    physics: options.physics ?? PAPER_PHYSICS,
    network: options.network ?? PAPER_NETWORK,
  };
  checkOptions(complete);
  const types = nodeTypes.length;
  const kvTokens = new Float64Array(models.length * types);
  const rates = new Float64Array(models.length * types);
  for (const [v, model] of models.entries()) {
    for (const [k, type] of nodeTypes.entries()) {
      const law = type.laws[model.name];
      if (law === undefined) continue;
      const tokens = kvTokensPerReplica(type, model, law.replicas, complete.memoryUse);
      const service = serviceOf(law, tokens, promptTokens[v], outputTokens[v], complete.limits);
      if (service === undefined) continue;
      kvTokens[v * types + k] = tokens;
      rates[v * types + k] = law.replicas * service.requestsPerSecond;
    }
  }
  const nodesOf = new Float64Array(sites.length * models.length * types);
  for (const [d, site] of sites.entries()) {
    checkModelsFit(complete, site, rates);
    const part = nodesOf.subarray(d * models.length * types, (d + 1) * models.length * types);
    partitionNodes(site.nodes, rates, mix, part);
    for (const [v, model] of models.entries()) {
      let rate = 0;
      for (let k = 0; k < types; k++) rate += part[v * types + k] * rates[v * types + k];
      if (rate === 0) {
        const total = site.nodes.reduce((sum, count) => sum + count, 0);
        throw new UserError(
          "CANOPY_DATACENTER_MODEL",
          `site ${site.name} has too few nodes (${total}) to give ${model.name} one: expected at least one for each of ${models.length} models`,
        );
      }
    }
  }
  const networkSeconds = Float64Array.from(
    complete.origins.flatMap((origin) => sites.map((site) => latencySeconds(origin, site, complete.network))),
  );
  const totalNodes = sites.reduce(
    (sum, site) => sum + site.nodes.reduce((nodes, count) => nodes + count, 0),
    0,
  );
  return { ...complete, nodesOf, kvTokens, networkSeconds, totalNodes };
}

/** Rows of a plan: one simplex each. */
export function planRowsOf(world: DatacenterWorld): number {
  return world.planRows === "models" ? world.models.length : world.origins.length * world.models.length;
}

/** What a row of a plan is called in messages. */
export function planRowName(world: DatacenterWorld, row: number): string {
  const model = world.models[row % world.models.length].name;
  if (world.planRows === "models") return model;
  return `${world.origins[Math.floor(row / world.models.length)].name}/${model}`;
}

function checkOptions(world: Required<WorldOptions>): void {
  const { sites, models, nodeTypes, mix, promptTokens, outputTokens, origins, power, physics } = world;
  expectValue(sites.length > 0, "sites", "at least one site", "none");
  expectValue(models.length > 0, "models", "at least one model", "none");
  for (const site of sites) {
    expectValue(
      site.nodes.length === nodeTypes.length &&
        site.nodes.every((count) => Number.isInteger(count) && count >= 0),
      `site ${site.name}: nodes`,
      `${nodeTypes.length} whole numbers, for ${nodeTypes.map((type) => type.name).join(", ")}`,
      site.nodes.join(", "),
    );
    expectValue(
      Math.abs(site.latitude) <= 90 && Math.abs(site.longitude) <= 180,
      `site ${site.name}: latitude and longitude`,
      "-90 to 90 and -180 to 180 degrees",
      `${site.latitude} and ${site.longitude}`,
    );
  }
  const names = sites.map((site) => site.name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  expectValue(twice === undefined, "sites", "different names", `${twice} twice`);
  for (const [name, column] of [
    ["mix", mix],
    ["promptTokens", promptTokens],
    ["outputTokens", outputTokens],
  ] as const) {
    expectValue(
      column.length === models.length && column.every((value) => value > 0 && Number.isFinite(value)),
      name,
      `a positive number for each of ${models.length} models`,
      column.join(", "),
    );
  }
  const share = origins.reduce((sum, origin) => sum + origin.share, 0);
  expectValue(
    Math.abs(share - 1) <= 1e-6 && origins.every((origin) => origin.share >= 0),
    "origins",
    "shares of at least 0 that sum to 1",
    `a sum of ${share}`,
  );
  expectValue(world.fill > 0 && world.fill < 1, "fill", "above 0 and below 1", world.fill);
  expectValue(world.memoryUse > 0 && world.memoryUse <= 1, "memoryUse", "above 0 up to 1", world.memoryUse);
  expectValue(
    0 <= power.off && power.off <= power.idle && power.idle <= power.mid && power.mid <= power.full,
    "power",
    "off, idle, mid and full in rising order from 0",
    `${power.off}, ${power.idle}, ${power.mid}, ${power.full}`,
  );
  const { blowdown } = physics;
  if (blowdown.form === "literal") {
    expectValue(
      blowdown.phi >= 0 && blowdown.phi < 1,
      "blowdown.phi",
      "0 up to, not including, 1",
      blowdown.phi,
    );
  } else {
    expectValue(blowdown.cycles > 1, "blowdown.cycles", "a number above 1", blowdown.cycles);
  }
}

function checkModelsFit(world: Required<WorldOptions>, site: WorldSite, rates: Float64Array): void {
  const types = world.nodeTypes.length;
  for (const [v, model] of world.models.entries()) {
    if (site.nodes.some((count, k) => count > 0 && rates[v * types + k] > 0)) continue;
    const largest = Math.max(
      0,
      ...world.nodeTypes.filter((_, k) => site.nodes[k] > 0).map((type) => type.memoryBytes),
    );
    throw new UserError(
      "CANOPY_DATACENTER_MODEL",
      `site ${site.name} has no node for ${model.name}: its weights take ${gigabytes(model.weightBytes)} GB and the ` +
        `largest node has ${gigabytes(largest)} GB, of which ${world.memoryUse} may be used; expected a larger node type`,
    );
  }
}

function gigabytes(bytes: number): string {
  return (bytes / 1e9).toFixed(1);
}

/** @throws UserError CANOPY_DATACENTER_VALUE unless `condition` */
export function expectValue(
  condition: boolean,
  what: string,
  expected: string,
  found: string | number,
): asserts condition {
  if (condition) return;
  throw new UserError("CANOPY_DATACENTER_VALUE", `${what}: expected ${expected}, found ${found}`);
}
