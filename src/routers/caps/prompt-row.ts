import { featureNames, fillFeatures, type PromptFacts } from "../../learning/cost-predictor/features.ts";
import type { TenantStatistics } from "../../learning/cost-predictor/tenant-statistics.ts";
import type { World } from "../contract.ts";

const HOUR = 3600;

/** Whoever knows the time of the run, in seconds: the host. */
export interface Clock {
  readonly now: number;
}

/** The predictor's row of a request as a router sees it: what the prompt shows, and its tenant's history so far. */
export class PromptRow {
  /** Features in the predictor's order, those of the pool's load last. */
  readonly row: Float64Array;
  readonly taskTypes: number;
  /** Values that describe the prompt. */
  readonly features: number;
  readonly #world: World;
  readonly #clock: Clock;
  readonly #tenants: TenantStatistics;
  /** The predictor's number of each task type of the world; -1 for one that it does not know. */
  readonly #taskOf: Int32Array;
  readonly #facts: PromptFacts = {
    promptTokens: 0.5,
    turns: 0.5,
    taskType: 0,
    tier: 0,
    hour: 0.5,
    tenantMean: 0.5,
    tenantStd: 0.5,
    tenantMissRate: 0.5,
  };

  /** @param taskTypes those of the predictor */
  constructor(world: World, clock: Clock, tenants: TenantStatistics, taskTypes: readonly string[]) {
    this.#world = world;
    this.#clock = clock;
    this.#tenants = tenants;
    this.taskTypes = taskTypes.length;
    const names = featureNames(taskTypes);
    this.row = new Float64Array(names.all.length);
    this.features = names.prompt.length;
    this.#taskOf = Int32Array.from(world.taskTypes, (name) => taskTypes.indexOf(name));
  }

  /** Writes the prompt's part of the row. @param tier that the request counts as */
  fill(request: number, tier: number): void {
    const { promptTokens, turns, taskType, tenant } = this.#world.requests;
    const facts = this.#facts;
    facts.promptTokens = promptTokens[request];
    facts.turns = turns[request];
    facts.taskType = this.#taskOf.length > 0 ? this.#taskOf[taskType[request]] : -1;
    facts.tier = tier;
    facts.hour = (this.#world.startHour + this.#clock.now / HOUR) % 24;
    this.#tenants.fill(facts, tenant[request]);
    fillFeatures(this.row, 0, facts, this.taskTypes);
  }
}
