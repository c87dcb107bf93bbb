import type { z } from "zod";
import { clipped, nearHint, UserError } from "../errors.ts";
import { leastLoaded } from "./baselines/least-loaded.ts";
import { performanceOnly } from "./baselines/performance-only.ts";
import { powerOfTwo } from "./baselines/power-of-two.ts";
import { prefixAffinity } from "./baselines/prefix-affinity.ts";
import { regionalSplit } from "./baselines/regional-split.ts";
import { replay } from "./baselines/replay.ts";
import { roundRobin } from "./baselines/round-robin.ts";
import { shortestQueue } from "./baselines/shortest-queue.ts";
import { carbonAware } from "./caps/carbon-aware.ts";
import { caps, capsNoCarbon, capsNoPredictor, capsNoTenant } from "./caps/definitions.ts";
import { edf } from "./caps/edf.ts";
import { sloAware } from "./caps/slo-aware.ts";
import { cedarHeuristic, cedarNoCarbon, cedarNoModel, cedarNoQueue } from "./cedar/definitions.ts";
import { cedar, cedarSac } from "./cedar/sac-definitions.ts";
import type { ClairvoyantWorld, Router, RouterDefinition } from "./contract.ts";
import { helix } from "./disaggregated/helix-router.ts";
import { splitwise } from "./disaggregated/splitwise-router.ts";
import { epochRouters } from "./epochs/definitions.ts";
import { external } from "./external/definition.ts";
import {
  accuracyMax,
  carbonGreedy,
  costMin,
  garEps,
  garFixed,
  garGreen,
  garPd,
  garStrict,
  garTarget,
  largestModel,
  latencyMin,
  oracle,
  random,
  smallestModel,
  threshold,
} from "./gar/definitions.ts";
import { describeParameterIssue } from "./parameter-message.ts";

/** Every router that Canopy brings, in the order in which lists show them. */
const definitions: readonly RouterDefinition[] = [
  cedar,
  cedarHeuristic,
  cedarSac,
  cedarNoCarbon,
  cedarNoQueue,
  cedarNoModel,
  caps,
  capsNoPredictor,
  capsNoCarbon,
  capsNoTenant,
  edf,
  sloAware,
  carbonAware,
  roundRobin,
  leastLoaded,
  performanceOnly,
  shortestQueue,
  powerOfTwo,
  prefixAffinity,
  regionalSplit,
  replay,
  garFixed,
  garEps,
  garStrict,
  garGreen,
  garTarget,
  garPd,
  largestModel,
  smallestModel,
  random,
  accuracyMax,
  latencyMin,
  costMin,
  carbonGreedy,
  threshold,
  oracle,
  splitwise,
  helix,
  ...epochRouters,
];

/** All registered routers, in a stable order. */
export function listRouters(): readonly RouterDefinition[] {
  return definitions;
}

/**
 * The router of an id, an alias, or either with its family before it (`round-robin`, `cedar/round-robin`).
 *
 * @param where place of the name for the message, e.g. `experiment.yaml:12`
 * @throws UserError `CANOPY_ROUTER_UNKNOWN` with the nearest id
 */
export function findRouter(idOrAlias: string, where?: string): RouterDefinition {
  const found = byName().get(idOrAlias);
  if (found !== undefined) return found;
  const [family, bare] = idOrAlias.includes("/") ? idOrAlias.split("/", 2) : ["", idOrAlias];
  const elsewhere = family === "" ? undefined : byName().get(bare);
  const hint =
    elsewhere === undefined
      ? nearHint(
          idOrAlias,
          [...byName().keys()].filter((name) => name.includes("/") === (family !== "")),
        )
      : ` (did you mean "${elsewhere.family}/${bare}"?)`;
  throw new UserError(
    "CANOPY_ROUTER_UNKNOWN",
    `${where === undefined ? "" : `${where}: `}router "${clipped(idOrAlias)}" is not known, expected an id listed by canopy routers, a file or an installed package${hint}`,
  );
}

/** Whether an id or alias is taken by a registered router. */
export function isRegistered(idOrAlias: string): boolean {
  return byName().has(idOrAlias);
}

/**
 * Reads a router's parameters and makes it.
 *
 * @param raw parameters as the user wrote them; undefined for none
 * @param where place for messages, e.g. `experiment.yaml:12`
 * @param folder that parameters which name files start from; default: the working folder
 * @returns the router, and every parameter with its value
 * @throws UserError `CANOPY_ROUTER_PARAMETER`: router, parameter, what was expected, nearest name
 */
export function createRouter<Parameters>(
  definition: RouterDefinition<Parameters>,
  raw: unknown,
  where: string,
  folder?: string,
): { readonly router: Router | Router<ClairvoyantWorld>; readonly parameters: Parameters } {
  const parameters = parseRouterParameters(definition, raw, where);
  return { router: definition.create(parameters, folder), parameters };
}

/** Reads a router's parameters; see {@link createRouter}. */
export function parseRouterParameters<Parameters>(
  definition: RouterDefinition<Parameters>,
  raw: unknown,
  where: string,
): Parameters {
  const schema = definition.parameters as z.ZodType<Parameters>;
  const result = schema.safeParse(raw ?? {}, { reportInput: true });
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new UserError(
    "CANOPY_ROUTER_PARAMETER",
    `${where}: router ${definition.id}: ${describeParameterIssue(issue, parameterNames(schema))}`,
  );
}

/** Names of the parameters of a router; empty where its schema is no object. */
export function parameterNames(schema: z.ZodType): readonly string[] {
  return "shape" in schema ? Object.keys(schema.shape as object) : [];
}

let names: Map<string, RouterDefinition> | undefined;

function byName(): ReadonlyMap<string, RouterDefinition> {
  if (names !== undefined) return names;
  names = new Map();
  for (const definition of [...definitions, external]) {
    for (const name of [definition.id, ...(definition.aliases ?? [])]) {
      for (const spelling of [name, `${definition.family}/${name}`]) {
        if (names.has(spelling)) throw new Error(`the router name ${spelling} is registered twice`);
        names.set(spelling, definition);
      }
    }
  }
  return names;
}
