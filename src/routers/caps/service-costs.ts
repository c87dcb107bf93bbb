import type { Law } from "../../profile/law.ts";
import type { World } from "../contract.ts";

/**
 * What a request costs on the GPUs of an endpoint, from the endpoint's profile (CAPS's alpha_p and alpha_d, per-token
 * GPU seconds of prefill and decode). All for one replica at its full speed.
 */
export class ServiceCosts {
  /** alpha_p: seconds per prompt token, at a prompt of 2,048 tokens. By endpoint. */
  readonly promptSeconds: Float64Array;
  /** alpha_d: an output token's share of a decode step at the reference batch, in seconds. By endpoint. */
  readonly outputSeconds: Float64Array;
  /** Seconds of a decode step by batch, at the workload's mean context; index 0 is that of one. By endpoint. */
  readonly stepSeconds: readonly Float64Array[];

  constructor(world: World, referenceBatch: number) {
    const { count, law, maxRequests } = world.endpoints;
    const context = world.meanPromptTokens + world.meanOutputTokens / 2;
    const tables = new Map<Law, Float64Array>();
    for (const one of law) if (!tables.has(one)) tables.set(one, stepTable(one, context));
    this.stepSeconds = law.map((one) => tables.get(one) as Float64Array);
    this.promptSeconds = Float64Array.from({ length: count }, (_, e) => 1 / law[e].prefillTokensPerSecond);
    this.outputSeconds = Float64Array.from({ length: count }, (_, e) => {
      const batch = Math.min(referenceBatch, maxRequests[e], law[e].maxSequences);
      return this.stepSeconds[e][batch] / batch;
    });
  }
}

function stepTable(law: Law, context: number): Float64Array {
  return Float64Array.from({ length: law.maxSequences + 1 }, (_, batch) => {
    const sequences = Math.max(1, batch);
    return law.decodeSeconds(sequences, sequences * context);
  });
}
