import { Stream } from "../numeric/random.ts";
import { type ArrivalParameters, ArrivalProcess } from "./arrivals.ts";
import { FloorSampler, resolveFloors, ShareSampler } from "./classes.ts";
import { expectation, MAX_TOKENS, type Sampler, sampler, toTokens } from "./distribution.ts";
import type { RequestChunk, RequestCursor } from "./requests.ts";
import type { ResolvedSessions } from "./session-parameters.ts";
import { PURPOSES } from "./synthetic.ts";

/** A chunk with the columns that sessions have. */
type SessionChunk = RequestChunk &
  Required<Pick<RequestChunk, "session" | "step" | "thinkSeconds" | "prefixTokens">>;

/** One pass over the rows of a `SessionWorkload`. */
export class SessionCursor implements RequestCursor {
  readonly #p: ResolvedSessions;
  readonly #arrivals: ArrivalProcess;
  readonly #steps: Sampler;
  readonly #firstContext: Sampler;
  readonly #prompt: Sampler;
  readonly #output: Sampler;
  readonly #think: Sampler;
  readonly #tiers: ShareSampler;
  readonly #floors: FloorSampler;
  readonly #taskTypes: ShareSampler | undefined;
  readonly #start = new Float64Array(1);
  readonly #endSeconds: number;
  #rows: number;
  #chunk: SessionChunk;
  /** What is returned: the chunk, without the session columns in the independent form. */
  #view: RequestChunk;
  #session = -1;
  /** Steps of the session that comes next, 0 when none is drawn. */
  #pending = 0;
  #left: number;
  #ended = false;

  constructor(p: ResolvedSessions, rows: number) {
    const stream = (purpose: string) => new Stream(p.seed, purpose);
    this.#p = p;
    this.#left = p.requests ?? Number.POSITIVE_INFINITY;
    this.#endSeconds = p.durationSeconds ?? Number.POSITIVE_INFINITY;
    this.#arrivals = new ArrivalProcess(
      p.independent === true ? independentArrivals(p) : p.arrival,
      stream(PURPOSES.arrivals),
    );
    this.#steps = sampler(p.steps, stream("workload/session-steps"), "tokens");
    this.#firstContext = sampler(p.firstContext, stream("workload/first-context"), "tokens");
    this.#prompt = sampler(p.prompt, stream(PURPOSES.prompt), "tokens");
    this.#output = sampler(p.output, stream(PURPOSES.output), "tokens");
    this.#think = sampler(p.think, stream("workload/think"), "seconds");
    this.#tiers = new ShareSampler(
      p.tiers.map((tier) => tier.share),
      stream(PURPOSES.tiers),
    );
    this.#floors = new FloorSampler(resolveFloors(p.floors, p.tiers), stream(PURPOSES.floors));
    if (p.taskTypes !== undefined)
      this.#taskTypes = new ShareSampler(
        p.taskTypes.map((type) => type.share),
        stream(PURPOSES.taskTypes),
      );
    this.#rows = rows;
    this.#chunk = sessionChunk(rows, p.taskTypes !== undefined);
    this.#view = this.#viewOf(this.#chunk);
  }

  next(): RequestChunk | undefined {
    let count = 0;
    while (count < this.#rows && this.#drawSession()) {
      if (count + this.#pending > this.#rows) {
        if (count > 0) break;
        this.#grow(this.#pending);
      }
      this.#write(count, this.#pending);
      count += this.#pending;
      this.#pending = 0;
    }
    if (this.#p.independent === true && count > 0) {
      const arrived = this.#arrivals.fill(this.#chunk.arrivalSeconds, count, this.#endSeconds);
      if (arrived < count) this.#ended = true;
      count = arrived;
    }
    if (count === 0) return undefined;
    this.#view.count = count;
    return this.#view;
  }

  /** Number of steps of all sessions, for a cursor that has not been read; infinite if nothing limits them. */
  countSteps(): number {
    const { sessions, requests, independent } = this.#p;
    if (independent === true && sessions === undefined) return requests ?? Number.POSITIVE_INFINITY;
    let total = 0;
    while (this.#drawSession()) {
      total += this.#pending;
      this.#pending = 0;
    }
    return total;
  }

  /** Makes the next session pending unless one is; false at the end of the workload. */
  #drawSession(): boolean {
    if (this.#pending > 0) return true;
    if (this.#ended) return false;
    this.#session++;
    const over = this.#left === 0 || this.#session >= (this.#p.sessions ?? Number.POSITIVE_INFINITY);
    if (
      over ||
      (this.#p.independent !== true && this.#arrivals.fill(this.#start, 1, this.#endSeconds) === 0)
    ) {
      this.#ended = true;
      return false;
    }
    this.#pending = Math.min(this.#left, Math.max(1, Math.round(this.#steps.next())));
    this.#left -= this.#pending;
    return true;
  }

  #write(at: number, steps: number): void {
    const { contextGrowth, lengthFactor, maxContextTokens, classesPer } = this.#p;
    const chunk = this.#chunk;
    const limit = Math.min(maxContextTokens, MAX_TOKENS);
    const first = Math.min(Math.round(this.#firstContext.next() * lengthFactor), MAX_TOKENS);
    let context = 0;
    let tier = 0;
    let needsLarge = 0;
    let taskType = 0;
    for (let step = 0; step < steps; step++) {
      const i = at + step;
      const fresh = toTokens(this.#prompt.next() * lengthFactor);
      const output = toTokens(this.#output.next() * lengthFactor);
      const compacted = step > 0 && contextGrowth && context + fresh > limit;
      const base = step === 0 || !contextGrowth || compacted ? first : context;
      const prompt = Math.min(base + fresh, limit);
      chunk.arrivalSeconds[i] = step === 0 ? this.#start[0] : Number.NaN;
      chunk.promptTokens[i] = prompt;
      chunk.outputTokens[i] = output;
      chunk.prefixTokens[i] = step === 0 ? 0 : Math.min(base, prompt);
      chunk.thinkSeconds[i] = step === 0 ? 0 : this.#think.next();
      chunk.session[i] = this.#session;
      chunk.step[i] = step;
      context = prompt + output;
      if (step === 0 || classesPer === "step") {
        tier = this.#tiers.next();
        needsLarge = this.#floors.next(tier);
        if (this.#taskTypes !== undefined) taskType = this.#taskTypes.next();
      }
      chunk.tier[i] = tier;
      chunk.needsLarge[i] = needsLarge;
      if (chunk.taskType !== undefined) chunk.taskType[i] = taskType;
    }
  }

  /** Buffers for a session longer than a chunk; nothing has been written to the old ones. */
  #grow(rows: number): void {
    this.#rows = rows;
    this.#chunk = sessionChunk(rows, this.#p.taskTypes !== undefined);
    this.#view = this.#viewOf(this.#chunk);
  }

  #viewOf(chunk: SessionChunk): RequestChunk {
    if (this.#p.independent !== true) return chunk;
    const { session: _, step: __, thinkSeconds: ___, prefixTokens: ____, ...view } = chunk;
    return view;
  }
}

/** The arrival process of the independent form: sessions' rate times the mean number of steps. */
export function independentArrivals(p: ResolvedSessions): ArrivalParameters {
  const meanSteps = expectation(p.steps, "tokens", (draw) => Math.max(1, Math.round(draw)));
  return { ...p.arrival, ratePerSecond: p.arrival.ratePerSecond * meanSteps };
}

function sessionChunk(rows: number, taskTypes: boolean): SessionChunk {
  return {
    count: 0,
    arrivalSeconds: new Float64Array(rows),
    promptTokens: new Int32Array(rows),
    outputTokens: new Int32Array(rows),
    tier: new Uint8Array(rows),
    needsLarge: new Uint8Array(rows),
    session: new Float64Array(rows),
    step: new Int32Array(rows),
    thinkSeconds: new Float64Array(rows),
    prefixTokens: new Int32Array(rows),
    ...(taskTypes && { taskType: new Uint8Array(rows) }),
  };
}
