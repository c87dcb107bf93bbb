/** What goes into the next batch of a replica (simulation rules, sections 4 and 5). */
import {
  admit,
  cachedBlocks,
  clearFinished,
  decodeBlocks,
  grow,
  preempt,
  takeCache,
  victimOf,
  watermark,
} from "./memory.ts";
import { type Chunk, type Job, type Replica, type Sim, tokensOf } from "./state.ts";

export interface Plan {
  readonly prefills: Chunk[];
  readonly decodes: Job[];
  preempted: number;
}

/** Forms a batch: admits, preempts and takes blocks. An empty plan means that nothing can run. */
export function formBatch(sim: Sim, replica: Replica): Plan {
  for (;;) {
    const plan: Plan = { prefills: [], decodes: [], preempted: 0 };
    formOnce(sim, replica, plan);
    const empty = plan.prefills.length === 0 && plan.decodes.length === 0;
    if (!empty || plan.preempted === 0) return plan;
  }
}

function formOnce(sim: Sim, replica: Replica, plan: Plan): void {
  const { endpoint } = replica.site;
  const policy = endpoint.role === "prefill" ? "prefill-only" : endpoint.batching.policy;
  switch (policy) {
    case "prefill-only":
      formPrefillOnly(replica, plan);
      break;
    case "sarathi":
      formSarathi(sim, replica, plan);
      break;
    case "vllm-v0":
      formVllmV0(sim, replica, plan);
      break;
    case "mixed":
      formMixed(sim, replica, plan);
      break;
    case "static":
      formStatic(sim, replica, plan);
      break;
    case "vllm-v1":
      formVllmV1(sim, replica, plan);
      break;
  }
}

function isPrefilling(job: Job): boolean {
  return job.computed < job.target;
}

/** Running requests that are not in the batch being formed. */
function outsideOf(replica: Replica, plan: Plan): Job[] {
  return replica.running.filter(
    (job) =>
      job.state === "running" &&
      !plan.decodes.includes(job) &&
      !plan.prefills.some((chunk) => chunk.job === job),
  );
}

/** Preempts until a block is free, then puts the decoding request into the batch; false if it went itself. */
function decodeWithFreeBlock(sim: Sim, replica: Replica, plan: Plan, job: Job): boolean {
  while (replica.free < 1) {
    const candidates = outsideOf(replica, plan).filter((other) => !isPrefilling(other));
    const victim = victimOf(replica, candidates);
    preempt(sim, replica, victim);
    plan.preempted++;
    if (victim === job) return false;
  }
  grow(replica, job, decodeBlocks(sim, replica, job));
  plan.decodes.push(job);
  return true;
}

/** Every decoding request in order, at most `limit` of them. */
function decodeAll(sim: Sim, replica: Replica, plan: Plan, limit = Number.POSITIVE_INFINITY): void {
  const decoding = replica.running.filter((job) => job.state === "running" && !isPrefilling(job));
  for (const job of decoding) {
    if (plan.decodes.length >= limit) return;
    if (job.state === "running") decodeWithFreeBlock(sim, replica, plan, job);
  }
}

/** Waiting requests from the front, whole targets, while `allows` says so and memory and the cap hold. */
function admitWhole(
  replica: Replica,
  plan: Plan,
  allows: (target: number) => boolean,
  reserve = watermark(replica),
): void {
  const { blockTokens, maxRequests } = replica.site.endpoint.batching;
  while (replica.waiting.length > 0 && replica.running.length < maxRequests) {
    const job = replica.waiting[0];
    const needed = Math.ceil(job.target / blockTokens);
    if (replica.free - needed < reserve || !allows(job.target)) return;
    admit(replica, job, needed);
    plan.prefills.push({ job, tokens: job.target });
  }
}

function formSarathi(sim: Sim, replica: Replica, plan: Plan): void {
  const { blockTokens, maxRequests, tokenBudget } = replica.site.endpoint.batching;
  const aside = replica.running.filter(isPrefilling);
  decodeAll(sim, replica, plan);
  let left = Math.max(0, tokenBudget - plan.decodes.length);
  for (const job of aside) {
    const tokens = Math.min(job.target - job.computed, left);
    if (tokens === 0) continue;
    plan.prefills.push({ job, tokens });
    left -= tokens;
  }
  while (replica.waiting.length > 0 && replica.running.length < maxRequests && left > 0) {
    const job = replica.waiting[0];
    const needed = Math.ceil(job.target / blockTokens);
    if (replica.free - needed < watermark(replica)) return;
    admit(replica, job, needed);
    const tokens = Math.min(job.target, left);
    plan.prefills.push({ job, tokens });
    left -= tokens;
  }
}

/** The cap of `vllm-v0` and `static` on padded tokens; the first request of a batch is exempt. */
function padded(replica: Replica, plan: Plan): (target: number) => boolean {
  const { paddedTokenLimit } = replica.site.endpoint.batching;
  return (target) => {
    const count = plan.prefills.length;
    const longest = Math.max(target, ...plan.prefills.map((chunk) => chunk.tokens));
    return count === 0 || (count + 1) * longest <= paddedTokenLimit;
  };
}

function formVllmV0(sim: Sim, replica: Replica, plan: Plan): void {
  admitWhole(replica, plan, padded(replica, plan));
  if (plan.prefills.length === 0) decodeAll(sim, replica, plan);
}

function formStatic(sim: Sim, replica: Replica, plan: Plan): void {
  if (replica.running.length > 0) decodeAll(sim, replica, plan);
  else admitWhole(replica, plan, padded(replica, plan));
  clearFinished(replica);
}

function within(plan: Plan, budget: number): (target: number) => boolean {
  return (target) => plan.prefills.length === 0 || tokensIn(plan) + target <= budget;
}

function tokensIn(plan: Plan): number {
  return plan.prefills.reduce((sum, chunk) => sum + chunk.tokens, 0);
}

function formMixed(sim: Sim, replica: Replica, plan: Plan): void {
  const { tokenBudget } = replica.site.endpoint.batching;
  admitWhole(replica, plan, within(plan, tokenBudget));
  decodeAll(sim, replica, plan, tokenBudget - tokensIn(plan));
}

function formPrefillOnly(replica: Replica, plan: Plan): void {
  admitWhole(replica, plan, within(plan, replica.site.endpoint.batching.tokenBudget), 0);
}

function formVllmV1(sim: Sim, replica: Replica, plan: Plan): void {
  const { blockTokens, tokenBudget } = replica.site.endpoint.batching;
  let left = tokenBudget;
  for (const job of [...replica.running]) {
    if (left <= 0) break;
    if (job.state !== "running") continue;
    const asked = isPrefilling(job) ? Math.min(job.target - job.computed, left) : 1;
    const blocks = isPrefilling(job)
      ? Math.ceil((job.computed + asked) / blockTokens)
      : decodeBlocks(sim, replica, job);
    while (job.state === "running" && blocks - job.blocks > replica.free) {
      preempt(sim, replica, victimOf(replica, outsideOf(replica, plan)));
      plan.preempted++;
    }
    if (job.state !== "running") break;
    grow(replica, job, blocks);
    if (isPrefilling(job)) plan.prefills.push({ job, tokens: asked });
    else plan.decodes.push(job);
    left -= asked;
  }
  if (plan.preempted === 0) admitV1(sim, replica, plan, left);
}

function admitV1(sim: Sim, replica: Replica, plan: Plan, budget: number): void {
  const { blockTokens, maxRequests } = replica.site.endpoint.batching;
  let left = budget;
  while (replica.waiting.length > 0 && replica.running.length < maxRequests && left > 0) {
    const job = replica.waiting[0];
    const computed = job.handedOver ? job.target : reusable(sim, replica, job);
    const asked = Math.min(job.target - computed, left);
    let needed = Math.ceil((computed + asked) / blockTokens);
    if (job.handedOver && tokensOf(sim, job) > needed * blockTokens) needed++;
    if (needed > replica.free) return;
    takeCache(sim, replica, job);
    admit(replica, job, needed);
    job.computed = computed;
    if (job.handedOver) plan.decodes.push(job);
    else plan.prefills.push({ job, tokens: asked });
    left -= job.handedOver ? 1 : asked;
  }
}

/** Leading tokens of the target that the session's cache holds, in whole blocks. */
function reusable(sim: Sim, replica: Replica, job: Job): number {
  const { blockTokens } = replica.site.endpoint.batching;
  const prefix = Math.floor(sim.columns.prefixTokens[job.id] / blockTokens);
  const mostOfTarget = Math.floor((job.target - 1) / blockTokens);
  return blockTokens * Math.min(prefix, mostOfTarget, cachedBlocks(sim, replica, job));
}
