/**
 * What no router can go below: a lower bound of energy, carbon, water and cost of the requests of a run.
 *
 * An iteration of P prompt tokens, D decoding requests and K context tokens takes dec(D, K) + pre(P) - o seconds at
 * decode power for the first part and prefill power for the rest (`profile/law.ts`), so that its energy is a sum of a
 * decode and a prefill part. Each part is at least linear in what it works off, whatever else is in the batch:
 *
 *     prefill part >= a P            a = min over P of W_p (pre(P) - o) / P
 *     decode part  >= b D + c K      for any c, with b = min over (D, K) of (W(D) dec(D, K) - c K) / D
 *
 * over all batches that the endpoint's caps allow; both minima lie at breaks of piecewise linear functions and are
 * exact. Added up over the iterations of a run, a request of p prompt and n output tokens costs at least a p for its
 * prompt and b + c k for each of its n - 1 decode steps, which hold p + 1 to p + n - 1 tokens. Every token may be at the
 * endpoint that is best for it, among those that may serve the request, and at the best intensity between the
 * request's arrival and its latest end; all of it at once at that place: no router can do better. What preemption and
 * faults compute twice only adds; a step that a preemption turns into prefill is allowed for.
 *
 * The bound with idle replicas is their idle power over the horizon, and of the work only what it draws above that.
 */
import type { Endpoint, Fleet } from "../fleet/fleet.ts";
import { litresPerItJoule } from "../fleet/water-use.ts";
import type { Law } from "../profile/law.ts";
import type { Track } from "../signal/series.ts";
import { allowedHoldSeconds, type RequestChunk, type Workload } from "../workload/requests.ts";

export const BOUNDED_METRICS = [
  "energy_j_per_request",
  "carbon_g_per_request",
  "water_l_per_request",
  "cost_usd_per_request",
  "energy_server_j_per_request",
  "carbon_server_g_per_request",
] as const;
export type BoundedMetric = (typeof BOUNDED_METRICS)[number];

export interface RequestBoundOptions {
  /** A request ends at the latest this long after its arrival and the hold that its tier allows. */
  readonly withinSeconds: number;
  /** Seconds over which idle power runs; null: to the last arrival. */
  readonly horizonSeconds: number | null;
}

export interface RequestBounds {
  readonly requests: number;
  /** Per request, in the metric's unit; null where nothing can be said. */
  readonly metrics: Readonly<Record<BoundedMetric, number | null>>;
  /** Why a bound is null. */
  readonly reasons: Readonly<Partial<Record<BoundedMetric, string>>>;
}

/** Least use of something by a token of prompt, by a decode step and by a token of its context. */
interface Floor {
  readonly perPromptToken: number;
  readonly perStep: number;
  readonly perContextToken: number;
}

/** What is used in an iteration: its decode and its prefill part as multiples of their seconds. */
interface Use {
  readonly decode: (sequences: number) => number;
  readonly prefill: number;
}

/** Endpoints that are alike to a request. */
interface Site {
  readonly region: number;
  readonly large: boolean;
  readonly joules: Floor;
  /** Above idle power; null where work may draw less than idling. */
  readonly above: Floor | null;
  readonly usd: Floor;
}

/** Work of the requests, by which the best of the linear floors is chosen. */
interface Work {
  steps: number;
  contextTokens: number;
}

const JOULES_PER_KWH = 3.6e6;
const SEARCH_STEPS = 60;

/**
 * Lower bounds, per request, of every run of these requests on this fleet in which all of them end, each within the
 * time given. Null for requests whose arrival depends on the run, and where power, prices or signals are unknown (the
 * caller knows which).
 */
export function requestBounds(fleet: Fleet, workload: Workload, options: RequestBoundOptions): RequestBounds {
  const limits = lengthLimits(fleet);
  const work = workOf(workload, limits);
  if (work === undefined) return none(workload, "arrivals of sessions depend on the run");
  if (fleet.endpoints.some(({ law }) => !law.hasPower)) return none(workload, "a profile has no power");
  const sites = sitesOf(fleet, work);
  const reuses = fleet.endpoints.some(({ batching }) => batching.prefixReuse);
  const sum = new Sums(fleet, workload, sites, options.withinSeconds);
  let last = 0;
  let counted = 0;
  const cursor = workload.open();
  for (let chunk = cursor.next(); chunk !== undefined; chunk = cursor.next()) {
    for (let i = 0; i < chunk.count; i++) {
      last = chunk.arrivalSeconds[i];
      const large = chunk.needsLarge[i] === 1;
      const limit = large ? limits.large : limits.all;
      if (!(limit > 1)) continue;
      const prompt = Math.min(chunk.promptTokens[i], limit - 1);
      const outputs = Math.min(chunk.outputTokens[i], limit - prompt);
      const cached = reuses ? (chunk.prefixTokens?.[i] ?? 0) : 0;
      sum.add(last, chunk.tier[i], large, Math.max(1, prompt - cached), prompt, outputs);
      counted++;
    }
  }
  const idle = idleFloor(fleet, options.horizonSeconds ?? last);
  const whole = sites.every(({ above }) => above !== null);
  const dry = fleet.regions.some(({ water }) => water === null);
  const each = (total: number) => (counted === 0 ? null : total / counted);
  return {
    requests: counted,
    metrics: {
      energy_j_per_request: each(sum.joules),
      carbon_g_per_request: each(sum.grams),
      water_l_per_request: dry ? null : each(sum.litres),
      cost_usd_per_request: each(sum.usd),
      energy_server_j_per_request: whole ? each(idle.joules + sum.joulesAbove) : null,
      carbon_server_g_per_request: whole ? each(idle.grams + sum.gramsAbove) : null,
    },
    reasons: {
      ...(dry ? { water_l_per_request: "a region has no water" } : {}),
      ...(whole
        ? {}
        : {
            energy_server_j_per_request: "work may draw less than idling",
            carbon_server_g_per_request: "work may draw less than idling",
          }),
    },
  };
}

function none({ requests }: Workload, reason: string): RequestBounds {
  const all = <T>(value: T) =>
    Object.fromEntries(BOUNDED_METRICS.map((metric) => [metric, value])) as Record<BoundedMetric, T>;
  return { requests, metrics: all(null), reasons: all(reason) };
}

/** Adds up the least use of requests in order of their arrival. */
class Sums {
  joules = 0;
  grams = 0;
  litres = 0;
  usd = 0;
  joulesAbove = 0;
  gramsAbove = 0;
  readonly #sites: readonly Site[];
  readonly #litresPerJoule: readonly number[];
  readonly #windows: readonly (readonly LeastAhead[])[];
  readonly #weights: Float64Array;

  constructor(
    fleet: Fleet,
    { tiers }: Pick<Workload, "tiers">,
    sites: readonly Site[],
    withinSeconds: number,
  ) {
    this.#sites = sites;
    this.#litresPerJoule = fleet.regions.map((region) => litresPerItJoule(region, 1));
    this.#windows = tiers.map((tier) =>
      fleet.regions.map(({ carbon }) => new LeastAhead(carbon, allowedHoldSeconds(tier) + withinSeconds)),
    );
    this.#weights = new Float64Array(sites.length);
  }

  add(
    arrival: number,
    tier: number,
    large: boolean,
    computed: number,
    prompt: number,
    outputs: number,
  ): void {
    const sites = this.#sites;
    const weights = this.#weights;
    const least = (of: (site: Site) => Floor | null) =>
      leastUse(sites, weights, of, large, computed, prompt, outputs);
    weights.fill(1);
    this.joules += least((site) => site.joules);
    this.usd += least((site) => site.usd);
    this.joulesAbove += least((site) => site.above);
    for (let s = 0; s < sites.length; s++) weights[s] = this.#litresPerJoule[sites[s].region];
    this.litres += least((site) => site.joules);
    for (let s = 0; s < sites.length; s++) {
      weights[s] = this.#windows[tier][sites[s].region].from(arrival) / JOULES_PER_KWH;
    }
    this.grams += least((site) => site.joules);
    this.gramsAbove += least((site) => site.above);
  }
}

/**
 * Least use of a request, each token at the site that is best for it. What a decode step costs at its best site is a
 * concave function of its context, so that the mean over the steps is at least the mean of its values at both ends.
 */
function leastUse(
  sites: readonly Site[],
  weights: Float64Array,
  floorOf: (site: Site) => Floor | null,
  large: boolean,
  computed: number,
  prompt: number,
  outputs: number,
): number {
  let token = Number.POSITIVE_INFINITY;
  let first = Number.POSITIVE_INFINITY;
  let last = Number.POSITIVE_INFINITY;
  for (let s = 0; s < sites.length; s++) {
    const site = sites[s];
    const floor = floorOf(site);
    if (floor === null || (large && !site.large)) continue;
    const weight = weights[s];
    token = Math.min(token, weight * floor.perPromptToken);
    first = Math.min(first, weight * (floor.perStep + floor.perContextToken * (prompt + 1)));
    last = Math.min(last, weight * (floor.perStep + floor.perContextToken * (prompt + outputs - 1)));
  }
  // A preempted request computes its tokens again, and that yields an output in the place of a decode step.
  first = Math.min(first, token * (prompt + 1));
  last = Math.min(last, token * (prompt + outputs - 1));
  return token * computed + ((outputs - 1) * (first + last)) / 2;
}

/** The least value of a track from a time on, asked for in order of time. */
class LeastAhead {
  readonly #track: Track;
  readonly #ahead: number;
  #piece = 0;

  constructor(track: Track, aheadSeconds: number) {
    this.#track = track;
    this.#ahead = aheadSeconds;
  }

  from(time: number): number {
    const { times, values } = this.#track;
    while (this.#piece + 1 < times.length && times[this.#piece + 1] <= time) this.#piece++;
    let least = values[this.#piece];
    for (let i = this.#piece + 1; i < times.length && times[i] < time + this.#ahead; i++) {
      least = Math.min(least, values[i]);
    }
    return least;
  }
}

/** Longest prompt and output together, the shortest over the endpoints; 0 where none may serve. */
function lengthLimits(fleet: Fleet): { readonly all: number; readonly large: number } {
  const shortest = (largeOnly: boolean) => {
    const own = fleet.endpoints.filter(({ model }) => !largeOnly || fleet.models[model].large);
    return own.length === 0 ? 0 : Math.min(...own.map(lengthLimit));
  };
  return { all: shortest(false), large: shortest(true) };
}

function lengthLimit({ maxModelTokens, batching }: Endpoint): number {
  return Math.min(maxModelTokens, batching.kvBlocks * batching.blockTokens);
}

/** Decode steps and their context over all requests; undefined where an arrival is not known. */
function workOf(workload: Workload, limits: { all: number; large: number }): Work | undefined {
  const work: Work = { steps: 0, contextTokens: 0 };
  const cursor = workload.open();
  for (let chunk = cursor.next(); chunk !== undefined; chunk = cursor.next()) {
    if (!addWork(chunk, limits, work)) return undefined;
  }
  return work;
}

function addWork(chunk: RequestChunk, limits: { all: number; large: number }, work: Work): boolean {
  for (let i = 0; i < chunk.count; i++) {
    if (Number.isNaN(chunk.arrivalSeconds[i])) return false;
    const limit = chunk.needsLarge[i] === 1 ? limits.large : limits.all;
    if (!(limit > 1)) continue;
    const prompt = Math.min(chunk.promptTokens[i], limit - 1);
    const outputs = Math.min(chunk.outputTokens[i], limit - prompt);
    work.steps += outputs - 1;
    work.contextTokens += (outputs - 1) * (prompt + outputs / 2);
  }
  return true;
}

function sitesOf(fleet: Fleet, work: Work): Site[] {
  const sites = new Map<string, Site>();
  const laws = new Map<Law, number>();
  for (const [index, endpoint] of fleet.endpoints.entries()) {
    const { law, batching, region, model, usdPerReplicaHour, powerStates, role, maxModelTokens } = endpoint;
    if (!laws.has(law)) laws.set(law, laws.size);
    const slow = fleet.faults
      .filter((fault) => fault.endpoint === index)
      .map((fault) => (fault.kind === "slow" ? fault.timeFactor : 1));
    const quickest = Math.min(1, ...slow) * Math.min(...powerStates.map(({ timeFactor }) => timeFactor));
    const { large } = fleet.models[model];
    const key = JSON.stringify([
      laws.get(law),
      batching,
      region,
      large,
      usdPerReplicaHour,
      powerStates,
      role,
      maxModelTokens,
      quickest,
    ]);
    if (sites.has(key)) continue;
    const power = Math.min(...powerStates.map(({ powerFactor }) => powerFactor));
    const floor = (use: Use) => floorOf(endpoint, use, quickest, work);
    sites.set(key, {
      region,
      large,
      joules: floor({ decode: (d) => power * law.decodeWatts[d], prefill: power * law.prefillWatts }),
      above: drawsMore(endpoint, power)
        ? floor({
            decode: (d) => power * law.decodeWatts[d] - law.idleWatts,
            prefill: power * law.prefillWatts - law.idleWatts,
          })
        : null,
      usd: floor({ decode: () => usdPerReplicaHour / 3600, prefill: usdPerReplicaHour / 3600 }),
    });
  }
  return [...sites.values()];
}

function drawsMore({ law, batching }: Endpoint, powerFactor: number): boolean {
  if (powerFactor * law.prefillWatts < law.idleWatts) return false;
  for (let d = 1; d <= batching.maxRequests; d++) {
    if (powerFactor * law.decodeWatts[d] < law.idleWatts) return false;
  }
  return true;
}

function floorOf(endpoint: Endpoint, use: Use, timeFactor: number, work: Work): Floor {
  const { law } = endpoint;
  // Of two parts that run at the same time each counts half: the longer one is at least their mean.
  const share = law.mixedRule === "max" ? 0.5 : 1;
  const scale = share * timeFactor;
  const decode = decodeFloor(endpoint, use.decode, work);
  return {
    perPromptToken: scale * use.prefill * secondsPerPromptToken(endpoint),
    perStep: scale * decode.perStep,
    perContextToken: scale * decode.perContextToken,
  };
}

/** Least seconds of a prompt token over all chunks that a batch may hold: at a break of the law or an end. */
function secondsPerPromptToken(endpoint: Endpoint): number {
  const { law } = endpoint;
  const most = mostPromptTokens(endpoint);
  // What a mixed iteration saves against a step and a prefill apart.
  const overhead =
    law.mixedRule === "max" ? 0 : law.decodeSeconds(1, 2) + law.prefillSeconds(1) - law.seconds(1, 1, 2);
  const ends = [1, most, ...Array.from(law.prefillBounds).filter((P) => P > 1 && P < most)];
  return Math.max(0, Math.min(...ends.map((P) => (law.prefillSeconds(P) - overhead) / P)));
}

/** Prompt tokens of one iteration at the most. */
function mostPromptTokens({ batching, role, maxModelTokens }: Endpoint): number {
  const { policy, tokenBudget, paddedTokenLimit } = batching;
  const chunked = role !== "prefill" && (policy === "vllm-v1" || policy === "sarathi");
  return chunked ? tokenBudget : Math.max(tokenBudget, paddedTokenLimit, maxModelTokens);
}

/** The plane b D + c K under the use of all decode steps that is highest over the work: concave in c. */
function decodeFloor(
  { law, batching }: Endpoint,
  use: (sequences: number) => number,
  { steps, contextTokens }: Work,
): { readonly perStep: number; readonly perContextToken: number } {
  const { sequences, context, seconds } = corners(law, batching);
  const uses = seconds.map((value, i) => value * use(sequences[i]));
  const perStep = (c: number) => {
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < uses.length; i++) least = Math.min(least, (uses[i] - c * context[i]) / sequences[i]);
    return least;
  };
  let low = 0;
  let high = Math.max(...uses.map((value, i) => value / context[i]));
  for (let step = 0; step < SEARCH_STEPS; step++) {
    const [left, right] = [low + (high - low) / 3, high - (high - low) / 3];
    if (perStep(left) * steps + left * contextTokens < perStep(right) * steps + right * contextTokens)
      low = left;
    else high = right;
  }
  return { perStep: perStep(low), perContextToken: low };
}

/** Where the least of a linear function over decode steps may lie: breaks of the law, and the ends of K, for every D. */
function corners(law: Law, { maxRequests, kvBlocks, blockTokens }: Endpoint["batching"]) {
  const sequences: number[] = [];
  const context: number[] = [];
  const seconds: number[] = [];
  for (let d = 1; d <= maxRequests && d <= kvBlocks * blockTokens; d++) {
    // A decoding request holds at most one token more than its blocks do.
    const most = kvBlocks * blockTokens + d;
    const breaks = Array.from(law.bound.subarray(law.rowStart[d], law.rowStart[d + 1]));
    for (const K of [2 * d, most, ...breaks.filter((bound) => bound > 2 * d && bound < most)]) {
      sequences.push(d);
      context.push(K);
      seconds.push(law.decodeSeconds(d, K));
    }
  }
  return { sequences, context, seconds };
}

/** Idle power of what is always up, over the horizon, in joules and by intensity. */
function idleFloor(fleet: Fleet, horizonSeconds: number): { joules: number; grams: number } {
  let joules = 0;
  let grams = 0;
  for (const [index, endpoint] of fleet.endpoints.entries()) {
    const falls = fleet.faults.some(
      ({ endpoint: e, kind }) => e === index && (kind === "down" || kind === "notice"),
    );
    if (falls) continue;
    const watts = endpoint.minReplicas * (endpoint.law.idleWatts + endpoint.hostWattsPerReplica);
    joules += watts * horizonSeconds;
    grams += (watts * integral(fleet.regions[endpoint.region].carbon, horizonSeconds)) / JOULES_PER_KWH;
  }
  return { joules, grams };
}

/** Of a track's value over [0, end]. */
function integral({ times, values }: Track, end: number): number {
  let sum = 0;
  for (let i = 0; i < times.length; i++) {
    const from = i === 0 ? 0 : Math.max(0, times[i]);
    const to = i + 1 < times.length ? Math.min(end, times[i + 1]) : end;
    if (to > from) sum += values[i] * (to - from);
  }
  return sum;
}
