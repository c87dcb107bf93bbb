import type { Stream } from "../../numeric/random.ts";
import { argumentError } from "../dense/arguments.ts";
import type { Batch, TransitionShape } from "./batch.ts";
import { ReplayBuffer } from "./replay-buffer.ts";

export interface CrossEpochOptions {
  /** Transitions of the epoch that runs. Default 20,000 (MARLIN, section 5.1). */
  readonly currentCapacity?: number;
  /** Transitions of the epochs before. Default 5,000. */
  readonly previousCapacity?: number;
  /** Share of a batch that comes from the current epoch. Default 0.7; the paper's "30/70" does not say which is which. */
  readonly currentShare?: number;
  /** Swaps the two shares: the other reading. */
  readonly flipMix?: boolean;
}

/** MARLIN's replay: transitions of the epoch that runs, mixed with some of the epochs before. */
export class CrossEpochReplay {
  readonly current: ReplayBuffer;
  readonly previous: ReplayBuffer;
  readonly #currentShare: number;

  constructor(shape: TransitionShape, options: CrossEpochOptions = {}) {
    const {
      currentCapacity = 20_000,
      previousCapacity = 5_000,
      currentShare = 0.7,
      flipMix = false,
    } = options;
    if (!(currentShare >= 0 && currentShare <= 1)) {
      throw argumentError(`the current epoch's share is ${currentShare}, expected 0 to 1`);
    }
    this.current = new ReplayBuffer(shape, currentCapacity);
    this.previous = new ReplayBuffer(shape, previousCapacity);
    this.#currentShare = flipMix ? 1 - currentShare : currentShare;
  }

  get length(): number {
    return this.current.length + this.previous.length;
  }

  /** Rows of a batch that the current epoch gives; all of them or none while one of the two is empty. */
  currentRows(rows: number): number {
    if (this.previous.length === 0) return rows;
    return this.current.length === 0 ? 0 : Math.round(this.#currentShare * rows);
  }

  /**
   * Fills a batch: first rows of the current epoch, then of the previous.
   *
   * @throws Error with code ERR_CANOPY_ARGUMENT when both are empty
   */
  sample(random: Stream, rows: number, batch: Batch): void {
    const current = this.currentRows(rows);
    this.current.sample(random, current, batch);
    this.previous.sample(random, rows - current, batch, current);
  }

  /** Moves the newest of the current epoch over, as many as fit, and begins the next epoch with none. */
  endEpoch(): void {
    const length = this.current.length;
    for (let i = Math.max(0, length - this.previous.capacity); i < length; i++) {
      this.previous.pushFrom(this.current, i);
    }
    this.current.clear();
  }
}
