import { Stream } from "../numeric/random.ts";
import { expectPositive } from "./check.ts";
import { blockStarts, gatherRows } from "./columns.ts";
import type { Trace } from "./trace.ts";
import { changed, periodSeconds } from "./transform.ts";

/**
 * Multiplies the rate of a trace by laying shifted copies of it over each other, which keeps its pattern within
 * each copy (where compressing time would sharpen it).
 *
 * The first copy stays; each further one is turned in a circle of {@link periodSeconds} by a seeded shift. A factor
 * with a fraction ends in a copy of which each session, or request without one, is kept with that probability.
 * Sessions move whole and get numbers of their own in each copy, so that no cache joins them.
 */
export function superpose(trace: Trace, factor: number, seed: number | string): Trace {
  expectPositive(factor, "copies");
  const blocks = new Blocks(trace);
  const shifts = new Stream(seed, "trace/shifts");
  const thinning = new Stream(seed, "trace/thinning");
  const period = periodSeconds(trace);
  const whole = Math.floor(factor);
  const copies: Copy[] = [];
  for (let copy = 0; copy < Math.ceil(factor); copy++) {
    const shift = copy === 0 ? 0 : shifts.uniform() * period;
    copies.push(turned(blocks, shift, period, copy < whole ? 1 : factor - whole, thinning));
  }
  return merge(trace, blocks, copies);
}

/** What moves together, for all blocks of a trace. */
class Blocks {
  readonly starts: Int32Array;
  readonly rows: number;
  /** Own arrival of each block. */
  readonly times: Float64Array;
  /** Block of the first arrival of the session that a block belongs to: itself without a session. */
  readonly leaders: Int32Array;
  /** Numbers of the sessions from 0, by row; -1 for none. */
  readonly sessions: Float64Array | undefined;
  readonly sessionCount: number;

  constructor(trace: Trace) {
    const { arrivalSeconds, session } = trace.columns;
    this.rows = trace.requests;
    this.starts = blockStarts(arrivalSeconds);
    this.times = Float64Array.from(this.starts, (row) => arrivalSeconds[row]);
    this.leaders = Int32Array.from(this.starts.keys());
    const numbers = new Map<number, number>();
    if (session !== undefined) {
      const firstBlocks: number[] = [];
      this.sessions = session.map((own) => {
        if (own < 0) return -1;
        if (!numbers.has(own)) numbers.set(own, numbers.size);
        return numbers.get(own) as number;
      });
      for (let block = 0; block < this.starts.length; block++) {
        const own = this.sessions[this.starts[block]];
        if (own >= 0) this.leaders[block] = firstBlocks[own] ??= block;
      }
    }
    this.sessionCount = numbers.size;
  }

  end(block: number): number {
    return block + 1 < this.starts.length ? this.starts[block + 1] : this.rows;
  }
}

/** The blocks of one copy in order of their new arrival times. */
interface Copy {
  readonly order: readonly number[];
  /** New arrival times, by block. */
  readonly times: Float64Array;
}

function turned(blocks: Blocks, shift: number, period: number, share: number, thinning: Stream): Copy {
  const { times, leaders } = blocks;
  const moved = new Float64Array(times.length);
  const kept = new Uint8Array(times.length);
  const order: number[] = [];
  for (let block = 0; block < times.length; block++) {
    const leader = leaders[block];
    // A leader comes before the blocks that follow it.
    kept[block] = leader === block ? (share === 1 || thinning.uniform() < share ? 1 : 0) : kept[leader];
    const wraps = shift > 0 && times[leader] - times[0] + shift >= period;
    moved[block] = wraps ? Math.max(0, times[block] + (shift - period)) : times[block] + shift;
    if (kept[block] === 1) order.push(block);
  }
  return { order: order.sort((a, b) => moved[a] - moved[b]), times: moved };
}

function merge(trace: Trace, blocks: Blocks, copies: readonly Copy[]): Trace {
  let rows = 0;
  for (const copy of copies) for (const block of copy.order) rows += blocks.end(block) - blocks.starts[block];
  const source = new Int32Array(rows);
  const arrivals = new Float64Array(rows).fill(Number.NaN);
  const copyOf = new Int32Array(rows);
  const next = new Int32Array(copies.length);
  for (let at = 0; at < rows; ) {
    let first = -1;
    let earliest = Number.POSITIVE_INFINITY;
    for (let c = 0; c < copies.length; c++) {
      const { order, times } = copies[c];
      if (next[c] < order.length && times[order[next[c]]] < earliest) {
        first = c;
        earliest = times[order[next[c]]];
      }
    }
    const block = copies[first].order[next[first]++];
    arrivals[at] = earliest;
    for (let row = blocks.starts[block]; row < blocks.end(block); row++, at++) {
      source[at] = row;
      copyOf[at] = first;
    }
  }
  const columns = gatherRows(trace.columns, source);
  columns.arrivalSeconds.set(arrivals);
  if (columns.session !== undefined && blocks.sessions !== undefined) {
    for (let i = 0; i < rows; i++) {
      const session = blocks.sessions[source[i]];
      columns.session[i] = session < 0 ? -1 : session + copyOf[i] * blocks.sessionCount;
    }
  }
  return changed(trace, columns);
}
