import { Stream } from "../numeric/random.ts";
import { ArrivalProcess } from "./arrivals.ts";
import { DEFAULT_TIER } from "./classes.ts";
import { CHUNK_ROWS } from "./columns.ts";
import type { RequestCursor, Tier, Workload } from "./requests.ts";
import { independentArrivals, SessionCursor } from "./session-cursor.ts";
import {
  AGENT_SESSIONS,
  checkSessions,
  type ResolvedSessions,
  type SessionParameters,
} from "./session-parameters.ts";
import { PURPOSES, withoutShare } from "./synthetic.ts";

export { AGENT_SESSIONS, type SessionParameters } from "./session-parameters.ts";

/**
 * Sessions of dependent steps: the first step of a session arrives by the arrival process, every later one
 * `thinkSeconds` after the last token of the one before. `prefixTokens` is the previous step's context.
 *
 * As in `SyntheticWorkload` every purpose has its own random stream.
 */
export class SessionWorkload implements Workload {
  readonly name: string;
  readonly tiers: readonly Tier[];
  readonly taskTypes: readonly string[];
  readonly endpointNames: readonly string[] = [];
  readonly parameters: SessionParameters;
  readonly #resolved: ResolvedSessions;
  #requests: number | undefined;
  #means: { prompt: number; output: number } | undefined;

  /** Throws `CANOPY_WORKLOAD_*` user errors for parameters out of range. */
  constructor(parameters: SessionParameters) {
    checkSessions(parameters);
    this.parameters = parameters;
    this.#resolved = {
      ...AGENT_SESSIONS,
      contextGrowth: true,
      maxContextTokens: 200_000,
      lengthFactor: 1,
      classesPer: "session",
      tiers: [{ ...DEFAULT_TIER, share: 1 }],
      ...parameters,
    };
    this.name = parameters.name ?? "sessions";
    this.tiers = this.#resolved.tiers.map(withoutShare);
    this.taskTypes = parameters.taskTypes?.map((type) => type.name) ?? [];
  }

  /** Counted on first use by a pass over the starts and the numbers of steps. */
  get requests(): number {
    this.#requests ??= this.#count();
    return this.#requests;
  }

  /** Means over 65,536 requests of another seed: what a gateway would know from earlier days. */
  get meanPromptTokens(): number {
    return this.#history().prompt;
  }

  get meanOutputTokens(): number {
    return this.#history().output;
  }

  /** @param chunkRows rows of a chunk, more where a session is longer; the rows do not depend on it */
  open(chunkRows: number = CHUNK_ROWS): RequestCursor {
    return new SessionCursor(this.#resolved, chunkRows);
  }

  #count(): number {
    const p = this.#resolved;
    const cursor = new SessionCursor(p, CHUNK_ROWS);
    return p.independent === true
      ? Math.min(this.#countArrivals(), cursor.countSteps())
      : cursor.countSteps();
  }

  /** Arrivals of the independent form before its end, or infinity. */
  #countArrivals(): number {
    const p = this.#resolved;
    if (p.durationSeconds === undefined) return Number.POSITIVE_INFINITY;
    const arrivals = new ArrivalProcess(independentArrivals(p), new Stream(p.seed, PURPOSES.arrivals));
    const scratch = new Float64Array(CHUNK_ROWS);
    const limit = p.requests ?? Number.POSITIVE_INFINITY;
    for (let total = 0; ; ) {
      const written = arrivals.fill(scratch, scratch.length, p.durationSeconds);
      total += written;
      if (written < scratch.length || total >= limit) return total;
    }
  }

  #history(): { prompt: number; output: number } {
    if (this.#means !== undefined) return this.#means;
    const { sessions: _, durationSeconds: __, ...rest } = this.#resolved;
    const cursor = new SessionCursor({ ...rest, seed: `${rest.seed}/history`, requests: 65_536 }, CHUNK_ROWS);
    let prompt = 0;
    let output = 0;
    for (let chunk = cursor.next(); chunk !== undefined; chunk = cursor.next()) {
      for (let i = 0; i < chunk.count; i++) {
        prompt += chunk.promptTokens[i];
        output += chunk.outputTokens[i];
      }
    }
    this.#means = { prompt: prompt / 65_536, output: output / 65_536 };
    return this.#means;
  }
}
