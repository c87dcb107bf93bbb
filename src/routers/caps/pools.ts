import { UserError } from "../../errors.ts";
import type { World } from "../contract.ts";

/** The three pools of CAPS, in the order in which ties go: low latency, low carbon, delay tolerant. */
export const POOLS = ["lp", "cp", "bp"] as const;
export const LP = 0;
export const CP = 1;
export const BP = 2;

/** Patterns of endpoint names, `*` standing for any text. */
export type PoolPatterns = Readonly<Record<(typeof POOLS)[number], readonly string[]>>;

/**
 * Endpoints of each pool, in listed order. Endpoints that do not both prefill and decode belong to none.
 *
 * @throws UserError `CANOPY_ROUTER_POOLS` where an endpoint is in no pool or in two, or a pool is empty;
 * `CANOPY_ROUTER_ROLES` where no endpoint both prefills and decodes
 */
export function assignPools(world: World, patterns: PoolPatterns): readonly Int32Array[] {
  const { names, role } = world.endpoints;
  const members: number[][] = POOLS.map(() => []);
  const tests = POOLS.map((pool) => patterns[pool].map(toExpression));
  const shown = POOLS.map((pool) => `${pool}: ${patterns[pool].join(", ") || "nothing"}`).join("; ");
  const mixed = names.map((_, e) => e).filter((e) => role[e] === 0);
  if (mixed.length === 0) {
    throw new UserError(
      "CANOPY_ROUTER_ROLES",
      "the router places on endpoints that both prefill and decode and the fleet has none, expected an endpoint of role mixed, or a router such as splitwise",
    );
  }
  for (const e of mixed) {
    const found = POOLS.flatMap((_, p) => (tests[p].some((test) => test.test(names[e])) ? [p] : []));
    if (found.length !== 1) {
      const where = found.length === 0 ? "no pool" : found.map((p) => POOLS[p]).join(" and ");
      throw new UserError(
        "CANOPY_ROUTER_POOLS",
        `endpoint "${names[e]}" is in ${where} (${shown}), expected each endpoint in exactly one; say which by the router's parameter pools, e.g. pools: {lp: ["${names[e]}"], …}`,
      );
    }
    members[found[0]].push(e);
  }
  const empty = members.findIndex((list) => list.length === 0);
  if (empty >= 0) {
    throw new UserError(
      "CANOPY_ROUTER_POOLS",
      `pool ${POOLS[empty]} has no endpoint (${shown}), expected at least one of ${sample(names)}`,
    );
  }
  return members.map((list) => Int32Array.from(list));
}

function toExpression(pattern: string): RegExp {
  const escaped = pattern.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${escaped.join(".*")}$`);
}

function sample(names: readonly string[]): string {
  return names.length <= 6 ? names.join(", ") : `${names.slice(0, 5).join(", ")}, …`;
}
