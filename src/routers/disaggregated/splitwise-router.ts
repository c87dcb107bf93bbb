import { z } from "zod";
import { defineRouter } from "../contract.ts";
import { PlacingRouter } from "../placing-router.ts";
import { decodePartners, ROLE } from "./phase-endpoints.ts";

const parameters = z.strictObject({
  pendingTokens: z
    .number()
    .positive()
    .default(8192)
    .describe("Prompt tokens that may wait at a replica before its pool refuses a prompt"),
  memoryFraction: z
    .number()
    .positive()
    .max(1)
    .default(1)
    .describe("Share of an endpoint's KV tokens that sequences may not reach"),
  retrySeconds: z
    .number()
    .positive()
    .default(0.1)
    .describe("Seconds between two tries at requests that no endpoint took"),
});

/**
 * Splitwise (Patel et al., ISCA 2024) request by request, after the mixed-pool rule of its simulator
 * (`scheduler.py`): endpoints of role `prefill` are the prompt pool, `decode` the token pool, `mixed` the mixed one.
 *
 * A request goes to the region with most joint room for both phases, min(prompts, sequences), the nearer of equals. There
 * the prompt goes to the prompt endpoint with fewest pending tokens, unless its queue is not empty and would exceed the
 * limit, and the sequence to the token endpoint with least memory, unless that would be full. Where either pool
 * refuses, a mixed endpoint does both by the same rules; where that refuses too, the fewest pending tokens and the
 * least memory win, whatever the limits. Roles are the fleet's and do not change.
 */
class SplitwiseRouter extends PlacingRouter {
  override readonly needs = { telemetry: true };
  readonly #options: z.output<typeof parameters>;
  #partners!: readonly Int32Array[];
  /** Regions, the nearest first. */
  #regions!: Int32Array;
  /** Of each region, for the request in hand: requests whose prompt, and whose sequence, there is room for. */
  #promptRoom!: Float64Array;
  #tokenRoom!: Float64Array;
  #regionTried!: Uint8Array;
  #decode = -1;

  constructor(options: z.output<typeof parameters>) {
    super({ queue: "arrival", retrySeconds: options.retrySeconds });
    this.#options = options;
  }

  protected override startsAt(role: number): boolean {
    return role !== ROLE.decode;
  }

  protected override decodesAt(): number {
    return this.#decode;
  }

  protected override prepare(): void {
    const { endpoints, signals } = this.world;
    this.#partners = decodePartners("splitwise", endpoints);
    const near = signals.regions.map(() => Number.POSITIVE_INFINITY);
    for (let e = 0; e < endpoints.count; e++) {
      const r = endpoints.region[e];
      near[r] = Math.min(near[r], endpoints.roundTripSeconds[e]);
    }
    this.#regions = Int32Array.from(near.keys()).sort((a, b) => near[a] - near[b] || a - b);
    this.#promptRoom = new Float64Array(near.length);
    this.#tokenRoom = new Float64Array(near.length);
    this.#regionTried = new Uint8Array(near.length);
  }

  protected override pick(request: number): number {
    this.#measureRooms(request);
    this.#regionTried.fill(0);
    for (let tried = 0; tried < this.#regions.length; tried++) {
      const region = this.#roomiest();
      this.#regionTried[region] = 1;
      const found = this.#within(request, region);
      if (found >= 0) return found;
    }
    return -1;
  }

  protected override reason(request: number, endpoint: number): string {
    const { names } = this.world.endpoints;
    const candidates = this.candidatesOf(request);
    for (let i = 0; i < candidates.length; i++)
      this.explained[candidates[i]] = this.world.telemetry.queuedPrefillTokens[candidates[i]];
    return this.#decode < 0
      ? `${names[endpoint]} has the fewest pending tokens of its pool and serves both phases`
      : `${names[endpoint]} has the fewest pending tokens of its pool, ${names[this.#decode]} the least memory`;
  }

  #measureRooms(request: number): void {
    const { endpoints, telemetry, meanPromptTokens, meanOutputTokens } = this.world;
    const { pendingTokens } = this.#options;
    const needsLarge = this.world.requests.needsLarge[request] === 1;
    this.#promptRoom.fill(0);
    this.#tokenRoom.fill(0);
    for (let e = 0; e < endpoints.count; e++) {
      if (telemetry.up[e] === 0 || (needsLarge && endpoints.large[e] === 0)) continue;
      const region = endpoints.region[e];
      const replicas = telemetry.replicas[e];
      if (endpoints.role[e] !== ROLE.decode) {
        const left = Math.max(0, pendingTokens * replicas - telemetry.queuedPrefillTokens[e]);
        this.#promptRoom[region] += left / meanPromptTokens;
      }
      if (endpoints.role[e] !== ROLE.prefill) {
        const left = Math.max(0, endpoints.kvTokens[e] * replicas - telemetry.outstandingTokens[e]);
        this.#tokenRoom[region] += left / (meanPromptTokens + meanOutputTokens);
      }
    }
  }

  /** The region with most joint room of those not tried; regions without any come last. */
  #roomiest(): number {
    let best = -1;
    let most = -1;
    for (let i = 0; i < this.#regions.length; i++) {
      const region = this.#regions[i];
      if (this.#regionTried[region] === 1) continue;
      const room = Math.min(this.#promptRoom[region], this.#tokenRoom[region]);
      if (room > most) {
        most = room;
        best = region;
      }
    }
    return best;
  }

  #within(request: number, region: number): number {
    for (let strict = 1; strict >= 0; strict--) {
      const prompt = this.#leastPending(request, region, ROLE.prefill, strict);
      if (prompt >= 0) {
        this.#decode = this.#leastMemory(request, prompt, strict);
        if (this.#decode >= 0) return prompt;
      }
      this.#decode = -1;
      const mixed = this.#leastPending(request, region, ROLE.mixed, strict);
      if (mixed >= 0) return mixed;
    }
    return -1;
  }

  /** @param strict 1 where a queue that would exceed the limit refuses */
  #leastPending(request: number, region: number, role: number, strict: number): number {
    const { endpoints, telemetry, requests } = this.world;
    const candidates = this.candidatesOf(request);
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      if (endpoints.role[e] !== role || endpoints.region[e] !== region) continue;
      if (telemetry.up[e] === 0 || this.blocked[e] === 1) continue;
      const pending = telemetry.queuedPrefillTokens[e];
      const limit = this.#options.pendingTokens * telemetry.replicas[e];
      if (strict === 1 && pending > 0 && pending + requests.promptTokens[request] > limit) continue;
      if (strict === 1 && role === ROLE.mixed && this.#isFull(request, e)) continue;
      if (pending >= least) continue;
      least = pending;
      best = e;
    }
    return best;
  }

  #leastMemory(request: number, prompt: number, strict: number): number {
    const { telemetry } = this.world;
    const partners = this.#partners[prompt];
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < partners.length; i++) {
      const d = partners[i];
      if (telemetry.up[d] === 0 || (strict === 1 && this.#isFull(request, d))) continue;
      if (telemetry.outstandingTokens[d] >= least) continue;
      least = telemetry.outstandingTokens[d];
      best = d;
    }
    return best;
  }

  #isFull(request: number, e: number): boolean {
    const { endpoints, telemetry, requests } = this.world;
    const limit = this.#options.memoryFraction * endpoints.kvTokens[e] * telemetry.replicas[e];
    return telemetry.outstandingTokens[e] + requests.promptTokens[request] >= limit;
  }
}

export const splitwise = defineRouter({
  id: "splitwise",
  family: "marlin",
  group: "baseline",
  status: "adapted",
  source: "Splitwise, ISCA '24, and its simulator's mixed-pool rule",
  summary:
    "Prompts to the least pending prefill endpoint, sequences to the decode endpoint with least memory",
  parameters,
  create: (values: z.output<typeof parameters>) => new SplitwiseRouter(values),
});
