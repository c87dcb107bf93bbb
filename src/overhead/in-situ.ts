/** The share of a simulation that is spent in calls of its router. */
import { NO_RECORDS } from "../experiment/execute-training.ts";
import type { FleetChange, ReturnReason, Router, RouterHost, World } from "../routers/contract.ts";
import type { RunOptions } from "../simulator/options.ts";
import { simulate } from "../simulator/simulate.ts";
import { processorMilliseconds } from "./clocks.ts";

/** One call in so many is timed; the other calls run free. */
const EVERY = 8;
const ROUNDS = 3;
/** Pairs of readings of the clock that tell what one costs. */
const PAIRS = 10_001;

export interface RawInSitu {
  readonly requests: number;
  /** Processor time of a run without timing. */
  readonly processorSeconds: number;
  readonly routerSeconds: number;
  /** Of the time of the runs in which calls were timed. */
  readonly share: number;
}

/**
 * Simulates a run to warm up, for its processor time, and with the calls of the router timed: one in eight of each kind,
 * and the time multiplied by as much. What reading the clock costs is taken off. Others on the machine stretch the calls
 * and the whole alike, so that it is the share that is measured; three rounds, the mean of the shares and the best time.
 *
 * @param resolve the run's options with a fresh router
 */
export async function measureInSitu(resolve: () => Promise<RunOptions>): Promise<RawInSitu> {
  await runTimed(resolve);
  let processorSeconds = Number.POSITIVE_INFINITY;
  let shares = 0;
  let requests = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const options = await resolve();
    const start = processorMilliseconds();
    requests = simulate(options, NO_RECORDS).requests;
    processorSeconds = Math.min(processorSeconds, (processorMilliseconds() - start) / 1000);
    shares += await runTimed(resolve);
  }
  const share = shares / ROUNDS;
  return { requests, processorSeconds, share, routerSeconds: share * processorSeconds };
}

/** Share of the run's wall time in calls of the router. */
async function runTimed(resolve: () => Promise<RunOptions>): Promise<number> {
  const options = await resolve();
  const timed = new TimedRouter(options.router);
  const start = performance.now();
  simulate({ ...options, router: timed.router }, NO_RECORDS);
  return timed.seconds / ((performance.now() - start) / 1000);
}

/** A router whose calls are timed, one in {@link EVERY} of each kind. It has the methods that the router has. */
export class TimedRouter {
  readonly router: Router;
  #milliseconds = 0;
  #timed = 0;
  /** Above 0 inside a call: what it gives rise to is part of it. */
  #depth = 0;

  constructor(inner: Router) {
    const { needs } = inner;
    this.router = {
      ...(needs === undefined ? {} : { needs }),
      start: (world: World, host: RouterHost) => inner.start(world, host),
      arrival: this.#timing((request: number) => inner.arrival(request)),
      ...(inner.timer && { timer: this.#timing((id: number) => inner.timer?.(id)) }),
      ...(inner.capacity && { capacity: this.#timing((endpoint: number) => inner.capacity?.(endpoint)) }),
      ...(inner.signal && { signal: this.#timing((region: number) => inner.signal?.(region)) }),
      ...(inner.completion && { completion: this.#timing((request: number) => inner.completion?.(request)) }),
      ...(inner.fleet && {
        fleet: this.#timing((endpoint: number, change: FleetChange) => inner.fleet?.(endpoint, change)),
      }),
      ...(inner.returned && {
        returned: this.#timing((request: number, reason: ReturnReason) => inner.returned?.(request, reason)),
      }),
    };
  }

  /** Time in the router, estimated from the calls that were timed. */
  get seconds(): number {
    return (EVERY * Math.max(0, this.#milliseconds - this.#timed * timerMilliseconds())) / 1000;
  }

  #timing<A extends unknown[]>(call: (...args: A) => void): (...args: A) => void {
    // Not the first: it may be like no other, as the first control step is.
    let count = EVERY / 2;
    return (...args) => {
      if (this.#depth > 0 || ++count % EVERY !== 0) {
        this.#depth++;
        call(...args);
        this.#depth--;
        return;
      }
      this.#depth++;
      const start = performance.now();
      call(...args);
      this.#milliseconds += performance.now() - start;
      this.#depth--;
      this.#timed++;
    };
  }
}

/** What lies between two readings of the clock one after the other: the median, in milliseconds. */
export function timerMilliseconds(): number {
  const pairs = new Float64Array(PAIRS);
  for (let i = 0; i < PAIRS; i++) {
    const start = performance.now();
    pairs[i] = performance.now() - start;
  }
  return pairs.sort()[PAIRS >> 1];
}
