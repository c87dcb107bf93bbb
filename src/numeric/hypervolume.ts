import { dominates, nonDominated, type ObjectiveVectors } from "./pareto.ts";

/**
 * Volume that the points dominate up to a reference point, all objectives minimised (Zitzler and Thiele 1999).
 *
 * Exact: a sweep in two objectives; above, the sum of exclusive volumes of WFG (While, Bradstreet and Barone 2012),
 * one objective fewer at each level. Points that are not better than the reference in every objective add nothing.
 * Forty points in four objectives take a few milliseconds.
 *
 * @param points objective vectors of the reference's length
 * @throws RangeError if a length differs or a number is NaN or -Infinity
 */
export function hypervolume(points: ObjectiveVectors, reference: ArrayLike<number>): number {
  const objectives = reference.length;
  for (const [i, point] of points.entries()) {
    if (point.length !== objectives) {
      throw new RangeError(`hypervolume: point ${i} has ${point.length} objectives, expected ${objectives}`);
    }
    for (let k = 0; k < objectives; k++) {
      if (!(point[k] > Number.NEGATIVE_INFINITY)) {
        throw new RangeError(`hypervolume: objective ${k} of point ${i} is ${point[k]}`);
      }
    }
  }
  const inside = points.filter((point) => isInside(point, reference));
  const front = nonDominated(inside).map((i) => inside[i]);
  return volume(front, reference, objectives);
}

function isInside(point: ArrayLike<number>, reference: ArrayLike<number>): boolean {
  for (let k = 0; k < reference.length; k++) if (!(point[k] < reference[k])) return false;
  return true;
}

/** Volume in the first `objectives` objectives of points that are all better than the reference. */
function volume(points: ObjectiveVectors, reference: ArrayLike<number>, objectives: number): number {
  if (points.length === 0) return 0;
  if (points.length === 1) return box(points[0], reference, objectives);
  if (objectives === 1) return reference[0] - Math.min(...points.map((point) => point[0]));
  if (objectives === 2) return area(points, reference);
  // From worst to best in the last objective: what a point shares with a later one has the point's own last
  // objective, so its exclusive volume is its exclusive volume in the other objectives times its height.
  const last = objectives - 1;
  const sorted = [...points].sort((a, b) => b[last] - a[last]);
  let total = 0;
  for (const [k, point] of sorted.entries()) {
    const shared = sorted.slice(k + 1).map((other) => worseOfBoth(point, other, last));
    const exclusive = box(point, reference, last) - volume(withoutDominated(shared), reference, last);
    total += exclusive * (reference[last] - point[last]);
  }
  return total;
}

/** Area by a sweep along the first objective; dominated points may be among them. */
function area(points: ObjectiveVectors, reference: ArrayLike<number>): number {
  const sorted = [...points].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let total = 0;
  let lowest = reference[1];
  for (const point of sorted) {
    if (point[1] >= lowest) continue;
    total += (reference[0] - point[0]) * (lowest - point[1]);
    lowest = point[1];
  }
  return total;
}

function box(point: ArrayLike<number>, reference: ArrayLike<number>, objectives: number): number {
  let product = 1;
  for (let k = 0; k < objectives; k++) product *= reference[k] - point[k];
  return product;
}

function worseOfBoth(a: ArrayLike<number>, b: ArrayLike<number>, objectives: number): Float64Array {
  const worse = new Float64Array(objectives);
  for (let k = 0; k < objectives; k++) worse[k] = Math.max(a[k], b[k]);
  return worse;
}

/** The points that no other dominates, one of each set of equals. */
function withoutDominated(points: readonly Float64Array[]): Float64Array[] {
  const kept: Float64Array[] = [];
  for (const point of points) {
    if (kept.some((other) => dominates(other, point) || isEqual(other, point))) continue;
    let size = 0;
    for (const other of kept) if (!dominates(point, other)) kept[size++] = other;
    kept.length = size;
    kept.push(point);
  }
  return kept;
}

function isEqual(a: Float64Array, b: Float64Array): boolean {
  for (let k = 0; k < a.length; k++) if (a[k] !== b[k]) return false;
  return true;
}
