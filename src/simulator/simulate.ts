import { applyFault, replicasReady, scheduleFaults } from "./fleet-events.ts";
import type { RecordSink, RunOptions, RunTotals } from "./options.ts";
import { AT } from "./request-table.ts";
import { Host } from "./router-host.ts";
import { EVENT, eventKind, eventValue, ORDER, packEvent, RunState } from "./run-state.ts";
import { closeRun } from "./totals.ts";

/**
 * Simulated time without an arrival, a placement, an end of a request or a fleet event, nothing but timers and signals
 * to come, after which a router is taken to hold its requests for ever.
 */
const PATIENCE_SECONDS = 7 * 24 * 3600;

/** Where the next thing to happen comes from: an endpoint of the coupled heap, the event heap, the workload. */
type Source = "coupled" | "event" | "arrival";

/**
 * Simulates one run: a workload on a fleet under a router. Rules: docs/reference/simulation-rules.md.
 *
 * @param sink receives every request as it ends, in an order that depends on the inputs alone
 * @throws ConservationError when requests, tokens, KV blocks or energy do not add up at the end
 */
export function simulate(options: RunOptions, sink: RecordSink): RunTotals {
  const run = new RunState(options, sink);
  const host = new Host(run);
  const faults = scheduleFaults(run);
  run.signals.fetch(0);
  if (options.signalIntervalSeconds > 0) {
    run.events.push(0, ORDER.signal, 0, packEvent(EVENT.signal, 0));
  }
  run.router.start(run.world, host);

  const limit =
    options.end === "cut" ? (options.horizonSeconds ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
  const { events, coupled, intake } = run;
  for (;;) {
    const arrivalTime = intake.nextArrivalSeconds;
    const eventTime = events.peekTime();
    const coupledTime = coupled.peekTime();
    const time = Math.min(arrivalTime, eventTime, coupledTime);
    if (time > limit) break;
    // Signals, timers and faults may come for ever: the run is over when nothing else is left.
    const onlyClocks = arrivalTime === Number.POSITIVE_INFINITY && coupledTime > time;
    if (time === Number.POSITIVE_INFINITY || (onlyClocks && isClock(events.peekPayload()))) {
      const reached = run.now;
      run.now = time;
      run.phase = time === Number.POSITIVE_INFINITY ? ORDER.batchStart : events.peekPriority();
      if (isOver(run, time)) {
        if (run.table.live === run.unreported || run.unreported === 0) break;
        run.tellTheRest(Math.max(reached, run.lastEndSeconds));
        host.armWhileHolding();
        continue;
      }
    }
    run.now = time;

    let order: number = ORDER.batchStart + 1;
    let source: Source = "coupled";
    if (coupledTime === time) order = coupled.peekPriority();
    if (eventTime === time && events.peekPriority() < order) {
      order = events.peekPriority();
      source = "event";
    }
    if (
      arrivalTime === time &&
      (order > ORDER.arrival || (order === ORDER.arrival && isEarlierArrival(run)))
    ) {
      order = ORDER.arrival;
      source = "arrival";
    }
    if (time === limit && order === ORDER.batchStart) break;
    run.phase = order;
    if (source === "arrival") arrive(run, intake.take());
    else if (source === "event") handleEvent(run, host, faults, events.pop());
    else advanceCoupled(run, order);
    if (!hasMoreBefore(run, ORDER.fleet)) run.callAfterBatchEnds();
    host.armWhileHolding();
  }
  return closeRun(run, limit);
}

/** Whether the next arrival of the workload has a smaller number than the event of the same time and class. */
function isEarlierArrival(run: RunState): boolean {
  return run.events.peekTime() !== run.now || run.intake.nextId < run.events.peekSequence();
}

/** Whether batch ends or fleet events of this instant are still to come: they go before the calls they give rise to. */
function hasMoreBefore({ coupled, events, now }: RunState, order: number): boolean {
  return (
    (coupled.peekTime() === now && coupled.peekPriority() <= order) ||
    (events.peekTime() === now && events.peekPriority() <= order)
  );
}

function isClock(payload: number): boolean {
  const kind = eventKind(payload);
  return kind !== EVENT.step && kind !== EVENT.kv;
}

/** With no more arrivals: whether everything has ended before `time`, or can never end. */
function isOver(run: RunState, time: number): boolean {
  let atWork = false;
  if (time < Number.POSITIVE_INFINITY) run.snapshotBefore(time);
  for (const endpoint of run.endpoints) {
    if (endpoint.outstanding > 0) endpoint.advance(time);
    // What waits where no replica serves can only be helped by the router: it counts as held.
    if (endpoint.outstanding > 0 && endpoint.quietUntil() < Number.POSITIVE_INFINITY) atWork = true;
  }
  if (atWork || run.callsDue) return false;
  if (run.table.live === run.unreported || time === Number.POSITIVE_INFINITY) return true;
  if (run.toCome > 0) return false;
  const isSilent = run.router.signal === undefined && run.events.size === 1;
  const progress = Math.max(run.lastProgressSeconds, run.lastEndSeconds);
  return (
    (isSilent && eventKind(run.events.peekPayload()) === EVENT.signal) || time > progress + PATIENCE_SECONDS
  );
}

function arrive(run: RunState, request: number): void {
  run.lastProgressSeconds = run.now;
  run.giveToRouter(request);
  run.observe();
  run.router.arrival(request);
}

function advanceCoupled(run: RunState, order: number): void {
  const endpoint = run.endpoints[run.coupled.peekIndex()];
  if (order === ORDER.batchStart) {
    run.snapshotBeforeStarts();
    endpoint.startAt(run.now);
  } else {
    run.snapshotBefore(run.now);
    endpoint.advance(run.now);
  }
  run.recouple(endpoint);
}

function handleEvent(
  run: RunState,
  host: Host,
  faults: ReturnType<typeof scheduleFaults>,
  payload: number,
): void {
  const value = eventValue(payload);
  const kind = eventKind(payload);
  if (kind !== EVENT.signal && kind !== EVENT.periodic && kind !== EVENT.once) run.toCome--;
  switch (kind) {
    case EVENT.fault:
      applyFault(run, faults[value]);
      break;
    case EVENT.ready:
      replicasReady(run, value);
      break;
    case EVENT.signal:
      fetchSignals(run);
      break;
    case EVENT.periodic:
      host.firePeriodic(value);
      break;
    case EVENT.once:
      run.observe();
      run.router.timer?.(value);
      break;
    case EVENT.step:
      run.intake.arrive(value, run.now);
      arrive(run, value);
      break;
    case EVENT.kv:
      receiveKv(run, value);
      break;
  }
}

function fetchSignals(run: RunState): void {
  const interval = run.options.signalIntervalSeconds;
  const k = Math.round(run.now / interval);
  run.signals.fetch(run.now);
  run.events.push((k + 1) * interval, ORDER.signal, 0, packEvent(EVENT.signal, 0));
  if (run.router.signal === undefined) return;
  for (let region = 0; region < run.signals.regions.length; region++) {
    run.observe();
    run.router.signal(region);
  }
}

/** KV has reached its decode endpoint, unless the request was taken back or lost on the way. */
function receiveKv(run: RunState, request: number): void {
  const { table } = run;
  if (table.at[request] !== AT.kv || table.deliverySeconds[request] !== run.now) return;
  const endpoint = run.endpoints[table.endpoint[request]];
  run.snapshotBefore(run.now);
  endpoint.receive(request, run.now);
  run.telemetry.touch(endpoint.index);
  if (run.mayCouple(endpoint)) run.recouple(endpoint);
}
