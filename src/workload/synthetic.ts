import { UserError } from "../errors.ts";
import { Stream } from "../numeric/random.ts";
import { type ArrivalParameters, ArrivalProcess, checkArrivals } from "./arrivals.ts";
import { expectCount, expectParameter, expectPositive, expectShares } from "./check.ts";
import {
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
  type LengthParameters,
  type LengthSource,
  lengthSource,
} from "./lengths.ts";
import type { RequestChunk, RequestCursor, Tier, Workload } from "./requests.ts";

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
  /** Without it the workload has no task types. */
  readonly taskTypes?: readonly TaskTypeShare[];
}

/**
 * Generates requests chunk by chunk, in memory that does not depend on their number.
 *
 * Every purpose (arrivals, prompt lengths, output lengths, tiers, floors, task types) draws from its own
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
  prompt: "workload/prompt-tokens",
  output: "workload/output-tokens",
  tiers: "workload/tiers",
  floors: "workload/floors",
  taskTypes: "workload/task-types",
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
  checkLengths(p);
  checkClasses(p);
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
  expectParameter(p.taskTypes.length <= 255, "taskTypes", "at most 255 task types", p.taskTypes.length);
}

/** The tier alone, for {@link Workload.tiers}. */
export function withoutShare({ name, sloSeconds, deferrable }: TierShare): Tier {
  return { name, sloSeconds, deferrable };
}

class SyntheticCursor implements RequestCursor {
  readonly #chunk: RequestChunk;
  readonly #rows: number;
  readonly #endSeconds: number;
  readonly #arrivals: ArrivalProcess;
  readonly #lengths: LengthSource;
  readonly #tiers: ShareSampler | undefined;
  readonly #floors: FloorSampler;
  readonly #taskTypes: ShareSampler | undefined;
  #left: number;

  constructor(p: SyntheticParameters, rows: number) {
    const tiers = p.tiers ?? [];
    this.#rows = rows;
    this.#left = p.requests ?? Number.POSITIVE_INFINITY;
    this.#endSeconds = p.durationSeconds ?? Number.POSITIVE_INFINITY;
    this.#arrivals = new ArrivalProcess(p.arrival, new Stream(p.seed, PURPOSES.arrivals));
    this.#lengths = lengthSource(p, new Stream(p.seed, PURPOSES.prompt), new Stream(p.seed, PURPOSES.output));
    if (tiers.length > 1)
      this.#tiers = new ShareSampler(
        tiers.map((tier) => tier.share),
        new Stream(p.seed, PURPOSES.tiers),
      );
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
    };
  }

  next(): RequestChunk | undefined {
    const chunk = this.#chunk;
    const wanted = Math.min(this.#rows, this.#left);
    if (wanted === 0) return undefined;
    const count = this.#arrivals.fill(chunk.arrivalSeconds, wanted, this.#endSeconds);
    this.#left = count < wanted ? 0 : this.#left - count;
    if (count === 0) return undefined;
    this.#lengths.fill(chunk.promptTokens, chunk.outputTokens, count);
    this.#tiers?.fill(chunk.tier, count);
    this.#floors.fill(chunk.needsLarge, chunk.tier, count);
    if (chunk.taskType !== undefined) this.#taskTypes?.fill(chunk.taskType, count);
    chunk.count = count;
    return chunk;
  }
}
