/**
 * KV blocks that finished session steps leave behind on a replica, for the session's next step. They count as
 * free; the session that finished longest ago is dropped first, whole. A Map keeps that order by itself.
 */
export class PrefixCache {
  readonly #blocks = new Map<number, number>();
  #total = 0;

  has(session: number): boolean {
    return this.#blocks.has(session);
  }

  /** Takes a session's blocks out of the cache and returns how many there were. */
  take(session: number): number {
    const blocks = this.#blocks.get(session) ?? 0;
    if (blocks > 0) {
      this.#blocks.delete(session);
      this.#total -= blocks;
    }
    return blocks;
  }

  /** How many blocks of a session are cached. */
  blocksOf(session: number): number {
    return this.#blocks.get(session) ?? 0;
  }

  keep(session: number, blocks: number): void {
    this.take(session);
    if (blocks === 0) return;
    this.#blocks.set(session, blocks);
    this.#total += blocks;
  }

  /** Drops the oldest sessions until the cached blocks fit into the free ones. */
  shrinkTo(freeBlocks: number): void {
    if (this.#total <= freeBlocks) return;
    for (const [session, blocks] of this.#blocks) {
      this.#blocks.delete(session);
      this.#total -= blocks;
      if (this.#total <= freeBlocks) return;
    }
  }

  clear(): void {
    this.#blocks.clear();
    this.#total = 0;
  }
}
