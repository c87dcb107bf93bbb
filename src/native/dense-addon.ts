/** The addon's dense kernels (native/bindings/dense_binding.cc); src/learning/dense is what to use. */
export interface DenseExports {
  /** @throws ERR_CANOPY_ARGUMENT for an instruction set that is neither `auto` nor of this CPU */
  readonly DenseKernels: new (
    isa: string,
  ) => DenseKernels;
  readonly DenseMlp: new (isa: string, sizes: readonly number[], activations: readonly string[]) => DenseMlp;
  /** Those of this CPU, weakest first: `baseline`, `avx2`, `avx512`. */
  denseIsas(): string[];
}

/** Matrices are row-major and contiguous; an array that is shorter than its matrix is ERR_CANOPY_ARGUMENT. */
export interface DenseKernels {
  readonly isa: string;
  /** c [m, n] = alpha op(a) op(b) + beta c, with op(a) [m, k] and op(b) [k, n]. */
  gemm(
    transA: boolean,
    transB: boolean,
    m: number,
    n: number,
    k: number,
    alpha: number,
    a: Float32Array,
    b: Float32Array,
    beta: number,
    c: Float32Array,
  ): void;
  /** @param step counts from 1 */
  adamStep(
    parameters: Float32Array,
    gradients: Float32Array,
    moment1: Float32Array,
    moment2: Float32Array,
    step: number,
    learningRate: number,
    beta1: number,
    beta2: number,
    epsilon: number,
  ): void;
  /** target = tau source + (1 - tau) target. */
  polyak(target: Float32Array, source: Float32Array, tau: number): void;
}

/** The working memory of one network; it owns no parameters. */
export interface DenseMlp {
  forward(parameters: Float32Array, inputs: Float32Array, rows: number, outputs: Float32Array): void;
  backward(
    parameters: Float32Array,
    outputGradients: Float32Array,
    parameterGradients: Float32Array | null,
    inputGradients: Float32Array | null,
  ): void;
}
