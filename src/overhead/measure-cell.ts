/** Times the calls of one router on one captured state. */
import v8 from "node:v8";
import { Bench, type FnReturnedObject } from "tinybench";
import { quantileOf } from "../numeric/quantile.ts";
import type { Router } from "../routers/contract.ts";
import type { RunOptions } from "../simulator/options.ts";
import type { CapturedState } from "./capture.ts";
import { type Clock, LONG_MILLISECONDS, processorMilliseconds, readerOf } from "./clocks.ts";
import { type PeriodicTimer, ReplayHost } from "./replay-host.ts";
import type { DecisionKind } from "./result.ts";

/** Processor milliseconds of each part of a cell: on a machine that others use they take longer. */
export interface CellBudget {
  readonly warmUp: number;
  readonly batches: number;
  readonly calls: number;
  readonly bytes: number;
  readonly dispatch: number;
  readonly control: number;
}

/** Figures of one kind of call as a worker reports them, in milliseconds. */
export interface RawRow {
  readonly kind: DecisionKind;
  readonly call: string;
  readonly mean: number | null;
  readonly p50: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
  readonly samples: number;
  /** Of the quantiles; the mean is the processor's. */
  readonly clock: Clock;
  readonly bytes: number | null;
  readonly completion: number | null;
  readonly held: number | null;
  readonly reason: string | null;
}

/** Decisions timed together. */
const BATCH = 64;
/** Requests that a measured dispatch finds held. */
const HELD = 100;
/** Requests that arrive before a control step, so that it has something to count. */
const BEFORE_CONTROL = 32;
/** Fewest calls of a part, however long they take. */
const LEAST = 5;
const ROUNDS = 3;
const HEAP_PIECES = 5;
const HEAP_DECISIONS = 16_384;
/** What the engine compiles meanwhile, some 60 kB, must be less than a byte of a decision that allocates next to none. */
const HEAP_DECISIONS_OF_FEW_BYTES = 131_072;
const FEW_BYTES = 32;
/** Milliseconds that one sample by the wall clock is taken to cost at most: more, and it was interrupted. */
const MOST_COST = 0.3;
/** Longest wait for the end of an interval of telemetry. */
const MOST_ROUND_MILLISECONDS = 1000;
/** Requests with a router beyond which it is taken never to place them. */
const MOST_HELD = 1_000_000;

/** A router that does nothing: what the loop and the clock cost by themselves. */
export function emptyRouter(): Router {
  return {
    needs: { telemetry: true },
    start(_world, host) {
      host.every(0, 0.1, true);
      host.every(1, 10);
    },
    arrival() {},
    timer() {},
  };
}

/**
 * Measures every kind of call in turn, and reports each as it is done.
 *
 * @param drops the router does nothing: its requests are taken back
 * @throws whatever the router throws
 */
export function measureCell(
  options: RunOptions,
  state: CapturedState,
  budget: CellBudget,
  drops: boolean,
  report: (row: RawRow) => void,
): void {
  const cell = new Cell(options, state, drops);
  cell.warmUp(budget.warmUp);
  report(cell.request(budget));
  report(cell.dispatch(budget.dispatch));
  report(cell.control(budget.control));
}

class Cell {
  readonly #host: ReplayHost;
  readonly #router: Router;
  readonly #drops: boolean;
  readonly #gap: number;
  readonly #times = new Float64Array(BATCH);
  readonly #slots = new Int32Array(Math.max(BATCH, HELD));
  #count = 0;

  constructor(options: RunOptions, state: CapturedState, drops: boolean) {
    this.#host = new ReplayHost(options, state);
    this.#router = options.router;
    this.#drops = drops;
    this.#gap = 1 / state.ratePerSecond;
    this.#host.start();
  }

  warmUp(milliseconds: number): void {
    const end = processorMilliseconds() + milliseconds;
    for (let i = 0; i < LEAST || processorMilliseconds() < end; i++) {
      this.#prepare(BATCH);
      // Both loops: each is compiled for itself.
      if (i % 2 === 0) this.#runBatch();
      else this.#runCalls();
      this.#settle();
    }
  }

  request(budget: CellBudget): RawRow {
    const host = this.#host;
    let heldSum = 0;
    let batches = 0;
    host.completionMilliseconds = 0;
    host.completionCalls = 0;
    host.timesCompletions = true;
    const mean = leastMean(budget.batches, (tally) => {
      // Whole intervals of telemetry: what a router does once in each is its share of the mean.
      const snapshots = host.snapshots;
      const latest = performance.now() + MOST_ROUND_MILLISECONDS;
      do {
        this.#prepare(BATCH);
        tally.milliseconds += this.#runBatch();
        tally.calls += this.#count;
        heldSum += host.held;
        batches++;
        this.#settle();
      } while (host.snapshots === snapshots && performance.now() < latest);
    });
    host.timesCompletions = false;
    const completion = host.completionCalls === 0 ? null : host.completionMilliseconds / host.completionCalls;
    let at = BATCH;
    const clock = clockOf(mean);
    const calls = sample("calls", budget.calls, clock, () => {
      if (at >= this.#count) {
        this.#settle();
        this.#prepare(BATCH);
        at = 0;
      }
      return clock === "wall" ? this.#runCall(at++) : this.#runLongCall(at++);
    });
    while (at < this.#count) this.#runCall(at++);
    this.#settle();
    return {
      kind: "request",
      call: "arrival",
      mean,
      ...calls,
      bytes: this.#bytes(budget.bytes),
      completion,
      held: heldSum / batches,
      reason: null,
    };
  }

  dispatch(milliseconds: number): RawRow {
    const host = this.#host;
    const timer = host.timers.find(({ onlyWhileHolding }) => onlyWhileHolding);
    if (timer === undefined) return without("dispatch", "the router has no timer for requests that it holds");
    let ticks = 0;
    let left = 0;
    const tick = (read: () => number) => {
      const heldBefore = host.held;
      this.#fillUp(timer);
      const start = read();
      this.#router.timer?.(timer.id);
      const took = read() - start;
      left += host.held - heldBefore;
      ticks++;
      this.#empty(heldBefore);
      return took;
    };
    untimed(milliseconds, tick);
    const mean = leastMeanOf(milliseconds, tick);
    const calls = sample("ticks", milliseconds, clockOf(mean), tick);
    const kept = left / ticks;
    return {
      kind: "dispatch",
      call: `timer ${timer.id} with ${HELD} held${kept >= 1 && !this.#drops ? `, ${Math.round(kept)} of them kept` : ""}`,
      mean,
      ...calls,
      bytes: null,
      completion: null,
      held: null,
      reason: null,
    };
  }

  control(milliseconds: number): RawRow {
    const host = this.#host;
    const timers = host.timers.filter(({ onlyWhileHolding }) => !onlyWhileHolding);
    if (timers.length > 0) {
      const [timer] = timers;
      return this.#steps(milliseconds, `timer ${timer.id}, every ${timer.intervalSeconds} s`, () => {
        host.leap(timer.next * timer.intervalSeconds);
        return () => this.#router.timer?.(timer.id);
      });
    }
    if (this.#router.signal === undefined)
      return without("control", "the router does nothing between requests");
    const { regions, carbon } = host.world.signals;
    let turn = 0;
    return this.#steps(milliseconds, `signals of ${regions.length} regions`, () => {
      host.leap(host.now + 300);
      // Another intensity each time, near the one captured.
      for (let r = 0; r < carbon.length; r++) carbon[r] *= turn % 2 === 0 ? 1.01 : 1 / 1.01;
      turn++;
      return () => host.signalAll();
    });
  }

  #steps(milliseconds: number, call: string, ready: () => () => void): RawRow {
    const step = (read: () => number) => {
      this.#prepare(BEFORE_CONTROL);
      this.#runBatch();
      this.#settle();
      const run = ready();
      const start = read();
      run();
      return read() - start;
    };
    untimed(milliseconds, step);
    const mean = leastMeanOf(milliseconds, step);
    const calls = sample("steps", milliseconds, clockOf(mean), step);
    return {
      kind: "control",
      call,
      mean,
      ...calls,
      bytes: null,
      completion: null,
      held: null,
      reason: null,
    };
  }

  /** Requests of the next batch: as many as arrive before the next snapshot or timer, at least one. */
  #prepare(most: number): void {
    const host = this.#host;
    const times = this.#times;
    times[0] = host.now + this.#gap;
    host.advance(times);
    host.findDue();
    let count = 0;
    let at = times[0];
    do {
      times[count] = at;
      this.#slots[count] = host.request(times, count);
      count++;
      at += this.#gap;
    } while (count < most && at < host.due[0]);
    this.#count = count;
    if (host.held > MOST_HELD) throw new Error(`the router holds more than ${MOST_HELD} requests`);
  }

  #runBatch(): number {
    const start = processorMilliseconds();
    this.#runUntimed();
    return processorMilliseconds() - start;
  }

  #runUntimed(): void {
    const host = this.#host;
    const router = this.#router;
    for (let i = 0; i < this.#count; i++) {
      host.now = this.#times[i];
      host.held++;
      router.arrival(this.#slots[i]);
    }
  }

  #runCalls(): void {
    for (let i = 0; i < this.#count; i++) this.#runCall(i);
  }

  #runCall(i: number): number {
    const host = this.#host;
    host.now = this.#times[i];
    host.held++;
    const start = performance.now();
    this.#router.arrival(this.#slots[i]);
    return performance.now() - start;
  }

  /** {@link #runCall} by the processor's clock. */
  #runLongCall(i: number): number {
    const host = this.#host;
    host.now = this.#times[i];
    host.held++;
    const start = processorMilliseconds();
    this.#router.arrival(this.#slots[i]);
    return processorMilliseconds() - start;
  }

  #settle(): void {
    if (this.#drops) for (let i = 0; i < this.#count; i++) this.#host.drop(this.#slots[i]);
    this.#count = 0;
  }

  /** Everything goes down, requests arrive and are held, and at the next tick all is up again. */
  #fillUp(timer: PeriodicTimer): void {
    const host = this.#host;
    host.setAllUp(false);
    this.#count = 0;
    for (let i = 0; i < HELD; i++) {
      this.#times[0] = host.now;
      const request = host.request(this.#times, 0);
      this.#slots[this.#count++] = request;
      host.held++;
      this.#router.arrival(request);
    }
    host.leap(timer.next * timer.intervalSeconds);
    host.setAllUp(true);
  }

  /** Lets those go that the tick did not place. */
  #empty(heldBefore: number): void {
    const host = this.#host;
    this.#settle();
    host.snapshot();
    if (this.#drops || host.held <= heldBefore) return;
    // Requests held on purpose go once they have waited as long as they may.
    this.#times[0] = host.now + 10;
    host.advance(this.#times);
  }

  /**
   * Growth of the heap by a decision: over pieces of so many untimed decisions that the grain in which V8 counts its
   * heap is less than a byte of each, or of as many as their time allows. Where decisions allocate, pieces are short,
   * or a collection would hide what they fill, and the median counts; pieces of decisions that allocate next to
   * nothing end before any collection, what the engine compiles meanwhile only adds to them, and the least counts.
   */
  #bytes(milliseconds: number): number {
    const bytes = this.#bytesOver(HEAP_DECISIONS, milliseconds, 0.5);
    return bytes < FEW_BYTES ? this.#bytesOver(HEAP_DECISIONS_OF_FEW_BYTES, 4 * milliseconds, 0) : bytes;
  }

  /** @param quantile of the pieces' growths by a decision */
  #bytesOver(decisions: number, milliseconds: number, quantile: number): number {
    const own = growth(() => undefined);
    const ofPieces: number[] = [];
    for (let piece = 0; piece < HEAP_PIECES; piece++) {
      globalThis.gc?.();
      let done = 0;
      const grown = growth(() => {
        const end = processorMilliseconds() + 2 * milliseconds;
        while (done < decisions && processorMilliseconds() < end) {
          for (let i = 0; i < 8; i++) {
            this.#prepare(BATCH);
            this.#runUntimed();
            done += this.#count;
            this.#settle();
          }
        }
      });
      // A collection inside a piece hides what it filled.
      if (grown >= 0 && done > 0) ofPieces.push(Math.max(0, grown - own) / done);
    }
    return ofPieces.length === 0 ? Number.POSITIVE_INFINITY : quantileOf(ofPieces, quantile);
  }
}

function growth(work: () => void): number {
  const before = v8.getHeapStatistics().used_heap_size;
  work();
  return v8.getHeapStatistics().used_heap_size - before;
}

interface Tally {
  milliseconds: number;
  calls: number;
}

/** Mean time of a call in the best of three rounds, since others may take the processor in between. */
function leastMean(milliseconds: number, add: (tally: Tally) => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const tally = { milliseconds: 0, calls: 0 };
    const end = processorMilliseconds() + milliseconds / ROUNDS;
    do add(tally);
    while (processorMilliseconds() < end);
    least = Math.min(least, tally.milliseconds / tally.calls);
  }
  return least;
}

/** {@link leastMean} of calls that time themselves by the clock they are given. */
function leastMeanOf(milliseconds: number, once: (read: () => number) => number): number {
  const read = readerOf("processor");
  return leastMean(milliseconds, (tally) => {
    tally.milliseconds += once(read);
    tally.calls++;
  });
}

/** Calls until what they run is compiled. */
function untimed(milliseconds: number, once: (read: () => number) => number): void {
  const read = readerOf("processor");
  const end = read() + milliseconds;
  do once(read);
  while (read() < end);
}

function clockOf(mean: number): Clock {
  return mean < LONG_MILLISECONDS ? "wall" : "processor";
}

/** Quantiles over single calls that time themselves, by tinybench: it decides how many there are. */
function sample(
  name: string,
  milliseconds: number,
  clock: Clock,
  once: (read: () => number) => number,
): Pick<RawRow, "p50" | "p99" | "p999" | "samples" | "clock"> {
  const read = readerOf(clock);
  const result: FnReturnedObject = {};
  const bench = new Bench({ time: milliseconds, iterations: LEAST, warmup: false, throws: true });
  const take = () => {
    const began = read();
    result.overriddenDuration = once(read);
    // What readies the call takes its part of the time too, and what others take of the processor none.
    const cost = read() - began;
    result.overriddenIterationCost = clock === "wall" ? Math.min(cost, MOST_COST) : cost;
    return result;
  };
  bench.add(name, take, { async: false });
  const [task] = bench.runSync();
  const found = task.result;
  if (!("latency" in found)) throw new Error(`no samples of ${name}: ${found.state}`);
  const { p50, p99, p999, samplesCount } = found.latency;
  return { p50, p99, p999, samples: samplesCount, clock };
}

function without(kind: DecisionKind, reason: string): RawRow {
  const none = { mean: null, p50: null, p99: null, p999: null, bytes: null, completion: null, held: null };
  return { kind, call: "", ...none, samples: 0, clock: "wall", reason };
}
