/**
 * A host without engines: the columns of a captured state, which stays in its regime however many decisions are made
 * on it. Placements correct the telemetry as the simulator's host does; the next snapshot takes them back.
 */
import { NO_RECORDS } from "../experiment/execute-training.ts";
import { TimeHeap } from "../numeric/heap.ts";
import type { Router, RouterHost, World } from "../routers/contract.ts";
import type { RunOptions } from "../simulator/options.ts";
import { AT } from "../simulator/request-table.ts";
import { RunState } from "../simulator/run-state.ts";
import type { Completion } from "../simulator/views.ts";
import type { CapturedState } from "./capture.ts";

/** A timer that the router asked for. */
export interface PeriodicTimer {
  readonly id: number;
  readonly intervalSeconds: number;
  readonly onlyWhileHolding: boolean;
  /** Number of the multiple that is due next. */
  next: number;
}

/** Columns that a placement changes, as {@link RunState.telemetry} has them. */
const CORRECTED = ["waiting", "outstanding", "queuedPrefillTokens", "outstandingTokens"] as const;

export class ReplayHost implements RouterHost {
  held = 0;
  readonly explaining = false;
  readonly world: World;
  readonly timers: PeriodicTimer[] = [];
  readonly state: CapturedState;
  /** Placements since the last snapshot: the first {@link placedCount}. */
  placed = new Int32Array(1024);
  placedCount = 0;
  snapshots = 0;
  /** Time of the next snapshot or timer, by {@link findDue}. */
  readonly due = new Float64Array(1);
  /** All placements, rejections and holds. */
  placements = 0;
  rejections = 0;
  /** Milliseconds and calls of {@link Router.completion}. */
  completionMilliseconds = 0;
  completionCalls = 0;
  /** Whether those milliseconds are counted: reading the clock may fill the heap. */
  timesCompletions = false;
  readonly #run: RunState;
  readonly #router: Router;
  readonly #once = new TimeHeap();
  readonly #captured: Readonly<Record<(typeof CORRECTED)[number], Float64Array>>;
  readonly #snapshotSeconds: number;
  readonly #cap: Float64Array;
  #nextSnapshot: number;
  #sample = 0;

  /** @param options of a run on the same fleet; its router is the one that is measured, its requests are not read */
  constructor(options: RunOptions, state: CapturedState) {
    const run = new RunState(options, NO_RECORDS);
    this.#run = run;
    this.#router = options.router;
    this.world = run.world;
    this.state = state;
    this.#cap = run.world.endpoints.maxOutstanding;
    this.#snapshotSeconds = options.telemetryIntervalSeconds;
    run.now = state.atSeconds;
    run.signals.fetch(run.now);
    run.telemetry.takenAtSeconds = run.now;
    const columns = run.telemetry as unknown as Record<string, Float64Array>;
    for (const [name, column] of Object.entries(state.telemetry)) columns[name].set(column);
    this.#captured = state.telemetry as unknown as Record<(typeof CORRECTED)[number], Float64Array>;
    this.#nextSnapshot = nextMultiple(run.now, this.#snapshotSeconds);
  }

  get now(): number {
    return this.#run.now;
  }

  set now(seconds: number) {
    this.#run.now = seconds;
  }

  /** Starts the router, and has the signals fetched. */
  start(): void {
    this.#router.start(this.world, this);
    this.signalAll();
  }

  signalAll(): void {
    if (this.#router.signal === undefined) return;
    for (let region = 0; region < this.world.signals.regions.length; region++) this.#router.signal(region);
  }

  /**
   * The next request of the sample, arriving at an entry of `times`; it is with the router once that is called. Times
   * are read from columns: a number that is handed over may be boxed, and would count as a decision's bytes.
   */
  request(times: Float64Array, i: number): number {
    const { table } = this.#run;
    const atSeconds = times[i];
    const { requests } = this.state;
    const row = this.#sample++ % requests.id.length;
    const slot = table.allocate();
    const tier = requests.tier[row];
    table.id[slot] = requests.id[row];
    table.arrivalSeconds[slot] = atSeconds;
    table.deadlineSeconds[slot] = atSeconds + this.world.tiers[tier].sloSeconds;
    table.promptTokens[slot] = requests.promptTokens[row];
    table.outputTokens[slot] = requests.outputTokens[row];
    table.tier[slot] = tier;
    table.needsLarge[slot] = requests.needsLarge[row];
    table.taskType[slot] = requests.taskType[row];
    table.tenant[slot] = requests.tenant[row];
    table.turns[slot] = requests.turns[row];
    table.session[slot] = requests.session[row];
    table.step[slot] = requests.step[row];
    table.prefixTokens[slot] = requests.prefixTokens[row];
    table.difficulty[slot] = requests.difficulty[row];
    table.recordedEndpoint[slot] = requests.recordedEndpoint[row];
    table.at[slot] = AT.router;
    return slot;
  }

  /** Takes a request back that the router was given and did nothing with: for the empty router. */
  drop(request: number): void {
    this.held--;
    this.#run.table.release(request);
  }

  /** Puts the time of the next snapshot or timer in {@link due}. */
  findDue(): void {
    let next = Math.min(this.#nextSnapshot * this.#snapshotSeconds, this.#once.peekTime());
    for (const timer of this.timers) next = Math.min(next, timer.next * timer.intervalSeconds);
    this.due[0] = next;
  }

  /** Takes the snapshots and fires the timers up to and including `until[0]`. */
  advance(until: Float64Array): void {
    const untilSeconds = until[0];
    for (this.findDue(); this.due[0] <= untilSeconds; this.findDue()) {
      const at = this.due[0];
      this.now = at;
      if (this.#nextSnapshot * this.#snapshotSeconds <= at) this.snapshot();
      while (this.#once.peekTime() <= at) this.#router.timer?.(this.#once.pop());
      for (const timer of this.timers) {
        if (timer.next * timer.intervalSeconds > at) continue;
        timer.next++;
        if (!timer.onlyWhileHolding || this.held > 0) this.#router.timer?.(timer.id);
      }
    }
    this.now = untilSeconds;
  }

  /** Lets time pass in which nothing happens that the router hears of. */
  leap(seconds: number): void {
    this.now = seconds;
    for (const timer of this.timers) timer.next = nextMultiple(seconds, timer.intervalSeconds);
    this.snapshot();
  }

  /** The telemetry as it was captured, as of now; what was placed has ended, and the router hears of it. */
  snapshot(): void {
    this.#nextSnapshot = nextMultiple(this.now, this.#snapshotSeconds);
    const { telemetry, table } = this.#run;
    const { waiting, outstanding, queuedPrefillTokens, outstandingTokens } = telemetry;
    const captured = this.#captured;
    telemetry.takenAtSeconds = this.now;
    this.snapshots++;
    for (let i = 0; i < this.placedCount; i++) {
      const e = table.endpoint[this.placed[i]];
      if (e < 0) continue;
      waiting[e] = captured.waiting[e];
      outstanding[e] = captured.outstanding[e];
      queuedPrefillTokens[e] = captured.queuedPrefillTokens[e];
      outstandingTokens[e] = captured.outstandingTokens[e];
    }
    this.#endPlaced();
  }

  /**
   * Whether endpoints take requests. The router is told of no change, as of an outage that is over before it is: it
   * would begin to dispatch at the news, and not at its tick.
   */
  setAllUp(up: boolean): void {
    const { telemetry } = this.#run;
    if (up) telemetry.up.set(this.state.telemetry["up"] as Uint8Array);
    else telemetry.up.fill(0);
  }

  #endPlaced(): void {
    const { table } = this.#run;
    const tells = this.#router.needs?.completions === true;
    const start = this.timesCompletions ? performance.now() : 0;
    for (let i = 0; i < this.placedCount; i++) {
      const request = this.placed[i];
      // One that was taken back is with the router, or stands in the list twice.
      if (table.at[request] !== AT.waiting) continue;
      if (tells) this.#tellEnd(request);
      table.release(request);
    }
    if (tells && this.timesCompletions) this.completionMilliseconds += performance.now() - start;
    this.placedCount = 0;
  }

  #tellEnd(request: number): void {
    const { table } = this.#run;
    const { completions } = this.state;
    const completed = this.world.completed as Completion;
    const like = completions[this.completionCalls++ % completions.length];
    completed.endpoint = table.endpoint[request];
    completed.ttftSeconds = like.ttftSeconds;
    completed.e2eSeconds = like.e2eSeconds;
    completed.finishedAtSeconds = this.now;
    completed.promptTokens = table.promptTokens[request];
    completed.outputTokens = table.outputTokens[request];
    completed.energyJoules = like.energyJoules;
    completed.costUsd = like.costUsd;
    completed.carbonGrams = like.carbonGrams;
    completed.sloMet = like.sloMet;
    completed.correct = like.correct;
    this.#router.completion?.(request);
  }

  place(request: number, endpoint: number, _decodeAt = -1, _priority = 0): boolean {
    const { table, telemetry } = this.#run;
    if (table.at[request] !== AT.router)
      throw new Error(`the router placed request ${request}, which it does not hold`);
    if (telemetry.up[endpoint] === 0 || telemetry.outstanding[endpoint] >= this.#cap[endpoint]) return false;
    if (this.placedCount === this.placed.length) this.#grow();
    this.placed[this.placedCount++] = request;
    this.placements++;
    this.held--;
    table.at[request] = AT.waiting;
    table.endpoint[request] = endpoint;
    telemetry.placed(endpoint, table.promptTokens[request] + table.producedTokens[request]);
    return true;
  }

  hold(_request: number): void {}

  release(_request: number): void {}

  reject(request: number, _reason: string): void {
    this.rejections++;
    this.drop(request);
  }

  preempt(request: number): void {
    const { table, telemetry } = this.#run;
    if (table.at[request] !== AT.waiting) return;
    const e = table.endpoint[request];
    const tokens = table.promptTokens[request] + table.producedTokens[request];
    telemetry.waiting[e]--;
    telemetry.outstanding[e]--;
    telemetry.queuedPrefillTokens[e] -= tokens;
    telemetry.outstandingTokens[e] -= tokens;
    table.at[request] = AT.router;
    this.held++;
    this.#router.returned?.(request, "preempted");
  }

  setWeights(): void {}

  setReplicas(): void {}

  setPowerState(): void {}

  every(id: number, intervalSeconds: number, onlyWhileHolding = false): void {
    const next = nextMultiple(this.now, intervalSeconds);
    const timer = { id, intervalSeconds, onlyWhileHolding, next };
    const known = this.timers.findIndex((other) => other.id === id);
    if (known >= 0) this.timers[known] = timer;
    else this.timers.push(timer);
    this.timers.sort((a, b) => a.id - b.id);
  }

  at(id: number, atSeconds: number): void {
    this.#once.push(atSeconds, 0, id, id);
  }

  watchCapacity(): void {}

  predict(): void {}

  explain(): void {}

  #grow(): void {
    const wider = new Int32Array(2 * this.placed.length);
    wider.set(this.placed);
    this.placed = wider;
  }
}

/** The least whole number whose multiple of the interval lies after `seconds`: the quotient alone may be rounded down. */
function nextMultiple(seconds: number, intervalSeconds: number): number {
  let k = Math.floor(seconds / intervalSeconds);
  while (k * intervalSeconds <= seconds) k++;
  return k;
}
