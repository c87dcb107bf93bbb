import { z } from "zod";
import { defineRouter } from "../contract.ts";
import { PlacingRouter } from "../placing-router.ts";
import { retrySecondsParameter } from "./parameters.ts";

/**
 * One counter over the endpoints in listed order, blind to tier and load; endpoints that may not serve the request
 * are stepped over, those that refuse it too (CEDAR section 4, Baselines; CAPS section 5, Baselines, as `rr`).
 */
export class RoundRobinRouter extends PlacingRouter {
  override readonly needs = {};
  /** Endpoint at which the next search starts. */
  #next = 0;

  constructor(parameters: { readonly retrySeconds: number }) {
    super({ queue: "arrival", retrySeconds: parameters.retrySeconds });
  }

  protected override prepare(): void {
    this.#next = 0;
  }

  protected override pick(request: number): number {
    const { count, role, large } = this.world.endpoints;
    const needsLarge = this.world.requests.needsLarge[request];
    let endpoint = this.#next;
    for (let tried = 0; tried < count; tried++) {
      const next = endpoint + 1 === count ? 0 : endpoint + 1;
      if (role[endpoint] === 0 && large[endpoint] >= needsLarge && this.blocked[endpoint] === 0) {
        this.#next = next;
        return endpoint;
      }
      endpoint = next;
    }
    return -1;
  }

  protected override reason(_request: number, endpoint: number): string {
    return `the turn of ${this.world.endpoints.names[endpoint]}`;
  }
}

const parameters = z.strictObject({ retrySeconds: retrySecondsParameter });

export const roundRobin = defineRouter({
  id: "round-robin",
  aliases: ["rr"],
  family: "cedar",
  group: "baseline",
  status: "as specified",
  source: "CEDAR, section 4, Baselines; CAPS, section 5, Baselines (RR)",
  summary: "One counter over the endpoints in listed order",
  parameters,
  create: (values: z.output<typeof parameters>) => new RoundRobinRouter(values),
});
