import type { DenseKernels } from "../../native/dense-addon.ts";

/**
 * Small dense networks in float32 on the CPU: what the learned routers train with.
 *
 * Two backends share this interface: the addon's kernels (`native`) and TypeScript (`typescript`). Each is
 * deterministic: the same calls give the same bits on the same backend and instruction set. Between them the
 * last digits differ. All matrices are row-major and contiguous.
 */
export interface Dense {
  readonly backend: "native" | "typescript";
  /** Instruction set of the addon's kernels (`avx512`, `avx2`, `baseline`), or `none`. */
  readonly isa: string;
  /**
   * c [m, n] = alpha op(a) op(b) + beta c, with op(a) [m, k] and op(b) [k, n]. A transposed a is stored [k, m],
   * a transposed b [n, k]. With beta 0, c is not read. c shares no memory with a or b.
   *
   * @throws Error with code ERR_CANOPY_ARGUMENT where an array is shorter than its matrix
   */
  readonly gemm: DenseKernels["gemm"];
  /** A network of that shape; its parameters are zero unless given. */
  mlp(shape: MlpShape, memory?: MlpMemory): Mlp;
}

export type Activation = "linear" | "relu" | "tanh";

export interface MlpShape {
  /** Units: inputs, hidden layers, outputs. */
  readonly sizes: readonly number[];
  /** One for each layer: one fewer than `sizes`. */
  readonly activations: readonly Activation[];
}

/** Memory that the caller brings, e.g. over a SharedArrayBuffer. */
export interface MlpMemory {
  /** {@link parameterCount} elements. */
  readonly parameters?: Float32Array;
}

/** Adam's constants; the defaults are those of Kingma and Ba. */
export interface AdamOptions {
  readonly learningRate: number;
  /** Default 0.9. */
  readonly beta1?: number;
  /** Default 0.999. */
  readonly beta2?: number;
  /** Default 1e-8. */
  readonly epsilon?: number;
}

/** What Adam carries from step to step; a checkpoint keeps it beside the parameters. */
export interface AdamState {
  readonly moment1: Float32Array;
  readonly moment2: Float32Array;
  steps: number;
}

/**
 * A fully connected network. Not reentrant: one thread calls it at a time, while others may read `parameters`
 * and see some of an update.
 */
export interface Mlp {
  readonly shape: MlpShape;
  /** Layer by layer: weights [inputs, outputs] row-major, then biases [outputs]. Write to it to load a network. */
  readonly parameters: Float32Array;
  /** In the order of `parameters`; filled by `backward`, read by `adamStep`. */
  readonly gradients: Float32Array;
  readonly adam: AdamState;
  /** outputs [rows, outputs] of inputs [rows, inputs]; both stay the caller's. */
  forward(inputs: Float32Array, rows: number, outputs: Float32Array): void;
  /**
   * Gradients of a loss whose gradient by the outputs of the last `forward` is `outputGradients`.
   *
   * @param wanted.parameters whether to fill `gradients` (default true); false leaves a frozen network's alone
   * @param wanted.inputs filled with the gradients by the inputs [rows, inputs]
   */
  backward(
    outputGradients: Float32Array,
    wanted?: { readonly parameters?: boolean; readonly inputs?: Float32Array },
  ): void;
  /** One step down `gradients`. */
  adamStep(options: AdamOptions): void;
  /** parameters = tau source.parameters + (1 - tau) parameters, for a network of the same shape. */
  polyak(source: Mlp, tau: number): void;
}

/** Elements of a network's parameters. */
export function parameterCount({ sizes }: MlpShape): number {
  let count = 0;
  for (let layer = 1; layer < sizes.length; layer++) count += (sizes[layer - 1] + 1) * sizes[layer];
  return count;
}

/**
 * Fills a network's parameters with uniform(-1/sqrt(fanIn), 1/sqrt(fanIn)), weights and biases alike.
 *
 * @param uniform draws from [0, 1), e.g. of a Stream
 */
export function initialise(network: Pick<Mlp, "shape" | "parameters">, uniform: () => number): void {
  const { shape, parameters } = network;
  let at = 0;
  for (let layer = 1; layer < shape.sizes.length; layer++) {
    const fanIn = shape.sizes[layer - 1];
    const bound = 1 / Math.sqrt(fanIn);
    const end = at + (fanIn + 1) * shape.sizes[layer];
    for (; at < end; at++) parameters[at] = bound * (2 * uniform() - 1);
  }
}
