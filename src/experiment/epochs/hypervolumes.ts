/** Hypervolumes of what planners found: they need the worst of all planners, so runs alone cannot tell them. */
import { hypervolume } from "../../numeric/hypervolume.ts";
import { boundsOf, nonDominated, normalise, type ObjectiveBounds, thinFront } from "../../numeric/pareto.ts";
import type { RunPlan } from "../run-plan.ts";
import type { RunResult } from "../run-spec.ts";

const METRICS = 4;
/** Plans of the size-matched comparison. */
const MATCHED = 10;
const REFERENCE = new Float64Array(METRICS).fill(1);

/** Epochs of a run with the metrics of their plans, the chosen one first. */
type Archives = readonly (readonly Float32Array[])[];

/**
 * Adds to every run's metrics the mean over epochs of the volume that its plans dominate, up to the worst that any
 * planner found at the point in any epoch and under any seed: of all plans that it kept, of ten of them (fronts of
 * equal size, thinned by crowding), and of the plan that it chose. Metrics are over those of even shares.
 */
export function withHypervolumes(
  plan: RunPlan,
  results: ReadonlyMap<string, RunResult>,
): ReadonlyMap<string, RunResult> {
  const complete = new Map(results);
  for (const index of plan.points.keys()) {
    const keys = new Set(plan.runs.filter(({ planned }) => planned === index).map(({ key }) => key));
    for (const result of hypervolumesOfPoint([...keys].flatMap((key) => results.get(key) ?? []))) {
      complete.set(result.key, result);
    }
  }
  return complete;
}

/** {@link withHypervolumes} of the runs of one point, each once: those that kept plans. */
export function hypervolumesOfPoint(results: readonly RunResult[]): RunResult[] {
  const runs = results.flatMap((result) =>
    result.epochs === undefined ? [] : [{ result, archives: readArchives(result.epochs.archives) }],
  );
  const all = runs.flatMap(({ archives }) => archives.flat());
  if (all.length === 0) return [];
  const bounds = boundsOf(all);
  return runs.map(({ result, archives }) => ({
    ...result,
    metrics: { ...result.metrics, ...volumesOf(archives, bounds) },
  }));
}

function volumesOf(archives: Archives, bounds: ObjectiveBounds): Record<string, number> {
  const mean = (of: (plans: readonly Float64Array[]) => readonly Float64Array[]) => {
    let sum = 0;
    for (const plans of archives) {
      sum += hypervolume(of(plans.map((metrics) => normalise(metrics, bounds))), REFERENCE);
    }
    return sum / archives.length;
  };
  return {
    hypervolume: mean((plans) => plans),
    [`hypervolume_of_${MATCHED}`]: mean((plans) => {
      const front = nonDominated(plans).map((i) => plans[i]);
      return thinFront(front, MATCHED).map((i) => front[i]);
    }),
    hypervolume_of_plan: mean((plans) => plans.slice(0, 1)),
  };
}

/** Little-endian float32 in base64, plan after plan. */
export function writeArchives(epochs: readonly (readonly ArrayLike<number>[])[]): {
  readonly counts: number[];
  readonly metrics: string;
} {
  const counts = epochs.map((plans) => plans.length);
  const bytes = new Uint8Array(4 * METRICS * counts.reduce((sum, count) => sum + count, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const metrics of epochs.flat()) {
    for (let j = 0; j < METRICS; j++, at += 4) view.setFloat32(at, metrics[j], true);
  }
  return { counts, metrics: Buffer.from(bytes).toString("base64") };
}

/** Reads back what {@link writeArchives} wrote. */
export function readArchives(archives: {
  readonly counts: readonly number[];
  readonly metrics: string;
}): Float32Array[][] {
  const bytes = Buffer.from(archives.metrics, "base64");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  return archives.counts.map((count) =>
    Array.from({ length: count }, () =>
      Float32Array.from({ length: METRICS }, () => {
        at += 4;
        return view.getFloat32(at - 4, true);
      }),
    ),
  );
}
