import type { Stream } from "../numeric/random.ts";

const BLOCK = 256;

/**
 * Uniform whole numbers from a router's stream, drawn in blocks: a decision then only reads an integer column. A
 * call of the stream itself may hand back a boxed number, which is an allocation.
 */
export class RandomIndex {
  readonly #random: Stream;
  readonly #draws = new Uint32Array(BLOCK);
  #next = BLOCK;

  constructor(random: Stream) {
    this.#random = random;
  }

  /** Uniform in [0, n), n up to 2^31; the bias is below n / 2^32. */
  below(n: number): number {
    if (this.#next === BLOCK) this.#refill();
    return ((this.#draws[this.#next++] * n) / 4294967296) | 0;
  }

  #refill(): void {
    for (let i = 0; i < BLOCK; i++) this.#draws[i] = this.#random.uint32();
    this.#next = 0;
  }
}
