import { z } from "zod";
import { suggestion, UserError } from "../../errors.ts";
import { defineRouter } from "../contract.ts";
import { PlacingRouter } from "../placing-router.ts";
import { SmoothWeightedRoundRobin } from "../weighted-round-robin.ts";
import { retrySecondsParameter } from "./parameters.ts";

export interface RegionalSplitParameters {
  readonly by: "region" | "group";
  readonly shares: Readonly<Record<string, number>>;
  readonly retrySeconds: number;
}

/**
 * Static shares of the requests for each region (or region/model group), as of weighted DNS: smooth weighted round
 * robin over the zones, then the endpoint with the fewest outstanding requests inside (ties by tokens, then index).
 * A zone that cannot take a request is left out of that turn; zones without a share are used only when no other is
 * open.
 */
export class RegionalSplitRouter extends PlacingRouter {
  override readonly needs = { telemetry: true };
  readonly #parameters: RegionalSplitParameters;
  #zoneOf!: Int32Array;
  #robin!: SmoothWeightedRoundRobin;
  /** Best endpoint of each zone for the request in hand, -1 for none, and whether there is one. */
  #best!: Int32Array;
  #open!: Uint8Array;
  /** Zone whose turn it is, -1 when the turn was nobody's. */
  #turn = -1;

  constructor(parameters: RegionalSplitParameters) {
    super({ queue: "arrival", retrySeconds: parameters.retrySeconds });
    this.#parameters = parameters;
  }

  protected override prepare(): void {
    const { by, shares } = this.#parameters;
    const names = by === "region" ? this.world.signals.regions : this.world.groups;
    for (const name of Object.keys(shares)) {
      if (names.includes(name)) continue;
      throw new UserError(
        "CANOPY_ROUTER_PARAMETER",
        `router regional-split: parameter shares names the ${by} "${name}", which the fleet does not have${suggestion(name, names)}`,
      );
    }
    const given = Object.keys(shares).length > 0;
    this.#robin = new SmoothWeightedRoundRobin(names.map((name) => (given ? (shares[name] ?? 0) : 1)));
    this.#zoneOf = by === "region" ? this.world.endpoints.region : this.world.endpoints.group;
    this.#best = new Int32Array(names.length);
    this.#open = new Uint8Array(names.length);
  }

  protected override pick(request: number): number {
    const { telemetry } = this.world;
    const { up, replicas, outstanding, outstandingTokens: tokens } = telemetry;
    const candidates = this.candidatesOf(request);
    this.#best.fill(-1);
    this.#open.fill(0);
    let anywhere = -1;
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      if (up[e] === 0 || this.blocked[e] === 1 || replicas[e] === 0) continue;
      const zone = this.#zoneOf[e];
      const best = this.#best[zone];
      const better =
        best < 0 ||
        outstanding[e] < outstanding[best] ||
        (outstanding[e] === outstanding[best] && tokens[e] < tokens[best]);
      if (better) this.#best[zone] = e;
      this.#open[zone] = 1;
      if (anywhere < 0 || outstanding[e] < outstanding[anywhere]) anywhere = e;
    }
    this.#turn = this.#robin.peek(this.#open);
    return this.#turn >= 0 ? this.#best[this.#turn] : anywhere;
  }

  protected override placed(): void {
    if (this.#turn >= 0) this.#robin.take(this.#turn, this.#open);
  }

  protected override reason(request: number, endpoint: number): string {
    const { telemetry, endpoints } = this.world;
    for (const e of this.candidatesOf(request)) {
      if (telemetry.up[e] === 1) this.explained[e] = telemetry.outstanding[e];
    }
    return `the turn of its ${this.#parameters.by}, fewest outstanding requests there: ${endpoints.names[endpoint]}`;
  }
}

const parameters = z.strictObject({
  by: z
    .enum(["region", "group"])
    .default("region")
    .describe("What the shares are of: regions or region/model groups"),
  shares: z
    .record(z.string(), z.number().nonnegative())
    .default({})
    .describe("Share of each region or group by name, of any sum; none given: equal shares; not named: 0"),
  retrySeconds: retrySecondsParameter,
});

export const regionalSplit = defineRouter({
  id: "regional-split",
  family: "production",
  group: "baseline",
  status: "ours",
  source: "Weighted DNS or a global load balancer with static weights",
  summary: "Static shares per region, the fewest outstanding requests inside",
  parameters,
  create: (values: RegionalSplitParameters) => new RegionalSplitRouter(values),
});
