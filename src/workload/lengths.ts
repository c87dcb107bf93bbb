import { UserError } from "../errors.ts";
import { Stream } from "../numeric/random.ts";
import { expectCount, expectParameter, expectPositive } from "./check.ts";
import type { TaskTypeShare } from "./classes.ts";
import {
  checkDistribution,
  type Distribution,
  expectation,
  type Sampler,
  sampler,
  toTokens,
} from "./distribution.ts";
import { checkOutputFeatures, FeatureScores, type OutputFeatureParameters } from "./output-features.ts";
import type { RequestChunk } from "./requests.ts";
import type { TenantParameters } from "./tenants.ts";
import type { TurnParameters } from "./turns.ts";

/**
 * How long requests are, in one of three forms.
 *
 * - `prompt` and `output`: two independent distributions. CEDAR's reading H (tokens = prompt), B and C
 *   (tokens = output, `prompt: {dist: "constant", value: 256}`).
 * - `total`: one draw is divided; the output is its `outputShare` part, the prompt the rest, each at least 1.
 *   CEDAR's reading A has the share 0.05.
 * - `pairs`: observed (prompt, output) pairs, drawn with equal probability, which keeps their correlation.
 *
 * A task type may have a `prompt` or `output` of its own in the first form. `lengthFactor` multiplies every draw before it is rounded to whole tokens (CEDAR's kappa).
 */
export interface LengthParameters {
  readonly prompt?: Distribution;
  readonly output?: Distribution;
  readonly total?: { readonly of: Distribution; readonly outputShare: number };
  readonly pairs?: { readonly prompt: ArrayLike<number>; readonly output: ArrayLike<number> };
  readonly lengthFactor?: number;
  /** Task types with a `prompt` or `output` of their own, in the first form only. */
  readonly taskTypes?: readonly TaskTypeShare[];
  /** Makes the outputs of the first form depend on what can be seen of a request. */
  readonly outputFeatures?: OutputFeatureParameters;
  readonly turns?: TurnParameters;
  readonly tenants?: TenantParameters;
}

/** Fills length columns of a chunk, of which classes, tenants and turns are filled. */
export interface LengthSource {
  fill(chunk: RequestChunk, count: number): void;
}

/** Throws `CANOPY_WORKLOAD_LENGTHS` unless exactly one form is given, and for parameters out of range. */
export function checkLengths(p: LengthParameters): void {
  const typed = p.taskTypes?.some((type) => type.prompt !== undefined || type.output !== undefined) === true;
  const hasOther = p.total !== undefined || p.pairs !== undefined;
  const forms = [
    p.prompt !== undefined || p.output !== undefined || (typed && !hasOther) ? FIRST_FORM : "",
    p.total !== undefined ? "total" : "",
    p.pairs !== undefined ? "pairs" : "",
  ].filter((form) => form !== "");
  if (forms.length !== 1) {
    throw new UserError(
      "CANOPY_WORKLOAD_LENGTHS",
      `workload: lengths are given by ${forms.length === 0 ? "nothing" : forms.join(" and by ")}, expected exactly one of: prompt and output; total; pairs`,
    );
  }
  if (forms[0] === FIRST_FORM) {
    for (const part of ["prompt", "output"] as const) {
      if (p[part] === undefined) checkOthers(p, part);
      else checkDistribution(p[part], part);
      for (const type of p.taskTypes ?? [])
        if (type[part] !== undefined) checkDistribution(type[part], `taskTypes.${type.name}.${part}`);
    }
  } else {
    const own = p.taskTypes?.find((type) => type.prompt !== undefined || type.output !== undefined);
    if (own !== undefined) {
      throw new UserError(
        "CANOPY_WORKLOAD_LENGTHS",
        `workload: the task type ${own.name} has lengths of its own, but the workload's are given by ${forms[0]}, expected ${FIRST_FORM}`,
      );
    }
  }
  if (p.outputFeatures !== undefined) checkOutputFeatures({ ...p, outputFeatures: p.outputFeatures });
  if (p.total !== undefined) {
    checkDistribution(p.total.of, "total.of");
    const share = p.total.outputShare;
    expectParameter(share >= 0 && share <= 1, "total.outputShare", "a share in [0, 1]", share);
  }
  if (p.pairs !== undefined) {
    expectCount(p.pairs.prompt.length, "pairs.prompt (length)");
    const expected = `as many as pairs.prompt (${p.pairs.prompt.length})`;
    expectParameter(
      p.pairs.output.length === p.pairs.prompt.length,
      "pairs.output",
      expected,
      p.pairs.output.length,
    );
  }
  if (p.lengthFactor !== undefined) expectPositive(p.lengthFactor, "lengthFactor");
}

const FIRST_FORM = "prompt and output";

/** Every task type has to give the part that the workload does not. */
function checkOthers(p: LengthParameters, part: "prompt" | "output"): void {
  const without = p.taskTypes?.find((type) => type[part] === undefined);
  if (p.taskTypes !== undefined && p.taskTypes.length > 0 && without === undefined) return;
  const other = part === "prompt" ? "output" : "prompt";
  const found =
    p[other] !== undefined && p.taskTypes?.some((type) => type[part] !== undefined) !== true
      ? `${other} is given without ${part}, expected both`
      : `${part} is given neither for all requests nor for the task type ${without?.name}, expected one of them`;
  throw new UserError("CANOPY_WORKLOAD_LENGTHS", `workload: ${found}`);
}

/** What {@link expectedLengths} has found, by its parameters: the runs of a sweep ask for the same again and again. */
const known = new Map<string, { readonly prompt: number; readonly output: number }>();
const MOST_KNOWN = 64;

/** Expected prompt and output tokens of checked parameters. */
export function expectedLengths(p: LengthParameters): { prompt: number; output: number } {
  const { total, prompt, output, taskTypes = [], lengthFactor } = p;
  const all = [total?.of, prompt, output, ...taskTypes.flatMap((type) => [type.prompt, type.output])];
  // Observed values may be many, which are no name for anything.
  if (p.pairs !== undefined || all.some((d) => d?.dist === "empirical")) return computedLengths(p);
  const shares = taskTypes.map(({ share }) => share);
  const name = JSON.stringify([all, shares, total?.outputShare, lengthFactor]);
  let found = known.get(name);
  if (found === undefined) {
    found = computedLengths(p);
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(name, found);
  }
  return { ...found };
}

function computedLengths(p: LengthParameters): { prompt: number; output: number } {
  const factor = p.lengthFactor ?? 1;
  if (p.total !== undefined) {
    const { of, outputShare } = p.total;
    return {
      prompt: expectation(of, "tokens", (draw) => promptPart(toTokens(draw * factor), outputShare)),
      output: expectation(of, "tokens", (draw) => outputPart(toTokens(draw * factor), outputShare)),
    };
  }
  if (p.pairs !== undefined) {
    const mean = (values: ArrayLike<number>) =>
      expectation({ dist: "empirical", values }, "tokens", (draw) => toTokens(draw * factor));
    return { prompt: mean(p.pairs.prompt), output: mean(p.pairs.output) };
  }
  const mean = (d: Distribution) => expectation(d, "tokens", (draw) => toTokens(draw * factor));
  const over = (part: "prompt" | "output") => {
    if (p.taskTypes?.some((type) => type[part] !== undefined) !== true) return mean(p[part] as Distribution);
    return p.taskTypes.reduce(
      (sum, type) => sum + type.share * mean((type[part] ?? p[part]) as Distribution),
      0,
    );
  };
  return { prompt: over("prompt"), output: over("output") };
}

/** The sources of checked parameters; `total` and `pairs` draw from the stream of the prompts only. */
export function lengthSources(p: LengthParameters, seed: number | string): LengthSource[] {
  const factor = p.lengthFactor ?? 1;
  const promptStream = new Stream(seed, LENGTH_PURPOSES.prompt);
  if (p.total !== undefined)
    return [new DividedLengths(sampler(p.total.of, promptStream, "tokens"), p.total.outputShare, factor)];
  if (p.pairs !== undefined) return [new PairedLengths(p.pairs.prompt, p.pairs.output, factor, promptStream)];
  const prompts = columnSource(p, "prompt", seed);
  if (p.outputFeatures === undefined) return [prompts, columnSource(p, "output", seed)];
  return [prompts, new FeaturedOutputs(p, p.outputFeatures, new Stream(seed, LENGTH_PURPOSES.output))];
}

/** Names of the random streams. */
export const LENGTH_PURPOSES = {
  prompt: "workload/prompt-tokens",
  output: "workload/output-tokens",
} as const;

/** The source of one column: of one distribution, or of one for each task type. */
function columnSource(p: LengthParameters, part: "prompt" | "output", seed: number | string): LengthSource {
  const factor = p.lengthFactor ?? 1;
  const name = part === "prompt" ? "promptTokens" : "outputTokens";
  const stream = new Stream(seed, LENGTH_PURPOSES[part]);
  const common = p[part] === undefined ? undefined : sampler(p[part], stream, "tokens");
  const { taskTypes = [] } = p;
  if (common !== undefined && taskTypes.every((type) => type[part] === undefined)) {
    return { fill: (chunk, count) => common.fillTokens(chunk[name], count, factor) };
  }
  const samplers = taskTypes.map((type) => {
    const own = type[part];
    // A stream for each, so that the lengths of one task type never shift another's.
    const ofType = () => new Stream(seed, `${LENGTH_PURPOSES[part]}/${type.name}`);
    return own === undefined ? (common as Sampler) : sampler(own, ofType(), "tokens");
  });
  return {
    fill(chunk, count) {
      const types = chunk.taskType as Uint8Array;
      const column = chunk[name];
      for (let i = 0; i < count; i++) column[i] = toTokens(samplers[types[i]].next() * factor);
    },
  };
}

function outputPart(total: number, share: number): number {
  return Math.max(1, Math.round(total * share));
}

function promptPart(total: number, share: number): number {
  return Math.max(1, total - outputPart(total, share));
}

/** Outputs by what can be seen of a request; prompt, classes, tenant and turns are filled before. */
class FeaturedOutputs implements LengthSource {
  readonly #scores: FeatureScores;
  readonly #output: Extract<Distribution, { dist: "lognormal" }>;
  readonly #rho: number;
  readonly #factor: number;
  readonly #stream: Stream;

  constructor(p: LengthParameters, outputFeatures: OutputFeatureParameters, stream: Stream) {
    this.#scores = new FeatureScores({ ...p, outputFeatures });
    this.#output = p.output as Extract<Distribution, { dist: "lognormal" }>;
    this.#rho = outputFeatures.rho;
    this.#factor = p.lengthFactor ?? 1;
    this.#stream = stream;
  }

  fill(chunk: RequestChunk, count: number): void {
    const { promptTokens, outputTokens, turns, taskType, tenant } = chunk;
    const { mu, sigma, min = 0, max = Number.POSITIVE_INFINITY } = this.#output;
    const rho = this.#rho;
    const rest = Math.sqrt(1 - rho * rho);
    for (let i = 0; i < count; i++) {
      const z = this.#scores.z(
        promptTokens[i],
        turns === undefined ? 1 : turns[i],
        taskType === undefined ? 0 : taskType[i],
        tenant === undefined ? 0 : tenant[i],
      );
      const draw = Math.exp(mu + sigma * (rho * z + rest * this.#stream.normal()));
      outputTokens[i] = toTokens(Math.min(Math.max(draw, min), max) * this.#factor);
    }
  }
}

class DividedLengths implements LengthSource {
  readonly #total: Sampler;
  readonly #outputShare: number;
  readonly #factor: number;

  constructor(total: Sampler, outputShare: number, factor: number) {
    this.#total = total;
    this.#outputShare = outputShare;
    this.#factor = factor;
  }

  fill({ promptTokens, outputTokens }: RequestChunk, count: number): void {
    const share = this.#outputShare;
    this.#total.fillTokens(promptTokens, count, this.#factor);
    for (let i = 0; i < count; i++) {
      const total = promptTokens[i];
      outputTokens[i] = outputPart(total, share);
      promptTokens[i] = promptPart(total, share);
    }
  }
}

class PairedLengths implements LengthSource {
  readonly #prompt: Float64Array;
  readonly #output: Float64Array;
  readonly #factor: number;
  readonly #stream: Stream;

  constructor(prompt: ArrayLike<number>, output: ArrayLike<number>, factor: number, stream: Stream) {
    this.#prompt = Float64Array.from(prompt);
    this.#output = Float64Array.from(output);
    this.#factor = factor;
    this.#stream = stream;
  }

  fill({ promptTokens, outputTokens }: RequestChunk, count: number): void {
    const rows = this.#prompt.length;
    for (let i = 0; i < count; i++) {
      const row = this.#stream.below(rows);
      promptTokens[i] = toTokens(this.#prompt[row] * this.#factor);
      outputTokens[i] = toTokens(this.#output[row] * this.#factor);
    }
  }
}
