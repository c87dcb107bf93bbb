/**
 * The naive oracle: the simulation rules (docs/reference/simulation-rules.md) a second time, as plainly as
 * possible. Every iteration of every replica is an event, every formation loops over the batch.
 */
import { ConservationError } from "../../src/errors.ts";
import type { RecordSink, RunOptions, RunTotals } from "../../src/simulator/options.ts";
import { readColumns } from "./columns.ts";
import { BATCH_START, type Event, EventList, SIGNAL, TIMER } from "./events.ts";
import { abortBatch, scheduleFaults } from "./fleet-changes.ts";
import { OracleHost } from "./host.ts";
import { checkBlocks } from "./memory.ts";
import { meterUpTime } from "./meters.ts";
import { scheduleArrival, tell } from "./requests.ts";
import { newJobs, newSites, type Sim } from "./state.ts";
import { Telemetry } from "./telemetry.ts";
import { fetchSignals, newWorld } from "./world.ts";

/** How long a drained run waits for a router that only holds requests. */
const PATIENCE_SECONDS = 7 * 86400;

/** Runs a workload over a fleet under a router; the same signature as the simulator's. */
export function runOracle(options: RunOptions, sink: RecordSink): RunTotals {
  const { sim, telemetry } = newSim(options, sink);
  const { router, events } = sim;
  const host = new OracleHost(sim);
  sink.begin(sim.columns);
  fetchSignals(sim, sim.world.signals, 0);
  scheduleSignals(sim, 0);
  scheduleFaults(sim);
  for (const job of sim.jobs) {
    if (!job.dependent) scheduleArrival(sim, job, sim.columns.traceArrival[job.id]);
  }
  telemetry.observeStart();
  tell(sim, () => router.start(sim.world, host));

  const cutSeconds = options.end === "cut" ? (options.horizonSeconds ?? Number.POSITIVE_INFINITY) : null;
  while (sim.ended < sim.jobs.length) {
    const event = events.next();
    if (cutSeconds !== null && (event === undefined || isBeyond(event, cutSeconds))) {
      if (cutSeconds < Number.POSITIVE_INFINITY) sim.now = cutSeconds;
      break;
    }
    if (event === undefined || isVain(sim, event)) {
      telemetry.reportRest();
      const after = events.next();
      if (after === undefined || isVain(sim, after)) break;
      continue;
    }
    telemetry.before(event);
    events.pop();
    sim.now = event.time;
    event.run();
  }
  return finishRun(sim, telemetry, host);
}

function newSim(options: RunOptions, sink: RecordSink): { sim: Sim; telemetry: Telemetry } {
  const columns = readColumns(
    options.workload,
    options.fleet.endpoints.map((endpoint) => endpoint.name),
  );
  // The telemetry and the world look at the state that they are part of.
  const sim = {
    options,
    router: options.router,
    sink,
    sites: newSites(options),
    jobs: newJobs(columns, options),
    columns,
    events: new EventList(),
    now: 0,
    held: 0,
    ended: 0,
    sequence: 0,
    lastActivity: 0,
    lastEnd: 0,
    watching: false,
    completed: {
      endpoint: -1,
      ttftSeconds: Number.NaN,
      e2eSeconds: Number.NaN,
      finishedAtSeconds: Number.NaN,
      promptTokens: 0,
      outputTokens: 0,
      energyJoules: Number.NaN,
      costUsd: Number.NaN,
      carbonGrams: Number.NaN,
      sloMet: false,
      correct: Number.NaN,
    },
    counts: { made: 0, finished: 0, rejected: 0, truncated: 0, deferred: 0, calls: 0 },
  } as Partial<Sim> as Sim;
  const telemetry = new Telemetry(sim);
  sim.telemetry = telemetry;
  sim.world = newWorld(sim, telemetry);
  return { sim, telemetry };
}

function scheduleSignals(sim: Sim, k: number): void {
  const { options, router } = sim;
  sim.events.add(k * options.signalIntervalSeconds, SIGNAL, [0, 0, 0], () => {
    scheduleSignals(sim, k + 1);
    fetchSignals(sim, sim.world.signals, sim.now);
    if (router.signal === undefined) return;
    for (let region = 0; region < options.fleet.regions.length; region++) {
      tell(sim, () => router.signal?.(region));
    }
  });
}

/** A run that is cut ends at its horizon, after the ends of batches and before the starts of others. */
function isBeyond(event: Event, horizonSeconds: number): boolean {
  return event.time > horizonSeconds || (event.time === horizonSeconds && event.kind === BATCH_START);
}

/** Whether nothing but timers and signals is to come, and they have had their time or call nobody. */
function isVain(sim: Sim, next: Event): boolean {
  if (sim.events.some((event) => event.kind !== TIMER && event.kind !== SIGNAL)) return false;
  if (next.time > sim.lastActivity + PATIENCE_SECONDS) return true;
  return sim.router.signal === undefined && !sim.events.some((event) => event.kind === TIMER);
}

function finishRun(sim: Sim, telemetry: Telemetry, host: OracleHost): RunTotals {
  const { options, counts } = sim;
  for (const site of sim.sites) for (const replica of site.replicas) abortBatch(sim, replica);
  telemetry.reportRest();
  // A run that is not cut ends with its last request, also when the router went on.
  const isCut = options.end === "cut" && options.horizonSeconds !== null;
  const endSeconds = isCut && sim.ended < sim.jobs.length ? sim.now : sim.lastEnd;
  let unfinished = 0;
  for (const job of sim.jobs) {
    if (job.state === "finished" || job.state === "rejected" || job.state === "future") continue;
    unfinished++;
    sim.sink.unfinished(job.id);
  }
  const horizonSeconds = options.horizonSeconds ?? endSeconds;
  for (const site of sim.sites) {
    checkBlocks(site);
    meterUpTime(sim, site, horizonSeconds);
  }
  const totals: RunTotals = {
    requests: sim.jobs.filter((job) => job.state !== "future").length,
    finished: counts.finished,
    rejected: counts.rejected,
    unfinished,
    truncated: counts.truncated,
    deferred: counts.deferred,
    horizonSeconds,
    endSeconds,
    endpoints: sim.sites.map((site) => site.totals),
    routerCalls: counts.calls,
    telemetrySnapshots: telemetry.taken,
    explanations: host.explanations,
  };
  checkConservation(sim, totals);
  return totals;
}

function checkConservation(sim: Sim, totals: RunTotals): void {
  const { columns } = sim;
  if (totals.finished + totals.rejected + totals.unfinished !== totals.requests) {
    throw new ConservationError(`${totals.requests} requests in, but not as many out`);
  }
  const sum = (values: Iterable<number>) => [...values].reduce((x, y) => x + y, 0);
  const produced = sum(columns.producedTokens);
  const { made } = sim.counts;
  if (produced !== made) throw new ConservationError(`${made} tokens made, ${produced} received`);
  const balances: [string, number, number][] = [
    ["joules", sum(columns.energyJoules), sum(totals.endpoints.map((e) => e.activeJoules))],
    ["grams", sum(columns.carbonGrams), sum(totals.endpoints.map((e) => e.activeGrams))],
    ["USD", sum(columns.costUsd), sum(totals.endpoints.map((e) => e.busyUsd))],
  ];
  for (const [what, shared, charged] of balances) {
    if (Math.abs(shared - charged) > 1e-9 * Math.abs(charged)) {
      throw new ConservationError(`${shared} ${what} shared of ${charged} charged`);
    }
  }
}
