/** Forming a batch: the policies of simulation-rules.md section 4, over a replica between two batches. */
import type { Replica } from "./replica.ts";

export const EMPTY = 0;
/** All decoding requests and nothing else; their blocks are not taken yet. */
export const PURE_DECODE = 1;
/** As noted in the replica's batch fields; blocks are taken. */
export const MIXED = 2;
export type Formed = typeof EMPTY | typeof PURE_DECODE | typeof MIXED;

const NONE = -1;

export function formBatch(replica: Replica): Formed {
  replica.stamp = (replica.stamp + 1) | 0;
  replica.batchPrompts = 0;
  replica.batchTokens = 0;
  replica.batchDecoding = 0;
  replica.stalledCount = 0;
  if (replica.endpoint.role === "prefill") return formPrefillOnly(replica);
  switch (replica.endpoint.batching.policy) {
    case "vllm-v1":
      return formVllmV1(replica);
    case "sarathi":
      return formSarathi(replica);
    case "vllm-v0":
      return formVllmV0(replica);
    case "mixed":
      return formMixed(replica);
    case "static":
      return formStatic(replica);
  }
}

function formVllmV1(replica: Replica): Formed {
  const { batching } = replica.endpoint;
  if (replica.prefillingCount > 1 || !decodeAll(replica, batching.tokenBudget, 0)) {
    const left = walkVllmV1(replica);
    if (!replica.preemptedWhileForming) admitVllmV1(replica, left);
    noteStalled(replica);
    return replica.batchDecoding + replica.batchPrompts > 0 ? MIXED : EMPTY;
  }
  let left = batching.tokenBudget - replica.decoding;
  if (replica.prefillingCount === 1) {
    const request = replica.prefilling[0];
    const asked = Math.min(replica.table.target[request] - replica.table.computed[request], left);
    if (asked > 0) {
      if (takeChunkBlocks(replica, request, asked)) {
        replica.addChunk(request, asked);
        left -= asked;
      } else {
        replica.preempt(request);
      }
    }
  }
  const joined = replica.preemptedWhileForming ? 0 : admitVllmV1(replica, left);
  return formed(replica, joined === 0);
}

/** Running requests one by one, for when budget or blocks may not suffice for all. Returns the budget left. */
function walkVllmV1(replica: Replica): number {
  const { table } = replica;
  let left = replica.endpoint.batching.tokenBudget;
  let request = replica.running.head;
  while (request !== NONE && left > 0) {
    const decoding = table.computed[request] === table.target[request];
    const asked = decoding ? 1 : Math.min(table.target[request] - table.computed[request], left);
    const blocks = decoding
      ? replica.needsBlock(request)
        ? 1
        : 0
      : chunkBlocks(replica, request, asked) - table.blocks[request];
    while (blocks > replica.freeBlocks) {
      const victim = chooseVictim(replica, true);
      replica.preempt(victim);
      if (victim === request) return left;
    }
    replica.takeBlocks(blocks);
    left -= asked;
    if (decoding) {
      table.batchStamp[request] = replica.stamp;
      replica.batchDecoding++;
    } else {
      table.blocks[request] += blocks;
      replica.addChunk(request, asked);
    }
    request = table.next[request];
  }
  return left;
}

/** Admits from the waiting queue; returns how many entered straight into decoding. */
function admitVllmV1(replica: Replica, budget: number): number {
  const { table, waiting } = replica;
  const { maxRequests } = replica.endpoint.batching;
  let left = budget;
  let joined = 0;
  while (waiting.head !== NONE && left > 0 && replica.places < maxRequests) {
    const request = waiting.head;
    if (table.computed[request] === table.target[request]) {
      if (!admitTransferred(replica, request)) break;
      joined++;
      left--;
      continue;
    }
    const cached = cachedTokens(replica, request);
    const asked = Math.min(table.target[request] - cached, left);
    const blocks = Math.ceil((cached + asked) / replica.blockRing.blockTokens);
    if (blocks > replica.freeBlocks) break;
    replica.cache?.take(table.session[request]);
    replica.takeBlocks(blocks);
    table.blocks[request] = blocks;
    table.computed[request] = cached;
    replica.queuedPrefillTokens -= cached;
    replica.admit(request);
    replica.addChunk(request, asked);
    left -= asked;
  }
  return joined;
}

/** A request whose prefill was computed elsewhere enters and decodes in this very step. */
function admitTransferred(replica: Replica, request: number): boolean {
  const { table } = replica;
  const blockTokens = replica.blockRing.blockTokens;
  const held = table.promptTokens[request] + table.producedTokens[request];
  let blocks = Math.ceil(table.target[request] / blockTokens);
  if (held > blocks * blockTokens) blocks++;
  if (blocks > replica.freeBlocks) return false;
  replica.cache?.take(table.session[request]);
  replica.takeBlocks(blocks);
  replica.admit(request);
  replica.beginDecoding(request);
  table.batchStamp[request] = replica.stamp;
  replica.batchDecoding++;
  return true;
}

/** Prompt tokens that the replica's prefix cache spares a request. */
function cachedTokens(replica: Replica, request: number): number {
  const { table, cache } = replica;
  if (cache === null || table.session[request] < 0) return 0;
  const blockTokens = replica.blockRing.blockTokens;
  return (
    blockTokens *
    Math.min(
      Math.floor(table.prefixTokens[request] / blockTokens),
      Math.floor((table.target[request] - 1) / blockTokens),
      cache.blocksOf(table.session[request]),
    )
  );
}

function formSarathi(replica: Replica): Formed {
  const { batching } = replica.endpoint;
  const { table } = replica;
  const allDecode = decodeAll(replica, Number.POSITIVE_INFINITY, 1);
  if (!allDecode) walkDecoding(replica, Number.POSITIVE_INFINITY);
  let left = batching.tokenBudget - replica.batchDecoding;
  for (let i = 0; i < replica.prefillingCount && left > 0; i++) {
    const request = replica.prefilling[i];
    const asked = Math.min(table.target[request] - table.computed[request], left);
    replica.addChunk(request, asked);
    left -= asked;
  }
  const { waiting } = replica;
  while (waiting.head !== NONE && left > 0 && replica.places < batching.maxRequests) {
    const request = waiting.head;
    if (!takeWholeTarget(replica, request)) break;
    const asked = Math.min(table.target[request], left);
    replica.admit(request);
    replica.addChunk(request, asked);
    left -= asked;
  }
  return formed(replica, allDecode);
}

function formVllmV0(replica: Replica): Formed {
  admitPrefillBatch(replica);
  if (replica.batchPrompts > 0) return MIXED;
  return formDecodeOnly(replica);
}

function formStatic(replica: Replica): Formed {
  if (replica.decoding > 0) return formDecodeOnly(replica);
  admitPrefillBatch(replica);
  return replica.batchPrompts > 0 ? MIXED : EMPTY;
}

function formDecodeOnly(replica: Replica): Formed {
  const allDecode = decodeAll(replica, Number.POSITIVE_INFINITY, 1);
  if (!allDecode) walkDecoding(replica, Number.POSITIVE_INFINITY);
  return formed(replica, allDecode);
}

/** Whole waiting targets for a batch of their own, under the padded limit. */
function admitPrefillBatch(replica: Replica): void {
  const { batching } = replica.endpoint;
  const { table, waiting } = replica;
  let longest = 0;
  while (waiting.head !== NONE && replica.places < batching.maxRequests) {
    const request = waiting.head;
    longest = Math.max(longest, table.target[request]);
    const padded = (replica.batchPrompts + 1) * longest;
    if (replica.batchPrompts > 0 && padded > batching.paddedTokenLimit) break;
    if (!takeWholeTarget(replica, request)) break;
    replica.admit(request);
    replica.addChunk(request, table.target[request]);
  }
}

function formMixed(replica: Replica): Formed {
  const { batching } = replica.endpoint;
  const { table, waiting } = replica;
  while (waiting.head !== NONE && replica.places < batching.maxRequests) {
    const request = waiting.head;
    const tokens = replica.batchTokens + table.target[request];
    if (replica.batchPrompts > 0 && tokens > batching.tokenBudget) break;
    if (!takeWholeTarget(replica, request)) break;
    replica.admit(request);
    replica.addChunk(request, table.target[request]);
  }
  const left = batching.tokenBudget - replica.batchTokens;
  const allDecode = decodeAll(replica, left, 1);
  if (!allDecode) {
    walkDecoding(replica, left);
    noteStalled(replica);
  }
  return formed(replica, allDecode);
}

function formPrefillOnly(replica: Replica): Formed {
  const { batching } = replica.endpoint;
  const { table, waiting } = replica;
  while (waiting.head !== NONE && replica.batchPrompts < batching.maxRequests) {
    const request = waiting.head;
    const tokens = replica.batchTokens + table.target[request];
    if (replica.batchPrompts > 0 && tokens > batching.tokenBudget) break;
    const blocks = Math.ceil(table.target[request] / replica.blockRing.blockTokens);
    if (blocks > replica.freeBlocks) break;
    replica.freeBlocks -= blocks;
    table.blocks[request] = blocks;
    replica.admit(request);
    replica.addChunk(request, table.target[request]);
  }
  return replica.batchPrompts > 0 ? MIXED : EMPTY;
}

/**
 * Puts all decoding requests into the batch and takes their blocks; false, with nothing done, when they are more than
 * `tokens` or when fewer than `spare` blocks would be left free.
 */
function decodeAll(replica: Replica, tokens: number, spare: number): boolean {
  const { decoding } = replica;
  if (decoding === 0) return true;
  const blocks = replica.blocksForDecodeStep();
  if (decoding > tokens || replica.freeBlocks - blocks < spare) return false;
  replica.batchDecoding = decoding;
  replica.takeBlocks(blocks);
  return true;
}

/** What was formed, giving back the decode blocks of a pure decode step, which takes them itself. */
function formed(replica: Replica, allDecode: boolean): Formed {
  if (replica.batchPrompts > 0) return MIXED;
  if (replica.batchDecoding === 0) return EMPTY;
  if (!allDecode) return MIXED;
  replica.freeBlocks += replica.blocksForDecodeStep();
  return PURE_DECODE;
}

/**
 * Decoding requests one by one, up to `tokens` of them: each needs a free block, whether it takes one or not,
 * and preempts for it.
 */
function walkDecoding(replica: Replica, tokens: number): void {
  const { table } = replica;
  let request = replica.running.head;
  while (request !== NONE && replica.batchDecoding < tokens) {
    if (table.computed[request] < table.target[request] || table.batchStamp[request] === replica.stamp) {
      request = table.next[request];
      continue;
    }
    const before = table.previous[request];
    let itself = false;
    while (replica.freeBlocks < 1 && !itself) {
      const victim = chooseVictim(replica, false);
      replica.preempt(victim);
      itself = victim === request;
    }
    if (itself) {
      request = before === NONE ? replica.running.head : table.next[before];
      continue;
    }
    if (replica.needsBlock(request)) replica.freeBlocks--;
    table.batchStamp[request] = replica.stamp;
    replica.batchDecoding++;
    request = table.next[request];
  }
}

/** The running request to preempt, among those not in the batch being formed. */
function chooseVictim(replica: Replica, prefillingToo: boolean): number {
  const { table } = replica;
  const lowest = replica.endpoint.batching.victim === "lowest-priority";
  let victim = NONE;
  for (let request = replica.running.tail; request !== NONE; request = table.previous[request]) {
    if (table.batchStamp[request] === replica.stamp) continue;
    if (!prefillingToo && table.computed[request] < table.target[request]) continue;
    if (!lowest) return request;
    if (victim === NONE || table.priority[request] < table.priority[victim]) victim = request;
  }
  return victim;
}

/** Notes the decoding requests that are not in the batch. */
function noteStalled(replica: Replica): void {
  const { table } = replica;
  for (let request = replica.running.head; request !== NONE; request = table.next[request]) {
    if (table.computed[request] === table.target[request] && table.batchStamp[request] !== replica.stamp) {
      replica.stalled[replica.stalledCount++] = request;
    }
  }
}

/** Blocks for a request's whole target, the watermark kept free; false when they are not there. */
function takeWholeTarget(replica: Replica, request: number): boolean {
  const { batching } = replica.endpoint;
  const { table } = replica;
  const watermark = Math.floor(batching.watermarkFraction * batching.kvBlocks);
  const blocks = Math.ceil(table.target[request] / replica.blockRing.blockTokens);
  if (replica.freeBlocks - blocks < watermark) return false;
  replica.freeBlocks -= blocks;
  table.blocks[request] = blocks;
  return true;
}

function chunkBlocks(replica: Replica, request: number, asked: number): number {
  return Math.ceil((replica.table.computed[request] + asked) / replica.blockRing.blockTokens);
}

/** Blocks for the next chunk of a prompt that holds a place; false when they are not free. */
function takeChunkBlocks(replica: Replica, request: number, asked: number): boolean {
  const blocks = chunkBlocks(replica, request, asked) - replica.table.blocks[request];
  if (blocks > replica.freeBlocks) return false;
  replica.takeBlocks(blocks);
  replica.table.blocks[request] += blocks;
  return true;
}
