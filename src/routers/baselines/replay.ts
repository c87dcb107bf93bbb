import { z } from "zod";
import { UserError } from "../../errors.ts";
import { defineRouter } from "../contract.ts";
import { PlacingRouter } from "../placing-router.ts";
import { retrySecondsParameter } from "./parameters.ts";

/**
 * Places every request where the trace says it went. While that endpoint is down or full the request waits for it:
 * another endpoint would be no replay.
 */
export class ReplayRouter extends PlacingRouter {
  override readonly needs = {};

  constructor(parameters: { readonly retrySeconds: number }) {
    super({ queue: "arrival", retrySeconds: parameters.retrySeconds });
  }

  protected override get kindCount(): number {
    return this.world.endpoints.count;
  }

  protected override kindOf(request: number): number {
    const { requests, endpoints } = this.world;
    const endpoint = requests.recordedEndpoint[request];
    if (endpoint < 0) {
      throw new UserError(
        "CANOPY_REPLAY_UNRECORDED",
        `router replay: the request that arrives at ${requests.arrivalSeconds[request]} s names no endpoint, expected a trace with an endpoint column filled in every row`,
      );
    }
    if (endpoints.role[endpoint] !== 0 || endpoints.large[endpoint] < requests.needsLarge[request]) {
      throw new UserError(
        "CANOPY_REPLAY_INADMISSIBLE",
        `router replay: the request that arrives at ${requests.arrivalSeconds[request]} s was recorded at ${endpoints.names[endpoint]}, which may not serve it (${endpoints.role[endpoint] !== 0 ? "it does not both prefill and decode" : "it needs the large model"})`,
      );
    }
    return endpoint;
  }

  protected override pick(request: number): number {
    const endpoint = this.world.requests.recordedEndpoint[request];
    return this.blocked[endpoint] === 1 ? -1 : endpoint;
  }

  protected override reason(_request: number, endpoint: number): string {
    return `recorded at ${this.world.endpoints.names[endpoint]}`;
  }
}

const parameters = z.strictObject({ retrySeconds: retrySecondsParameter });

export const replay = defineRouter({
  id: "replay",
  family: "production",
  group: "reference",
  status: "ours",
  source: "The endpoint column of the trace",
  summary: "Every request goes where the trace recorded it",
  parameters,
  create: (values: z.output<typeof parameters>) => new ReplayRouter(values),
});
