/** KV blocks, the waiting queue and the running list of one replica (simulation rules, section 4). */
import { type Job, outstanding, type Replica, type Sim, type Site, tokensOf, without } from "./state.ts";

/** Enters the waiting queue: a preempted request before those it ties with, others after. */
export function enqueue(sim: Sim, replica: Replica, job: Job, preempted: boolean): void {
  const { order } = replica.site.endpoint.batching;
  const key = (other: Job) => {
    if (order === "edf") return sim.columns.deadlineSeconds[other.id];
    return order === "priority" ? -other.priority : 0;
  };
  const goesBefore = (other: Job) => (preempted ? key(other) >= key(job) : key(other) > key(job));
  const at = replica.waiting.findIndex(goesBefore);
  replica.waiting.splice(at < 0 ? replica.waiting.length : at, 0, job);
  job.state = "waiting";
  job.replica = replica;
  if (!job.handedOver) job.target = tokensOf(sim, job);
}

/** Takes a waiting request into the running list with its first blocks. */
export function admit(replica: Replica, job: Job, blocks: number): void {
  replica.waiting = without(replica.waiting, job);
  replica.free -= blocks;
  job.blocks = blocks;
  job.state = "running";
  replica.running.push(job);
  if (replica.site.endpoint.batching.policy !== "vllm-v1") {
    replica.running.sort((x, y) => x.reached - y.reached);
  }
  dropCaches(replica);
}

/** Grows a running request to `blocks` blocks. */
export function grow(replica: Replica, job: Job, blocks: number): void {
  replica.free -= blocks - job.blocks;
  job.blocks = blocks;
  dropCaches(replica);
}

/** Gives a running request's place and blocks back; what it computed is lost. */
export function release(replica: Replica, job: Job): void {
  replica.running = without(replica.running, job);
  replica.free += job.blocks;
  job.blocks = 0;
  job.computed = 0;
  job.handedOver = false;
}

/** Preemption by recompute: to the front of the waiting queue. */
export function preempt(sim: Sim, replica: Replica, job: Job): void {
  release(replica, job);
  countPreemption(sim, replica.site, job);
  enqueue(sim, replica, job, true);
}

export function countPreemption(sim: Sim, site: Site, job: Job): void {
  sim.columns.preemptions[job.id]++;
  site.totals.preemptions++;
}

/** The one of `candidates`, in the order of the running list, that has to go. */
export function victimOf(replica: Replica, candidates: readonly Job[]): Job {
  let victim = candidates[candidates.length - 1];
  if (replica.site.endpoint.batching.victim === "lowest-priority") {
    for (const job of [...candidates].reverse()) if (job.priority < victim.priority) victim = job;
  }
  return victim;
}

/** Blocks that a decoding request has to hold for its next step. */
export function decodeBlocks(sim: Sim, replica: Replica, job: Job): number {
  const needsOne = tokensOf(sim, job) > job.blocks * replica.site.endpoint.batching.blockTokens;
  return job.blocks + (needsOne ? 1 : 0);
}

export function watermark(replica: Replica): number {
  const { watermarkFraction, kvBlocks } = replica.site.endpoint.batching;
  return Math.floor(watermarkFraction * kvBlocks);
}

/** `static`: once all of the batch are finished they give their places and blocks back. */
export function clearFinished(replica: Replica): void {
  if (replica.running.some((job) => job.state === "running")) return;
  for (const job of [...replica.running]) release(replica, job);
}

/** Whether sessions leave their blocks behind here. */
function caches(replica: Replica): boolean {
  const { batching, role } = replica.site.endpoint;
  return batching.prefixReuse && batching.policy === "vllm-v1" && role !== "prefill";
}

export function cachedBlocks(sim: Sim, replica: Replica, job: Job): number {
  const session = sim.columns.session[job.id];
  return replica.caches.find((cache) => cache.session === session)?.blocks ?? 0;
}

export function takeCache(sim: Sim, replica: Replica, job: Job): void {
  const session = sim.columns.session[job.id];
  replica.caches = replica.caches.filter((cache) => cache.session !== session);
}

export function keepCache(sim: Sim, replica: Replica, job: Job): void {
  const session = sim.columns.session[job.id];
  if (!caches(replica) || session < 0) return;
  takeCache(sim, replica, job);
  const blocks = Math.floor((tokensOf(sim, job) - 1) / replica.site.endpoint.batching.blockTokens);
  if (blocks > 0) replica.caches.push({ session, blocks, order: sim.sequence++ });
}

/** Cached blocks count as free, so they have to fit into what is free: the oldest caches go first. */
export function dropCaches(replica: Replica): void {
  const total = () => replica.caches.reduce((sum, cache) => sum + cache.blocks, 0);
  while (total() > replica.free) {
    const oldest = replica.caches.reduce((x, y) => (x.order < y.order ? x : y));
    replica.caches = without(replica.caches, oldest);
  }
}

/** No block is lost: those held and those free are all there are. */
export function checkBlocks(site: Site): void {
  for (const replica of site.replicas) {
    const held = replica.running.reduce((sum, job) => sum + job.blocks, 0);
    if (held + replica.free !== site.endpoint.batching.kvBlocks || replica.free < 0) {
      throw new Error(
        `${site.endpoint.name}/${replica.index}: ${held} blocks held and ${replica.free} free of ${site.endpoint.batching.kvBlocks}, ${outstanding(site)} outstanding`,
      );
    }
  }
}
