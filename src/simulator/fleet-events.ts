import type { Fault } from "../fleet/fleet.ts";
import type { FleetChange } from "../routers/contract.ts";
import type { EndpointState } from "./endpoint-state.ts";
import type { Replica } from "./replica.ts";
import { AT } from "./request-table.ts";
import { EVENT, ORDER, packEvent, type RunState } from "./run-state.ts";

/** Enters the stated faults, and the ends of notices, into the event heap; returns them in order. */
export function scheduleFaults(run: RunState): Fault[] {
  const faults: Fault[] = [];
  for (const fault of run.options.fleet.faults) {
    faults.push(fault);
    if (fault.kind === "notice") {
      const atSeconds = fault.atSeconds + fault.noticeSeconds;
      faults.push({ atSeconds, endpoint: fault.endpoint, kind: "down" });
    }
  }
  run.toCome += faults.length;
  faults.forEach((fault, i) => {
    run.events.push(fault.atSeconds, ORDER.fleet, fault.endpoint, packEvent(EVENT.fault, i));
  });
  return faults;
}

export function applyFault(run: RunState, fault: Fault): void {
  const endpoint = run.endpoints[fault.endpoint];
  run.lastProgressSeconds = run.now;
  run.takeSnapshot();
  endpoint.advance(run.now);
  run.telemetry.touch(endpoint.index);
  switch (fault.kind) {
    case "notice":
      break;
    case "slow":
      endpoint.slowDown(fault.timeFactor);
      if (run.mayCouple(endpoint)) run.recouple(endpoint);
      break;
    case "up":
      if (endpoint.up) return;
      endpoint.bringUp(run.now);
      run.telemetry.up[endpoint.index] = 1;
      run.telemetry.replicas[endpoint.index] = endpoint.servingReplicas;
      break;
    case "down":
      if (!endpoint.up) return;
      takeDown(run, endpoint);
      return;
  }
  tell(run, endpoint, fault.kind);
}

/** The endpoint dies: everything it had comes back to the router. */
function takeDown(run: RunState, endpoint: EndpointState): void {
  const { table } = run;
  const lost = endpoint.takeDown(run.now);
  run.coupled.remove(endpoint.index);
  run.telemetry.up[endpoint.index] = 0;
  run.telemetry.replicas[endpoint.index] = 0;
  lost.sort((a, b) => table.id[a] - table.id[b]);
  for (const request of lost) table.at[request] = AT.returning;
  tell(run, endpoint, "down");
  for (const request of lost) {
    run.giveToRouter(request);
    run.observe();
    run.router.returned?.(request, "lost");
  }
}

function tell(run: RunState, endpoint: EndpointState, change: FleetChange): void {
  run.observe();
  run.router.fleet?.(endpoint.index, change);
}

/** Starts, keeps or drains replicas until `wanted` are ordered (simulation-rules.md section 8). */
export function orderReplicas(run: RunState, endpoint: EndpointState, wanted: number): void {
  const { minReplicas, maxReplicas, startupSeconds } = endpoint.definition;
  const target = Math.min(Math.max(wanted, minReplicas), maxReplicas);
  endpoint.advance(run.now);
  let change = target - endpoint.ordered;
  endpoint.ordered = target;
  if (!endpoint.up) return;
  const { replicas } = endpoint;
  for (let i = 0; i < replicas.length && change > 0; i++) {
    if (replicas[i].phase !== "draining") continue;
    replicas[i].phase = "serving";
    change--;
  }
  const readySeconds = run.now + startupSeconds;
  let started = false;
  for (let i = 0; i < replicas.length && change > 0; i++) {
    if (replicas[i].phase !== "off") continue;
    replicas[i].switchOn(run.now, "starting");
    replicas[i].readySeconds = readySeconds;
    started = true;
    change--;
  }
  if (started) {
    // Behind the faults of that instant at the endpoint: their payloads are smaller.
    run.toCome++;
    run.events.push(readySeconds, ORDER.fleet, endpoint.index, packEvent(EVENT.ready, endpoint.index));
  }
  for (let i = replicas.length - 1; i >= 0 && change < 0; i--) {
    if (replicas[i].phase !== "starting") continue;
    replicas[i].switchOff(run.now);
    change++;
  }
  for (; change < 0; change++) {
    const replica = leastLoaded(replicas);
    if (replica === null) break;
    replica.phase = "draining";
    if (replica.outstanding === 0) replica.switchOff(run.now);
  }
  run.telemetry.replicas[endpoint.index] = endpoint.servingReplicas;
  run.telemetry.touch(endpoint.index);
  endpoint.drawFromQueue(run.now);
  if (run.mayCouple(endpoint)) run.recouple(endpoint);
}

/**
 * The replicas of an endpoint that are started now begin to serve, unless they were stopped meanwhile: all of one
 * instant together, so that the local balancer spreads over them what has waited.
 */
export function replicasReady(run: RunState, endpointIndex: number): void {
  const endpoint = run.endpoints[endpointIndex];
  const isReady = (replica: Replica) => replica.phase === "starting" && replica.readySeconds === run.now;
  if (!endpoint.replicas.some(isReady)) return;
  run.lastProgressSeconds = run.now;
  run.takeSnapshot();
  endpoint.advance(run.now);
  for (const replica of endpoint.replicas) if (isReady(replica)) replica.phase = "serving";
  run.telemetry.replicas[endpoint.index] = endpoint.servingReplicas;
  run.telemetry.touch(endpoint.index);
  endpoint.drawFromQueue(run.now);
  if (run.mayCouple(endpoint)) run.recouple(endpoint);
  tell(run, endpoint, "scaled");
}

/** The serving replica with the fewest outstanding tokens, of several the last. */
function leastLoaded(replicas: readonly Replica[]): Replica | null {
  let best: Replica | null = null;
  for (const replica of replicas) {
    if (replica.phase !== "serving") continue;
    if (best === null || replica.outstandingTokens <= best.outstandingTokens) best = replica;
  }
  return best;
}
