import { z } from "zod";
import { defineRouter } from "../contract.ts";
import { PlacingRouter } from "../placing-router.ts";
import { RandomIndex } from "../random-index.ts";
import { retrySecondsParameter } from "./parameters.ts";

/**
 * Two endpoints drawn at random, the one with fewer outstanding tokens (ties: lower index) takes the request
 * (Mitzenmacher 2001). A drawn endpoint that is down or refuses leaves the place to the other; when both do, the
 * draw is repeated among those that are left.
 */
export class PowerOfTwoRouter extends PlacingRouter {
  override readonly needs = { telemetry: true };
  /** Candidates that are up and have not refused. */
  #open!: Int32Array;
  #random!: RandomIndex;

  constructor(parameters: { readonly retrySeconds: number }) {
    super({ queue: "arrival", retrySeconds: parameters.retrySeconds });
  }

  protected override prepare(): void {
    this.#open = new Int32Array(this.world.endpoints.count);
    this.#random = new RandomIndex(this.world.random);
  }

  protected override pick(request: number): number {
    const candidates = this.candidatesOf(request);
    const chosen = this.#draw(candidates, candidates.length);
    return chosen >= 0 ? chosen : this.#draw(this.#open, this.#fillOpen(candidates));
  }

  /** The better of two different entries among the first `count`; -1 when neither is open. */
  #draw(among: Int32Array, count: number): number {
    if (count === 0) return -1;
    const i = this.#random.below(count);
    let j = i;
    if (count > 1) {
      j = this.#random.below(count - 1);
      if (j >= i) j++;
    }
    return this.#better(among[Math.min(i, j)], among[Math.max(i, j)]);
  }

  #better(a: number, b: number): number {
    const { up, outstandingTokens, replicas } = this.world.telemetry;
    const openA = up[a] === 1 && this.blocked[a] === 0;
    const openB = up[b] === 1 && this.blocked[b] === 0;
    if (!openA || !openB) return openA ? a : openB ? b : -1;
    // An endpoint without a serving replica is idle, and no choice while the other serves.
    if (replicas[b] === 0) return a;
    return replicas[a] === 0 || outstandingTokens[b] < outstandingTokens[a] ? b : a;
  }

  #fillOpen(candidates: Int32Array): number {
    const { up } = this.world.telemetry;
    let count = 0;
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      if (up[e] === 1 && this.blocked[e] === 0) this.#open[count++] = e;
    }
    return count;
  }

  protected override reason(request: number, endpoint: number): string {
    const { telemetry, endpoints } = this.world;
    for (const e of this.candidatesOf(request)) {
      if (telemetry.up[e] === 1) this.explained[e] = telemetry.outstandingTokens[e];
    }
    return `fewer outstanding tokens of two drawn: ${endpoints.names[endpoint]}`;
  }
}

const parameters = z.strictObject({ retrySeconds: retrySecondsParameter });

export const powerOfTwo = defineRouter({
  id: "power-of-two",
  family: "production",
  group: "baseline",
  status: "ours",
  source: "Mitzenmacher 2001, The Power of Two Choices in Randomized Load Balancing",
  summary: "Of two endpoints drawn at random, the one with fewer outstanding tokens",
  parameters,
  create: (values: z.output<typeof parameters>) => new PowerOfTwoRouter(values),
});
