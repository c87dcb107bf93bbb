import { suggestion, UserError } from "../errors.ts";
import type { Endpoint, Fault, Fleet, KvTransfer, Region } from "./fleet.ts";

/** An endpoint that names its region, model and group. */
export interface EndpointPlan extends Omit<Endpoint, "region" | "model" | "group"> {
  readonly region: string;
  readonly model: string;
  /** Whether the model may serve requests that need the large one. */
  readonly large: boolean;
  /** Undefined: the region/model pair. */
  readonly group: string | undefined;
}

type Named<F> = F extends Fault ? Omit<F, "endpoint"> & { readonly endpoint: string } : never;
/** A fault that names its endpoint. */
export type FaultPlan = Named<Fault>;

export interface FleetPlan {
  readonly regions: readonly Region[];
  readonly endpoints: readonly EndpointPlan[];
  readonly faults: readonly FaultPlan[];
  readonly kvTransfer: KvTransfer;
}

/**
 * A fleet from names: models and groups in order of first mention, faults in order of time.
 *
 * @throws UserError CANOPY_FLEET_MODEL when a model is large at one endpoint and not at another,
 *   CANOPY_FLEET_ENDPOINT when a fault names no endpoint
 */
export function buildFleet(plan: FleetPlan): Fleet {
  const regions = new Map(plan.regions.map((region, i) => [region.name, i]));
  const models = new Map<string, { index: number; large: boolean }>();
  const groups = new Map<string, number>();
  const endpoints = plan.endpoints.map(({ region, model, large, group, ...rest }): Endpoint => {
    const regionIndex = regions.get(region);
    if (regionIndex === undefined) throw new Error(`endpoint ${rest.name}: no region ${region}`);
    const known = models.get(model) ?? { index: models.size, large };
    models.set(model, known);
    if (known.large !== large) {
      throw new UserError(
        "CANOPY_FLEET_MODEL",
        `endpoint ${rest.name}: model ${model} is ${large ? "" : "not "}large here and ${large ? "not " : ""}large at another endpoint, expected the same`,
      );
    }
    const groupName = group ?? `${region}/${model}`;
    const groupIndex = groups.get(groupName) ?? groups.size;
    groups.set(groupName, groupIndex);
    return { ...rest, region: regionIndex, model: known.index, group: groupIndex };
  });
  const names = endpoints.map((endpoint) => endpoint.name);
  const faults = plan.faults.map((fault): Fault => {
    const endpoint = names.indexOf(fault.endpoint);
    if (endpoint < 0) {
      throw new UserError(
        "CANOPY_FLEET_ENDPOINT",
        `fault at ${fault.atSeconds} s: no endpoint "${fault.endpoint}"${suggestion(fault.endpoint, names)}`,
      );
    }
    return { ...fault, endpoint };
  });
  return {
    regions: plan.regions,
    models: [...models].map(([name, { large }]) => ({ name, large })),
    groups: [...groups.keys()],
    endpoints,
    faults: faults.sort((a, b) => a.atSeconds - b.atSeconds || a.endpoint - b.endpoint),
    kvTransfer: plan.kvTransfer,
  };
}
