/** Faults, scaling and power states (simulation rules, section 8). */
import type { Fault } from "../../src/fleet/fleet.ts";
import type { FleetChange } from "../../src/routers/contract.ts";
import { FLEET } from "./events.ts";
import { stop, stopIfDrained } from "./lifecycle.ts";
import { closeRun, meterBatch, startUpTime } from "./meters.ts";
import { serveLobby } from "./replica.ts";
import { comeBack, tell, uproot } from "./requests.ts";
import { byId, type Job, outstandingTokens, type Replica, type Sim, type Site } from "./state.ts";

export function scheduleFaults(sim: Sim): void {
  sim.options.fleet.faults.forEach((fault, i) => {
    sim.events.add(fault.atSeconds, FLEET, [fault.endpoint, -1, i], () => befall(sim, fault, i));
  });
}

function befall(sim: Sim, fault: Fault, index: number): void {
  const site = sim.sites[fault.endpoint];
  sim.lastActivity = sim.now;
  switch (fault.kind) {
    case "down":
      takeDown(sim, site);
      break;
    case "up":
      bringUp(sim, site);
      break;
    case "slow":
      site.slowFactor = fault.timeFactor;
      tellFleet(sim, site, "slow");
      break;
    case "notice": {
      const ties: [number, number, number] = [site.index, -1, index];
      sim.events.add(sim.now + fault.noticeSeconds, FLEET, ties, () => {
        sim.lastActivity = sim.now;
        takeDown(sim, site);
      });
      tellFleet(sim, site, "notice");
      break;
    }
  }
}

function tellFleet(sim: Sim, site: Site, change: FleetChange): void {
  sim.telemetry.refreshServing(site);
  const { router } = sim;
  if (router.fleet !== undefined) tell(sim, () => router.fleet?.(site.index, change));
}

function takeDown(sim: Sim, site: Site): void {
  if (!site.up) return;
  const lost: Job[] = [...site.flying, ...site.lobby];
  for (const replica of site.replicas) {
    abortBatch(sim, replica);
    lost.push(...replica.waiting, ...replica.running.filter((job) => job.state === "running"));
    replica.waiting = [];
    replica.running = [];
    replica.caches = [];
    replica.free = site.endpoint.batching.kvBlocks;
    if (replica.formation !== null) sim.events.remove(replica.formation);
    replica.formation = null;
    stop(sim, replica);
  }
  for (const job of lost) {
    if (job.delivery !== null) sim.events.remove(job.delivery);
    job.delivery = null;
    uproot(job);
  }
  site.flying = [];
  site.lobby = [];
  site.up = false;
  tellFleet(sim, site, "down");
  for (const job of lost.sort(byId)) comeBack(sim, job, "lost");
}

function bringUp(sim: Sim, site: Site): void {
  if (site.up) return;
  site.up = true;
  for (const replica of site.replicas.slice(0, site.ordered)) {
    replica.state = "serving";
    startUpTime(replica, sim.now);
  }
  tellFleet(sim, site, "up");
}

/** The batch in progress ends here: what it cost is charged, what it would have computed is lost. */
export function abortBatch(sim: Sim, replica: Replica): void {
  const { batch } = replica;
  if (batch !== null) {
    sim.events.remove(batch.end);
    replica.batch = null;
    meterBatch(sim, replica, batch, sim.now);
  }
  closeRun(sim, replica);
}

export function setReplicas(sim: Sim, site: Site, wanted: number): void {
  const { minReplicas, maxReplicas } = site.endpoint;
  const target = Math.min(Math.max(wanted, minReplicas), maxReplicas);
  site.ordered = target;
  if (!site.up) return;
  const inState = (state: Replica["state"]) => site.replicas.filter((replica) => replica.state === state);
  const count = () => inState("serving").length + inState("starting").length;
  while (count() < target) {
    const draining = inState("draining")[0];
    if (draining === undefined) start(sim, inState("stopped")[0]);
    else draining.state = "serving";
  }
  while (count() > target) {
    const starting = inState("starting").pop();
    if (starting === undefined) drain(sim, fewestTokens(sim, inState("serving")));
    else stop(sim, starting);
  }
  sim.telemetry.refreshServing(site);
  serveLobby(sim, site);
}

function fewestTokens(sim: Sim, replicas: readonly Replica[]): Replica {
  return replicas.reduce((x, y) => (outstandingTokens(sim, y) <= outstandingTokens(sim, x) ? y : x));
}

function start(sim: Sim, replica: Replica): void {
  const { site } = replica;
  replica.state = "starting";
  startUpTime(replica, sim.now);
  const ready = sim.now + site.endpoint.startupSeconds;
  replica.startup = sim.events.add(ready, FLEET, [site.index, replica.index, 0], () => {
    sim.lastActivity = sim.now;
    // Those of one endpoint that are ready at one instant begin together.
    for (const other of site.replicas) {
      if (other.startup?.time !== sim.now) continue;
      if (other !== replica) sim.events.remove(other.startup);
      other.startup = null;
      other.state = "serving";
    }
    serveLobby(sim, site);
    tellFleet(sim, site, "scaled");
  });
}

function drain(sim: Sim, replica: Replica): void {
  replica.state = "draining";
  stopIfDrained(sim, replica);
}
