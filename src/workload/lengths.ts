import { UserError } from "../errors.ts";
import type { Stream } from "../numeric/random.ts";
import { expectCount, expectParameter, expectPositive } from "./check.ts";
import {
  checkDistribution,
  type Distribution,
  expectation,
  type Sampler,
  sampler,
  toTokens,
} from "./distribution.ts";

/**
 * How long requests are, in one of three forms.
 *
 * - `prompt` and `output`: two independent distributions. CEDAR's reading H (tokens = prompt), B and C
 *   (tokens = output, `prompt: {dist: "constant", value: 256}`).
 * - `total`: one draw is divided; the output is its `outputShare` part, the prompt the rest, each at least 1.
 *   CEDAR's reading A has the share 0.05.
 * - `pairs`: observed (prompt, output) pairs, drawn with equal probability, which keeps their correlation.
 *
 * `lengthFactor` multiplies every draw before it is rounded to whole tokens (CEDAR's kappa).
 */
export interface LengthParameters {
  readonly prompt?: Distribution;
  readonly output?: Distribution;
  readonly total?: { readonly of: Distribution; readonly outputShare: number };
  readonly pairs?: { readonly prompt: ArrayLike<number>; readonly output: ArrayLike<number> };
  readonly lengthFactor?: number;
}

/** Fills the two length columns of a chunk. */
export interface LengthSource {
  fill(promptTokens: Int32Array, outputTokens: Int32Array, count: number): void;
}

/** Throws `CANOPY_WORKLOAD_LENGTHS` unless exactly one form is given, and for parameters out of range. */
export function checkLengths(p: LengthParameters): void {
  const forms = [
    p.prompt !== undefined || p.output !== undefined ? "prompt and output" : "",
    p.total !== undefined ? "total" : "",
    p.pairs !== undefined ? "pairs" : "",
  ].filter((form) => form !== "");
  if (forms.length !== 1) {
    throw new UserError(
      "CANOPY_WORKLOAD_LENGTHS",
      `workload: lengths are given by ${forms.length === 0 ? "nothing" : forms.join(" and by ")}, expected exactly one of: prompt and output; total; pairs`,
    );
  }
  if (p.prompt !== undefined || p.output !== undefined) {
    if (p.prompt === undefined || p.output === undefined) {
      throw new UserError(
        "CANOPY_WORKLOAD_LENGTHS",
        `workload: ${p.prompt === undefined ? "output" : "prompt"} is given without ${p.prompt === undefined ? "prompt" : "output"}, expected both`,
      );
    }
    checkDistribution(p.prompt, "prompt");
    checkDistribution(p.output, "output");
  }
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

/** Expected prompt and output tokens of checked parameters. */
export function expectedLengths(p: LengthParameters): { prompt: number; output: number } {
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
  return { prompt: mean(p.prompt as Distribution), output: mean(p.output as Distribution) };
}

/** The source of checked parameters; `total` and `pairs` draw from the stream of the prompts only. */
export function lengthSource(p: LengthParameters, promptStream: Stream, outputStream: Stream): LengthSource {
  const factor = p.lengthFactor ?? 1;
  if (p.total !== undefined)
    return new DividedLengths(sampler(p.total.of, promptStream, "tokens"), p.total.outputShare, factor);
  if (p.pairs !== undefined) return new PairedLengths(p.pairs.prompt, p.pairs.output, factor, promptStream);
  return new IndependentLengths(
    sampler(p.prompt as Distribution, promptStream, "tokens"),
    sampler(p.output as Distribution, outputStream, "tokens"),
    factor,
  );
}

function outputPart(total: number, share: number): number {
  return Math.max(1, Math.round(total * share));
}

function promptPart(total: number, share: number): number {
  return Math.max(1, total - outputPart(total, share));
}

class IndependentLengths implements LengthSource {
  readonly #prompt: Sampler;
  readonly #output: Sampler;
  readonly #factor: number;

  constructor(prompt: Sampler, output: Sampler, factor: number) {
    this.#prompt = prompt;
    this.#output = output;
    this.#factor = factor;
  }

  fill(promptTokens: Int32Array, outputTokens: Int32Array, count: number): void {
    this.#prompt.fillTokens(promptTokens, count, this.#factor);
    this.#output.fillTokens(outputTokens, count, this.#factor);
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

  fill(promptTokens: Int32Array, outputTokens: Int32Array, count: number): void {
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

  fill(promptTokens: Int32Array, outputTokens: Int32Array, count: number): void {
    const rows = this.#prompt.length;
    for (let i = 0; i < count; i++) {
      const row = this.#stream.below(rows);
      promptTokens[i] = toTokens(this.#prompt[row] * this.#factor);
      outputTokens[i] = toTokens(this.#output[row] * this.#factor);
    }
  }
}
