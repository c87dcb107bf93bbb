import { CompensatedSum } from "../numeric/compensated-sum.ts";
import { IndexedHeap, TimeHeap } from "../numeric/heap.ts";
import { Stream } from "../numeric/random.ts";
import type { ClairvoyantWorld, ReturnReason, Router, World } from "../routers/contract.ts";
import { valueAt } from "../signal/series.ts";
import { allowedHoldSeconds, deferralSecondsOf } from "../workload/requests.ts";
import { dispatchLatency } from "../workload/service-clock.ts";
import { CompletionQueue } from "./completion-queue.ts";
import { type EndpointOwner, EndpointState } from "./endpoint-state.ts";
import { Intake } from "./intake.ts";
import type { Explanation, RecordSink, RunOptions } from "./options.ts";
import { AT, RequestTable } from "./request-table.ts";
import { Telemetry } from "./telemetry.ts";
import { Completion, endpointView, regionView, Signals } from "./views.ts";

/**
 * Classes of events at equal times, in order. The one place that states it; simulation-rules.md section 1.
 * Batch starts come last because what happens at an instant is there for the batch that starts at it.
 */
export const ORDER = { batchEnd: 1, fleet: 2, signal: 3, timer: 4, arrival: 5, batchStart: 6 } as const;

/** Kinds of entries in the event heap; the value is packed beside the kind in the payload. */
export const EVENT = { fault: 0, ready: 1, signal: 2, periodic: 3, once: 4, step: 5, kv: 6 } as const;
const VALUE_BITS = 27;
const VALUE_MASK = (1 << VALUE_BITS) - 1;
/** Largest id of a router's timer. */
export const LARGEST_TIMER_ID = VALUE_MASK;

/** @param value a whole number below 2^27: a timer, a fault, a replica, a slot of the table */
export function packEvent(kind: number, value: number): number {
  if (!(value >= 0 && value <= VALUE_MASK)) throw new RangeError(`the event value ${value} exceeds 27 bits`);
  return (kind << VALUE_BITS) | value;
}

export function eventKind(payload: number): number {
  return payload >>> VALUE_BITS;
}

export function eventValue(payload: number): number {
  return payload & VALUE_MASK;
}

/** A request on its way back to the router. */
interface Return {
  readonly request: number;
  readonly reason: ReturnReason;
  /** Endpoint, replica, request number: the order at equal times. */
  readonly place: readonly [number, number, number];
}

function byPlaceAndNumber(a: Return, b: Return): number {
  return a.place[0] - b.place[0] || a.place[1] - b.place[1] || a.place[2] - b.place[2];
}

/** Everything of a run that changes, and the bookkeeping that every part of the simulator needs. */
export class RunState implements EndpointOwner {
  readonly options: RunOptions;
  readonly router: Router;
  readonly sink: RecordSink;
  readonly table = new RequestTable();
  readonly endpoints: readonly EndpointState[];
  readonly intake: Intake;
  readonly events = new TimeHeap();
  /** Endpoints that must go batch by batch because something waits for what happens there. */
  readonly coupled: IndexedHeap;
  readonly telemetry: Telemetry;
  readonly signals: Signals;
  readonly world: World;

  now = 0;
  /** Class of the event being handled. */
  phase: number = ORDER.batchEnd;
  /** Requests with the router. */
  held = 0;
  watching = false;
  finishedCount = 0;
  rejectedCount = 0;
  truncatedCount = 0;
  deferredCount = 0;
  routerCalls = 0;
  /** When the last request ended, finished or rejected. */
  lastEndSeconds = 0;
  /** What the requests that have ended carry: compared with the meters at the end. */
  readonly attributed = {
    joules: new CompensatedSum(),
    grams: new CompensatedSum(),
    litres: new CompensatedSum(),
    usd: new CompensatedSum(),
  };
  /** Time of the last arrival, placement or fleet event. */
  lastProgressSeconds = 0;
  /** Events of the heap that are neither signals nor timers: they will come, and may change something. */
  toCome = 0;
  readonly explanations: Explanation[] = [];

  readonly #completions: CompletionQueue;
  readonly #completed = new Completion();
  readonly #slo: Float64Array;
  readonly #allowedHold: Float64Array;
  #nextSnapshotSeconds: number;
  /** Requests to hand back to the router once the endpoints are at rest. */
  readonly #returns: Return[] = [];
  /** Endpoints that stopped being at their cap. */
  readonly #roomAgain: EndpointState[] = [];

  constructor(options: RunOptions, sink: RecordSink) {
    const { fleet, workload, router } = options;
    this.options = options;
    this.router = router;
    this.sink = sink;
    const horizon = options.horizonSeconds ?? Number.POSITIVE_INFINITY;
    this.endpoints = fleet.endpoints.map(
      (endpoint, e) =>
        new EndpointState(
          e,
          endpoint,
          fleet.regions[endpoint.region],
          this.table,
          this,
          horizon,
          options.watch,
        ),
    );
    for (const endpoint of this.endpoints) {
      for (let i = 0; i < endpoint.definition.replicas; i++) endpoint.replicas[i].switchOn(0, "serving");
    }
    this.coupled = new IndexedHeap(this.endpoints.length);
    this.intake = new Intake(workload, this.table);
    this.#completions = new CompletionQueue(this.table);
    this.#slo = Float64Array.from(workload.tiers, (tier) => tier.sloSeconds);
    this.#allowedHold = Float64Array.from(workload.tiers, allowedHoldSeconds);
    this.telemetry = new Telemetry(this.endpoints, this.table, router.needs?.telemetry !== "counts");
    this.signals = new Signals(options, this);
    const { telemetry = false, completions = false } = router.needs ?? {};
    const observes = telemetry !== false || completions;
    this.#nextSnapshotSeconds = observes ? 0 : Number.POSITIVE_INFINITY;
    const world: World = {
      requests: this.table,
      endpoints: endpointView(fleet),
      regions: regionView(fleet),
      telemetry: this.telemetry,
      signals: this.signals,
      completed: this.#completed,
      tiers: workload.tiers.map((tier) => ({ ...tier, deferralSeconds: deferralSecondsOf(tier) })),
      taskTypes: workload.taskTypes,
      models: fleet.models.map((model) => model.name),
      groups: fleet.groups,
      startHour: options.startHour,
      latency: options.latency,
      clock: options.clock,
      meanPromptTokens: workload.meanPromptTokens,
      meanOutputTokens: workload.meanOutputTokens,
      random: new Stream(options.seed, "router policy"),
      artefacts: options.artefacts,
    };
    this.world = options.clairvoyant ? clairvoyant(world, this.table, options) : world;
    sink.begin(this.table);
  }

  /**
   * Brings the router's picture up to date for a call at `now`: the snapshot of the last multiple of the
   * telemetry interval, then the completions in it.
   */
  observe(): void {
    this.routerCalls++;
    this.takeSnapshot();
    if (this.#completions.size > 0) this.reportCompletions(this.telemetry.takenAtSeconds);
  }

  /** Takes the snapshot that is due at or before `now`, if one is. */
  takeSnapshot(): void {
    if (this.now < this.#nextSnapshotSeconds) return;
    const interval = this.options.telemetryIntervalSeconds;
    if (interval > 0) {
      this.#snapshotAt(multipleUpTo(this.now, interval));
    } else if (this.telemetry.snapshots === 0 || this.now !== this.telemetry.takenAtSeconds) {
      this.telemetry.snapshot(this.endpoints, this.now);
    }
  }

  /** Takes the snapshots due before `t`, ahead of anything that moves an endpoint to `t`. */
  snapshotBefore(t: number): void {
    const interval = this.options.telemetryIntervalSeconds;
    if (interval === 0 || t <= this.#nextSnapshotSeconds) return;
    const last = multipleUpTo(t, interval);
    this.#snapshotAt(last < t ? last : (Math.round(last / interval) - 1) * interval);
  }

  /** Takes the snapshots due up to `now`, ahead of the batches that start now. */
  snapshotBeforeStarts(): void {
    const interval = this.options.telemetryIntervalSeconds;
    if (interval > 0 && this.now >= this.#nextSnapshotSeconds)
      this.#snapshotAt(multipleUpTo(this.now, interval));
  }

  /** The snapshot of the end of the run, with what the router has not been told of. */
  lastSnapshot(): void {
    if (this.#nextSnapshotSeconds < Number.POSITIVE_INFINITY)
      this.telemetry.snapshot(this.endpoints, this.now);
    this.reportCompletions(Number.POSITIVE_INFINITY);
  }

  /** The router's calls are over unless it acts on the completions that it has not been told of: tells it at `t`. */
  tellTheRest(t: number): void {
    const interval = this.options.telemetryIntervalSeconds;
    this.now = t;
    this.phase = ORDER.batchStart;
    this.lastSnapshot();
    if (interval > 0)
      this.#nextSnapshotSeconds = (Math.round(multipleUpTo(t, interval) / interval) + 1) * interval;
  }

  #snapshotAt(t: number): void {
    const interval = this.options.telemetryIntervalSeconds;
    this.#nextSnapshotSeconds = (Math.round(t / interval) + 1) * interval;
    this.telemetry.snapshot(this.endpoints, t);
  }

  /** Tells the router of the requests that finished up to `t`. */
  reportCompletions(t: number): void {
    const { table } = this;
    const completed = this.#completed;
    for (;;) {
      const request = this.#completions.takeUntil(t);
      if (request === -1) return;
      completed.endpoint = table.endpoint[request];
      completed.ttftSeconds = table.ttftSeconds[request];
      completed.e2eSeconds = table.e2eSeconds[request];
      completed.finishedAtSeconds = table.finishedSeconds[request];
      completed.promptTokens = table.promptTokens[request];
      completed.outputTokens = table.outputTokens[request];
      completed.energyJoules = table.energyJoules[request];
      completed.costUsd = table.costUsd[request];
      completed.carbonGrams = table.carbonGrams[request];
      completed.correct = table.correct[request] > 1 ? Number.NaN : table.correct[request];
      const tier = table.tier[request];
      let latency = this.options.latency === "ttft" ? completed.ttftSeconds : completed.e2eSeconds;
      if (this.options.clock === "dispatch")
        latency = dispatchLatency(latency, table.heldSeconds[request], this.#allowedHold[tier]);
      completed.sloMet = latency <= this.#slo[tier];
      this.router.completion?.(request);
      table.release(request);
    }
  }

  /** Requests that have ended and of which the router has not been told. */
  get unreported(): number {
    return this.#completions.size;
  }

  /** Makes the router calls that the batch ends of this instant gave rise to: requests handed back, room again. */
  callAfterBatchEnds(): void {
    if (this.#returns.length === 0 && this.#roomAgain.length === 0) return;
    if (this.#returns.length > 1) this.#returns.sort(byPlaceAndNumber);
    while (this.#returns.length > 0) {
      const { request, reason } = this.#returns.shift() as Return;
      this.giveToRouter(request);
      this.observe();
      this.router.returned?.(request, reason);
    }
    for (let i = 0; i < this.#roomAgain.length; i++) {
      const endpoint = this.#roomAgain[i];
      if (!this.watching || !endpoint.up || endpoint.atCap) continue;
      this.observe();
      this.router.capacity?.(endpoint.index);
    }
    this.#roomAgain.length = 0;
  }

  /** Whether a request is on its way back, or a watched endpoint has room again. */
  get callsDue(): boolean {
    return this.#returns.length > 0 || (this.watching && this.#roomAgain.length > 0);
  }

  /** The request is with the router from now on. */
  giveToRouter(request: number): void {
    this.table.at[request] = AT.router;
    this.held++;
  }

  /** Whether {@link recouple} has anything to do for an endpoint: a quick look for the common case. */
  mayCouple(endpoint: EndpointState): boolean {
    return (
      endpoint.followed > 0 ||
      this.watching ||
      endpoint.definition.role === "prefill" ||
      this.coupled.has(endpoint.index)
    );
  }

  /** Puts an endpoint into the heap of coupled ones, with its next event, or takes it out. */
  recouple(endpoint: EndpointState): void {
    const coupled =
      endpoint.followed > 0 ||
      (this.watching && endpoint.atCap) ||
      (endpoint.definition.role === "prefill" && endpoint.outstanding > 0) ||
      endpoint.waitsToGiveBack;
    const time = coupled ? endpoint.quietUntil() : Number.POSITIVE_INFINITY;
    if (time === Number.POSITIVE_INFINITY) this.coupled.remove(endpoint.index);
    else this.coupled.set(endpoint.index, time, endpoint.hasEndAt(time) ? ORDER.batchEnd : ORDER.batchStart);
  }

  finished(endpoint: EndpointState, request: number, atSeconds: number): void {
    const { table } = this;
    const back = endpoint.definition.roundTripSeconds / 2;
    table.finishedSeconds[request] = atSeconds;
    table.e2eSeconds[request] = atSeconds - table.arrivalSeconds[request] + back;
    this.finishedCount++;
    const { answers } = this.options;
    if (answers !== null) {
      const isRight = answers.correct(
        table.id[request],
        table.difficulty[request],
        table.taskType[request],
        endpoint.definition.model,
      );
      table.correct[request] = isRight ? 1 : 0;
    }
    this.attribute(request);
    if (atSeconds > this.lastEndSeconds) this.lastEndSeconds = atSeconds;
    this.sink.finished(request);
    const step = table.nextStep[request];
    if (step !== -1) {
      const arrival = atSeconds + back + table.thinkSeconds[step];
      this.toCome++;
      this.events.push(arrival, ORDER.arrival, table.id[step], packEvent(EVENT.step, step));
    }
    if (this.router.needs?.completions === true) this.#completions.add(request);
    else table.release(request);
    table.at[request] = AT.ended;
  }

  prefilled(endpoint: EndpointState, request: number, atSeconds: number): void {
    const { table } = this;
    const { kvTransfer } = this.options.fleet;
    const to = this.endpoints[table.decodeAt[request]];
    if (!to.up) {
      this.#returnLater(request, "lost");
      return;
    }
    const tokens = table.promptTokens[request] + table.producedTokens[request];
    const bytes = (tokens - 1) * endpoint.definition.kvBytesPerToken;
    const arrival = atSeconds + kvTransfer.latencySeconds + bytes / kvTransfer.bytesPerSecond;
    // Who is at the cap, and when something happens there next, shows only once what has ended there is known.
    to.advance(atSeconds);
    to.expectKv(request, arrival);
    if (this.watching) this.recouple(to);
    this.telemetry.touch(to.index);
    this.toCome++;
    this.events.push(arrival, ORDER.batchEnd, table.id[request], packEvent(EVENT.kv, request));
  }

  takenBack(_endpoint: EndpointState, request: number): void {
    this.table.preemptions[request]++;
    this.#returnLater(request, "preempted");
  }

  /** Adds what a request carries to the books. */
  attribute(request: number): void {
    const { table, attributed } = this;
    attributed.joules.add(table.energyJoules[request]);
    attributed.grams.add(table.carbonGrams[request]);
    attributed.litres.add(table.waterLitres[request]);
    attributed.usd.add(table.costUsd[request]);
  }

  /** Of interest only if it happens now: what an endpoint does unwatched comes to light later in the instant, or after. */
  hasRoomAgain(endpoint: EndpointState, atSeconds: number): void {
    if (atSeconds > this.now || (atSeconds === this.now && this.phase <= ORDER.fleet)) {
      this.#roomAgain.push(endpoint);
    }
  }

  #returnLater(request: number, reason: ReturnReason): void {
    this.table.at[request] = AT.returning;
    const { endpoint, replica, id } = this.table;
    this.#returns.push({ request, reason, place: [endpoint[request], replica[request], id[request]] });
  }

  /** Ends a request without an answer, and the later steps of its session with it. */
  reject(request: number, reason: string): void {
    const { table } = this;
    let current = request;
    let why = reason;
    if (this.now > this.lastEndSeconds) this.lastEndSeconds = this.now;
    while (current !== -1) {
      const step = table.nextStep[current];
      this.rejectedCount++;
      this.attribute(current);
      this.sink.rejected(current, why);
      table.release(current);
      current = step;
      why = "earlier step of the session rejected";
    }
  }
}

function clairvoyant(world: World, table: RequestTable, options: RunOptions): ClairvoyantWorld {
  const hidden = {
    get outputTokens() {
      return table.outputTokens;
    },
    futureCarbon: (region: number, atSeconds: number) =>
      valueAt(options.fleet.regions[region].carbon, atSeconds),
    correct(request: number, endpoint: number) {
      const { answers, fleet } = options;
      if (answers === null) throw new Error("the router asks for answers that are not modelled (accuracy)");
      const { model } = fleet.endpoints[endpoint];
      return answers.correct(table.id[request], table.difficulty[request], table.taskType[request], model);
    },
  };
  return { ...world, hidden };
}

/** The largest multiple of `interval` that is not above `t`. */
function multipleUpTo(t: number, interval: number): number {
  let k = Math.floor(t / interval);
  while ((k + 1) * interval <= t) k++;
  while (k * interval > t) k--;
  return k * interval;
}
