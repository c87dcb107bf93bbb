import type { z } from "zod";
import type { EpochPlanner } from "../datacenter/simulate-epochs.ts";
import type { DatacenterWorld } from "../datacenter/world.ts";
import type { RouterGroup, RouterStatus } from "./contract.ts";

/** What a planner is made for. */
export interface PlannerContext {
  readonly world: DatacenterWorld;
  /** Of the planner's own draws. */
  readonly seed: number;
  /** Files that the experiment names for the planner, e.g. a checkpoint, by the planner's own names for them. */
  readonly artefacts?: ReadonlyMap<string, Uint8Array>;
}

/** A planner of epochs in the registry, or in a user's file. `Parameters` is the output of its schema. */
export interface PlannerDefinition<Parameters = unknown> {
  readonly id: string;
  /** Literature system it belongs to: `marlin`, `user`. */
  readonly family: string;
  readonly group: RouterGroup;
  readonly status: RouterStatus;
  /** Paper and section, or where the rule comes from. */
  readonly source: string;
  readonly summary: string;
  /** The planner this one is an ablation of. */
  readonly ablationOf?: string;
  /** How the loop over epochs is run where it is not as usual. */
  readonly loop?: PlannerLoop;
  /** Trains networks: the same seed gives the same bytes on the same backend and instruction set only. */
  readonly learned?: boolean;
  /** Names of the artefacts that it can be given; default none. */
  readonly artefacts?: readonly string[];
  /** Every parameter with its default; a description per field is shown by `canopy routers`. */
  readonly parameters: z.ZodType<Parameters>;
  create(parameters: Parameters, context: PlannerContext): EpochPlanner;
}

export interface PlannerLoop {
  readonly forecast?: "persistence";
  readonly prewarm?: false;
}

/** Types a definition written in its own file, e.g. a user's planner. */
export function definePlanner<Parameters>(
  definition: PlannerDefinition<Parameters>,
): PlannerDefinition<Parameters> {
  return definition;
}
