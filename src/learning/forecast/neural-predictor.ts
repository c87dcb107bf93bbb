/** A small neural forecast of counts: what the level-and-slope forecast of the workload is compared with. */
import { Stream } from "../../numeric/random.ts";
import { chooseDense } from "../dense/choose-dense.ts";
import { type Dense, initialise, type Mlp } from "../dense/dense.ts";

/** All values ours: the paper says only "a neural network". */
export interface NeuralPredictorOptions {
  readonly seed: number;
  /** Counts that a forecast looks at. Default 8, as the window of the level-and-slope forecast. */
  readonly window?: number;
  /** Units of the one hidden layer, tanh. Default 16. */
  readonly hidden?: number;
  /** Steps of Adam after each count, on batches of what was seen so far. Default 8, 32. */
  readonly steps?: number;
  readonly batch?: number;
  readonly learningRate?: number;
  /** Default: the addon's kernels where it loads. */
  readonly dense?: Dense;
}

/**
 * Forecasts the next count from the last ones by a network with one hidden layer that learns as it goes. Counts are
 * divided by the mean of the window, so that a day ten times as busy looks the same; the network gives the change.
 * Until the window is full the last count stands in.
 */
export class NeuralPredictor {
  readonly name = "neural";
  readonly #window: number;
  readonly #steps: number;
  readonly #batch: number;
  readonly #learningRate: number;
  readonly #network: Mlp;
  readonly #draws: Stream;
  readonly #counts: number[] = [];
  readonly #inputs: Float32Array;
  readonly #outputs: Float32Array;
  readonly #gradients: Float32Array;

  constructor(options: NeuralPredictorOptions) {
    const { window = 8, hidden = 16, steps = 8, batch = 32, learningRate = 3e-3 } = options;
    this.#window = window;
    this.#steps = steps;
    this.#batch = batch;
    this.#learningRate = learningRate;
    this.#draws = new Stream(options.seed, "learning/neural-predictor");
    this.#network = (options.dense ?? chooseDense()).mlp({
      sizes: [window, hidden, 1],
      activations: ["tanh", "linear"],
    });
    initialise(this.#network, () => this.#draws.uniform());
    this.#inputs = new Float32Array(batch * window);
    this.#outputs = new Float32Array(batch);
    this.#gradients = new Float32Array(batch);
  }

  predict(): number {
    const seen = this.#counts.length;
    if (seen === 0) return 0;
    const last = this.#counts[seen - 1];
    if (seen < this.#window) return last;
    const scale = this.#write(0, seen);
    if (scale === 0) return last;
    this.#network.forward(this.#inputs, 1, this.#outputs);
    return Math.max(0, last + this.#outputs[0] * scale);
  }

  observe(count: number): void {
    this.#counts.push(count);
    const examples = this.#counts.length - this.#window;
    if (examples < 1) return;
    for (let step = 0; step < this.#steps; step++) this.#learn(Math.min(this.#batch, examples), examples);
  }

  #learn(rows: number, examples: number): void {
    const targets = this.#gradients;
    for (let row = 0; row < rows; row++) {
      const next = this.#window + this.#draws.below(examples);
      const scale = this.#write(row, next);
      targets[row] = scale === 0 ? 0 : (this.#counts[next] - this.#counts[next - 1]) / scale;
    }
    this.#network.forward(this.#inputs, rows, this.#outputs);
    for (let row = 0; row < rows; row++) targets[row] = (2 * (this.#outputs[row] - targets[row])) / rows;
    this.#network.backward(this.#gradients);
    this.#network.adamStep({ learningRate: this.#learningRate });
  }

  /** Writes the window that ends before count `next` into a row, over its mean, less 1. @returns the mean */
  #write(row: number, next: number): number {
    let mean = 0;
    for (let i = next - this.#window; i < next; i++) mean += this.#counts[i] / this.#window;
    for (let i = 0; i < this.#window; i++) {
      const count = this.#counts[next - this.#window + i];
      this.#inputs[row * this.#window + i] = mean === 0 ? 0 : count / mean - 1;
    }
    return mean;
  }
}
