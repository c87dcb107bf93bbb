import { UserError } from "../errors.ts";
import { Stream } from "../numeric/random.ts";
import { type ArrivalParameters, ArrivalProcess, checkArrivals } from "./arrivals.ts";
import { expectCount, expectParameter, expectPositive, expectShares } from "./check.ts";
import {
  ChangingShareSampler,
  checkTiers,
  DEFAULT_TIER,
  FloorSampler,
  type Floors,
  resolveFloors,
  ShareSampler,
  type TaskTypeShare,
  type TierShare,
} from "./classes.ts";
import { CHUNK_ROWS } from "./columns.ts";
import {
  checkLengths,
  expectedLengths,
  LENGTH_PURPOSES,
  type LengthParameters,
  type LengthSource,
  lengthSources,
} from "./lengths.ts";
import type { RequestChunk, RequestCursor, Tier, Workload } from "./requests.ts";
import { checkTenants, type TenantParameters, TenantSampler, tenantShares, tenantTiers } from "./tenants.ts";
import { checkTurns, type TurnParameters, TurnSampler } from "./turns.ts";

/** A stream of independent requests. Plain data: it can be hashed, cloned and sent to a worker. */
export interface SyntheticParameters extends LengthParameters {
  readonly name?: string;
  readonly seed: number | string;
  /** Number of requests. With `durationSeconds` too, whichever ends first. */
  readonly requests?: number;
  /** Requests arriving before this time. */
  readonly durationSeconds?: number;
  readonly arrival: ArrivalParameters;
  /** One tier without an objective when absent. */
  readonly tiers?: readonly TierShare[];
  readonly floors?: Floors;
  /** Times from which the tiers have other shares, by tier; those of {@link tiers} hold before the first. */
  readonly mixes?: readonly TierMix[];
  /** Without it the workload has no task types. */
  readonly taskTypes?: readonly TaskTypeShare[];
  /** Without it the workload has no tenants. */
  readonly tenants?: TenantParameters;
  /** Without it every prompt is the first of its conversation. */
  readonly turns?: TurnParameters;
}

/** Shares of the tiers from a time on. */
export interface TierMix {
  readonly fromSeconds: number;
  readonly shares: readonly number[];
}

/**
 * Generates requests chunk by chunk, in memory that does not depend on their number.
 *
 * Every purpose (arrivals, prompt lengths, output lengths, tiers, floors, task types, tenants, turns) draws from its own
 * stream, so changing one parameter never shifts the draws of another, and a longer run begins with the
 * shorter one.
 */
export class SyntheticWorkload implements Workload {
  readonly name: string;
  readonly tiers: readonly Tier[];
  readonly taskTypes: readonly string[];
  readonly endpointNames: readonly string[] = [];
  /** Expectations of the generated lengths, not means of this draw. */
  readonly meanPromptTokens: number;
  readonly meanOutputTokens: number;
  readonly parameters: SyntheticParameters;
  #requests: number | undefined;

  /** Throws `CANOPY_WORKLOAD_*` user errors for parameters out of range. */
  constructor(parameters: SyntheticParameters) {
    checkSynthetic(parameters);
    this.parameters = parameters;
    this.name = parameters.name ?? "synthetic";
    this.tiers = parameters.tiers?.map(withoutShare) ?? [DEFAULT_TIER];
    this.taskTypes = parameters.taskTypes?.map((type) => type.name) ?? [];
    const means = expectedLengths(parameters);
    this.meanPromptTokens = means.prompt;
    this.meanOutputTokens = means.output;
    if (parameters.durationSeconds === undefined) this.#requests = parameters.requests;
  }

  /** Counted on first use by a pass over the arrivals alone when the workload ends by time. */
  get requests(): number {
    this.#requests ??= this.#count();
    return this.#requests;
  }

  /** @param chunkRows rows of a chunk; the rows themselves do not depend on it */
  open(chunkRows: number = CHUNK_ROWS): RequestCursor {
    return new SyntheticCursor(this.parameters, chunkRows);
  }

  #count(): number {
    const { arrival, requests, durationSeconds, seed } = this.parameters;
    const arrivals = new ArrivalProcess(arrival, new Stream(seed, PURPOSES.arrivals));
    const limit = requests ?? Number.POSITIVE_INFINITY;
    const scratch = new Float64Array(CHUNK_ROWS);
    for (let total = 0; ; ) {
      const written = arrivals.fill(scratch, scratch.length, durationSeconds as number);
      total += written;
      if (total >= limit) return limit;
      if (written < scratch.length) return total;
    }
  }
}

/** Names of the random streams, shared by the generators so that equal purposes draw equal numbers. */
export const PURPOSES = {
  arrivals: "workload/arrivals",
  ...LENGTH_PURPOSES,
  tiers: "workload/tiers",
  floors: "workload/floors",
  taskTypes: "workload/task-types",
  tenants: "workload/tenants",
  turns: "workload/turns",
} as const;

function checkSynthetic(p: SyntheticParameters): void {
  if (p.requests === undefined && p.durationSeconds === undefined) {
    throw new UserError(
      "CANOPY_WORKLOAD_PARAMETER",
      "workload: expected requests or durationSeconds, found neither",
    );
  }
  if (p.requests !== undefined) expectCount(p.requests, "requests");
  if (p.durationSeconds !== undefined) expectPositive(p.durationSeconds, "durationSeconds");
  checkArrivals(p.arrival);
  if (p.tenants !== undefined) checkTenants(p.tenants);
  if (p.turns !== undefined) checkTurns(p.turns);
  checkClasses(p);
  checkMixes(p);
  checkLengths(p);
}

function checkMixes({ mixes, tiers, tenants }: SyntheticParameters): void {
  if (mixes === undefined) return;
  const names = tiers?.map((tier) => tier.name) ?? [];
  expectParameter(names.length > 1, "mixes", "tiers whose shares may change", "none");
  const drawn = tenants === undefined || tenants.tierPer === "request";
  expectParameter(drawn, "mixes", "tiers that are drawn for each request", "tiers of tenants");
  mixes.forEach(({ fromSeconds, shares }, i) => {
    const before = i === 0 ? -1 : mixes[i - 1].fromSeconds;
    const isLater = fromSeconds > before;
    expectParameter(isLater, `mixes[${i}].fromSeconds`, `a time later than ${before}`, fromSeconds);
    expectShares(shares, names, `mixes[${i}].shares`);
  });
}

/** Checks what the generators share: tiers, floors and task types. */
export function checkClasses(p: Pick<SyntheticParameters, "tiers" | "floors" | "taskTypes">): void {
  if (p.tiers !== undefined) checkTiers(p.tiers);
  resolveFloors(p.floors, p.tiers ?? [DEFAULT_TIER]);
  if (p.taskTypes === undefined) return;
  expectShares(
    p.taskTypes.map((type) => type.share),
    p.taskTypes.map((type) => type.name),
    "taskTypes",
  );
  const names = p.taskTypes.map((type) => type.name);
  expectParameter(new Set(names).size === names.length, "taskTypes", "different names", names.join(", "));
  for (const { name, outputEffect = 0 } of p.taskTypes) {
    expectParameter(
      Number.isFinite(outputEffect),
      `taskTypes.${name}.outputEffect`,
      "a finite number",
      outputEffect,
    );
  }
  expectParameter(p.taskTypes.length <= 255, "taskTypes", "at most 255 task types", p.taskTypes.length);
}

/** The tier alone, for {@link Workload.tiers}. */
export function withoutShare({ share: _, ...tier }: TierShare): Tier {
  return tier;
}

class SyntheticCursor implements RequestCursor {
  readonly #chunk: RequestChunk;
  readonly #rows: number;
  readonly #endSeconds: number;
  readonly #arrivals: ArrivalProcess;
  readonly #lengths: readonly LengthSource[];
  readonly #tiers: ShareSampler | undefined;
  readonly #mixes: ChangingShareSampler | undefined;
  /** Tier of each tenant, where it is the tenant's. */
  readonly #tierOf: Uint8Array | undefined;
  readonly #tenants: TenantSampler | undefined;
  readonly #turns: TurnSampler | undefined;
  readonly #floors: FloorSampler;
  readonly #taskTypes: ShareSampler | undefined;
  #left: number;

  constructor(p: SyntheticParameters, rows: number) {
    const tiers = p.tiers ?? [];
    this.#rows = rows;
    this.#left = p.requests ?? Number.POSITIVE_INFINITY;
    this.#endSeconds = p.durationSeconds ?? Number.POSITIVE_INFINITY;
    this.#arrivals = new ArrivalProcess(p.arrival, new Stream(p.seed, PURPOSES.arrivals));
    this.#lengths = lengthSources(p, p.seed);
    if (p.tenants !== undefined) {
      const shares = tenantShares(p.tenants);
      this.#tenants = new TenantSampler(shares, new Stream(p.seed, PURPOSES.tenants));
      if (p.tenants.tierPer !== "request" && tiers.length > 1) this.#tierOf = tenantTiers(shares, tiers);
    }
    if (p.turns !== undefined) this.#turns = new TurnSampler(p.turns, new Stream(p.seed, PURPOSES.turns));
    if (tiers.length > 1 && this.#tierOf === undefined) {
      const shares = tiers.map((tier) => tier.share);
      const stream = new Stream(p.seed, PURPOSES.tiers);
      if (p.mixes === undefined) this.#tiers = new ShareSampler(shares, stream);
      else this.#mixes = new ChangingShareSampler([{ fromSeconds: 0, shares }, ...p.mixes], stream);
    }
    this.#floors = new FloorSampler(
      resolveFloors(p.floors, p.tiers ?? [DEFAULT_TIER]),
      new Stream(p.seed, PURPOSES.floors),
    );
    if (p.taskTypes !== undefined)
      this.#taskTypes = new ShareSampler(
        p.taskTypes.map((type) => type.share),
        new Stream(p.seed, PURPOSES.taskTypes),
      );
    this.#chunk = {
      count: 0,
      arrivalSeconds: new Float64Array(rows),
      promptTokens: new Int32Array(rows),
      outputTokens: new Int32Array(rows),
      tier: new Uint8Array(rows),
      needsLarge: new Uint8Array(rows),
      ...(p.taskTypes !== undefined && { taskType: new Uint8Array(rows) }),
      ...(p.tenants !== undefined && { tenant: new Int32Array(rows) }),
      ...(p.turns !== undefined && { turns: new Int32Array(rows) }),
    };
  }

  next(): RequestChunk | undefined {
    const chunk = this.#chunk;
    const wanted = Math.min(this.#rows, this.#left);
    if (wanted === 0) return undefined;
    const count = this.#arrivals.fill(chunk.arrivalSeconds, wanted, this.#endSeconds);
    this.#left = count < wanted ? 0 : this.#left - count;
    if (count === 0) return undefined;
    const { tenant, turns, taskType, tier } = chunk;
    this.#mixes?.fill(tier, chunk.arrivalSeconds, count);
    if (tenant !== undefined) this.#tenants?.fill(tenant, count);
    if (turns !== undefined) this.#turns?.fill(turns, count);
    if (taskType !== undefined) this.#taskTypes?.fill(taskType, count);
    if (this.#tierOf === undefined || tenant === undefined) this.#tiers?.fill(tier, count);
    else for (let i = 0; i < count; i++) tier[i] = this.#tierOf[tenant[i]];
    this.#floors.fill(chunk.needsLarge, tier, count);
    // Lengths last: they may depend on everything above.
    for (const source of this.#lengths) source.fill(chunk, count);
    chunk.count = count;
    return chunk;
  }
}
