import { suggestion, UserError } from "../../errors.ts";
import type { World } from "../contract.ts";
import type { EnergyParameters } from "./parameters.ts";

const JOULES_PER_WATT_HOUR = 3600;
const JOULES_PER_KILOWATT_HOUR = 3.6e6;

/**
 * Energy and carbon of a request at each endpoint (specification gar.md section 3):
 *
 *     E = fixed + prompt * tokens + output * expected outputs,   carbon = E * PUE * intensity
 *
 * From the profile: prefill power over prefill rate, and the power of a batch times its step over its size, at
 * `referenceBatch` and the workload's mean context; nothing fixed. Or from the `energy` parameter.
 */
export class EnergyEstimate {
  /** Joules: fixed, of a prompt token, of an output token. By endpoint. */
  readonly fixed: Float64Array;
  readonly prompt: Float64Array;
  readonly output: Float64Array;
  /** Grams of CO2 of a joule at the intensity fetched last. By endpoint. */
  readonly gramsPerJoule: Float64Array;
  readonly #world: World;
  /** By region. */
  readonly #pue: Float64Array;

  /** @throws UserError `CANOPY_ROUTER_POWER` (a profile without power), `CANOPY_ROUTER_PARAMETER` (unknown names) */
  constructor(world: World, router: string, parameters: EnergyParameters) {
    const { endpoints, models, signals } = world;
    const { energy, pue, referenceBatch } = parameters;
    this.#world = world;
    this.fixed = new Float64Array(endpoints.count);
    this.prompt = new Float64Array(endpoints.count);
    this.output = new Float64Array(endpoints.count);
    this.gramsPerJoule = new Float64Array(endpoints.count);
    expectNames(router, "energy", "model", Object.keys(energy), models);
    if (typeof pue !== "number") expectNames(router, "pue", "region", Object.keys(pue), signals.regions);
    this.#pue = Float64Array.from(signals.regions, (region) =>
      typeof pue === "number" ? pue : (pue[region] ?? 1),
    );
    const context = world.meanPromptTokens + world.meanOutputTokens / 2;
    for (let e = 0; e < endpoints.count; e++) {
      const model = models[endpoints.model[e]];
      const given = Object.hasOwn(energy, model) ? energy[model] : undefined;
      if (given !== undefined) {
        this.fixed[e] = JOULES_PER_WATT_HOUR * given.fixedWh;
        this.prompt[e] = JOULES_PER_WATT_HOUR * given.promptTokenWh;
        this.output[e] = JOULES_PER_WATT_HOUR * given.outputTokenWh;
        continue;
      }
      const law = endpoints.law[e];
      if (!law.hasPower) {
        throw new UserError(
          "CANOPY_ROUTER_POWER",
          `router ${router}: the profile of ${endpoints.names[e]} has no power, expected one with power, or the parameter energy for ${model}`,
        );
      }
      const batch = Math.min(referenceBatch, law.maxSequences, endpoints.maxRequests[e]);
      this.prompt[e] = law.prefillWatts / law.prefillTokensPerSecond;
      this.output[e] = (law.decodeWatts[batch] * law.decodeSeconds(batch, batch * context)) / batch;
    }
    this.refresh();
  }

  /** Takes the intensities fetched last. */
  refresh(): void {
    const { endpoints, signals } = this.#world;
    for (let e = 0; e < endpoints.count; e++) {
      this.gramsPerJoule[e] = this.gramsPerJouleAt(e, signals.carbon[endpoints.region[e]]);
    }
  }

  /** Grams of a joule at an endpoint under an intensity in g/kWh. */
  gramsPerJouleAt(endpoint: number, intensity: number): number {
    return (this.#pue[this.#world.endpoints.region[endpoint]] * intensity) / JOULES_PER_KILOWATT_HOUR;
  }

  joules(endpoint: number, tokens: number, outputs: number): number {
    return this.fixed[endpoint] + this.prompt[endpoint] * tokens + this.output[endpoint] * outputs;
  }
}

function expectNames(
  router: string,
  parameter: string,
  kind: string,
  given: readonly string[],
  known: readonly string[],
): void {
  for (const name of given) {
    if (known.includes(name)) continue;
    throw new UserError(
      "CANOPY_ROUTER_PARAMETER",
      `router ${router}: parameter ${parameter} names the ${kind} "${name}", which the fleet does not have${suggestion(name, known)}`,
    );
  }
}
