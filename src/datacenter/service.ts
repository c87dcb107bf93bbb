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
  /** Tokens of an iteration: one for each sequence in decode, the rest for prompts. */
  readonly tokenBudget: number;
  /** Squared coefficient of variation of prompt lengths, for the queue. */
  readonly promptScv: number;
}

/** An engine under requests of given mean lengths. All times in seconds, of one replica. */
export interface Service {
  /** Sequences that its KV cache and the cap on batches allow. */
  readonly batch: number;
  /** Requests a second that it can sustain: at a full batch, or where the token budget is spent. */
  readonly requestsPerSecond: number;
  readonly prefillSeconds: number;
  readonly stepBaseSeconds: number;
  /** Growth of a step with a sequence, at the mean context. */
  readonly stepPerSequence: number;
  readonly outputTokens: number;
  readonly promptTokens: number;
  readonly tokenBudget: number;
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
 * n = batch give the rate of a full batch, 1 / (prefill + output * (perSequence + base / batch)). A small token budget
 * is spent at a lower one: what decodes leave of it must carry all prompts.
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
  const service = {
    batch,
    requestsPerSecond: 1 / (prefillSeconds + outputTokens * (stepPerSequence + law.stepBaseSeconds / batch)),
    prefillSeconds,
    stepBaseSeconds: law.stepBaseSeconds,
    stepPerSequence,
    promptTokens,
    outputTokens,
    tokenBudget: limits.tokenBudget,
    promptScv: limits.promptScv,
  };
  return { ...service, requestsPerSecond: rateWithinBudget(service) };
}

/** The highest rate, up to that of a full batch, at which {@link promptSeconds} leave a prompt queue stable. */
function rateWithinBudget(service: Service): number {
  const stable = (rate: number) => rate * promptSeconds(service, runningAt(service, rate)) < 1;
  if (stable(service.requestsPerSecond)) return service.requestsPerSecond;
  let low = 0;
  let high = service.requestsPerSecond;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (stable(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/** Sequences in decode at a rate below that of a full batch. */
function runningAt(service: Service, rate: number): number {
  return rate * service.outputTokens * stepAt(service, rate);
}

/** Seconds per token of a sequence, by Little's law; positive below the rate of a full batch. */
function stepAt(service: Service, rate: number): number {
  const { prefillSeconds, outputTokens, stepPerSequence, stepBaseSeconds } = service;
  return stepBaseSeconds / (1 - rate * (prefillSeconds + outputTokens * stepPerSequence));
}

/** Seconds for which a prompt has the token budget: its prefill and its share of decodes; infinite without budget. */
function promptSeconds(service: Service, running: number): number {
  const left = service.tokenBudget - running;
  if (left <= 0) return Number.POSITIVE_INFINITY;
  const decode = service.stepBaseSeconds + service.stepPerSequence * running;
  return service.prefillSeconds + (decode * service.promptTokens) / left;
}

/**
 * Mean latencies at `utilisation` (0 up to, not including, 1) of the sustainable rate, Poisson arrivals.
 *
 * A prompt waits for the iteration that runs to end, and then for all prompts that came during it, since they share
 * the next iteration and end with it: a gate. With work rho = rate * prefill of prompts and d seconds of decodes an
 * iteration has mean d / (1 - rho) and variance over mean rate E[S^2] / (1 - rho^2), and an arrival sees one that is
 * longer by just that. Where the token budget is short, prompts queue instead for their turn in the budget: M/G/1
 * (Pollaczek and Khinchine) whose service is the prefill and its share of the decodes. The longer wait counts. To it
 * comes the wait for a place in the batch, as in M/M/c with c = batch (Sakasegawa's approximation, exact for c = 1).
 */
export function latencyAt(service: Service, utilisation: number, out: Latency): void {
  const rate = utilisation * service.requestsPerSecond;
  const { prefillSeconds, stepPerSequence, stepBaseSeconds, outputTokens, batch } = service;
  const step = stepAt(service, rate);
  const running = rate * outputTokens * step;
  const decode = stepBaseSeconds + stepPerSequence * running;
  const work = rate * prefillSeconds;
  const square = rate * prefillSeconds * prefillSeconds * (1 + service.promptScv);
  const seen = decode / (1 - work) + square / (1 - work * work);
  const gate = (0.5 + work) * seen;
  const prompt = promptSeconds(service, running);
  const budget = pollaczekKhinchine(rate, prompt, service.promptScv) + 0.5 * decode;
  out.stepSeconds = step;
  out.prefillSeconds = Math.max(prompt, prefillSeconds + decode);
  out.queueSeconds = Math.max(gate, budget) + sakasegawa(running / batch, batch, outputTokens * step);
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
