import type { Endpoint, Region } from "../fleet/fleet.ts";
import { litresPerItJoule } from "../fleet/water-use.ts";
import { CompensatedSum } from "../numeric/compensated-sum.ts";
import type { Track } from "../signal/series.ts";
import type { ReplicaWatcher } from "./options.ts";

/** Segments whose charges are added plainly before they go into the compensated sums: an error below 1e-12. */
const SEGMENTS_PER_FOLD = 4096;
const SUMS = [
  "busySeconds",
  "activeJoules",
  "activeGrams",
  "literalJoules",
  "literalGrams",
  "idleJoules",
  "idleGrams",
  "energyUsd",
] as const;

/** Joules in a kilowatt-hour. */
const JOULES_PER_KWH = 3.6e6;

/**
 * Energy, carbon and cost of one replica, by segments of constant power, and the running sums per decoding
 * request from which a request's share is a difference of two readings. Rules: simulation-rules.md section 10.
 */
export class Meter {
  /** Charges since the compensated sums were last brought up to date; after {@link close} those of the whole run. */
  activeJoules = 0;
  activeGrams = 0;
  /** The same with every member of a batch charged for the whole replica. */
  literalJoules = 0;
  literalGrams = 0;
  idleJoules = 0;
  idleGrams = 0;
  hostJoules = 0;
  hostGrams = 0;
  busySeconds = 0;
  energyUsd = 0;
  /** Sums over time of what one decoding request of the batch is charged. */
  joulesPerDecode = 0;
  gramsPerDecode = 0;
  usdPerDecode = 0;
  /** Charge of the segment measured last. */
  segmentJoules = 0;
  segmentGrams = 0;
  segmentUsd = 0;

  /** Water of a joule of active energy: it is linear in energy and needs no sum of its own. */
  readonly litresPerJoule: number;

  readonly #sums = SUMS.map(() => new CompensatedSum());
  #segments = 0;
  readonly #usdPerSecond: number;
  readonly #carbon: TrackCursor;
  readonly #hostCarbon: TrackCursor;
  readonly #price: TrackCursor | null;

  constructor(endpoint: Endpoint, region: Region) {
    this.#usdPerSecond = endpoint.usdPerReplicaHour / 3600;
    this.litresPerJoule = litresPerItJoule(region, 1);
    this.#carbon = new TrackCursor(region.carbon);
    this.#hostCarbon = new TrackCursor(region.carbon);
    this.#price = region.energyPrice === null ? null : new TrackCursor(region.energyPrice);
  }

  /** Charges the segment [from, to] at `watts`. Segments come in order of time. */
  busy(from: number, to: number, watts: number): void {
    const seconds = to - from;
    this.busySeconds += seconds;
    this.segmentUsd = seconds * this.#usdPerSecond;
    this.segmentJoules = watts * seconds;
    this.activeJoules += this.segmentJoules;
    this.segmentGrams = this.#carbon.charge(from, to, watts);
    this.activeGrams += this.segmentGrams;
    if (this.#price !== null) this.energyUsd += this.#price.charge(from, to, watts);
    if (++this.#segments >= SEGMENTS_PER_FOLD) this.#fold();
  }

  /** Charges each of the last segment's `members` for the whole replica: the literal reading of CAPS's eq. 3. */
  chargeLiterally(members: number): void {
    this.literalJoules += members * this.segmentJoules;
    this.literalGrams += members * this.segmentGrams;
  }

  /** Adds the last segment's charge to the sums of its `decoding` requests, in equal parts. */
  shareAmongDecoding(decoding: number): void {
    this.joulesPerDecode += this.segmentJoules / decoding;
    this.gramsPerDecode += this.segmentGrams / decoding;
    this.usdPerDecode += this.segmentUsd / decoding;
  }

  /** Charges the host's power over a time in which the replica was up. */
  host(from: number, to: number, watts: number): void {
    this.hostJoules += watts * (to - from);
    this.hostGrams += this.#hostCarbon.charge(from, to, watts);
  }

  idle(from: number, to: number, watts: number): void {
    this.idleJoules += watts * (to - from);
    this.idleGrams += this.#carbon.charge(from, to, watts);
    if (this.#price !== null) this.energyUsd += this.#price.charge(from, to, watts);
    if (++this.#segments >= SEGMENTS_PER_FOLD) this.#fold();
  }

  /** The run is over: the charges become those of the whole run. */
  close(): void {
    this.#fold();
    for (let i = 0; i < SUMS.length; i++) this[SUMS[i]] = this.#sums[i].value;
  }

  /** The sums per decoding request begin at 0 again; shares have been read off them. */
  restartShares(): void {
    this.joulesPerDecode = 0;
    this.gramsPerDecode = 0;
    this.usdPerDecode = 0;
  }

  #fold(): void {
    for (let i = 0; i < SUMS.length; i++) {
      this.#sums[i].add(this[SUMS[i]]);
      this[SUMS[i]] = 0;
    }
    this.#segments = 0;
  }
}

/** A meter that tells of every segment. */
export class WatchedMeter extends Meter {
  readonly #watcher: ReplicaWatcher;

  constructor(endpoint: Endpoint, region: Region, watcher: ReplicaWatcher) {
    super(endpoint, region);
    this.#watcher = watcher;
  }

  override busy(from: number, to: number, watts: number): void {
    super.busy(from, to, watts);
    this.#watcher.power(from, to, watts, true);
  }

  override idle(from: number, to: number, watts: number): void {
    super.idle(from, to, watts);
    this.#watcher.power(from, to, watts, false);
  }

  override host(from: number, to: number, watts: number): void {
    super.host(from, to, watts);
    this.#watcher.host(from, to, watts);
  }
}

/** Walks a track in order of time and prices energy by it, exactly over its steps. */
class TrackCursor {
  readonly #track: Track;
  #piece = 0;

  constructor(track: Track) {
    this.#track = track;
  }

  /** Energy of `watts` over [from, to] times the track's value per kWh. `from` never goes back. */
  charge(from: number, to: number, watts: number): number {
    const { times, values } = this.#track;
    let piece = this.#piece;
    while (piece + 1 < times.length && times[piece + 1] <= from) piece++;
    let sum = 0;
    let low = from;
    while (piece + 1 < times.length && times[piece + 1] < to) {
      const high = times[piece + 1];
      sum += (watts * (high - low) * values[piece]) / JOULES_PER_KWH;
      low = high;
      piece++;
    }
    this.#piece = piece;
    return sum + (watts * (to - low) * values[piece]) / JOULES_PER_KWH;
  }
}
