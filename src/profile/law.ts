/**
 * The law of one replica: how long an iteration of its engine takes and what power it draws.
 *
 * An iteration carries P prompt tokens, D decoding requests and K context tokens (summed over the decoding
 * requests). Both kinds of law, an affine one and a profile's measured grid, become the same tables:
 * piecewise linear in K for every D, so that the simulator evaluates one multiply-add per iteration. The
 * simulator's fast path and its naive oracle share this class and nothing else.
 */
export interface LawInput {
  /** Decode step of a batch: a grid over (batch, mean context), or the affine law's three coefficients. */
  readonly decode:
    | {
        readonly batch: readonly number[];
        readonly contextTokens: readonly number[];
        /** seconds[b][c] for the whole batch. */
        readonly seconds: readonly (readonly number[])[];
        /** Cells outside the measured tables; absent means none. */
        readonly outside?: readonly (readonly boolean[])[];
      }
    | {
        readonly baseSeconds: number;
        readonly perSequenceSeconds: number;
        readonly perContextTokenSeconds: number;
      };
  /** Prefill of one prompt alone: a grid over tokens, or affine. Several prompts in a step add their tokens. */
  readonly prefill:
    | {
        readonly tokens: readonly number[];
        readonly seconds: readonly number[];
        readonly outside?: readonly boolean[];
      }
    | { readonly baseSeconds: number; readonly perTokenSeconds: number };
  /** Time that a decode step and a lone prefill both contain; counted once when they share an iteration. */
  readonly overheadSeconds: number;
  /** Iterations with both prompt and decode tokens: sum of the two less the overhead, or the longer one. */
  readonly mixedRule: "add" | "max";
  /** Power of the whole replica (all its GPUs) in watts, or null when unknown. */
  readonly power: null | {
    readonly idleWatts: number;
    readonly idleUnloadedWatts: number;
    readonly prefillWatts: number;
    readonly decode: { readonly batch: readonly number[]; readonly watts: readonly number[] };
  };
}

/** Prompt tokens at which {@link Law.prefillTokensPerSecond} is read. */
const REFERENCE_PROMPT_TOKENS = 2048;

export class Law {
  /** Largest D the tables hold: the cap on running requests. */
  readonly maxSequences: number;
  /** First segment of each D (index D, 1..maxSequences); the segments of D end where those of D + 1 begin. */
  readonly rowStart: Int32Array;
  /** A segment holds for K <= bound; seconds = base + slope * K. */
  readonly bound: Float64Array;
  readonly base: Float64Array;
  readonly slope: Float64Array;
  /** 1 where a segment reads a cell outside the measured grid. */
  readonly outsideGrid: Uint8Array;
  /** Watts of the replica while D requests decode (index D); index 0 is the idle power. NaN without power. */
  readonly decodeWatts: Float64Array;
  readonly prefillWatts: number;
  /** Idle power with the model loaded, and with the engine unloaded. NaN without power. */
  readonly idleWatts: number;
  readonly idleUnloadedWatts: number;
  readonly hasPower: boolean;
  /** Prompt tokens a second at a prompt of 2,048 tokens: what an estimator divides queued tokens by. */
  readonly prefillTokensPerSecond: number;
  readonly mixedRule: "add" | "max";

  readonly #prefillBound: Float64Array;
  readonly #prefillBase: Float64Array;
  readonly #prefillSlope: Float64Array;
  readonly #prefillOutside: Uint8Array;
  readonly #overheadSeconds: number;

  /**
   * @param input times in seconds, powers in watts for the whole replica
   * @param maxSequences cap on running requests; rows beyond the grid's batches continue its last slope
   * @throws RangeError when an iteration could take no time, or a number is not finite
   */
  constructor(input: LawInput, maxSequences: number) {
    this.maxSequences = maxSequences;
    this.mixedRule = input.mixedRule;
    this.#overheadSeconds = input.overheadSeconds;
    const decode = decodeSegments(input.decode, maxSequences);
    this.rowStart = decode.rowStart;
    this.bound = decode.bound;
    this.base = decode.base;
    this.slope = decode.slope;
    this.outsideGrid = decode.outside;
    const prefill = prefillSegments(input.prefill);
    this.#prefillBound = prefill.bound;
    this.#prefillBase = prefill.base;
    this.#prefillSlope = prefill.slope;
    this.#prefillOutside = prefill.outside;
    this.prefillTokensPerSecond = REFERENCE_PROMPT_TOKENS / this.prefillSeconds(REFERENCE_PROMPT_TOKENS);

    const power = input.power;
    this.hasPower = power !== null;
    this.prefillWatts = power?.prefillWatts ?? Number.NaN;
    this.idleWatts = power?.idleWatts ?? Number.NaN;
    this.idleUnloadedWatts = power?.idleUnloadedWatts ?? Number.NaN;
    this.decodeWatts = new Float64Array(maxSequences + 1).fill(Number.NaN);
    if (power !== null) {
      this.decodeWatts[0] = power.idleWatts;
      for (let d = 1; d <= maxSequences; d++) {
        this.decodeWatts[d] = interpolateHeld(power.decode.batch, power.decode.watts, d);
      }
    }
    const shortest = Math.min(this.decodeSeconds(1, 0), this.prefillSeconds(1));
    if (!(shortest > 0)) throw new RangeError(`an iteration would take ${shortest} s; it must be above 0`);
  }

  /** Upper ends, in prompt tokens, of the pieces on which a lone prefill's time is linear; the last is Infinity. */
  get prefillBounds(): Float64Array {
    return this.#prefillBound;
  }

  /** Seconds of a pure decode step of D requests holding K context tokens in all. */
  decodeSeconds(D: number, K: number): number {
    let s = this.rowStart[D];
    while (K > this.bound[s]) s++;
    return this.base[s] + this.slope[s] * K;
  }

  /** Seconds of an iteration that only prefills P tokens. */
  prefillSeconds(P: number): number {
    let s = 0;
    while (P > this.#prefillBound[s]) s++;
    return this.#prefillBase[s] + this.#prefillSlope[s] * P;
  }

  /** Seconds of an iteration of P prompt tokens, D decoding requests, K context tokens. */
  seconds(P: number, D: number, K: number): number {
    if (P === 0) return this.decodeSeconds(D, K);
    if (D === 0) return this.prefillSeconds(P);
    const decode = this.decodeSeconds(D, K);
    const prefill = this.prefillSeconds(P);
    return this.mixedRule === "add" ? decode + (prefill - this.#overheadSeconds) : Math.max(decode, prefill);
  }

  /**
   * Mean watts of the replica during an iteration that lasts `seconds` of this law's time: the decode part at
   * the decode power of D, the rest at prefill power; under `max` the larger of the two. NaN without power.
   */
  watts(P: number, D: number, K: number, seconds: number): number {
    if (P === 0) return this.decodeWatts[D];
    if (D === 0) return this.prefillWatts;
    if (this.mixedRule === "max") return Math.max(this.decodeWatts[D], this.prefillWatts);
    const decode = this.decodeSeconds(D, K);
    return (this.decodeWatts[D] * decode + this.prefillWatts * (seconds - decode)) / seconds;
  }

  /** Whether an iteration reads outside the measured grid. */
  isOutside(P: number, D: number, K: number): boolean {
    if (P > 0) {
      let s = 0;
      while (P > this.#prefillBound[s]) s++;
      if (this.#prefillOutside[s] === 1) return true;
    }
    if (D === 0) return false;
    let s = this.rowStart[D];
    while (K > this.bound[s]) s++;
    return this.outsideGrid[s] === 1;
  }
}

interface Segments {
  readonly bound: Float64Array;
  readonly base: Float64Array;
  readonly slope: Float64Array;
  readonly outside: Uint8Array;
}

function decodeSegments(
  decode: LawInput["decode"],
  maxSequences: number,
): Segments & { readonly rowStart: Int32Array } {
  const rowStart = new Int32Array(maxSequences + 2);
  if ("baseSeconds" in decode) {
    const base = new Float64Array(maxSequences);
    for (let d = 1; d <= maxSequences; d++) {
      rowStart[d] = d - 1;
      base[d - 1] = decode.baseSeconds + decode.perSequenceSeconds * d;
    }
    rowStart[maxSequences + 1] = maxSequences;
    return {
      rowStart,
      bound: new Float64Array(maxSequences).fill(Number.POSITIVE_INFINITY),
      base,
      slope: new Float64Array(maxSequences).fill(decode.perContextTokenSeconds),
      outside: new Uint8Array(maxSequences),
    };
  }
  const { batch, contextTokens: context, seconds } = decode;
  const segmentsPerRow = context.length + 1;
  const bound = new Float64Array(maxSequences * segmentsPerRow);
  const base = new Float64Array(bound.length);
  const slope = new Float64Array(bound.length);
  const outside = new Uint8Array(bound.length);
  for (let d = 1; d <= maxSequences; d++) {
    const first = (d - 1) * segmentsPerRow;
    rowStart[d] = first;
    const [low, high, share] = bracket(batch, d);
    const at = context.map((_, c) => seconds[low][c] + share * (seconds[high][c] - seconds[low][c]));
    const offGrid = d < batch[0] || d > batch[batch.length - 1];
    const cellOutside = (c: number) =>
      offGrid ||
      (share < 1 && decode.outside?.[low][c] === true) ||
      (share > 0 && decode.outside?.[high][c] === true);

    bound[first] = context[0] * d;
    base[first] = at[0];
    outside[first] = 1;
    for (let c = 1; c < context.length; c++) {
      const s = first + c;
      slope[s] = (at[c] - at[c - 1]) / ((context[c] - context[c - 1]) * d);
      base[s] = at[c - 1] - slope[s] * context[c - 1] * d;
      bound[s] = context[c] * d;
      outside[s] = cellOutside(c - 1) || cellOutside(c) ? 1 : 0;
    }
    const last = first + context.length;
    slope[last] = slope[last - 1];
    base[last] = base[last - 1];
    bound[last] = Number.POSITIVE_INFINITY;
    outside[last] = 1;
  }
  rowStart[maxSequences + 1] = bound.length;
  return { rowStart, bound, base, slope, outside };
}

function prefillSegments(prefill: LawInput["prefill"]): Segments {
  if ("baseSeconds" in prefill) {
    return {
      bound: Float64Array.of(Number.POSITIVE_INFINITY),
      base: Float64Array.of(prefill.baseSeconds),
      slope: Float64Array.of(prefill.perTokenSeconds),
      outside: new Uint8Array(1),
    };
  }
  const { tokens, seconds } = prefill;
  const n = tokens.length;
  const bound = new Float64Array(n + 1);
  const base = new Float64Array(n + 1);
  const slope = new Float64Array(n + 1);
  const outside = new Uint8Array(n + 1);
  bound[0] = tokens[0];
  base[0] = seconds[0];
  outside[0] = 1;
  for (let i = 1; i < n; i++) {
    slope[i] = (seconds[i] - seconds[i - 1]) / (tokens[i] - tokens[i - 1]);
    base[i] = seconds[i - 1] - slope[i] * tokens[i - 1];
    bound[i] = tokens[i];
    outside[i] = prefill.outside?.[i] === true || prefill.outside?.[i - 1] === true ? 1 : 0;
  }
  slope[n] = slope[n - 1];
  base[n] = base[n - 1];
  bound[n] = Number.POSITIVE_INFINITY;
  outside[n] = 1;
  return { bound, base, slope, outside };
}

/** Neighbours of x among sorted `xs` and the weight of the upper one; outside, the nearest pair continued. */
function bracket(xs: readonly number[], x: number): [low: number, high: number, share: number] {
  if (xs.length === 1 || x <= xs[0]) return [0, 0, 0];
  let high = 1;
  while (high < xs.length - 1 && xs[high] < x) high++;
  return [high - 1, high, (x - xs[high - 1]) / (xs[high] - xs[high - 1])];
}

/** Piecewise linear inside, the end values held outside. */
function interpolateHeld(xs: readonly number[], ys: readonly number[], x: number): number {
  if (x >= xs[xs.length - 1]) return ys[ys.length - 1];
  const [low, high, share] = bracket(xs, x);
  return ys[low] + share * (ys[high] - ys[low]);
}
