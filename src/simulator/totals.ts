import { ConservationError } from "../errors.ts";
import { litresPerItJoule } from "../fleet/water-use.ts";
import type { EndpointState } from "./endpoint-state.ts";
import type { EndpointTotals, RunTotals } from "./options.ts";
import { AT } from "./request-table.ts";
import type { RunState } from "./run-state.ts";

/** Relative error allowed between what requests carry and what the meters counted. */
const TOLERANCE = 1e-9;
const JOULES_PER_KWH = 3.6e6;

/** Ends a run: what is left is reported unfinished, the meters are closed, the books are checked. */
export function closeRun(run: RunState, limit: number): RunTotals {
  const cut = limit < Number.POSITIVE_INFINITY;
  for (const endpoint of run.endpoints) endpoint.advance(cut ? limit : Number.POSITIVE_INFINITY);
  const left = run.table.live > run.unreported || run.intake.nextArrivalSeconds < Number.POSITIVE_INFINITY;
  const end = cut && left ? limit : run.lastEndSeconds;
  run.now = end;
  run.lastSnapshot();
  const horizon = run.options.horizonSeconds ?? end;
  const { unfinished, notArrived } = reportUnfinished(run, end);
  for (const endpoint of run.endpoints) {
    for (const replica of endpoint.replicas)
      if (replica.phase !== "off") replica.switchOff(Math.max(horizon, end));
  }
  const totals: RunTotals = {
    requests: run.intake.nextId - notArrived,
    finished: run.finishedCount,
    rejected: run.rejectedCount,
    unfinished,
    truncated: run.truncatedCount,
    deferred: run.deferredCount,
    horizonSeconds: horizon,
    endSeconds: end,
    endpoints: run.endpoints.map(endpointTotals),
    routerCalls: run.routerCalls,
    telemetrySnapshots: run.telemetry.snapshots,
    explanations: run.explanations,
  };
  checkConservation(run, totals);
  return totals;
}

/** Settles and reports every request that arrived and has not ended, in order of request number. */
function reportUnfinished(run: RunState, end: number): { unfinished: number; notArrived: number } {
  const { table } = run;
  const left: number[] = [];
  let notArrived = 0;
  for (const endpoint of run.endpoints) endpoint.settleAt(end);
  for (const request of table.unended()) {
    if (table.at[request] === AT.future) notArrived++;
    else left.push(request);
  }
  left.sort((a, b) => table.id[a] - table.id[b]);
  for (const request of left) {
    run.attribute(request);
    run.sink.unfinished(request);
  }
  return { unfinished: left.length, notArrived };
}

function endpointTotals(endpoint: EndpointState): EndpointTotals {
  const { definition } = endpoint;
  const totals: EndpointTotals = {
    busySeconds: 0,
    upSeconds: 0,
    activeJoules: 0,
    idleJoules: 0,
    hostJoules: 0,
    literalJoules: 0,
    activeGrams: 0,
    literalGrams: 0,
    idleGrams: 0,
    hostGrams: 0,
    busyUsd: 0,
    fleetUsd: 0,
    energyUsd: 0,
    iterations: 0,
    outsideIterations: 0,
    outsideJoules: 0,
    preemptions: 0,
    placed: endpoint.placed,
    finished: endpoint.finishedCount,
    promptTokens: endpoint.promptTokens,
    outputTokens: endpoint.outputTokens,
  };
  for (const replica of endpoint.replicas) {
    const { meter } = replica;
    meter.close();
    totals.busySeconds += meter.busySeconds;
    totals.upSeconds += replica.upSeconds;
    totals.activeJoules += meter.activeJoules;
    totals.idleJoules += meter.idleJoules;
    totals.hostJoules += meter.hostJoules;
    totals.literalJoules += meter.literalJoules;
    totals.activeGrams += meter.activeGrams;
    totals.literalGrams += meter.literalGrams;
    totals.idleGrams += meter.idleGrams;
    totals.hostGrams += meter.hostGrams;
    totals.energyUsd += meter.energyUsd;
    totals.iterations += replica.iterations;
    totals.outsideIterations += replica.outsideIterations;
    totals.outsideJoules += replica.outsideJoules;
    totals.preemptions += replica.preemptions;
  }
  const usdPerSecond = definition.usdPerReplicaHour / 3600;
  totals.busyUsd = totals.busySeconds * usdPerSecond;
  totals.fleetUsd = totals.upSeconds * usdPerSecond;
  return totals;
}

/** Fails the run when something was lost or invented. */
export function checkConservation(run: RunState, totals: RunTotals): void {
  const ended = totals.finished + totals.rejected + totals.unfinished;
  if (ended !== totals.requests) {
    throw new ConservationError(
      `${totals.requests} requests came in, but ${totals.finished} finished + ${totals.rejected} rejected + ${totals.unfinished} unfinished = ${ended}`,
    );
  }
  if (totals.unfinished === 0) for (const endpoint of run.endpoints) checkEmpty(endpoint);
  // What ran where power is unknown carries NaN; nothing else may.
  const hasPower = run.endpoints.every(
    ({ definition }, e) => definition.law.hasPower || totals.endpoints[e].busySeconds === 0,
  );
  if (hasPower) {
    checkAttribution("J", run.attributed.joules.value, total(totals, "activeJoules"));
    checkAttribution("g", run.attributed.grams.value, total(totals, "activeGrams"));
  }
  checkAttribution("USD", run.attributed.usd.value, total(totals, "busyUsd"));
  const litres = meteredLitres(run, totals);
  if (hasPower && !Number.isNaN(litres)) checkAttribution("L", run.attributed.litres.value, litres);
  for (const endpoint of run.endpoints) checkMeters(run, endpoint, totals);
}

/** Water of the active energy; NaN where energy was used in a region whose water is unknown. */
function meteredLitres({ options: { fleet } }: RunState, { endpoints }: RunTotals): number {
  let litres = 0;
  for (const [e, { activeJoules, busySeconds }] of endpoints.entries()) {
    if (busySeconds > 0)
      litres += activeJoules * litresPerItJoule(fleet.regions[fleet.endpoints[e].region], 1);
  }
  return litres;
}

function total(totals: RunTotals, name: "activeJoules" | "activeGrams" | "busyUsd"): number {
  return totals.endpoints.reduce((sum, endpoint) => sum + endpoint[name], 0);
}

function checkAttribution(unit: string, attributed: number, metered: number): void {
  expectNear(`requests carry the ${unit} of the busy replicas`, attributed, metered, metered);
}

/** Checks one endpoint's meters against each other and against the bounds of its region's signals. */
function checkMeters(run: RunState, endpoint: EndpointState, totals: RunTotals): void {
  const region = run.options.fleet.regions[endpoint.definition.region];
  const carbon = bounds(region.carbon.values);
  const price = region.energyPrice === null ? null : bounds(region.energyPrice.values);
  for (const replica of endpoint.replicas) {
    const { meter } = replica;
    const name = `replica ${replica.index} of ${endpoint.definition.name}`;
    const hostJoules = endpoint.definition.hostWattsPerReplica * replica.upSeconds;
    expectNear(`${name}: host J`, meter.hostJoules, hostJoules, hostJoules);
    expectPriced(`${name}: host g`, meter.hostGrams, meter.hostJoules, carbon);
    if (!replica.law.hasPower) continue;
    const { idleWatts } = replica.law;
    // Idle energy is idle power over the time up and not busy, when no busy time lies beyond the horizon.
    if (totals.endSeconds <= totals.horizonSeconds) {
      const expected = idleWatts * (replica.upSeconds - meter.busySeconds);
      expectNear(`${name}: idle J`, meter.idleJoules, expected, idleWatts * replica.upSeconds);
    }
    expectPriced(`${name}: active g`, meter.activeGrams, meter.activeJoules, carbon);
    expectPriced(`${name}: idle g`, meter.idleGrams, meter.idleJoules, carbon);
    if (price !== null) {
      expectPriced(`${name}: energy USD`, meter.energyUsd, meter.activeJoules + meter.idleJoules, price);
    }
  }
}

/** Written so that NaN fails. */
function expectNear(what: string, found: number, expected: number, scale: number): void {
  if (!(Math.abs(found - expected) <= TOLERANCE * Math.abs(scale))) {
    throw new ConservationError(`${what}: ${found}, expected ${expected}`);
  }
}

/** What energy is priced at lies between the lowest and the highest price of the run. */
function expectPriced(
  what: string,
  found: number,
  joules: number,
  [low, high]: readonly [number, number],
): void {
  const slack = (TOLERANCE * joules * Math.max(Math.abs(low), Math.abs(high))) / JOULES_PER_KWH;
  const isWithin =
    found >= (joules * low) / JOULES_PER_KWH - slack && found <= (joules * high) / JOULES_PER_KWH + slack;
  if (!isWithin) {
    throw new ConservationError(`${what}: ${found} for ${joules} J at ${low} to ${high} per kWh`);
  }
}

function bounds(values: Float64Array): readonly [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

function checkEmpty(endpoint: EndpointState): void {
  for (const replica of endpoint.replicas) {
    const name = `replica ${replica.index} of ${endpoint.definition.name}`;
    const { kvBlocks } = endpoint.definition.batching;
    if (replica.freeBlocks !== kvBlocks) {
      throw new ConservationError(`${name} ends with ${replica.freeBlocks} of ${kvBlocks} KV blocks free`);
    }
    const tokens = [
      replica.contextTokens,
      replica.queuedPrefillTokens,
      replica.outstandingTokens,
      replica.decoding,
    ];
    if (tokens.some((count) => count !== 0)) {
      throw new ConservationError(
        `${name} is empty, but counts ${replica.contextTokens} context, ${replica.queuedPrefillTokens} queued and ${replica.outstandingTokens} outstanding tokens, ${replica.decoding} decoding requests`,
      );
    }
  }
}
