import { UserError } from "../../errors.ts";
import { saveCheckpoint, spoiltPart } from "./checkpoint.ts";
import type { Learner } from "./learner.ts";
import { LossWindow } from "./loss-window.ts";

/** A learner as it was while its losses were sound. */
export interface KeptCheckpoint {
  readonly bytes: Uint8Array;
  /** Updates done when it was taken. */
  readonly update: number;
}

/** Training left the region in which its numbers mean something. The command line leaves with 1. */
export class DivergenceError extends UserError {
  /** What to go back to; null when training diverged before the first was taken. */
  readonly checkpoint: KeptCheckpoint | null;

  constructor(message: string, checkpoint: KeptCheckpoint | null) {
    super("CANOPY_LEARNING_DIVERGED", message, { exitCode: 1 });
    this.checkpoint = checkpoint;
  }
}

export interface DivergenceOptions {
  /** Names the learner in the message, e.g. `MARLIN's agent "carbon"`. */
  readonly learner: string;
  /** Updates between checkpoints. Default 500. */
  readonly everyUpdates?: number;
  /** Losses whose median is the measure. Default 500. */
  readonly window?: number;
  /** A loss counts as exploding above this many medians. Default 1000. */
  readonly factor?: number;
  /** ... and above this, whatever the median: losses of a solved task are close to zero. Default 1000. */
  readonly floor?: number;
  /** So many exploding losses in a row stop the training: one odd batch is not divergence. Default 10. */
  readonly patience?: number;
}

/**
 * Watches a learner's loss, keeps its last good checkpoint and ends training that has diverged: at a loss or a
 * parameter that is not finite at once, at exploding losses after some of them in a row. A parameter may spoil between
 * two checkpoints without the loss showing it yet, so a checkpoint is taken only where all is finite, optimiser included.
 */
export class DivergenceGuard {
  readonly #learner: Learner;
  readonly #name: string;
  readonly #everyUpdates: number;
  readonly #factor: number;
  readonly #floor: number;
  readonly #patience: number;
  readonly #losses: LossWindow;
  #limit = Number.POSITIVE_INFINITY;
  #updates = 0;
  #exploding = 0;
  #kept: KeptCheckpoint | null = null;

  constructor(learner: Learner, options: DivergenceOptions) {
    this.#learner = learner;
    this.#name = options.learner;
    this.#everyUpdates = options.everyUpdates ?? 500;
    this.#factor = options.factor ?? 1000;
    this.#floor = options.floor ?? 1000;
    this.#patience = options.patience ?? 10;
    this.#losses = new LossWindow(options.window ?? 500);
  }

  /** The last good checkpoint. */
  get kept(): KeptCheckpoint | null {
    return this.#kept;
  }

  /**
   * To be called after every update.
   *
   * @throws DivergenceError naming the last good checkpoint
   */
  watch(loss: number): void {
    const update = ++this.#updates;
    if (!Number.isFinite(loss)) throw this.#error(`its loss is ${loss}`);
    if (loss > this.#limit) {
      if (++this.#exploding >= this.#patience) {
        throw this.#error(
          `its loss has been above ${this.#limit.toPrecision(3)} for ${this.#exploding} updates, now ${loss.toPrecision(3)}`,
        );
      }
      return;
    }
    this.#exploding = 0;
    this.#losses.push(loss);
    if (update % MEDIAN_EVERY === 0) {
      this.#limit = Math.max(this.#floor, this.#factor * this.#losses.median());
    }
    if (update % this.#everyUpdates === 0) this.#keep(update);
  }

  #keep(update: number): void {
    const spoilt = spoiltPart(this.#learner);
    if (spoilt !== null) throw this.#error(`its part "${spoilt}" holds a number that is not finite`);
    this.#kept = { bytes: saveCheckpoint(this.#learner), update };
  }

  #error(what: string): DivergenceError {
    const kept = this.#kept;
    const last =
      kept === null
        ? "there is no good checkpoint before it"
        : `the last good checkpoint is of update ${kept.update}`;
    return new DivergenceError(
      `${this.#name} diverged at update ${this.#updates}: ${what}; ${last}; a smaller learning rate or a smaller reward may hold it`,
      kept,
    );
  }
}

/** The median moves slowly, and sorting the window at every update would cost more than the update of a small network. */
const MEDIAN_EVERY = 50;
