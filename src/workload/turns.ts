import type { Stream } from "../numeric/random.ts";
import { expectParameter } from "./check.ts";

/** Turns of the conversation up to a prompt: geometric from 1, of the mean given. */
export interface TurnParameters {
  readonly mean: number;
}

/** Turns beyond this are taken as this; a geometric of mean 1,000 passes it once in 10^43 draws. */
const MOST_TURNS = 100_000;

/** Throws `CANOPY_WORKLOAD_PARAMETER`. */
export function checkTurns({ mean }: TurnParameters): void {
  expectParameter(mean >= 1 && mean <= 1000, "turns.mean", "a number from 1 to 1000", mean);
}

/** Probability that a prompt is of the given turn (1, 2, …). */
export function turnProbability({ mean }: TurnParameters, turn: number): number {
  return (1 - 1 / mean) ** (turn - 1) / mean;
}

/** Draws turns: one draw of the stream each, by inversion. */
export class TurnSampler {
  readonly #stream: Stream;
  readonly #scale: number;

  constructor({ mean }: TurnParameters, stream: Stream) {
    this.#stream = stream;
    this.#scale = 1 / Math.log1p(-1 / mean);
  }

  fill(out: Int32Array, count: number): void {
    for (let i = 0; i < count; i++) {
      // log1p(-uniform) is -Infinity for no draw: a uniform is below 1. With mean 1 the scale is -0.
      const turns = 1 + Math.floor(Math.log1p(-this.#stream.uniform()) * this.#scale);
      out[i] = Math.min(turns, MOST_TURNS);
    }
  }
}
