import type { DenseKernels, DenseMlp } from "../../native/dense-addon.ts";
import { argumentError, expectLength } from "./arguments.ts";
import type { Activation, Dense, MlpShape } from "./dense.ts";
import { DenseBackend } from "./dense-backend.ts";
import { gemm } from "./typescript-gemm.ts";

/** The backend that needs no addon, and the reference for the other. */
export function typescriptDense(): Dense {
  return new DenseBackend("typescript", KERNELS, (shape) => new Layers(shape));
}

const KERNELS: DenseKernels = {
  isa: "none",
  gemm,
  adamStep(parameters, gradients, moment1, moment2, step, learningRate, beta1, beta2, epsilon) {
    const count = parameters.length;
    expectLength(gradients, count, "gradients");
    expectLength(moment1, count, "moment1");
    expectLength(moment2, count, "moment2");
    const stepSize = learningRate / (1 - beta1 ** step);
    const rootScale = 1 / Math.sqrt(1 - beta2 ** step);
    for (let i = 0; i < count; i++) {
      const g = gradients[i];
      const first = flushed(beta1 * moment1[i] + (1 - beta1) * g);
      const second = flushed(beta2 * moment2[i] + (1 - beta2) * g * g);
      moment1[i] = first;
      moment2[i] = second;
      parameters[i] -= (stepSize * first) / (Math.sqrt(second) * rootScale + epsilon);
    }
  },
  polyak(target, source, tau) {
    expectLength(source, target.length, "source");
    for (let i = 0; i < target.length; i++) target[i] = tau * source[i] + (1 - tau) * target[i];
  },
};

/** Below this a float32 is a denormal, on which each operation costs a hundred cycles. */
const SMALLEST_NORMAL = 2 ** -126;

/** Adam's moments of a unit that stays silent decay towards zero and would stop among the denormals. */
function flushed(moment: number): number {
  return Math.abs(moment) < SMALLEST_NORMAL ? 0 : moment;
}

class Layers implements DenseMlp {
  readonly #sizes: readonly number[];
  readonly #activations: readonly Activation[];
  #rows = 0;
  /** The inputs, then each layer's outputs, of the last forward; longer than needed after a smaller batch. */
  readonly #values: Float32Array<ArrayBuffer>[];
  #delta = new Float32Array(0);
  #below = new Float32Array(0);

  constructor({ sizes, activations }: MlpShape) {
    if (activations.length === 0 || sizes.length !== activations.length + 1) {
      throw argumentError(
        `a network needs at least one layer, and one activation for each: ${sizes.length} sizes and ${activations.length} activations were given`,
      );
    }
    if (sizes.some((size) => !Number.isInteger(size) || size < 1)) {
      throw argumentError(`every layer needs a whole number of units, at least 1, not ${sizes.join(", ")}`);
    }
    const unknown = activations.find((word) => word !== "linear" && word !== "relu" && word !== "tanh");
    if (unknown !== undefined) {
      throw argumentError(`activation '${unknown}': expected linear, relu or tanh`);
    }
    this.#sizes = [...sizes];
    this.#activations = [...activations];
    this.#values = sizes.map(() => new Float32Array(0));
  }

  forward(parameters: Float32Array, inputs: Float32Array, rows: number, outputs: Float32Array): void {
    const sizes = this.#sizes;
    const last = sizes.length - 1;
    if (!Number.isInteger(rows) || rows < 0) {
      throw argumentError(`rows has to be a whole number from 0 to 1e9, not ${rows}`);
    }
    expectLength(inputs, rows * sizes[0], "inputs");
    expectLength(outputs, rows * sizes[last], "outputs");
    this.#rows = rows;
    this.#values[0] = grown(this.#values[0], rows * sizes[0]);
    this.#values[0].set(inputs.subarray(0, rows * sizes[0]));
    let offset = 0;
    for (let layer = 0; layer < last; layer++) {
      const [n, m] = [sizes[layer], sizes[layer + 1]];
      this.#values[layer + 1] = grown(this.#values[layer + 1], rows * m);
      const y = this.#values[layer + 1];
      const weights = parameters.subarray(offset, offset + n * m);
      const biases = parameters.subarray(offset + n * m, offset + (n + 1) * m);
      gemm(false, false, rows, m, n, 1, this.#values[layer], weights, 0, y);
      activate(this.#activations[layer], y, biases, rows, m);
      offset += (n + 1) * m;
    }
    outputs.set(this.#values[last].subarray(0, rows * sizes[last]));
  }

  backward(
    parameters: Float32Array,
    outputGradients: Float32Array,
    parameterGradients: Float32Array | null,
    inputGradients: Float32Array | null,
  ): void {
    const sizes = this.#sizes;
    const rows = this.#rows;
    const last = sizes.length - 1;
    expectLength(outputGradients, rows * sizes[last], "outputGradients");
    if (inputGradients !== null) expectLength(inputGradients, rows * sizes[0], "inputGradients");
    this.#delta = grown(this.#delta, rows * sizes[last]);
    this.#delta.set(outputGradients.subarray(0, rows * sizes[last]));
    let end = parameters.length;
    for (let layer = last - 1; layer >= 0; layer--) {
      const [n, m] = [sizes[layer], sizes[layer + 1]];
      const offset = end - (n + 1) * m;
      scaleBySlope(this.#activations[layer], this.#delta, this.#values[layer + 1], rows * m);
      if (parameterGradients !== null) {
        const x = this.#values[layer];
        gemm(true, false, n, m, rows, 1, x, this.#delta, 0, parameterGradients.subarray(offset, end - m));
        columnSums(parameterGradients.subarray(end - m, end), this.#delta, rows, m);
      }
      if (layer === 0 && inputGradients === null) return;
      if (layer > 0) this.#below = grown(this.#below, rows * n);
      const weights = parameters.subarray(offset, end - m);
      const below = layer > 0 ? this.#below : (inputGradients as Float32Array);
      gemm(false, true, rows, n, m, 1, this.#delta, weights, 0, below);
      [this.#delta, this.#below] = [this.#below, this.#delta];
      end = offset;
    }
  }
}

function grown(array: Float32Array<ArrayBuffer>, count: number): Float32Array<ArrayBuffer> {
  return array.length >= count ? array : new Float32Array(count);
}

/** y [rows, columns] = activation(y + biases). */
function activate(
  activation: Activation,
  y: Float32Array,
  biases: Float32Array,
  rows: number,
  columns: number,
): void {
  for (let r = 0, at = 0; r < rows; r++) {
    for (let j = 0; j < columns; j++, at++) {
      const x = Math.fround(y[at] + biases[j]);
      y[at] = activation === "relu" ? Math.max(0, x) : activation === "tanh" ? Math.tanh(x) : x;
    }
  }
}

/** delta *= slope of the activation where its output is y. */
function scaleBySlope(activation: Activation, delta: Float32Array, y: Float32Array, count: number): void {
  if (activation === "relu") {
    for (let i = 0; i < count; i++) if (y[i] <= 0) delta[i] = 0;
  } else if (activation === "tanh") {
    for (let i = 0; i < count; i++) delta[i] *= 1 - y[i] * y[i];
  }
}

function columnSums(sums: Float32Array, x: Float32Array, rows: number, columns: number): void {
  for (let j = 0; j < columns; j++) {
    let sum = 0;
    for (let r = 0; r < rows; r++) sum += x[r * columns + j];
    sums[j] = sum;
  }
}
