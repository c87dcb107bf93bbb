/** What happens to a request's length as it is placed, and which requests are refused (section 2). */
import type { Endpoint } from "../../src/fleet/fleet.ts";

export interface Lengths {
  prompt: number;
  outputs: number;
}

/** Longest prompt plus output that the endpoint can hold. */
export function limitOf({ maxModelTokens, batching }: Endpoint): number {
  return Math.min(maxModelTokens, batching.kvBlocks * batching.blockTokens);
}

/** Cuts a request to `limit` tokens; true if anything was cut. */
export function cut(lengths: Lengths, limit: number): boolean {
  const { prompt, outputs } = lengths;
  lengths.prompt = Math.min(prompt, limit - 1);
  lengths.outputs = Math.min(outputs, limit - lengths.prompt);
  return lengths.prompt < prompt || lengths.outputs < outputs;
}

/** Why the endpoint could never finish the request, or null. */
export function neverFits({ name, batching }: Endpoint, { prompt, outputs }: Lengths): string | null {
  const { policy, kvBlocks, blockTokens, watermarkFraction, paddedTokenLimit } = batching;
  const blocks = (tokens: number) => Math.ceil(tokens / blockTokens);
  const most = blocks(prompt + outputs - 1);
  if (policy === "vllm-v1") {
    return most <= kvBlocks ? null : `${name}: needs ${most} blocks of ${kvBlocks}`;
  }
  const watermark = Math.floor(watermarkFraction * kvBlocks);
  if (most + watermark > kvBlocks) {
    return `${name}: needs ${most} blocks and a watermark of ${watermark} of ${kvBlocks}`;
  }
  if (outputs >= 2 && blocks(prompt + outputs - 2) + 1 > kvBlocks) {
    return `${name}: needs ${blocks(prompt + outputs - 2)} blocks and a free one of ${kvBlocks}`;
  }
  if ((policy === "vllm-v0" || policy === "static") && prompt > paddedTokenLimit) {
    return `${name}: a prompt of ${prompt} tokens is above the padded limit of ${paddedTokenLimit}`;
  }
  return null;
}

/** Why a prefill endpoint could never compute `target` tokens, or null. */
export function neverPrefills({ name, batching }: Endpoint, target: number): string | null {
  const needed = Math.ceil(target / batching.blockTokens);
  return needed <= batching.kvBlocks ? null : `${name}: needs ${needed} blocks of ${batching.kvBlocks}`;
}
