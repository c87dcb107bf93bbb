/** A replica at work: requests reach it, its batches start and end. */
import { BATCH_END, BATCH_START, CAPACITY, DELIVERY, HAND_OUT, RETURNED } from "./events.ts";
import { formBatch } from "./formation.ts";
import { stopIfDrained } from "./lifecycle.ts";
import { checkBlocks, clearFinished, countPreemption, enqueue, release } from "./memory.ts";
import { closeRun, continuesRun, meterBatch } from "./meters.ts";
import { comeBack, finish, tell, uproot } from "./requests.ts";
import {
  atCap,
  type Batch,
  byId,
  type Job,
  outstandingOf,
  outstandingTokens,
  type Replica,
  type Sim,
  type Site,
  serves,
  timeFactor,
  tokensOf,
  without,
} from "./state.ts";

/** A request, or the KV of its prompt, is on its way to an endpoint for `seconds` from now. */
export function send(sim: Sim, site: Site, job: Job, arrivalSeconds: number): void {
  job.state = "flight";
  job.site = site;
  site.flying.push(job);
  if (arrivalSeconds === sim.now && !job.handedOver) {
    deliver(sim, site, job);
    return;
  }
  const ties: [number, number, number] = job.handedOver
    ? [site.index, 1, job.id]
    : [site.index, 0, sim.sequence++];
  job.delivery = sim.events.add(arrivalSeconds, DELIVERY, ties, () => deliver(sim, site, job));
}

function deliver(sim: Sim, site: Site, job: Job): void {
  job.delivery = null;
  site.flying = without(site.flying, job);
  site.lobby.push(job);
  job.state = "lobby";
  serveLobby(sim, site);
}

/** Hands the requests at the endpoint's door to replicas, first come first served, while one can take them. */
export function serveLobby(sim: Sim, site: Site): void {
  while (site.lobby.length > 0) {
    const job = site.lobby[0];
    const replica = pickReplica(sim, site, job);
    if (replica === null) return;
    site.lobby = without(site.lobby, job);
    site.lastPicked = replica.index;
    job.reached = sim.sequence++;
    enqueue(sim, replica, job, false);
    wake(sim, replica);
  }
}

function pickReplica(sim: Sim, site: Site, job: Job): Replica | null {
  const { localBalancer, batching } = site.endpoint;
  let serving = site.replicas.filter(serves);
  if (localBalancer === "round-robin") {
    return serving.find((replica) => replica.index > site.lastPicked) ?? serving[0] ?? null;
  }
  if (localBalancer === "shared-queue") {
    serving = serving.filter((replica) => outstandingOf(replica).length < batching.maxRequests);
  } else {
    const session = sim.columns.session[job.id];
    const caching = serving.filter((replica) => replica.caches.some((cache) => cache.session === session));
    if (caching.length > 0) serving = caching;
  }
  let best: Replica | null = null;
  for (const replica of serving) {
    if (best === null || outstandingTokens(sim, replica) < outstandingTokens(sim, best)) best = replica;
  }
  return best;
}

/** Something may have become possible: a batch starts at the end of this instant. */
export function wake(sim: Sim, replica: Replica): void {
  if (replica.batch !== null || replica.formation !== null) return;
  if (replica.waiting.length + replica.running.length === 0) return;
  const ties: [number, number, number] = [replica.site.index, replica.index, 0];
  replica.formation = sim.events.add(sim.now, BATCH_START, ties, () => {
    replica.formation = null;
    startBatch(sim, replica);
  });
}

function startBatch(sim: Sim, replica: Replica): void {
  const { site } = replica;
  const { law, powerStates } = site.endpoint;
  const { prefills, decodes } = formBatch(sim, replica);
  checkBlocks(site);
  if (prefills.length + decodes.length === 0) return;
  const P = prefills.reduce((sum, chunk) => sum + chunk.tokens, 0);
  const D = decodes.length;
  const K = decodes.reduce((sum, job) => sum + tokensOf(sim, job), 0);
  const seconds = law.seconds(P, D, K);
  const factor = timeFactor(site);
  const batch: Batch = {
    start: sim.now,
    end: sim.events.add(sim.now + seconds * factor, BATCH_END, [site.index, replica.index, 0], () =>
      endBatch(sim, replica, batch),
    ),
    prefills,
    decodes,
    P,
    K,
    watts: law.watts(P, D, K, seconds) * powerStates[site.powerState].powerFactor,
    powerState: site.powerState,
    timeFactor: factor,
  };
  if (!continuesRun(replica, batch)) closeRun(sim, replica);
  for (const job of jobsOf(batch)) {
    if (Number.isNaN(sim.columns.startedSeconds[job.id])) sim.columns.startedSeconds[job.id] = sim.now;
  }
  replica.batch = batch;
}

function jobsOf(batch: Batch): Job[] {
  return [...batch.decodes, ...batch.prefills.map((chunk) => chunk.job)].sort(byId);
}

function endBatch(sim: Sim, replica: Replica, batch: Batch): void {
  const { site } = replica;
  const wasAtCap = atCap(site);
  replica.batch = null;
  meterBatch(sim, replica, batch, sim.now);
  for (const { job, tokens } of batch.prefills) job.computed += tokens;
  const yielding = jobsOf(batch).filter((job) => job.computed >= job.target);
  for (const job of yielding) yieldToken(sim, site, job);
  const { producedTokens, outputTokens } = sim.columns;
  const finished = yielding.filter((job) => producedTokens[job.id] === outputTokens[job.id]);
  if (finished.length > 0) closeRun(sim, replica);
  for (const job of finished) finish(sim, replica, job);
  for (const job of replica.running.filter((other) => other.leaving).sort(byId)) {
    if (job.state !== "running") continue;
    leaveReplica(sim, replica, job);
    const ties: [number, number, number] = [site.index, replica.index, job.id];
    sim.events.add(sim.now, RETURNED, ties, () => comeBack(sim, job, "preempted"));
  }
  clearFinished(replica);
  if (site.endpoint.role === "prefill") {
    for (const job of [...replica.running].sort(byId)) handOver(sim, replica, job);
  }
  checkBlocks(site);
  stopIfDrained(sim, replica);
  wake(sim, replica);
  sim.events.add(sim.now, HAND_OUT, [site.index, 0, 0], () => serveLobby(sim, site));
  if (wasAtCap && !atCap(site)) {
    sim.events.add(sim.now, CAPACITY, [site.index, 0, 0], () => tellCapacity(sim, site));
  }
}

/** After the router has taken a request from a replica: others may come, it may stop, the next batch may start. */
export function settle(sim: Sim, replica: Replica): void {
  serveLobby(sim, replica.site);
  stopIfDrained(sim, replica);
  wake(sim, replica);
}

function tellCapacity(sim: Sim, site: Site): void {
  const { router } = sim;
  if (!sim.watching || !site.up || atCap(site) || router.capacity === undefined) return;
  tell(sim, () => router.capacity?.(site.index));
}

function yieldToken(sim: Sim, site: Site, { id }: Job): void {
  const { columns } = sim;
  columns.producedTokens[id]++;
  sim.counts.made++;
  if (columns.producedTokens[id] > 1) return;
  columns.firstTokenSeconds[id] = sim.now;
  columns.ttftSeconds[id] = sim.now - columns.arrivalSeconds[id] + site.endpoint.roundTripSeconds / 2;
}

/** A running request that the router takes back. */
export function leaveReplica(sim: Sim, replica: Replica, job: Job): void {
  closeRun(sim, replica);
  release(replica, job);
  countPreemption(sim, replica.site, job);
  uproot(job);
  clearFinished(replica);
}

/** The prompt is computed: its KV goes to the decode endpoint. */
function handOver(sim: Sim, replica: Replica, job: Job): void {
  const { kvBytesPerToken } = replica.site.endpoint;
  const { latencySeconds, bytesPerSecond } = sim.options.fleet.kvTransfer;
  const site = job.decodeAt;
  if (site === null) throw new Error(`request ${job.id} has no endpoint to decode at`);
  release(replica, job);
  if (!site.up) {
    uproot(job);
    const ties: [number, number, number] = [replica.site.index, replica.index, job.id];
    sim.events.add(sim.now, RETURNED, ties, () => comeBack(sim, job, "lost"));
    return;
  }
  sim.columns.endpoint[job.id] = site.index;
  job.replica = null;
  job.decodeAt = null;
  job.handedOver = true;
  const bytes = (tokensOf(sim, job) - 1) * kvBytesPerToken;
  send(sim, site, job, sim.now + latencySeconds + bytes / bytesPerSecond);
}
