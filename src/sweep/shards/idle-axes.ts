/** Axes of a sweep that change nothing: a misspelt name in a map that takes any, e.g. of a region. */
import { nearest, UserError } from "../../errors.ts";
import type { Variant } from "../../experiment/load.ts";
import {
  isPlainObject,
  type LocatedTree,
  type PlainValue,
  valueAtPath,
} from "../../experiment/located-tree.ts";
import { parsePath } from "../../experiment/overrides.ts";
import type { LoadedSweep } from "../file/load-sweep.ts";
import type { SweepPlanPoint } from "./sweep-plan.ts";

/** Points at which a sampled axis is tried alone before it is said to change nothing. */
const MOST_TRIES = 8;

/**
 * @param tree of a point, for the names that stand beside a misspelt one
 * @param runsOf keys of the runs of a variant, as one text
 * @throws UserError CANOPY_SWEEP_VALUE for an axis whose values all give the same runs
 */
export async function refuseIdleAxes(
  sweep: LoadedSweep,
  points: readonly Pick<SweepPlanPoint, "labels" | "runs">[],
  tree: LocatedTree,
  runsOf: (variant: Variant) => Promise<string>,
): Promise<void> {
  for (const axis of sweep.varied) {
    const hasEffect = effectInGrid(axis, sweep, points) ?? (await effectOfSampled(axis, sweep, runsOf));
    if (hasEffect) continue;
    throw new UserError(
      "CANOPY_SWEEP_VALUE",
      `${sweep.placeOf(axis)}: changes no run, expected a path that runs depend on${hint(axis, tree)}`,
    );
  }
}

/** Whether points that differ in an axis alone have different runs; undefined of a sampled one, which has none such. */
function effectInGrid(
  axis: string,
  sweep: LoadedSweep,
  points: readonly Pick<SweepPlanPoint, "labels" | "runs">[],
): boolean | undefined {
  const stride = sweep.strideOf(axis);
  if (stride === undefined) return undefined;
  let compared = false;
  for (let index = 0; index + stride < points.length; index++) {
    const [a, b] = [points[index], points[index + stride]];
    const differing = Object.keys(a.labels).filter(
      (label) => JSON.stringify(a.labels[label]) !== JSON.stringify(b.labels[label]),
    );
    if (differing.length !== 1 || differing[0] !== axis) continue;
    if (runsText(a.runs) !== runsText(b.runs)) return true;
    compared = true;
  }
  return !compared;
}

/** The same of an axis that is sampled, by variants in which it alone differs; an axis of one value has its effect. */
async function effectOfSampled(
  axis: string,
  sweep: LoadedSweep,
  runsOf: (variant: Variant) => Promise<string>,
): Promise<boolean> {
  const valueIn = ({ labels }: Variant) => JSON.stringify(labels[axis]);
  const step = Math.max(1, Math.floor(sweep.count / MOST_TRIES));
  let tried = false;
  for (let index = 0; index < sweep.count; index += step) {
    const variant = sweep.variant(index);
    const other = sweep.variant((index + 1) % sweep.count);
    if (valueIn(variant) === valueIn(other)) continue;
    tried = true;
    const mixed: Variant = {
      labels: { ...variant.labels, [axis]: other.labels[axis] },
      overrides: variant.overrides.map(
        (own) => other.overrides.find(({ path }) => path === axis && own.path === axis) ?? own,
      ),
    };
    try {
      if ((await runsOf(variant)) !== (await runsOf(mixed))) return true;
    } catch (error) {
      // A mixture that is wrong is one on which the axis has an effect.
      if (error instanceof UserError) return true;
      throw error;
    }
  }
  return !tried;
}

function runsText(runs: SweepPlanPoint["runs"]): string {
  return runs.map(([, , , key]) => key).join(" ");
}

/** The nearest name beside the last one of a path. */
function hint(axis: string, tree: LocatedTree): string {
  const path = parsePath(axis, "axes");
  const beside: PlainValue | undefined = valueAtPath(tree.value, path.slice(0, -1));
  const own = path.at(-1) ?? "";
  const names = isPlainObject(beside) ? Object.keys(beside).filter((name) => name !== own) : [];
  const near = nearest(own, names);
  return near === undefined ? "" : ` (did you mean "${near}"?)`;
}
