/**
 * How many KV blocks the decode steps of a replica take. All decoding requests gain a token a step, so who needs a
 * block at a step is told by the tokens held modulo the tokens of a block alone: one counter for each remainder, and
 * the place of the one that is due, which moves with the steps.
 */
export class BlockRing {
  readonly blockTokens: number;
  readonly #counts: Int32Array;
  /** Place of those that need a block for the step now due: (1 - steps) modulo blockTokens. */
  #due: number;

  constructor(blockTokens: number) {
    this.blockTokens = blockTokens;
    this.#counts = new Int32Array(blockTokens);
    this.#due = 1 % blockTokens;
  }

  /** Requests that need a block for the step now due. */
  get due(): number {
    return this.#counts[this.#due];
  }

  /** A request that holds `held` tokens, at least 1, begins to decode. */
  add(held: number): void {
    this.#counts[(held - 1 + this.#due) % this.blockTokens]++;
  }

  /** A request that holds `held` tokens decodes no longer. */
  remove(held: number): void {
    this.#counts[(held - 1 + this.#due) % this.blockTokens]--;
  }

  /** A decoding request that holds `held` tokens sits out the step now due. */
  stall(held: number): void {
    this.remove(held);
    this.#counts[(held - 2 + this.blockTokens + this.#due) % this.blockTokens]++;
  }

  /** Blocks that `steps` steps take from the one now due on, all `decoding` requests taking part. */
  blocksFor(steps: number, decoding: number): number {
    const { blockTokens } = this;
    const counts = this.#counts;
    let blocks = 0;
    let left = steps;
    if (left >= blockTokens) {
      const rounds = Math.floor(left / blockTokens);
      blocks = rounds * decoding;
      left -= rounds * blockTokens;
    }
    for (let at = this.#due; left > 0; left--) {
      blocks += counts[at];
      at = at === 0 ? blockTokens - 1 : at - 1;
    }
    return blocks;
  }

  /** `steps` steps are done. */
  advance(steps: number): void {
    const back = this.#due - (steps % this.blockTokens);
    this.#due = back < 0 ? back + this.blockTokens : back;
  }

  /** Whether a request that holds `held` tokens, at least 1, needs a block for its next step. */
  needsBlock(held: number): boolean {
    return (held - 1) % this.blockTokens === 0;
  }

  /** Blocks of a decoding request that holds `held` tokens, between two steps. */
  blocksOf(held: number): number {
    return Math.ceil((held - 1) / this.blockTokens);
  }
}
