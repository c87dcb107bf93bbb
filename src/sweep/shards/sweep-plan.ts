/** The plan of a sweep as a file: what every shard, `sweep-missing` and `sweep-merge` agree on. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../errors.ts";
import type { ResultHead } from "../../experiment/head-schema.ts";
import type { PlainValue } from "../../experiment/located-tree.ts";
import type { DenseBackend, PointProvenance } from "../../experiment/result.ts";
import type { RunEnvironment } from "../../experiment/run-plan.ts";
import type { RouterSpec } from "../../experiment/run-spec.ts";
import { readTextFile, writeFileAtomically } from "../../files.ts";

export const PLAN_SCHEMA_ID = "canopy/sweep-plan/1";
export const PLAN_FILE = "plan.json";

/** A router as tables show it. */
export type PlannedRouter = Pick<RouterSpec, "label" | "id" | "parameters" | "about">;

/** Place of the router in {@link SweepPlan.routers}, seed, start in Unix seconds or null, key. */
export type PlannedRun = readonly [router: number, seed: number, start: number | null, key: string];

export interface SweepPlanPoint {
  readonly labels: Readonly<Record<string, PlainValue>>;
  /** By seed and start, then router. */
  readonly runs: readonly PlannedRun[];
  /** Names of the tiers, where the experiment wants CEDAR's reward of them. */
  readonly tiers?: readonly string[];
}

export interface SweepPlan {
  readonly schema: typeof PLAN_SCHEMA_ID;
  /** `epochs` where planners are run; absent where routers are. */
  readonly kind?: "epochs";
  /** The dense kernels that learned planners run on, as in a result. */
  readonly dense?: DenseBackend;
  readonly sweep: string;
  readonly description: string | null;
  /** The sweep file, from the plan's folder. */
  readonly file: string;
  /** Overrides of the command line. */
  readonly sets: readonly string[];
  /** Pieces the runs are divided into, unless a command says otherwise. */
  readonly shards: number;
  readonly environment: RunEnvironment;
  readonly experiment: {
    readonly id: string;
    readonly paper: string | null;
    readonly outputs: ResultHead["outputs"];
    readonly baseline: string | null;
    readonly published: ResultHead["published"];
    readonly calibrated: ResultHead["calibrated"];
    readonly comparable: ResultHead["comparable"];
  };
  /** Files that the runs are computed from, with what they are to them. */
  readonly inputs: readonly PlanInput[];
  /** What the figures rest on: of every point where there are few, else of the first. */
  readonly provenance: readonly PointProvenance[];
  readonly routers: readonly PlannedRouter[];
  readonly points: readonly SweepPlanPoint[];
}

export interface PlanInput {
  readonly role: "experiment" | "profile" | "trace" | "signal" | "artefact" | "router" | "other";
  readonly name: string;
  readonly sha256: string;
}

/** A run of the plan at its place; points of the same content share runs, which then have the first place. */
export interface SweepCell {
  readonly key: string;
  readonly point: number;
  /** Place among the runs of the point. */
  readonly run: number;
}

/** Every distinct run of the plan, in its order. */
export function cellsOf({ points }: Pick<SweepPlan, "points">): SweepCell[] {
  const seen = new Set<string>();
  const cells: SweepCell[] = [];
  for (const [point, { runs }] of points.entries()) {
    for (const [run, [, , , key]] of runs.entries()) {
      if (seen.has(key)) continue;
      seen.add(key);
      cells.push({ key, point, run });
    }
  }
  return cells;
}

/** So many groups for each shard are enough to balance them. */
const GROUPS_PER_SHARD = 4;

/**
 * The shard of each of the cells, 0 to `shards` - 1. Runs of the same requests stay together, so that each shard has
 * all routers; where that leaves too few groups, single runs are dealt out.
 */
export function shardsOf(
  plan: Pick<SweepPlan, "points">,
  cells: readonly SweepCell[],
  shards: number,
): Int32Array {
  const groups = new Int32Array(cells.length);
  let last = -1;
  let before = "";
  for (const [i, { point, run }] of cells.entries()) {
    const [, seed, start] = plan.points[point].runs[run];
    const group = `${point} ${seed} ${start}`;
    if (group !== before) last++;
    before = group;
    groups[i] = last;
  }
  const together = last + 1 >= GROUPS_PER_SHARD * shards;
  // Another first shard in each round, or a number of routers that divides the shards would part them by router.
  return groups.map((group, i) => (together ? group : i + Math.floor(i / shards)) % shards);
}

/** `3/16`, shards counted from 0. */
export interface ShardName {
  readonly shard: number;
  readonly of: number;
}

/** Where the plan is kept. */
export function planPath(folder: string): string {
  return join(folder, PLAN_FILE);
}

export async function writePlan(folder: string, plan: SweepPlan): Promise<void> {
  const { points, ...head } = plan;
  // One point on a line: a plan of many points is still read by people and tools of lines.
  const lines = points.map((point) => JSON.stringify(point)).join(",\n");
  await writeFileAtomically(
    planPath(folder),
    `${JSON.stringify(head).slice(0, -1)},"points":[\n${lines}\n]}\n`,
  );
}

/** @throws UserError CANOPY_FILE_MISSING, CANOPY_SWEEP_PLAN for a file that is no plan of this version */
export async function readPlan(folder: string): Promise<SweepPlan> {
  const path = planPath(folder);
  if (!existsSync(path)) {
    throw new UserError(
      "CANOPY_FILE_MISSING",
      `${folder}: has no ${PLAN_FILE}, expected a folder that canopy sweep-plan has written`,
    );
  }
  const text = await readTextFile(path, "sweep plan");
  let plan: Partial<SweepPlan>;
  try {
    plan = JSON.parse(text) as Partial<SweepPlan>;
  } catch {
    plan = {};
  }
  if (plan.schema === PLAN_SCHEMA_ID && Array.isArray(plan.points)) return plan as SweepPlan;
  throw new UserError(
    "CANOPY_SWEEP_PLAN",
    `${path}: is no plan of ${PLAN_SCHEMA_ID}, expected what canopy sweep-plan writes`,
  );
}
