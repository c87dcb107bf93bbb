import type { DenseKernels, DenseMlp } from "../../native/dense-addon.ts";
import { argumentError, expectLength } from "./arguments.ts";
import {
  type AdamOptions,
  type Dense,
  type Mlp,
  type MlpMemory,
  type MlpShape,
  parameterCount,
} from "./dense.ts";

/** {@link Dense} over a backend's kernels. */
export class DenseBackend implements Dense {
  readonly backend: Dense["backend"];
  readonly isa: string;
  readonly gemm: Dense["gemm"];
  readonly #kernels: DenseKernels;
  readonly #makeWorkspace: (shape: MlpShape) => DenseMlp;

  constructor(
    backend: Dense["backend"],
    kernels: DenseKernels,
    makeWorkspace: (shape: MlpShape) => DenseMlp,
  ) {
    this.backend = backend;
    this.isa = kernels.isa;
    this.gemm = kernels.gemm.bind(kernels);
    this.#kernels = kernels;
    this.#makeWorkspace = makeWorkspace;
  }

  mlp(shape: MlpShape, memory: MlpMemory = {}): Mlp {
    return new Network(shape, memory, this.#kernels, this.#makeWorkspace(shape));
  }
}

class Network implements Mlp {
  readonly shape: MlpShape;
  readonly parameters: Float32Array;
  readonly gradients: Float32Array;
  readonly adam: Mlp["adam"];
  readonly #kernels: DenseKernels;
  readonly #workspace: DenseMlp;

  constructor(shape: MlpShape, memory: MlpMemory, kernels: DenseKernels, workspace: DenseMlp) {
    const count = parameterCount(shape);
    const { parameters = new Float32Array(count) } = memory;
    if (parameters.length !== count) {
      throw argumentError(`parameters holds ${parameters.length} elements, expected ${count}`);
    }
    this.shape = shape;
    this.parameters = parameters;
    this.gradients = new Float32Array(count);
    this.adam = { moment1: new Float32Array(count), moment2: new Float32Array(count), steps: 0 };
    this.#kernels = kernels;
    this.#workspace = workspace;
  }

  forward(inputs: Float32Array, rows: number, outputs: Float32Array): void {
    this.#workspace.forward(this.parameters, inputs, rows, outputs);
  }

  backward(
    outputGradients: Float32Array,
    wanted: { readonly parameters?: boolean; readonly inputs?: Float32Array } = {},
  ): void {
    const gradients = wanted.parameters === false ? null : this.gradients;
    this.#workspace.backward(this.parameters, outputGradients, gradients, wanted.inputs ?? null);
  }

  adamStep({ learningRate, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 }: AdamOptions): void {
    const { moment1, moment2 } = this.adam;
    const step = ++this.adam.steps;
    this.#kernels.adamStep(
      this.parameters,
      this.gradients,
      moment1,
      moment2,
      step,
      learningRate,
      beta1,
      beta2,
      epsilon,
    );
  }

  polyak(source: Mlp, tau: number): void {
    expectLength(source.parameters, this.parameters.length, "source.parameters");
    this.#kernels.polyak(this.parameters, source.parameters, tau);
  }
}
