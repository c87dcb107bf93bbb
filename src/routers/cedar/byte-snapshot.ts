/**
 * A copy of a column of bytes, to see whether the column has changed: four bytes are compared at a time, since that
 * is asked in every decision.
 */
export class ByteSnapshot {
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  /** The column and a view of it in words; made anew when the host replaces the column. */
  #column: Uint8Array = new Uint8Array(0);
  #columnWords: Int32Array = new Int32Array(0);

  constructor(length: number) {
    const words = length >> 2;
    this.#bytes = new Uint8Array(length + 4);
    this.#words = new Int32Array(this.#bytes.buffer, 0, words);
  }

  take(column: Uint8Array): void {
    this.#bytes.set(column);
    if (column === this.#column) return;
    this.#column = column;
    const aligned = column.byteOffset % 4 === 0;
    this.#columnWords = aligned
      ? new Int32Array(column.buffer, column.byteOffset, this.#words.length)
      : new Int32Array(0);
  }

  /** Whether the column is another one, or holds other bytes, than when it was taken. */
  differs(column: Uint8Array): boolean {
    if (column !== this.#column) return true;
    const words = this.#columnWords;
    const seen = this.#words;
    let difference = 0;
    for (let i = 0; i < words.length; i++) difference |= words[i] ^ seen[i];
    for (let i = 4 * words.length; i < column.length; i++) difference |= column[i] ^ this.#bytes[i];
    return difference !== 0;
  }
}
