/**
 * Sets of objective vectors: one array of finite numbers for each point, all objectives to be minimised.
 */
export type ObjectiveVectors = readonly ArrayLike<number>[];

/** For each objective the value that normalisation takes to 0 and the one it takes to 1. */
export interface ObjectiveBounds {
  readonly ideal: Float64Array;
  readonly worst: Float64Array;
}

/** True when `a` is nowhere greater than `b` and somewhere smaller. */
export function dominates(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  let isSmaller = false;
  for (let i = 0; i < a.length; i++) {
    if (a[i] > b[i]) return false;
    if (a[i] < b[i]) isSmaller = true;
  }
  return isSmaller;
}

/**
 * Fast non-dominated sorting (Deb et al. 2002, NSGA-II): the indices of the points nobody dominates, then of those
 * dominated only by the first front, and so on; ascending in each front. Equal points share a front. O(d n^2).
 */
export function nonDominatedFronts(points: ObjectiveVectors): number[][] {
  const n = points.length;
  const dominated: number[][] = Array.from({ length: n }, () => []);
  const dominators = new Int32Array(n);
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      if (dominates(points[i], points[j])) {
        dominated[i].push(j);
        dominators[j]++;
      } else if (dominates(points[j], points[i])) {
        dominated[j].push(i);
        dominators[i]++;
      }
    }
  }
  const fronts: number[][] = [];
  let front = [...dominators.keys()].filter((i) => dominators[i] === 0);
  while (front.length > 0) {
    fronts.push(front);
    const next: number[] = [];
    for (const i of front) {
      for (const j of dominated[i]) if (--dominators[j] === 0) next.push(j);
    }
    front = next.sort((a, b) => a - b);
  }
  return fronts;
}

/** Indices of the points that no other dominates, ascending. */
export function nonDominated(points: ObjectiveVectors): number[] {
  const kept: number[] = [];
  for (let i = 0; i < points.length; i++) {
    if (!points.some((other) => dominates(other, points[i]))) kept.push(i);
  }
  return kept;
}

/**
 * Crowding distance of the points of one front (NSGA-II): the sum over objectives of the gap between a point's two
 * neighbours, divided by the objective's range; `Infinity` for the extremes of any objective with a range. Points
 * with equal values are ordered by index.
 */
export function crowdingDistances(points: ObjectiveVectors): Float64Array {
  const n = points.length;
  const distances = new Float64Array(n);
  if (n === 0) return distances;
  const order = Array.from({ length: n }, (_, i) => i);
  for (let objective = 0; objective < points[0].length; objective++) {
    order.sort((a, b) => points[a][objective] - points[b][objective] || a - b);
    const range = points[order[n - 1]][objective] - points[order[0]][objective];
    if (range === 0) continue;
    distances[order[0]] = Number.POSITIVE_INFINITY;
    distances[order[n - 1]] = Number.POSITIVE_INFINITY;
    for (let k = 1; k < n - 1; k++) {
      distances[order[k]] += (points[order[k + 1]][objective] - points[order[k - 1]][objective]) / range;
    }
  }
  return distances;
}

/**
 * Indices of `size` points that stand for the front, ascending, so that fronts of unequal size can be compared: the
 * most crowded point is dropped, distances are taken anew, and so on. The higher index goes first among equals.
 */
export function thinFront(points: ObjectiveVectors, size: number): number[] {
  const kept = Array.from(points.keys());
  while (kept.length > size) {
    const distances = crowdingDistances(kept.map((i) => points[i]));
    let most = 0;
    for (let k = 1; k < kept.length; k++) if (distances[k] <= distances[most]) most = k;
    kept.splice(most, 1);
  }
  return kept;
}

/** Smallest and greatest value of each objective. @throws RangeError if there are no points */
export function boundsOf(points: ObjectiveVectors): ObjectiveBounds {
  if (points.length === 0) throw new RangeError("boundsOf: there are no points");
  const ideal = Float64Array.from(points[0]);
  const worst = Float64Array.from(points[0]);
  for (const point of points) {
    for (let i = 0; i < ideal.length; i++) {
      ideal[i] = Math.min(ideal[i], point[i]);
      worst[i] = Math.max(worst[i], point[i]);
    }
  }
  return { ideal, worst };
}

/** The point with `ideal` taken to 0 and `worst` to 1; an objective without range gives 0. */
export function normalise(point: ArrayLike<number>, bounds: ObjectiveBounds): Float64Array {
  return Float64Array.from(point, (value, i) => {
    const range = bounds.worst[i] - bounds.ideal[i];
    return range === 0 ? 0 : (value - bounds.ideal[i]) / range;
  });
}

/**
 * Index of the knee: the point of least mean normalised objective, the first among equals; -1 when there are no
 * points.
 *
 * @param bounds fixed bounds shared by all methods compared; by default those of the points themselves, as a
 * planner inside a run takes them
 */
export function kneeIndex(points: ObjectiveVectors, bounds?: ObjectiveBounds): number {
  if (points.length === 0) return -1;
  const scale = bounds ?? boundsOf(points);
  let best = -1;
  let least = Number.POSITIVE_INFINITY;
  for (const [i, point] of points.entries()) {
    const total = normalise(point, scale).reduce((sum, value) => sum + value, 0);
    if (total < least) {
      least = total;
      best = i;
    }
  }
  return best;
}

/**
 * IGD+ (Ishibuchi et al. 2015): the mean over the reference front of the distance to the nearest point of the set,
 * counting only objectives in which the point is worse. 0 is best; Infinity for an empty set.
 *
 * @throws RangeError if the reference front is empty
 */
export function invertedGenerationalDistancePlus(
  points: ObjectiveVectors,
  referenceFront: ObjectiveVectors,
): number {
  if (referenceFront.length === 0) throw new RangeError("IGD+: the reference front is empty");
  let total = 0;
  for (const target of referenceFront) {
    let nearest = Number.POSITIVE_INFINITY;
    for (const point of points) {
      let squares = 0;
      for (let i = 0; i < target.length; i++) squares += Math.max(0, point[i] - target[i]) ** 2;
      nearest = Math.min(nearest, squares);
    }
    total += Math.sqrt(nearest);
  }
  return total / referenceFront.length;
}
