import { UserError } from "../../errors.ts";
import type { EndpointView } from "../contract.ts";

/** Roles as {@link EndpointView.role} has them. */
export const ROLE = { mixed: 0, prefill: 1, decode: 2 } as const;

/**
 * For each prefill endpoint the endpoints that may decode what it computed: those of its model, in its own region
 * where there is one. Empty for other endpoints.
 *
 * @throws UserError CANOPY_ROUTER_ROLES for a prefill endpoint without any
 */
export function decodePartners(router: string, endpoints: EndpointView): readonly Int32Array[] {
  const { count, role, model, region, names } = endpoints;
  return Array.from({ length: count }, (_, e) => {
    if (role[e] !== ROLE.prefill) return new Int32Array(0);
    const all = Array.from({ length: count }, (_, d) => d).filter(
      (d) => role[d] === ROLE.decode && model[d] === model[e],
    );
    const near = all.filter((d) => region[d] === region[e]);
    if (all.length === 0) {
      throw new UserError(
        "CANOPY_ROUTER_ROLES",
        `router ${router}: the prefill endpoint ${names[e]} has no endpoint of role decode and its model, expected one`,
      );
    }
    return Int32Array.from(near.length > 0 ? near : all);
  });
}
