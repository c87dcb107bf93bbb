import { ConservationError } from "../errors.ts";
import type { Endpoint, Region } from "../fleet/fleet.ts";
import type { Law } from "../profile/law.ts";
import { BlockRing } from "./block-ring.ts";
import { FinishWheel } from "./finish-wheel.ts";
import { EMPTY, formBatch, PURE_DECODE } from "./forming.ts";
import { Meter, WatchedMeter } from "./meter.ts";
import type { ReplicaWatcher } from "./options.ts";
import { PrefixCache } from "./prefix-cache.ts";
import { RequestList } from "./request-list.ts";
import { AT, type RequestTable } from "./request-table.ts";

const NONE = -1;

/** Admissions after which the running sums begin at 0 again, so that shares stay differences of small numbers. */
const ADMISSIONS_PER_RESTART = 1024;
/** Decode steps after which their numbers do so too: the columns that hold some are of 32 bits. */
const STEPS_PER_RESTART = 2 ** 30;

/** Off draws nothing; starting and draining ones take no requests; all but off ones draw power. */
export type Phase = "off" | "starting" | "serving" | "draining";

/** What a replica reports while it is advanced. Times lie between the last call and this one. */
export interface ReplicaOwner {
  finished(replica: Replica, request: number, atSeconds: number): void;
  /** A prefill endpoint has computed a prompt whose outputs are made elsewhere. */
  prefilled(replica: Replica, request: number, atSeconds: number): void;
  /** The batch in which the router asked for the request back has ended. */
  takenBack(replica: Replica, request: number): void;
}

/**
 * One serving engine: iteration-level continuous batching by the rules of simulation-rules.md section 4.
 *
 * Nothing outside happens to a replica between two calls, so it is advanced lazily. All decoding requests
 * progress together: a step number stands for the tokens of each, a wheel knows who finishes at which step, a
 * ring of `blockTokens` counters knows how many need a new KV block at each step. An iteration thus costs O(1)
 * plus O(1) per prompt in it, and a run of decode steps is a loop of one multiply-add.
 */
export class Replica {
  readonly index: number;
  readonly endpoint: Endpoint;
  readonly law: Law;
  readonly table: RequestTable;
  readonly owner: ReplicaOwner;
  readonly meter: Meter;
  readonly cache: PrefixCache | null;
  readonly waiting: RequestList;
  readonly running: RequestList;

  phase: Phase = "off";
  /** When it is ready, while starting. */
  readySeconds = Number.NaN;
  upSince = 0;
  upSeconds = 0;
  /** Iterations started from now on: multiply times and powers. */
  timeFactor = 1;
  powerFactor = 1;

  /** End of the last batch, or the arrival that ended idleness. Batches start here. */
  now = 0;
  /** End of the batch in progress, Infinity without one. */
  endAt = Number.POSITIVE_INFINITY;
  freeBlocks: number;
  /** Decoding requests, the tokens they hold, and the number of decode steps done. */
  decoding = 0;
  contextTokens = 0;
  steps = 0;
  queuedPrefillTokens = 0;
  outstandingTokens = 0;
  /** Finished requests of a static batch that keep their places, and the blocks they keep. */
  lingering = 0;
  lingeringBlocks = 0;
  /** Requests that the router wants back at the end of the batch. */
  takeBacks = 0;

  /** The batch being formed: prompts with their chunks, decoding members, those left out, stamp of members. */
  readonly batchRequests: Int32Array;
  readonly batchChunks: Int32Array;
  batchPrompts = 0;
  batchTokens = 0;
  batchDecoding = 0;
  readonly stalled: Int32Array;
  stalledCount = 0;
  stamp = 0;
  preemptedWhileForming = false;
  /** Requests that hold a place and are not decoding yet, in running order. */
  readonly prefilling: Int32Array;
  prefillingCount = 0;

  iterations = 0;
  outsideIterations = 0;
  outsideJoules = 0;
  preemptions = 0;
  readonly horizonSeconds: number;

  readonly watcher: ReplicaWatcher | null;
  readonly wheel: FinishWheel;
  readonly blockRing: BlockRing;

  readonly #finishing: { readonly request: number; readonly blocks: number }[] = [];
  #admissions = 0;
  #inDecodeRun = false;
  /** Steps of the decode run behind the one in progress that nothing from here can interrupt, and their segment. */
  #sureStepsLeft = 0;
  #lawSegment = 0;
  /** Where somebody has asked for the end of those steps, all of one segment inside the grid: that; else NaN. */
  #sureEnd = Number.NaN;
  #segmentStart = Number.NaN;
  #segmentTimeFactor = 1;
  #segmentPowerFactor = 1;
  #batchStart = 0;
  #batchWatts = 0;
  #batchOutside = false;
  #idleFrom = 0;

  /** @param horizonSeconds idle power counts up to here; Infinity when only the end of the run tells */
  constructor(
    index: number,
    endpoint: Endpoint,
    region: Region,
    table: RequestTable,
    owner: ReplicaOwner,
    horizonSeconds: number,
    watcher: ReplicaWatcher | null = null,
  ) {
    const { batching } = endpoint;
    if (batching.maxRequests > endpoint.law.maxSequences) {
      throw new RangeError(
        `${endpoint.name}: ${batching.maxRequests} requests exceed the law's ${endpoint.law.maxSequences}`,
      );
    }
    this.index = index;
    this.endpoint = endpoint;
    this.law = endpoint.law;
    this.table = table;
    this.owner = owner;
    this.horizonSeconds = horizonSeconds;
    this.watcher = watcher;
    this.meter = watcher === null ? new Meter(endpoint, region) : new WatchedMeter(endpoint, region, watcher);
    const caches = batching.prefixReuse && batching.policy === "vllm-v1" && endpoint.role !== "prefill";
    this.cache = caches ? new PrefixCache() : null;
    this.waiting = new RequestList(table);
    this.running = new RequestList(table);
    this.freeBlocks = batching.kvBlocks;
    this.batchRequests = new Int32Array(batching.maxRequests);
    this.batchChunks = new Int32Array(batching.maxRequests);
    this.stalled = new Int32Array(batching.maxRequests);
    this.prefilling = new Int32Array(batching.maxRequests);
    this.wheel = new FinishWheel(table);
    this.blockRing = new BlockRing(batching.blockTokens);
  }

  /** Requests that hold a place in the batch. */
  get places(): number {
    return this.running.length + this.lingering;
  }

  /** Waiting and running requests that have not finished. */
  get outstanding(): number {
    return this.running.length + this.waiting.length;
  }

  /** Whether a batch may start at `now` (it starts once everything else of that instant has happened). */
  get startPending(): boolean {
    return this.endAt === Number.POSITIVE_INFINITY && this.outstanding > 0;
  }

  /**
   * A time up to which no request ends here and no other comes to run, unless something is done from outside: the
   * start that is pending, or the end of a batch. Infinity when nothing runs.
   */
  quietUntil(): number {
    if (this.endAt === Number.POSITIVE_INFINITY) return this.outstanding > 0 ? this.now : this.endAt;
    const decodesOnly = this.#inDecodeRun && this.outstanding === this.decoding && this.takeBacks === 0;
    return decodesOnly ? this.#endOfSureSteps() : this.endAt;
  }

  /** Applies all batch ends up to and including `t`, and starts batches before `t`. */
  advance(t: number): void {
    for (;;) {
      if (this.endAt < Number.POSITIVE_INFINITY) {
        if (this.endAt > t) return;
        if (this.#sureStepsLeft > 0 && this.endAt < t && this.#decodesOn) {
          this.#decodeOn(t);
          continue;
        }
        this.#completeBatch();
      }
      if (this.now >= t || this.outstanding === 0) return;
      this.#startBatch(t);
    }
  }

  /** Starts the batch that is pending at `t`, after everything else of that instant. */
  startAt(t: number): void {
    if (this.startPending && this.now === t) this.#startBatch(t);
  }

  /** A request reaches the replica at `t`, to which the replica has been advanced. */
  enqueue(request: number, t: number): void {
    const table = this.table;
    if (this.outstanding === 0 && this.now < t) this.now = t;
    table.at[request] = AT.waiting;
    table.replica[request] = this.index;
    table.batchStamp[request] = 0;
    if (table.transferred[request] === 0) {
      table.target[request] = table.promptTokens[request] + table.producedTokens[request];
      table.computed[request] = 0;
    } else {
      table.computed[request] = table.target[request];
    }
    this.queuedPrefillTokens += table.target[request] - table.computed[request];
    this.outstandingTokens += table.promptTokens[request] + table.producedTokens[request];
    const list = this.waiting;
    let place = list.tail;
    const order = this.endpoint.batching.order;
    if (order === "edf") {
      while (place !== NONE && table.deadlineSeconds[place] > table.deadlineSeconds[request])
        place = table.previous[place];
    } else if (order === "priority") {
      while (place !== NONE && table.priority[place] < table.priority[request]) place = table.previous[place];
    }
    list.insertAfter(place, request);
  }

  /** Takes a waiting request off the queue. */
  withdraw(request: number): void {
    const table = this.table;
    this.waiting.remove(request);
    this.queuedPrefillTokens -= table.target[request] - table.computed[request];
    this.outstandingTokens -= table.promptTokens[request] + table.producedTokens[request];
    table.transferred[request] = 0;
  }

  /** Takes a running request out between two batches; its blocks and computed tokens are lost. */
  detach(request: number): void {
    const table = this.table;
    this.closeSegment();
    if (table.computed[request] === table.target[request]) {
      const held = this.#leaveDecoding(request);
      table.producedTokens[request] = held - table.promptTokens[request];
      this.freeBlocks += this.blockRing.blocksOf(held);
    } else {
      this.freeBlocks += table.blocks[request];
      this.queuedPrefillTokens -= table.target[request] - table.computed[request];
      const at = this.prefilling.indexOf(request);
      this.prefilling.copyWithin(at, at + 1, this.prefillingCount);
      this.prefillingCount--;
    }
    table.transferred[request] = 0;
    this.outstandingTokens -= table.promptTokens[request] + table.producedTokens[request];
    this.running.remove(request);
    this.#releaseLingering();
  }

  /** Preempts a running request while a batch is formed: it waits again, in front. */
  preempt(request: number): void {
    const table = this.table;
    this.detach(request);
    this.preemptions++;
    this.preemptedWhileForming = true;
    if (this.watcher !== null) this.watcher.displaced(request, this.now);
    table.preemptions[request]++;
    table.at[request] = AT.waiting;
    table.target[request] = table.promptTokens[request] + table.producedTokens[request];
    table.computed[request] = 0;
    this.queuedPrefillTokens += table.target[request];
    this.outstandingTokens += table.target[request];
    const list = this.waiting;
    const order = this.endpoint.batching.order;
    let before = list.head;
    if (order === "edf") {
      while (before !== NONE && table.deadlineSeconds[before] < table.deadlineSeconds[request])
        before = table.next[before];
    } else if (order === "priority") {
      while (before !== NONE && table.priority[before] > table.priority[request]) before = table.next[before];
    }
    list.insertAfter(before === NONE ? list.tail : table.previous[before], request);
  }

  /** Moves a waiting request into the running list. Its blocks are taken by the caller. */
  admit(request: number): void {
    const table = this.table;
    if (++this.#admissions >= ADMISSIONS_PER_RESTART || this.steps >= STEPS_PER_RESTART) this.#restartSums();
    this.waiting.remove(request);
    if (this.watcher !== null) this.watcher.admitted(request, this.now);
    table.at[request] = AT.running;
    if (Number.isNaN(table.startedSeconds[request])) table.startedSeconds[request] = this.now;
    let place = this.running.tail;
    if (this.endpoint.batching.policy !== "vllm-v1") {
      while (place !== NONE && table.reachedOrder[place] > table.reachedOrder[request])
        place = table.previous[place];
    }
    this.running.insertAfter(place, request);
    if (table.computed[request] < table.target[request]) this.#addPrefilling(request);
  }

  /** A running request whose prompt is computed begins to decode; it holds prompt + produced tokens. */
  beginDecoding(request: number): void {
    const table = this.table;
    this.closeSegment();
    const held = table.promptTokens[request] + table.producedTokens[request];
    table.heldOffset[request] = held - this.steps;
    this.blockRing.add(held);
    this.wheel.insert(request, this.steps + table.outputTokens[request] - table.producedTokens[request]);
    this.decoding++;
    this.contextTokens += held;
    table.joulesMark[request] = this.meter.joulesPerDecode;
    table.gramsMark[request] = this.meter.gramsPerDecode;
    table.usdMark[request] = this.meter.usdPerDecode;
  }

  /** KV blocks that the decode step now due takes if all decoding requests take part. */
  blocksForDecodeStep(): number {
    return this.blockRing.due;
  }

  /** Whether a decoding request needs a new block for the step now due. */
  needsBlock(request: number): boolean {
    return this.blockRing.needsBlock(this.table.heldOffset[request] + this.steps);
  }

  /** Takes KV blocks that are free; cached prefixes make room. */
  takeBlocks(count: number): void {
    this.freeBlocks -= count;
    this.cache?.shrinkTo(this.freeBlocks);
  }

  /** Adds a prompt's chunk to the batch being formed. */
  addChunk(request: number, chunk: number): void {
    this.batchRequests[this.batchPrompts] = request;
    this.batchChunks[this.batchPrompts++] = chunk;
    this.batchTokens += chunk;
    this.table.batchStamp[request] = this.stamp;
  }

  /** Ends a run of decode steps as a metered segment; called before its members or its power change. */
  closeSegment(): void {
    if (Number.isNaN(this.#segmentStart)) return;
    const watts = this.law.decodeWatts[this.decoding] * this.#segmentPowerFactor;
    this.meter.busy(this.#segmentStart, this.now, watts);
    this.meter.chargeLiterally(this.decoding);
    this.meter.shareAmongDecoding(this.decoding);
    this.#segmentStart = Number.NaN;
  }

  /** Begins to draw power at `t`, in the phase given. */
  switchOn(t: number, phase: "starting" | "serving"): void {
    this.phase = phase;
    this.upSince = t;
    this.#idleFrom = t;
    if (this.now < t) this.now = t;
  }

  /** Ends being up at `t`; nothing may be in progress. */
  switchOff(t: number): void {
    this.#idleUntil(t);
    this.phase = "off";
    const from = Math.min(this.upSince, this.horizonSeconds);
    const to = Math.min(t, this.horizonSeconds);
    if (to > from) {
      this.upSeconds += to - from;
      this.meter.host(from, to, this.endpoint.hostWattsPerReplica);
    }
    this.cache?.clear();
  }

  /** Loses the batch in progress at `t`: charged and shared as if it had ended, without its tokens. */
  abort(t: number): void {
    if (this.endAt === Number.POSITIVE_INFINITY) return;
    this.endAt = Number.POSITIVE_INFINITY;
    this.#sureStepsLeft = 0;
    this.now = t;
    this.#idleFrom = t;
    this.iterations++;
    if (this.#inDecodeRun) {
      if (this.#batchOutside) this.#countOutside(1, this.now - this.#batchStart);
      this.closeSegment();
      return;
    }
    this.#chargeBatch();
    this.#countMixedOutside();
    this.batchPrompts = 0;
    this.stalledCount = 0;
  }

  /** Charges what is in progress up to `t` and settles the shares of the decoding requests. */
  settleAt(t: number): void {
    this.abort(t);
    this.closeSegment();
    const { computed, target, next, producedTokens, promptTokens, heldOffset } = this.table;
    for (let request = this.running.head; request !== NONE; request = next[request]) {
      if (computed[request] < target[request]) continue;
      this.#settleShare(request);
      producedTokens[request] = heldOffset[request] + this.steps - promptTokens[request];
    }
  }

  /** Drops what KV state is left when all requests have been taken away. */
  forget(): void {
    this.freeBlocks = this.endpoint.batching.kvBlocks;
    this.lingering = 0;
    this.lingeringBlocks = 0;
    this.takeBacks = 0;
    this.cache?.clear();
  }

  #addPrefilling(request: number): void {
    const { reachedOrder } = this.table;
    let at = this.prefillingCount++;
    if (this.endpoint.batching.policy !== "vllm-v1") {
      while (at > 0 && reachedOrder[this.prefilling[at - 1]] > reachedOrder[request]) {
        this.prefilling[at] = this.prefilling[at - 1];
        at--;
      }
    }
    this.prefilling[at] = request;
  }

  /** Takes a request out of the decoding ones, settles its share, and returns the tokens it holds. */
  #leaveDecoding(request: number): number {
    const table = this.table;
    const held = table.heldOffset[request] + this.steps;
    this.blockRing.remove(held);
    this.wheel.remove(request);
    this.decoding--;
    this.contextTokens -= held;
    this.#settleShare(request);
    return held;
  }

  /** Begins the sums per decoding request, and the numbers of decode steps, at 0 again. Between two batches only. */
  #restartSums(): void {
    const { meter, steps, table } = this;
    // The slots of the wheel stay as they are.
    const shift = steps - (steps % FinishWheel.SLOTS);
    for (let request = this.running.head; request !== NONE; request = table.next[request]) {
      if (table.computed[request] < table.target[request]) continue;
      this.#settleShare(request);
      table.joulesMark[request] = 0;
      table.gramsMark[request] = 0;
      table.usdMark[request] = 0;
      table.heldOffset[request] += shift;
      table.finishStep[request] -= shift;
    }
    meter.restartShares();
    this.steps -= shift;
    this.#admissions = 0;
  }

  /** What a request has been charged since it began to decode. */
  #settleShare(request: number): void {
    const { meter, table } = this;
    const joules = meter.joulesPerDecode - table.joulesMark[request];
    table.energyJoules[request] += joules;
    table.waterLitres[request] += joules * meter.litresPerJoule;
    table.carbonGrams[request] += meter.gramsPerDecode - table.gramsMark[request];
    table.costUsd[request] += meter.usdPerDecode - table.usdMark[request];
  }

  #startBatch(limit: number): void {
    this.#idleUntil(this.now);
    do {
      this.preemptedWhileForming = false;
      const formed = formBatch(this);
      if (formed === PURE_DECODE) {
        this.#decodeRun(limit);
        return;
      }
      if (formed !== EMPTY) {
        this.#startMixedBatch();
        return;
      }
    } while (this.preemptedWhileForming);
    throw new ConservationError(
      `replica ${this.index} of ${this.endpoint.name} holds ${this.outstanding} requests and can run none`,
    );
  }

  /** Decode steps of all decoding requests, up to the next finish, the end of sure blocks, or `limit`. */
  #decodeRun(limit: number): void {
    const { law, decoding } = this;
    this.#sureStepsLeft = 0;
    if (
      !Number.isNaN(this.#segmentStart) &&
      (this.#segmentTimeFactor !== this.timeFactor || this.#segmentPowerFactor !== this.powerFactor)
    ) {
      this.closeSegment();
    }
    if (Number.isNaN(this.#segmentStart)) {
      this.#segmentStart = this.now;
      this.#segmentTimeFactor = this.timeFactor;
      this.#segmentPowerFactor = this.powerFactor;
    }
    const sureSteps = Math.floor((this.freeBlocks - 1) / decoding) * this.blockRing.blockTokens;
    // Who could not enter at this step could at the next when this one preempted (it admits nobody then), or when
    // the cache shrinks: less is reused and the chunk asked for ends earlier.
    const reform = this.preemptedWhileForming || (this.cache !== null && this.waiting.length > 0);
    const steps = reform ? 1 : Math.max(1, Math.min(this.wheel.distanceAfter(this.steps), sureSteps));
    this.#lawSegment = law.rowStart[decoding];
    this.#decodeSteps(steps, limit);
  }

  /** Whether the next batch is again a decode step of the same requests at the same speed. */
  get #decodesOn(): boolean {
    return (
      this.outstanding === this.decoding &&
      this.takeBacks === 0 &&
      this.#segmentTimeFactor === this.timeFactor &&
      this.#segmentPowerFactor === this.powerFactor
    );
  }

  /** The decode step in progress ends, and the run goes on: as completing it and forming the next batch would, faster. */
  #decodeOn(limit: number): void {
    const { decoding } = this;
    this.now = this.endAt;
    this.endAt = Number.POSITIVE_INFINITY;
    this.iterations++;
    if (this.#batchOutside) this.#countOutside(1, this.now - this.#batchStart);
    this.steps++;
    this.blockRing.advance(1);
    this.contextTokens += decoding;
    this.outstandingTokens += decoding;
    if (this.#sureEnd <= limit) this.#decodeToSureEnd();
    else this.#decodeSteps(this.#sureStepsLeft, limit);
  }

  /** {@link #decodeSteps} of all the sure steps, whose end is known. */
  #decodeToSureEnd(): void {
    const { decoding } = this;
    const steps = this.#sureStepsLeft;
    this.takeBlocks(this.blockRing.blocksFor(steps, decoding));
    this.blockRing.advance(steps);
    this.iterations += steps;
    this.outstandingTokens += decoding * steps;
    this.contextTokens += decoding * steps;
    this.steps += steps;
    this.now = this.#sureEnd;
    this.#idleFrom = this.now;
    this.#sureStepsLeft = 0;
    this.#finishDecoded();
  }

  /** So many decode steps, or as many as start before `limit`. Their segment of the law is the one noted or behind it. */
  #decodeSteps(steps: number, limit: number): void {
    const { law, decoding } = this;
    const factor = this.timeFactor;
    let now = this.now;
    let context = this.contextTokens;
    let segment = this.#lawSegment;
    while (context > law.bound[segment]) segment++;
    let bound = law.bound[segment];
    let base = law.base[segment];
    let slope = law.slope[segment];
    let markedSteps = 0;
    let markedNow = now;
    let done = 0;
    let end = now;
    for (; done < steps; done++) {
      if (context > bound) {
        if (law.outsideGrid[segment] === 1) this.#countOutside(done - markedSteps, now - markedNow);
        markedSteps = done;
        markedNow = now;
        do bound = law.bound[++segment];
        while (context > bound);
        base = law.base[segment];
        slope = law.slope[segment];
      }
      end = now + (base + slope * context) * factor;
      if (end >= limit) break;
      now = end;
      context += decoding;
    }
    // A step that ends at the limit is over; the next one may not start yet.
    const inProgress = done < steps && end > limit;
    if (done < steps && !inProgress) {
      now = end;
      context += decoding;
      done++;
    }
    const outside = law.outsideGrid[segment] === 1;
    if (outside) this.#countOutside(done - markedSteps, now - markedNow);
    this.takeBlocks(this.blockRing.blocksFor(inProgress ? done + 1 : done, decoding));
    this.blockRing.advance(done);
    this.iterations += done;
    this.outstandingTokens += decoding * done;
    this.now = now;
    this.#idleFrom = now;
    this.steps += done;
    this.contextTokens = context;
    if (inProgress) {
      this.endAt = end;
      this.#inDecodeRun = true;
      this.#batchStart = now;
      this.#batchOutside = outside;
      this.#sureStepsLeft = steps - done - 1;
      this.#lawSegment = segment;
      this.#sureEnd = Number.NaN;
    } else {
      this.#sureStepsLeft = 0;
      this.#finishDecoded();
    }
  }

  /** End of the last of the decode steps, from the one in progress, that nothing from here can interrupt. */
  #endOfSureSteps(): number {
    const { law, decoding, timeFactor } = this;
    let end = this.endAt;
    let context = this.contextTokens;
    let segment = this.#lawSegment;
    for (let left = this.#sureStepsLeft; left > 0; left--) {
      context += decoding;
      while (context > law.bound[segment]) segment++;
      end += (law.base[segment] + law.slope[segment] * context) * timeFactor;
    }
    const isPlain = segment === this.#lawSegment && law.outsideGrid[segment] === 0;
    if (isPlain && timeFactor === this.#segmentTimeFactor) this.#sureEnd = end;
    return end;
  }

  #countOutside(steps: number, seconds: number): void {
    this.outsideIterations += steps;
    this.outsideJoules += this.law.decodeWatts[this.decoding] * this.#segmentPowerFactor * seconds;
  }

  #countMixedOutside(): void {
    if (!this.#batchOutside) return;
    this.outsideIterations++;
    this.outsideJoules += this.meter.segmentJoules;
  }

  #startMixedBatch(): void {
    this.closeSegment();
    const { law, table } = this;
    let context = this.contextTokens;
    for (let i = 0; i < this.stalledCount; i++) context -= table.heldOffset[this.stalled[i]] + this.steps;
    const seconds = law.seconds(this.batchTokens, this.batchDecoding, context);
    this.#batchWatts = law.watts(this.batchTokens, this.batchDecoding, context, seconds) * this.powerFactor;
    this.#batchOutside = law.isOutside(this.batchTokens, this.batchDecoding, context);
    this.#batchStart = this.now;
    this.#inDecodeRun = false;
    this.endAt = this.now + seconds * this.timeFactor;
  }

  #completeBatch(): void {
    this.now = this.endAt;
    this.endAt = Number.POSITIVE_INFINITY;
    this.#sureStepsLeft = 0;
    this.#idleFrom = this.now;
    this.iterations++;
    if (this.#inDecodeRun) {
      if (this.#batchOutside) this.#countOutside(1, this.now - this.#batchStart);
      this.steps++;
      this.blockRing.advance(1);
      this.contextTokens += this.decoding;
      this.outstandingTokens += this.decoding;
    } else {
      this.#chargeBatch();
      this.#countMixedOutside();
      if (this.batchDecoding > 0) this.#stepDecoding();
      this.#applyChunks();
    }
    this.#finishDecoded();
    if (this.takeBacks > 0) this.#giveBack();
  }

  /** Meters the batch that ends now and shares it among its members. */
  #chargeBatch(): void {
    const { meter, table } = this;
    meter.busy(this.#batchStart, this.now, this.#batchWatts);
    meter.chargeLiterally(this.batchDecoding + this.batchPrompts);
    const tokens = this.batchDecoding + this.batchTokens;
    const joules = meter.segmentJoules / tokens;
    const grams = meter.segmentGrams / tokens;
    const usd = meter.segmentUsd / (this.batchDecoding + this.batchPrompts);
    if (this.batchDecoding > 0) {
      meter.joulesPerDecode += joules;
      meter.gramsPerDecode += grams;
      meter.usdPerDecode += usd;
      for (let i = 0; i < this.stalledCount; i++) {
        const request = this.stalled[i];
        table.joulesMark[request] += joules;
        table.gramsMark[request] += grams;
        table.usdMark[request] += usd;
      }
    }
    for (let i = 0; i < this.batchPrompts; i++) {
      const request = this.batchRequests[i];
      const chunk = this.batchChunks[i];
      table.energyJoules[request] += chunk * joules;
      table.waterLitres[request] += chunk * joules * meter.litresPerJoule;
      table.carbonGrams[request] += chunk * grams;
      table.costUsd[request] += usd;
    }
  }

  /** One decode step of all decoding requests but the stalled, which fall one step behind. */
  #stepDecoding(): void {
    const { table, blockRing } = this;
    for (let i = 0; i < this.stalledCount; i++) {
      const request = this.stalled[i];
      blockRing.stall(table.heldOffset[request]-- + this.steps);
      this.wheel.remove(request);
      this.wheel.insert(request, table.finishStep[request] + 1);
    }
    this.steps++;
    blockRing.advance(1);
    this.contextTokens += this.batchDecoding;
    this.outstandingTokens += this.batchDecoding;
  }

  #applyChunks(): void {
    const table = this.table;
    const prompts = this.batchPrompts;
    this.batchPrompts = 0;
    this.stalledCount = 0;
    let completed = 0;
    for (let i = 0; i < prompts; i++) {
      const request = this.batchRequests[i];
      const chunk = this.batchChunks[i];
      table.computed[request] += chunk;
      this.queuedPrefillTokens -= chunk;
      if (table.computed[request] === table.target[request]) completed++;
    }
    if (completed === 0) return;
    let kept = 0;
    for (let i = 0; i < this.prefillingCount; i++) {
      const request = this.prefilling[i];
      if (table.computed[request] < table.target[request]) this.prefilling[kept++] = request;
    }
    this.prefillingCount = kept;
    for (let i = 0; i < prompts; i++) {
      const request = this.batchRequests[i];
      if (table.computed[request] === table.target[request]) this.#afterPrefill(request);
    }
  }

  /** The batch that computed the last of the target yields the next output token. */
  #afterPrefill(request: number): void {
    const table = this.table;
    if (this.watcher !== null) this.watcher.prefilled(request, this.now);
    table.producedTokens[request]++;
    this.outstandingTokens++;
    if (Number.isNaN(table.firstTokenSeconds[request])) {
      table.firstTokenSeconds[request] = this.now;
      table.ttftSeconds[request] =
        this.now - table.arrivalSeconds[request] + this.endpoint.roundTripSeconds / 2;
    }
    const finished = table.producedTokens[request] === table.outputTokens[request];
    if (finished) {
      this.#finish(request, table.blocks[request]);
    } else if (this.endpoint.role === "prefill") {
      this.running.remove(request);
      this.freeBlocks += table.blocks[request];
      this.outstandingTokens -= table.promptTokens[request] + table.producedTokens[request];
      if (this.#wasAskedBack(request)) this.owner.takenBack(this, request);
      else this.owner.prefilled(this, request, this.now);
    } else {
      this.beginDecoding(request);
    }
  }

  /** Ends the decoding requests whose last token came with this step. */
  #finishDecoded(): void {
    const { finishStep, wheelNext } = this.table;
    let request = this.decoding === 0 ? NONE : this.wheel.headAt(this.steps);
    while (request !== NONE) {
      const next = wheelNext[request];
      if (finishStep[request] === this.steps) {
        this.closeSegment();
        const held = this.#leaveDecoding(request);
        this.table.producedTokens[request] = this.table.outputTokens[request];
        this.#finish(request, this.blockRing.blocksOf(held));
      }
      request = next;
    }
    if (this.#finishing.length > 0) this.#endFinishing();
    this.#releaseLingering();
  }

  /** Lets go of the places and blocks of a static batch once nobody of it is left. */
  #releaseLingering(): void {
    if (this.lingering === 0 || this.running.length > 0) return;
    this.freeBlocks += this.lingeringBlocks;
    this.lingering = 0;
    this.lingeringBlocks = 0;
  }

  /**
   * A request has made its last token. Where finished prefixes are cached, those of one batch end one after the
   * other by request number, since which caches are dropped depends on the order.
   */
  #finish(request: number, blocks: number): void {
    if (this.cache === null) this.#end(request, blocks);
    else this.#finishing.push({ request, blocks });
  }

  #endFinishing(): void {
    const { id } = this.table;
    this.#finishing.sort((a, b) => id[a.request] - id[b.request]);
    for (const { request, blocks } of this.#finishing) this.#end(request, blocks);
    this.#finishing.length = 0;
  }

  #end(request: number, blocks: number): void {
    const table = this.table;
    this.running.remove(request);
    this.outstandingTokens -= table.promptTokens[request] + table.producedTokens[request];
    if (this.endpoint.batching.policy === "static" && this.endpoint.role !== "prefill") {
      this.lingering++;
      this.lingeringBlocks += blocks;
    } else {
      this.freeBlocks += blocks;
    }
    this.#wasAskedBack(request);
    if (this.cache !== null && table.session[request] >= 0) {
      const full = Math.floor(
        (table.promptTokens[request] + table.producedTokens[request] - 1) / this.blockRing.blockTokens,
      );
      this.cache.keep(table.session[request], full);
      this.cache.shrinkTo(this.freeBlocks);
    }
    this.owner.finished(this, request, this.now);
  }

  /** Whether the router wants the request back; forgets it. */
  #wasAskedBack(request: number): boolean {
    if (this.table.takeBack[request] === 0) return false;
    this.table.takeBack[request] = 0;
    this.takeBacks--;
    return true;
  }

  /** Hands back the running requests that the router asked for, by request number. */
  #giveBack(): void {
    const table = this.table;
    const asked: number[] = [];
    for (let request = this.running.head; request !== NONE; request = table.next[request]) {
      if (this.#wasAskedBack(request)) asked.push(request);
    }
    asked.sort((a, b) => table.id[a] - table.id[b]);
    for (const request of asked) {
      this.detach(request);
      this.owner.takenBack(this, request);
    }
  }

  /** Charges idle power from the last busy time to `t`, inside the horizon. */
  #idleUntil(t: number): void {
    const from = Math.min(this.#idleFrom, this.horizonSeconds);
    const to = Math.min(t, this.horizonSeconds);
    if (this.phase !== "off" && to > from) this.meter.idle(from, to, this.law.idleWatts);
    this.#idleFrom = t;
  }
}
