/** An axis-parallel box in pixels. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** A mark to be labelled: its centre and radius, and the size of its label, in pixels. */
export interface LabelRequest {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly width: number;
  readonly height: number;
}

/** Where a label goes; `leader` says that it stands too far from its mark to be understood without a line. */
export interface PlacedLabel {
  readonly box: Box;
  readonly leader: boolean;
}

/** Directions by preference: right, left, above, below, then the corners. */
const DIRECTIONS = [
  [1, 0],
  [-1, 0],
  [0, -1],
  [0, 1],
  [1, -1],
  [1, 1],
  [-1, -1],
  [-1, 1],
  [0.45, -1],
  [0.45, 1],
  [-0.45, -1],
  [-0.45, 1],
] as const;
const DISTANCES = [3, 9, 17, 27, 40, 56, 76, 100];
const SWEEPS = 30;
/** As bad as a way of some 30 pixels. */
const AMBIGUOUS = 60;
/** A leader through another label: as bad as a way of some 80 pixels. */
const CROSSED = 150;

interface Candidate extends PlacedLabel {
  readonly fixedCost: number;
}

/**
 * Labels beside their marks that avoid each other, all marks, the obstacles and the frame: each label takes
 * the cheapest of 96 places given the others, in turn, until none moves, and the best of ten such rounds is
 * kept. Deterministic.
 *
 * @param obstacles thin things that a label should rather not cover: error bars, links
 * @param clearLines whether leaders should rather not cross labels either
 */
export function placeLabels(
  requests: readonly LabelRequest[],
  obstacles: readonly Box[],
  frame: Box,
  clearLines = false,
): PlacedLabel[] {
  const marks = requests.map(({ x, y, radius }) => around(x, y, radius, radius));
  const candidates = requests.map((_, i) => candidatesOf(i, requests, marks, obstacles, frame));
  let best: Arrangement | undefined;
  for (const order of startingOrders(requests)) {
    const arrangement = settle(candidates, order, clearLines ? requests : undefined);
    if (best === undefined || arrangement.cost < best.cost) best = arrangement;
  }
  return (best?.chosen ?? []).map(({ box, leader }) => ({ box, leader }));
}

interface Arrangement {
  readonly chosen: readonly Candidate[];
  readonly cost: number;
}

/**
 * Each label in `order` takes its cheapest place given the others', until none moves.
 *
 * @param ends where leaders begin; undefined: they may cross anything
 */
function settle(
  candidates: readonly (readonly Candidate[])[],
  order: readonly number[],
  ends: readonly LabelRequest[] | undefined,
): Arrangement {
  const chosen = new Array<Candidate | undefined>(candidates.length).fill(undefined);
  const costAt = (i: number, candidate: Candidate, limit: number): number => {
    let cost = candidate.fixedCost;
    for (let j = 0; j < chosen.length && cost < limit; j++) {
      const other = chosen[j];
      if (j === i || other === undefined) continue;
      cost += 20 * overlap(candidate.box, other.box, 2);
      if (ends !== undefined) cost += crossings(ends[i], candidate, ends[j], other);
    }
    return cost;
  };
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    let moved = false;
    for (const i of order) {
      let best = candidates[i][0];
      let bestCost = Number.POSITIVE_INFINITY;
      for (const candidate of candidates[i]) {
        const cost = costAt(i, candidate, bestCost);
        if (cost < bestCost) {
          best = candidate;
          bestCost = cost;
        }
      }
      if (chosen[i] !== best) moved = true;
      chosen[i] = best;
    }
    if (!moved) break;
  }
  const settled = chosen as Candidate[];
  const cost = settled.reduce((sum, candidate, i) => sum + costAt(i, candidate, Number.POSITIVE_INFINITY), 0);
  return { chosen: settled, cost };
}

/** What it costs that the leader of one label runs through the other. */
function crossings(
  from: LabelRequest,
  own: PlacedLabel,
  otherFrom: LabelRequest,
  other: PlacedLabel,
): number {
  const ownEnd = leaderEnd(own.box, from);
  const otherEnd = leaderEnd(other.box, otherFrom);
  let cost = 0;
  if (own.leader && runsThrough(from, ownEnd, other.box)) cost += CROSSED;
  if (other.leader && runsThrough(otherFrom, otherEnd, own.box)) cost += CROSSED;
  return cost;
}

/** Where the leader of a mark meets its label. */
export function leaderEnd(box: Box, { x, y }: Pick<LabelRequest, "x" | "y">): { x: number; y: number } {
  return {
    x: Math.max(box.left, Math.min(x, box.right)),
    y: Math.max(box.top + 2, Math.min(y, box.bottom - 2)),
  };
}

interface Place {
  readonly x: number;
  readonly y: number;
}

/** Whether a segment has a part inside a box (Liang and Barsky 1984). */
export function runsThrough(from: Place, to: Place, box: Box): boolean {
  let enters = 0;
  let leaves = 1;
  const sides = [
    [from.x - to.x, from.x - box.left],
    [to.x - from.x, box.right - from.x],
    [from.y - to.y, from.y - box.top],
    [to.y - from.y, box.bottom - from.y],
  ];
  for (const [slope, distance] of sides) {
    if (slope === 0) {
      if (distance < 0) return false;
    } else if (slope < 0) enters = Math.max(enters, distance / slope);
    else leaves = Math.min(leaves, distance / slope);
  }
  return enters < leaves;
}

/** Orders to begin with, since where labels end depends on which chose first: as given, outer first, by x, by y. */
function startingOrders(requests: readonly LabelRequest[]): number[][] {
  const mean = (of: (r: LabelRequest) => number): number =>
    requests.reduce((sum, r) => sum + of(r), 0) / Math.max(1, requests.length);
  const [middleX, middleY] = [mean((r) => r.x), mean((r) => r.y)];
  const keys: ((r: LabelRequest) => number)[] = [
    () => 0,
    (r) => -Math.hypot(r.x - middleX, r.y - middleY),
    (r) => r.x,
    (r) => r.y,
    (r) => -r.width,
  ];
  return keys.flatMap((key) => {
    const order = requests.map((_, i) => i).sort((a, b) => key(requests[a]) - key(requests[b]) || a - b);
    return [order, [...order].reverse()];
  });
}

function candidatesOf(
  own: number,
  requests: readonly LabelRequest[],
  marks: readonly Box[],
  obstacles: readonly Box[],
  frame: Box,
): Candidate[] {
  const request = requests[own];
  const halfWidth = request.width / 2;
  const halfHeight = request.height / 2;
  return DISTANCES.flatMap((distance, far) =>
    DIRECTIONS.map(([dx, dy], preference): Candidate => {
      const reach = request.radius + distance;
      const diagonal = dx !== 0 && dy !== 0 ? Math.SQRT1_2 : 1;
      const box = around(
        request.x + dx * (reach * diagonal + halfWidth),
        request.y + dy * (reach * diagonal + halfHeight),
        halfWidth,
        halfHeight,
      );
      let cost = distance * 1.5 + preference * 2 + far * 4;
      for (const mark of marks) cost += 20 * overlap(box, mark, 1);
      for (const obstacle of obstacles) cost += 4 * overlap(box, obstacle, 1);
      const outside =
        Math.max(0, frame.left - box.left) +
        Math.max(0, box.right - frame.right) +
        Math.max(0, frame.top - box.top) +
        Math.max(0, box.bottom - frame.bottom);
      // Beside a mark that is not its own, a label would be read as that one's name.
      const reached = distanceTo(box, request) * 1.25 + 1;
      const ambiguous = requests.some((other, j) => j !== own && distanceTo(box, other) <= reached);
      return {
        box,
        leader: far > 1 || ambiguous,
        fixedCost: cost + (ambiguous ? AMBIGUOUS : 0) + 1000 * outside,
      };
    }),
  );
}

function around(x: number, y: number, halfWidth: number, halfHeight: number): Box {
  return { left: x - halfWidth, right: x + halfWidth, top: y - halfHeight, bottom: y + halfHeight };
}

/** From a point to the nearest part of a box, pixels. */
function distanceTo(box: Box, point: { readonly x: number; readonly y: number }): number {
  const dx = Math.max(box.left - point.x, 0, point.x - box.right);
  const dy = Math.max(box.top - point.y, 0, point.y - box.bottom);
  return Math.hypot(dx, dy);
}

/** Common area of two boxes, the first grown by `margin`, in square pixels. */
export function overlap(a: Box, b: Box, margin = 0): number {
  const width = Math.min(a.right + margin, b.right) - Math.max(a.left - margin, b.left);
  const height = Math.min(a.bottom + margin, b.bottom) - Math.max(a.top - margin, b.top);
  return width > 0 && height > 0 ? width * height : 0;
}
