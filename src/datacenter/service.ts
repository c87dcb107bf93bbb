/**
 * How long a request takes on an engine, in closed form: continuous batching with an affine step. The law of a
 * replica with n sequences in decode is `step = base + perSequence * n`; a prompt of P tokens adds `prefill` seconds
 * of work to the iterations that carry it.
 */
export interface ServiceLaw {
  /** Engines of a node, each with its own copy of the weights. */
  readonly replicas: number;
  readonly stepBaseSeconds: number;
  readonly perSequenceSeconds: number;
  /** For a sequence's token of context, in every step. */
  readonly perContextTokenSeconds: number;
  readonly prefillBaseSeconds: number;
  readonly perPromptTokenSeconds: number;
}

export interface EngineLimits {
  /** Most sequences in a batch. */
  readonly maxBatch: number;
  /** Tokens of an iteration: the prompt tokens that go along with the decodes. */
  readonly tokenBudget: number;
  /** Squared coefficient of variation of prompt lengths, for the queue. */
  readonly promptScv: number;
}

/** An engine under requests of given mean lengths. All times in seconds, of one replica. */
export interface Service {
  /** Sequences that its KV cache and the cap on batches allow. */
  readonly batch: number;
  /** Requests a second at a full batch: what it can sustain. */
  readonly requestsPerSecond: number;
  readonly prefillSeconds: number;
  readonly stepBaseSeconds: number;
  /** Growth of a step with a sequence, at the mean context. */
  readonly stepPerSequence: number;
  readonly outputTokens: number;
  /** Prompt tokens over the token budget: iterations that carry a prompt. */
  readonly iterationsPerPrompt: number;
  readonly promptScv: number;
}

export interface Latency {
  /** Waiting for a place in the batch, for prompts ahead, and for the iteration that runs. */
  queueSeconds: number;
  /** From the first iteration with the prompt to its end, decodes of others included. */
  prefillSeconds: number;
  /** Mean time per output token. */
  stepSeconds: number;
}

/**
 * An engine with room for `kvTokens` tokens.
 *
 * A sequence holds prompt and output while it runs, and its mean context is the prompt and half the output. Little's
 * law on the batch, n = lambda * output * step, and step * (1 - lambda * prefill) = base + perSequence * n, with
 * n = batch give the sustainable rate 1 / (prefill + output * (perSequence + base / batch)).
 *
 * @returns undefined when not even one request fits
 */
export function serviceOf(
  law: ServiceLaw,
  kvTokens: number,
  promptTokens: number,
  outputTokens: number,
  limits: EngineLimits,
): Service | undefined {
  const batch = Math.min(limits.maxBatch, Math.floor(kvTokens / (promptTokens + outputTokens)));
  if (batch < 1) return undefined;
  const prefillSeconds = law.prefillBaseSeconds + law.perPromptTokenSeconds * promptTokens;
  const stepPerSequence =
    law.perSequenceSeconds + law.perContextTokenSeconds * (promptTokens + outputTokens / 2);
  return {
    batch,
    requestsPerSecond: 1 / (prefillSeconds + outputTokens * (stepPerSequence + law.stepBaseSeconds / batch)),
    prefillSeconds,
    stepBaseSeconds: law.stepBaseSeconds,
    stepPerSequence,
    outputTokens,
    iterationsPerPrompt: promptTokens / limits.tokenBudget,
    promptScv: limits.promptScv,
  };
}

/**
 * Mean latencies at `utilisation` (0 up to, not including, 1) of the sustainable rate, Poisson arrivals.
 *
 * Prompts are served first come, first served by the iterations: an M/G/1 queue (Pollaczek and Khinchine) whose
 * service is the prefill and the decodes that share its iterations; an arrival also waits for half the iteration
 * that runs. A place in the batch is waited for as in M/M/c with c = batch (Sakasegawa's approximation, exact for
 * c = 1). The two waits are added: prompts and places are seldom short at the same time.
 */
export function latencyAt(service: Service, utilisation: number, out: Latency): void {
  const rate = utilisation * service.requestsPerSecond;
  const { prefillSeconds, stepPerSequence, stepBaseSeconds, outputTokens, batch } = service;
  // Time per token by Little's law; positive below utilisation 1 and base * batch share at it.
  const step = stepBaseSeconds / (1 - rate * (prefillSeconds + outputTokens * stepPerSequence));
  const running = rate * outputTokens * step;
  const decode = stepBaseSeconds + stepPerSequence * running;
  const prompt = prefillSeconds + decode * service.iterationsPerPrompt;
  out.stepSeconds = step;
  out.prefillSeconds = prefillSeconds + decode * Math.max(1, service.iterationsPerPrompt);
  out.queueSeconds =
    pollaczekKhinchine(rate, prompt, service.promptScv) +
    0.5 * decode +
    sakasegawa(running / batch, batch, outputTokens * step);
}

/** Mean wait of an M/G/1 queue, seconds; infinite from load 1 on. */
export function pollaczekKhinchine(rate: number, serviceSeconds: number, scv: number): number {
  const load = rate * serviceSeconds;
  return load < 1 ? (0.5 * (1 + scv) * load * serviceSeconds) / (1 - load) : Number.POSITIVE_INFINITY;
}

/** Mean wait of an M/M/c queue at load `load` for each server, seconds (Sakasegawa 1977); infinite from 1 on. */
export function sakasegawa(load: number, servers: number, serviceSeconds: number): number {
  if (load <= 0) return 0;
  if (load >= 1) return Number.POSITIVE_INFINITY;
  return (serviceSeconds / servers) * (load ** (Math.sqrt(2 * (servers + 1)) - 1) / (1 - load));
}

/**
 * Mean wait when more arrives in a period than can be served in it, by the fluid limit: the backlog grows evenly,
 * and a request that comes a share x into the period waits x (overload - 1) periods.
 *
 * @param overload arrivals over what the period can serve, above 1
 */
export function fluidWaitSeconds(overload: number, seconds: number): number {
  return 0.5 * (overload - 1) * seconds;
}
