import { suggestion, UserError } from "../errors.ts";
import type { Stream } from "../numeric/random.ts";
import { expectNotNegative, expectParameter, expectShares } from "./check.ts";
import type { Distribution } from "./distribution.ts";
import type { Tier } from "./requests.ts";

/** A tier and the part of the requests that belongs to it. */
export interface TierShare extends Tier {
  readonly share: number;
}

/** A kind of task and the part of the requests that is of it. */
export interface TaskTypeShare {
  readonly name: string;
  readonly share: number;
  /** Lengths of its requests, where they are others than the workload's. */
  readonly prompt?: Distribution;
  readonly output?: Distribution;
  /** How much longer its outputs are, in any unit: what `outputFeatures` takes of a task type. Default 0. */
  readonly outputEffect?: number;
}

/**
 * Which requests only a large model may serve (CEDAR's quality floors): a named set of {@link FLOORS}, or the
 * share of each tier's requests by tier name (a tier left out has 0).
 */
export type Floors = string | Readonly<Record<string, number>>;

/** The tier of requests that have none: no objective, never delayed on purpose. */
export const DEFAULT_TIER: Tier = {
  name: "default",
  sloSeconds: Number.POSITIVE_INFINITY,
  deferrable: false,
};

/** CEDAR's tiers: objectives and shares of its evaluation. */
export const CEDAR_TIERS: readonly TierShare[] = [
  { name: "HIGH", sloSeconds: 0.5, deferrable: false, share: 0.3 },
  { name: "MED", sloSeconds: 2, deferrable: false, share: 0.3 },
  { name: "LOW", sloSeconds: 5, deferrable: true, share: 0.4 },
];

/** Named floors. `paper` and `mixed` are for tiers named as CEDAR's. */
export const FLOORS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  paper: { HIGH: 1, MED: 1, LOW: 0 },
  mixed: { HIGH: 0, MED: 1, LOW: 0.5 },
  off: {},
  "all-large": {},
};

/** Throws `CANOPY_WORKLOAD_PARAMETER` or `CANOPY_WORKLOAD_SHARES`. */
export function checkTiers(tiers: readonly TierShare[], where = "tiers"): void {
  const names = tiers.map((tier) => tier.name);
  expectShares(
    tiers.map((tier) => tier.share),
    names,
    where,
  );
  expectParameter(tiers.length <= 255, where, "at most 255 tiers", tiers.length);
  for (const tier of tiers) checkTier(tier, `${where}.${tier.name}`);
  expectParameter(new Set(names).size === names.length, where, "different names", names.join(", "));
}

export function checkTier(tier: Tier, where: string): void {
  expectParameter(tier.name.length > 0, `${where}.name`, "a name", tier.name);
  expectParameter(tier.sloSeconds > 0, `${where}.sloSeconds`, "a positive number", tier.sloSeconds);
  if (tier.deferralSeconds !== undefined) expectNotNegative(tier.deferralSeconds, `${where}.deferralSeconds`);
}

/** Share of requests that need a large model, by tier index. Throws `CANOPY_WORKLOAD_FLOORS`. */
export function resolveFloors(floors: Floors | undefined, tiers: readonly Tier[]): Float64Array {
  const names = tiers.map((tier) => tier.name);
  if (floors === undefined || floors === "off") return new Float64Array(tiers.length);
  if (floors === "all-large") return new Float64Array(tiers.length).fill(1);
  const byTier = typeof floors === "string" ? FLOORS[floors] : floors;
  if (byTier === undefined) {
    throw new UserError(
      "CANOPY_WORKLOAD_FLOORS",
      `workload: floors "${floors}" is not known${suggestion(String(floors), Object.keys(FLOORS))}`,
    );
  }
  for (const [name, share] of Object.entries(byTier)) {
    if (!names.includes(name)) {
      throw new UserError(
        "CANOPY_WORKLOAD_FLOORS",
        `workload: floors names the tier "${name}", which does not exist${suggestion(name, names)}`,
      );
    }
    expectNotNegative(share, `floors.${name}`);
    expectParameter(share <= 1, `floors.${name}`, "a share in [0, 1]", share);
  }
  return Float64Array.from(names, (name) => byTier[name] ?? 0);
}

/** Draws indices with given probabilities; no draw is made when only one index is possible. */
export class ShareSampler {
  readonly #stream: Stream;
  /** Upper ends of the indices' ranges of a 32-bit draw. */
  readonly #ends: Float64Array;
  /** The only possible index, or -1. */
  readonly #only: number;

  constructor(shares: readonly number[], stream: Stream) {
    this.#stream = stream;
    let total = 0;
    this.#ends = Float64Array.from(shares, (share) => (total += share * 4294967296));
    // Sums such as 0.3 + 0.3 + 0.4 may end below 1: the last index with a share takes the rest.
    let last = shares.length - 1;
    while (last > 0 && shares[last] === 0) last--;
    this.#ends.fill(Number.POSITIVE_INFINITY, last);
    this.#only = shares.filter((share) => share > 0).length === 1 ? last : -1;
  }

  next(): number {
    if (this.#only >= 0) return this.#only;
    const ends = this.#ends;
    const draw = this.#stream.uint32();
    let index = 0;
    while (draw >= ends[index]) index++;
    return index;
  }

  fill(out: Uint8Array, count: number): void {
    for (let i = 0; i < count; i++) out[i] = this.next();
  }
}

/** {@link ShareSampler} whose shares change at given times; one draw a request whatever they are. */
export class ChangingShareSampler {
  readonly #stream: Stream;
  readonly #fromSeconds: readonly number[];
  readonly #ends: readonly Float64Array[];
  #piece = 0;

  /** @param pieces shares from a time on, the first from 0; times rise */
  constructor(
    pieces: readonly { readonly fromSeconds: number; readonly shares: readonly number[] }[],
    stream: Stream,
  ) {
    this.#stream = stream;
    this.#fromSeconds = pieces.map(({ fromSeconds }) => fromSeconds);
    this.#ends = pieces.map(({ shares }) => {
      let total = 0;
      const ends = Float64Array.from(shares, (share) => (total += share * 4294967296));
      let last = shares.length - 1;
      while (last > 0 && shares[last] === 0) last--;
      return ends.fill(Number.POSITIVE_INFINITY, last);
    });
  }

  /** @param arrivalSeconds of the requests, rising from call to call */
  fill(out: Uint8Array, arrivalSeconds: Float64Array, count: number): void {
    for (let i = 0; i < count; i++) {
      while (
        this.#piece + 1 < this.#fromSeconds.length &&
        arrivalSeconds[i] >= this.#fromSeconds[this.#piece + 1]
      ) {
        this.#piece++;
      }
      const ends = this.#ends[this.#piece];
      const draw = this.#stream.uint32();
      let index = 0;
      while (draw >= ends[index]) index++;
      out[i] = index;
    }
  }
}

/** Draws whether a request needs a large model, given its tier: one draw a request whatever the shares. */
export class FloorSampler {
  readonly #stream: Stream;
  readonly #ends: Float64Array;
  readonly #certain: boolean;

  /** `shares` by tier index. */
  constructor(shares: Float64Array, stream: Stream) {
    this.#stream = stream;
    this.#ends = shares.map((share) => share * 4294967296);
    this.#certain = shares.every((share) => share === 0 || share === 1);
  }

  next(tier: number): number {
    if (this.#certain) return this.#ends[tier] > 0 ? 1 : 0;
    return this.#stream.uint32() < this.#ends[tier] ? 1 : 0;
  }

  fill(out: Uint8Array, tiers: Uint8Array, count: number): void {
    for (let i = 0; i < count; i++) out[i] = this.next(tiers[i]);
  }
}
