import { UserError } from "../../errors.ts";
import type { KernelStatus } from "./gemm-table.ts";
import type { GpuClass } from "./gpus.ts";
import { GPUS } from "./gpus.ts";
import type { KernelTables, Precision } from "./kernel-tables.ts";
import { gemmShapes, headsPerGpu, type ModelShape } from "./model-shape.ts";

/** What a step is composed for. */
export interface Deployment {
  readonly gpu: GpuClass;
  readonly shape: ModelShape;
  readonly tensorParallel: number;
  readonly precision: Precision;
}

/** Share of the bandwidth that element-wise kernels reach, and what each costs besides (aiconfigurator's constants). */
const ELEMENTWISE_BANDWIDTH_SHARE = 0.8;
const ELEMENTWISE_MILLISECONDS = 3e-3;

/**
 * Steps of a deployment as the sum of measured kernels: products, attention and all-reduces of every layer, five
 * element-wise kernels by bytes over bandwidth, and the head. Times in milliseconds, without the engine's overhead.
 *
 * Where the GPU has no tables of its own, what its chip spends on memory is scaled by the ratio of the bandwidths.
 */
export class KernelSum {
  readonly deployment: Deployment;
  readonly #tables: KernelTables;
  readonly #bandwidthRatio: number;

  /** @throws UserError CANOPY_DERIVE_TENSOR_PARALLEL where the degree does not divide the model */
  constructor(tables: KernelTables, deployment: Deployment) {
    checkDegree(deployment);
    this.#tables = tables;
    this.deployment = deployment;
    const { gpu } = deployment;
    this.#bandwidthRatio = GPUS[gpu.measuredOn].bandwidth / gpu.bandwidth;
  }

  /** One decode step of `batch` sequences with `context` tokens each. */
  decode(batch: number, context: number): number {
    return this.#layers(batch, this.decodeAttention(batch, context)) + this.#head(batch);
  }

  /** `sequences` prompts of `tokens` tokens in one step. */
  prefill(tokens: number, sequences = 1): number {
    const { shape } = this.deployment;
    const attention = this.#tables.context(shape.headDim).milliseconds(...this.#heads(), sequences, tokens);
    return this.#layers(tokens * sequences, attention) + this.#head(sequences);
  }

  /** One layer's attention of a decode step. */
  decodeAttention(batch: number, context: number): number {
    const table = this.#tables.generation(this.deployment.shape.headDim);
    const time = table.milliseconds(...this.#heads(), batch, context);
    if (this.#bandwidthRatio === 1) return time;
    // With two tokens of context nothing is read: that part does not depend on the bandwidth.
    const fixed = table.milliseconds(...this.#heads(), batch, 2);
    return fixed + this.#bandwidthRatio * Math.max(0, time - fixed);
  }

  /** Whether a cell lies outside the attention tables. */
  decodeExtrapolated(batch: number, context: number): boolean {
    return !this.#tables.generation(this.deployment.shape.headDim).reaches(...this.#heads(), batch, context);
  }

  prefillExtrapolated(tokens: number): boolean {
    const { shape, precision } = this.deployment;
    return (
      tokens > this.#tables.gemm(precision).largestRows ||
      !this.#tables.context(shape.headDim).reaches(...this.#heads(), 1, tokens)
    );
  }

  /** Each kernel's shape on one GPU and how its time is had. */
  kernels(): ({ readonly kernel: string; readonly shape: string } & KernelStatus)[] {
    const { shape, tensorParallel, precision } = this.deployment;
    const { layer, head } = gemmShapes(shape, tensorParallel);
    const product = (of: typeof head, type: Precision) => ({
      kernel: of.kernel,
      shape: `${of.n} x ${of.k}`,
      ...this.#tables.gemm(type).status(of.n, of.k),
    });
    const [heads, kvHeads] = this.#heads();
    return [
      ...layer.map((of) => product(of, precision)),
      product(head, "bf16"),
      {
        kernel: "attention",
        shape: `${heads} heads / ${kvHeads} KV heads`,
        ...this.#tables.generation(shape.headDim).status(heads, kvHeads),
      },
    ];
  }

  #heads(): [number, number] {
    return headsPerGpu(this.deployment.shape, this.deployment.tensorParallel);
  }

  #layers(rows: number, attention: number): number {
    const { shape, tensorParallel, precision } = this.deployment;
    let products = 0;
    for (const { n, k } of gemmShapes(shape, tensorParallel).layer)
      products += this.#gemm(precision, rows, n, k);
    const reduces = 2 * this.#tables.allReduce.milliseconds(tensorParallel, rows * shape.hidden);
    return shape.layers * (products + attention + reduces + this.#elementwise(rows));
  }

  /** The head stays in bf16. */
  #head(rows: number): number {
    const { n, k } = gemmShapes(this.deployment.shape, this.deployment.tensorParallel).head;
    return this.#gemm("bf16", rows, n, k);
  }

  #gemm(precision: Precision, rows: number, n: number, k: number): number {
    const table = this.#tables.gemm(precision);
    const time = table.milliseconds(rows, n, k);
    if (this.#bandwidthRatio === 1) return time;
    // Reading the weights slows with the bandwidth, arithmetic does not.
    const memory = Math.min(time, table.milliseconds(1, n, k) * (1 + (rows * (n + k)) / (n * k)));
    return Math.max(time, this.#bandwidthRatio * memory);
  }

  /** Two additions with normalisation, rotary embedding, write to the KV cache, SiLU times gate. */
  #elementwise(rows: number): number {
    const { gpu, shape, tensorParallel } = this.deployment;
    const { hidden, headDim, ffn } = shape;
    const [heads, kvHeads] = this.#heads();
    const bandwidth = gpu.bandwidth * ELEMENTWISE_BANDWIDTH_SHARE;
    const bytesPerRow = [
      8 * hidden,
      8 * hidden,
      4 * (heads + kvHeads) * headDim,
      8 * kvHeads * headDim,
      (6 * ffn) / tensorParallel,
    ];
    return bytesPerRow.reduce(
      (sum, bytes) => sum + ELEMENTWISE_MILLISECONDS + (1e3 * rows * bytes) / bandwidth,
      0,
    );
  }
}

function checkDegree({ shape, tensorParallel }: Deployment): void {
  const divides = (size: number) => size % tensorParallel === 0;
  const repeated = tensorParallel % shape.kvHeads === 0;
  if (divides(shape.heads) && divides(shape.ffn) && (divides(shape.kvHeads) || repeated)) return;
  const { heads, kvHeads, ffn } = shape;
  throw new UserError(
    "CANOPY_DERIVE_TENSOR_PARALLEL",
    `${shape.name}: a tensor parallel degree of ${tensorParallel} does not divide ${heads} heads, ${kvHeads} KV heads and an ffn of ${ffn}: expected a common divisor, e.g. 1`,
  );
}
