/** A link of a flow network; capacity at least 0, Infinity allowed. */
export interface Link {
  readonly from: number;
  readonly to: number;
  readonly capacity: number;
}

export interface MaxFlow {
  readonly value: number;
  /** Flow over each link, in their order. */
  readonly flows: Float64Array;
}

/** Capacity below this share of the largest finite one is rounding. */
const ROUNDING = 1e-12;

/**
 * Largest flow from a source to a sink by Dinic's algorithm (1970): shortest augmenting paths, level by level. Links
 * are tried in their order, so equal networks give equal flows.
 *
 * @param nodes numbered from 0
 * @throws RangeError for a link to no node, a capacity below 0 or NaN, source and sink in one, or a path of infinite
 *   capacity
 */
export function maxFlow(nodes: number, links: readonly Link[], source: number, sink: number): MaxFlow {
  if (source === sink) throw new RangeError(`source and sink are both node ${source}`);
  let largest = 0;
  for (const [i, { from, to, capacity }] of links.entries()) {
    const there = (node: number) => Number.isInteger(node) && node >= 0 && node < nodes;
    if (!there(from) || !there(to))
      throw new RangeError(`link ${i} joins ${from} and ${to} of ${nodes} nodes`);
    if (!(capacity >= 0)) throw new RangeError(`link ${i} has capacity ${capacity}, expected at least 0`);
    if (capacity < Number.POSITIVE_INFINITY) largest = Math.max(largest, capacity);
  }
  // Arc 2 i is link i, arc 2 i + 1 its reverse.
  const left = new Float64Array(2 * links.length);
  const out: number[][] = Array.from({ length: nodes }, () => []);
  for (const [i, { from, to, capacity }] of links.entries()) {
    left[2 * i] = capacity;
    out[from].push(2 * i);
    out[to].push(2 * i + 1);
  }
  const head = (arc: number) => (arc % 2 === 0 ? links[arc >> 1].to : links[arc >> 1].from);
  const least = ROUNDING * largest;
  const levels = new Int32Array(nodes);
  const next = new Int32Array(nodes);
  const flows = new Float64Array(links.length);
  let value = 0;
  const push = (node: number, most: number): number => {
    if (node === sink) return most;
    for (; next[node] < out[node].length; next[node]++) {
      const arc = out[node][next[node]];
      const to = head(arc);
      if (left[arc] <= least || levels[to] !== levels[node] + 1) continue;
      const pushed = push(to, Math.min(most, left[arc]));
      if (pushed === 0) continue;
      left[arc] -= pushed;
      left[arc ^ 1] += pushed;
      flows[arc >> 1] += arc % 2 === 0 ? pushed : -pushed;
      return pushed;
    }
    return 0;
  };
  while (setLevels(levels, out, left, head, least, source)[sink] >= 0) {
    next.fill(0);
    for (;;) {
      const pushed = push(source, Number.POSITIVE_INFINITY);
      if (pushed === Number.POSITIVE_INFINITY) throw new RangeError("a path of infinite capacity");
      if (pushed === 0) break;
      value += pushed;
    }
  }
  return { value, flows };
}

/** Arcs from the source to each node over arcs with capacity left; -1 where there is no way. */
function setLevels(
  levels: Int32Array,
  out: readonly (readonly number[])[],
  left: Float64Array,
  head: (arc: number) => number,
  least: number,
  source: number,
): Int32Array {
  levels.fill(-1);
  levels[source] = 0;
  const queue = [source];
  for (const node of queue) {
    for (const arc of out[node]) {
      const to = head(arc);
      if (left[arc] <= least || levels[to] >= 0) continue;
      levels[to] = levels[node] + 1;
      queue.push(to);
    }
  }
  return levels;
}
