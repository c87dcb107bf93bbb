import type { World } from "../contract.ts";

/**
 * Which endpoints have room for another request. Where the host caps an endpoint's outstanding requests at the batch
 * or below, it says so itself, exactly: it refuses a placement, and calls `capacity` later. Elsewhere telemetry has
 * to do, so that a freed place is seen one snapshot late.
 */
export class Rooms {
  /** Whether some endpoint has to be looked at again from time to time. */
  readonly polls: boolean;
  readonly #world: World;
  /** Outstanding requests of one replica at which an endpoint takes no more. */
  readonly #perReplica: Float64Array;
  /** 1 where the host's cap is the batch or less. */
  readonly #exact: Uint8Array;
  /** 1 where the host has refused a placement since it last said that there is room. */
  readonly #refused: Uint8Array;
  #anyRefused = false;

  /** @param largestBatch outstanding requests of a replica, by endpoint; at most its cap on running requests counts */
  constructor(world: World, largestBatch: (endpoint: number) => number) {
    const { count, maxRequests, maxOutstanding, role } = world.endpoints;
    this.#world = world;
    this.#perReplica = Float64Array.from({ length: count }, (_, e) =>
      Math.min(maxRequests[e], largestBatch(e)),
    );
    this.#exact = Uint8Array.from({ length: count }, (_, e) =>
      maxOutstanding[e] <= this.#perReplica[e] * world.telemetry.replicas[e] ? 1 : 0,
    );
    this.#refused = new Uint8Array(count);
    this.polls = this.#exact.some((exact, e) => exact === 0 && role[e] === 0);
  }

  has(endpoint: number): boolean {
    const { up, outstanding, replicas } = this.#world.telemetry;
    if (up[endpoint] === 0 || this.#refused[endpoint] === 1) return false;
    if (this.#exact[endpoint] === 1) return true;
    return outstanding[endpoint] < this.#perReplica[endpoint] * Math.max(1, replicas[endpoint]);
  }

  /** The host has refused a placement. */
  refuse(endpoint: number): void {
    this.#refused[endpoint] = 1;
    this.#anyRefused = true;
  }

  /** The host says that there is room, or that the endpoint is another than it was. */
  free(endpoint: number): void {
    this.#refused[endpoint] = 0;
  }

  /** Forgets all refusals: nobody watched meanwhile, or it is time to try again. */
  forget(): void {
    if (!this.#anyRefused) return;
    this.#refused.fill(0);
    this.#anyRefused = false;
  }

  /**
   * The endpoint with the fewest outstanding requests per replica among those that are up, may serve the request and
   * have room; ties to the lower index. -1 for none.
   */
  leastOutstanding(candidates: Int32Array, needsLarge: number, anyRoom: boolean): number {
    const { up, outstanding, replicas } = this.#world.telemetry;
    const { large } = this.#world.endpoints;
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      if (up[e] === 0 || large[e] < needsLarge || !(anyRoom || this.has(e))) continue;
      // One without a serving replica looks idle and is asked last.
      const load = replicas[e] > 0 ? outstanding[e] / replicas[e] : Number.MAX_VALUE;
      if (load >= least) continue;
      least = load;
      best = e;
    }
    return best;
  }
}
