import { z } from "zod";
import { defineRouter } from "../contract.ts";
import { SessionTable } from "../ingress/session-table.ts";
import { leastLoadedOf } from "../least-load.ts";
import { PlacingRouter } from "../placing-router.ts";
import { retrySecondsParameter } from "./parameters.ts";

export interface PrefixAffinityParameters {
  readonly overloadFactor: number;
  readonly overloadTokens: number;
  readonly sessions: number;
  readonly retrySeconds: number;
}

/**
 * A session's next step goes where its last one went, so that the endpoint can reuse the prefix in its KV cache,
 * unless that endpoint is overloaded: more outstanding tokens than `overloadFactor` times those of the least
 * loaded, and more than `overloadTokens` above them. New sessions, and requests without one, go to the fewest
 * outstanding tokens. The rule of the cache-aware policies of SGLang's and vLLM's routers.
 */
export class PrefixAffinityRouter extends PlacingRouter {
  override readonly needs = { telemetry: true };
  readonly #parameters: PrefixAffinityParameters;
  #sessions!: SessionTable;

  constructor(parameters: PrefixAffinityParameters) {
    super({ queue: "arrival", retrySeconds: parameters.retrySeconds });
    this.#parameters = parameters;
  }

  protected override prepare(): void {
    this.#sessions = new SessionTable(this.#parameters.sessions);
  }

  protected override pick(request: number): number {
    const { telemetry, requests, endpoints } = this.world;
    const least = leastLoadedOf(telemetry, "tokens", this.candidatesOf(request), this.blocked);
    if (least < 0 || requests.session[request] < 0) return least;
    const home = this.#sessions.find(requests.session, request);
    let chosen = least;
    if (home >= 0 && telemetry.up[home] === 1 && this.blocked[home] === 0 && telemetry.replicas[home] > 0) {
      const fits = endpoints.large[home] >= requests.needsLarge[request];
      if (fits && !this.#isOverloaded(home, least)) chosen = home;
    }
    this.#sessions.set(requests.session, request, chosen);
    return chosen;
  }

  #isOverloaded(home: number, least: number): boolean {
    const { outstandingTokens } = this.world.telemetry;
    const { overloadFactor, overloadTokens } = this.#parameters;
    const load = outstandingTokens[home];
    const smallest = outstandingTokens[least];
    return load > overloadFactor * smallest && load - smallest > overloadTokens;
  }

  protected override reason(request: number, endpoint: number): string {
    const { telemetry, endpoints } = this.world;
    for (const e of this.candidatesOf(request)) {
      if (telemetry.up[e] === 1) this.explained[e] = telemetry.outstandingTokens[e];
    }
    return `session's last endpoint, or fewest outstanding tokens: ${endpoints.names[endpoint]}`;
  }
}

const parameters = z.strictObject({
  overloadFactor: z
    .number()
    .min(1)
    .default(1.5)
    .describe("An endpoint is overloaded above this many times the outstanding tokens of the least loaded"),
  overloadTokens: z
    .number()
    .nonnegative()
    .default(16384)
    .describe("An endpoint is overloaded only with this many tokens more than the least loaded"),
  sessions: z
    .number()
    .int()
    .positive()
    .max(2 ** 24)
    .default(65536)
    .describe("Sessions to remember; the one used longest ago is forgotten first"),
  retrySeconds: retrySecondsParameter,
});

export const prefixAffinity = defineRouter({
  id: "prefix-affinity",
  family: "production",
  group: "baseline",
  status: "ours",
  source: "Cache-aware load balancing of the SGLang and vLLM production routers, reduced to sessions",
  summary: "A session stays where it was, unless overloaded; new ones go to the fewest outstanding tokens",
  parameters,
  create: (values: PrefixAffinityParameters) => new PrefixAffinityRouter(values),
});
