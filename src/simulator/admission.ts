import type { Endpoint } from "../fleet/fleet.ts";
import type { RequestTable } from "./request-table.ts";

/** What came of fitting a request to an endpoint. */
export interface Fit {
  /** Why the endpoint can never serve it, null when it can. */
  readonly refusal: string | null;
  readonly truncated: boolean;
}

const FITS: Fit = { refusal: null, truncated: false };
const CUT: Fit = { refusal: null, truncated: true };

/**
 * Cuts a request to the longest sequence of the endpoint that decodes it, and refuses what could only preempt
 * itself for ever (simulation-rules.md section 2). The arithmetic is the reason.
 */
export function fitRequest(
  table: RequestTable,
  request: number,
  at: Endpoint,
  decodeAt: Endpoint | null,
): Fit {
  const { blockTokens, kvBlocks } = (decodeAt ?? at).batching;
  const limit = Math.min(at.maxModelTokens, (decodeAt ?? at).maxModelTokens, kvBlocks * blockTokens);
  const produced = table.producedTokens[request];
  const wanted = table.promptTokens[request] + table.outputTokens[request];
  let truncated = false;
  if (wanted > limit || table.promptTokens[request] > limit - 1) {
    if ((decodeAt ?? at).overlong === "reject") {
      return refuse(`prompt + output of ${wanted} tokens exceeds the limit of ${limit} tokens`);
    }
    if (produced > 0 && table.promptTokens[request] + produced >= limit) {
      return refuse(`${table.promptTokens[request] + produced} tokens held leave no room in ${limit} tokens`);
    }
    truncated = true;
    table.promptTokens[request] = Math.min(table.promptTokens[request], limit - 1);
    table.outputTokens[request] = Math.min(table.outputTokens[request], limit - table.promptTokens[request]);
  }
  const refusal =
    decodeAt === null
      ? refusalAt(table, request, at)
      : (refusalAt(table, request, decodeAt) ?? prefillRefusal(table.promptTokens[request] + produced, at));
  if (refusal !== null) return { refusal, truncated };
  return truncated ? CUT : FITS;
}

function refusalAt(table: RequestTable, request: number, endpoint: Endpoint): string | null {
  const { policy, blockTokens: b, kvBlocks, watermarkFraction, paddedTokenLimit } = endpoint.batching;
  const p = table.promptTokens[request];
  const n = table.outputTokens[request];
  if (endpoint.role === "prefill") return prefillRefusal(p + table.producedTokens[request], endpoint);
  const most = Math.ceil((p + n - 1) / b);
  if (policy === "vllm-v1") {
    return most <= kvBlocks ? null : `ceil((${p} + ${n} - 1) / ${b}) = ${most} KV blocks > ${kvBlocks}`;
  }
  const watermark = Math.floor(watermarkFraction * kvBlocks);
  if (most + watermark > kvBlocks) {
    return `ceil((${p} + ${n} - 1) / ${b}) + watermark ${watermark} = ${most + watermark} KV blocks > ${kvBlocks}`;
  }
  if (n >= 2 && Math.ceil((p + n - 2) / b) + 1 > kvBlocks) {
    return `ceil((${p} + ${n} - 2) / ${b}) + 1 KV blocks > ${kvBlocks}`;
  }
  if ((policy === "vllm-v0" || policy === "static") && p > paddedTokenLimit) {
    return `prompt of ${p} tokens exceeds the padded token limit of ${paddedTokenLimit}`;
  }
  return null;
}

function prefillRefusal(target: number, endpoint: Endpoint): string | null {
  const { blockTokens, kvBlocks } = endpoint.batching;
  const blocks = Math.ceil(target / blockTokens);
  return blocks <= kvBlocks ? null : `ceil(${target} / ${blockTokens}) = ${blocks} KV blocks > ${kvBlocks}`;
}

function refuse(refusal: string): Fit {
  return { refusal, truncated: false };
}
