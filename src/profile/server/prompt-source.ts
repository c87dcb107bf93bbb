import { Stream } from "../../numeric/random.ts";

/** Ids below are often control tokens. */
const LOWEST_ID = 100;
/** Tokens that count the prompts of a run; a cache of prefixes works by blocks of at least as many. */
const COUNTER_TOKENS = 4;

/**
 * Prompts of random token ids, no two with the same first block: the first token ids count the prompts, the others are
 * random, so that no server finds a prefix in its cache. The seed has to differ between runs against one server.
 */
export class PromptSource {
  readonly #random: Stream;
  readonly #vocabulary: number;
  #count = 0;

  /** @param vocabulary ids are below it; more than 100 */
  constructor(seed: string, vocabulary: number) {
    this.#random = new Stream(seed, "server-prompts");
    this.#vocabulary = vocabulary;
  }

  next(tokens: number): number[] {
    const span = this.#vocabulary - LOWEST_ID;
    const prompt = Array.from({ length: tokens }, () => LOWEST_ID + this.#random.below(span));
    let rest = this.#count++;
    for (let i = 0; i < Math.min(COUNTER_TOKENS, tokens); i++) {
      prompt[i] = LOWEST_ID + (rest % span);
      rest = Math.floor(rest / span);
    }
    return prompt;
  }

  /** Uniform whole number from 1 to `most`: lengths of first outputs, so that streams do not end together. */
  length(most: number): number {
    return 1 + this.#random.below(most);
  }
}
