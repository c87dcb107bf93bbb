import type { Dense, Mlp } from "../dense/dense.ts";

/**
 * Feature-wise linear modulation (Perez et al. 2018) in residual form: h' = (1 + gamma(c)) h + beta(c), with gamma and
 * beta linear in the condition c. Its map starts at zero, i.e. at the identity.
 */
export class Film {
  /** [condition, 2 width]: gamma, then beta. */
  readonly network: Mlp;
  readonly #width: number;
  readonly #stride: number;
  #modulation = new Float32Array(0);
  #gradients = new Float32Array(0);
  #inputs = new Float32Array(0);

  /**
   * @param width features that are modulated, the first of each row
   * @param stride features in a row; those after the first `width` pass as they are
   */
  constructor(dense: Dense, conditions: number, width: number, stride = width) {
    this.network = dense.mlp({ sizes: [conditions, 2 * width], activations: ["linear"] });
    this.#width = width;
    this.#stride = stride;
  }

  /** Modulates `values` [rows, stride] in place. */
  forward(conditions: Float32Array, rows: number, values: Float32Array): void {
    const [width, stride] = [this.#width, this.#stride];
    if (this.#modulation.length < 2 * rows * width) {
      this.#modulation = new Float32Array(2 * rows * width);
      this.#gradients = new Float32Array(2 * rows * width);
      this.#inputs = new Float32Array(rows * width);
    }
    this.network.forward(conditions, rows, this.#modulation);
    for (let row = 0; row < rows; row++) {
      const gammaAt = 2 * row * width;
      for (let i = 0; i < width; i++) {
        const h = values[row * stride + i];
        this.#inputs[row * width + i] = h;
        values[row * stride + i] =
          (1 + this.#modulation[gammaAt + i]) * h + this.#modulation[gammaAt + width + i];
      }
    }
  }

  /** Turns gradients by what `forward` gave into gradients by what it got, in place, and fills the network's own. */
  backward(rows: number, gradients: Float32Array): void {
    const [width, stride] = [this.#width, this.#stride];
    for (let row = 0; row < rows; row++) {
      const gammaAt = 2 * row * width;
      for (let i = 0; i < width; i++) {
        const g = gradients[row * stride + i];
        this.#gradients[gammaAt + i] = g * this.#inputs[row * width + i];
        this.#gradients[gammaAt + width + i] = g;
        gradients[row * stride + i] = g * (1 + this.#modulation[gammaAt + i]);
      }
    }
    this.network.backward(this.#gradients);
  }
}
