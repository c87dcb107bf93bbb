import { UserError } from "../../errors.ts";
import type { Provenance } from "../provenance.ts";
import { LLAMA_8B, LLAMA_70B, sameArchitecture } from "./calibration.ts";
import { GPUS, type GpuClass } from "./gpus.ts";
import { bracket, lastOf } from "./lookup.ts";
import type { ModelShape } from "./model-shape.ts";
import type { PowerSources } from "./power-sources.ts";

/** The two models whose power was measured. */
type Reference = "8b" | "70b";

interface Watts {
  readonly watts: number;
  readonly provenance: Provenance;
}

/** Share of the HBM bandwidth that a decode step in bf16 uses, at the context of the power measurements. */
export type Utilisation = (gpu: GpuClass, shape: ModelShape, tensorParallel: number, batch: number) => number;

/**
 * Watts of one GPU in decode and prefill. Llama-3-8B and 70B: published readings, interpolated in log2(batch), and
 * rules where a GPU or a degree was not measured. Any other model: idle power plus the active power of the measured one
 * (8B on one GPU, 70B on several) times the ratio of the two bandwidth utilisations at the same batch, at most the
 * TDP. Equal utilisation gives equal power; at equal batch the rates of arithmetic stand in the same ratio.
 */
export class DecodePower {
  readonly #sources: PowerSources;
  readonly #utilisation: Utilisation;

  constructor(sources: PowerSources, utilisation: Utilisation) {
    this.#sources = sources;
    this.#utilisation = utilisation;
  }

  decode(gpu: GpuClass, shape: ModelShape, tensorParallel: number, batch: number): Watts {
    const known = referenceOf(shape);
    if (known !== undefined) return this.#reference(gpu, known, tensorParallel, batch);
    const reference = tensorParallel === 1 ? "8b" : "70b";
    const { watts } = this.#reference(gpu, reference, tensorParallel, batch);
    const idle = gpu.idle.loadedWatts;
    const measured = reference === "8b" ? LLAMA_8B : LLAMA_70B;
    const ratio =
      this.#utilisation(gpu, shape, tensorParallel, batch) /
      this.#utilisation(gpu, measured, tensorParallel, batch);
    return { watts: Math.min(gpu.tdpWatts, idle + (watts - idle) * ratio), provenance: "modelled" };
  }

  prefill(gpu: GpuClass, shape: ModelShape, tensorParallel: number): Watts {
    if (gpu.id !== "a100-80gb" || tensorParallel === 1) {
      return { watts: gpu.tdpWatts, provenance: "modelled" };
    }
    const watts = this.#share(tensorParallel, 1).peak * gpu.tdpWatts;
    return { watts, provenance: referenceOf(shape) === undefined ? "modelled" : "published" };
  }

  #reference(gpu: GpuClass, model: Reference, tensorParallel: number, batch: number): Watts {
    switch (gpu.id) {
      case "a100-40gb":
        return this.#smallA100(gpu, model, tensorParallel, batch);
      case "a100-80gb":
        return this.#largeA100(gpu, model, tensorParallel, batch);
      case "h100-80gb":
        return this.#h100(gpu, model, tensorParallel, batch);
    }
  }

  #smallA100(gpu: GpuClass, model: Reference, tensorParallel: number, batch: number): Watts {
    const measured = this.#staticBatch("a100-40gb");
    if (model === "8b" && tensorParallel === 1) {
      const exact = measured.get(batch);
      if (exact !== undefined) return { watts: exact, provenance: "published" };
      const largest = lastOf([...measured.keys()].sort((a, b) => a - b));
      if (batch < largest) return { watts: logInterpolated(measured, batch), provenance: "derived" };
      return { watts: continued(measured), provenance: "extrapolated" };
    }
    // The larger board's watts times the ratio of the two at batch 1.
    const { watts } = this.#largeA100(GPUS["a100-80gb"], model, tensorParallel, batch);
    const ratio = at(measured, 1) / (this.#share(2, 1).mean * gpu.tdpWatts);
    return { watts: watts * ratio, provenance: "modelled" };
  }

  #largeA100(gpu: GpuClass, model: Reference, tensorParallel: number, batch: number): Watts {
    const degree = Math.max(2, tensorParallel);
    const shares = this.#shares(degree);
    const points = new Map([...shares].map(([each, { mean }]) => [each, mean * gpu.tdpWatts]));
    const largest = lastOf([...points.keys()].sort((a, b) => a - b));
    const watts = logInterpolated(points, Math.min(batch, largest));
    if (model === "70b" && tensorParallel > 1) {
      const provenance = points.has(batch) ? "published" : batch <= largest ? "derived" : "extrapolated";
      return { watts, provenance };
    }
    if (tensorParallel === 1 && batch > 1) {
      // The level of two GPUs at batch 1, and above it the slope of the 40 GB board.
      const small = this.#staticBatch("a100-40gb");
      const slope = new Map([...small, [128, continued(small)]]);
      const raised = at(points, 1) + logInterpolated(slope, batch) - at(small, 1);
      return { watts: Math.min(gpu.tdpWatts, raised), provenance: "modelled" };
    }
    return { watts: Math.min(gpu.tdpWatts, watts), provenance: "modelled" };
  }

  #h100(gpu: GpuClass, model: Reference, tensorParallel: number, batch: number): Watts {
    const { serving8B, serving70B } = this.#sources;
    if (model === "8b" || tensorParallel === 1) {
      const points = new Map([[1, at(this.#staticBatch("h100-80gb"), 1)]]);
      for (const [each, { watts }] of serving8B) points.set(each, watts);
      const watts = logInterpolated(points, batch);
      if (model !== "8b" || tensorParallel !== 1) return { watts, provenance: "modelled" };
      return { watts, provenance: points.has(batch) ? "published" : "derived" };
    }
    const points = new Map([...serving70B].map(([each, { watts }]) => [each, watts / 4]));
    const watts = logInterpolated(points, Math.max(8, batch));
    if (tensorParallel === 4) return { watts, provenance: points.has(batch) ? "published" : "extrapolated" };
    // Another degree: active power in the ratio that two degrees have on A100.
    const active = (degree: number) =>
      this.#share(degree, 1).mean * GPUS["a100-80gb"].tdpWatts - GPUS["a100-80gb"].idle.loadedWatts;
    const idle = gpu.idle.loadedWatts;
    const scaled = idle + (watts - idle) * (active(tensorParallel) / active(4));
    return { watts: Math.min(gpu.tdpWatts, scaled), provenance: "modelled" };
  }

  #staticBatch(gpu: "a100-40gb" | "h100-80gb"): ReadonlyMap<number, number> {
    return this.#sources.staticBatch.get(gpu) as ReadonlyMap<number, number>;
  }

  #shares(degree: number): ReadonlyMap<number, { readonly mean: number; readonly peak: number }> {
    const shares = this.#sources.shares.get(degree);
    if (shares !== undefined) return shares;
    const measured = [1, ...this.#sources.shares.keys()].join(", ");
    throw new UserError(
      "CANOPY_DERIVE_TENSOR_PARALLEL",
      `no power was measured at a tensor parallel degree of ${degree}: expected one of ${measured}`,
    );
  }

  #share(degree: number, batch: number): { readonly mean: number; readonly peak: number } {
    return this.#shares(degree).get(batch) as { mean: number; peak: number };
  }
}

function referenceOf(shape: ModelShape): Reference | undefined {
  if (sameArchitecture(shape, LLAMA_8B)) return "8b";
  return sameArchitecture(shape, LLAMA_70B) ? "70b" : undefined;
}

/** The last step between measured batches once more. */
function continued(points: ReadonlyMap<number, number>): number {
  const [before, last] = [...points.keys()].sort((a, b) => a - b).slice(-2);
  return at(points, last) + (at(points, last) - at(points, before));
}

function logInterpolated(points: ReadonlyMap<number, number>, batch: number): number {
  const logs = [...points.keys()].sort((a, b) => a - b).map(Math.log2);
  const [low, high, weight] = bracket(logs, Math.log2(batch));
  const near = (log: number) => at(points, Math.round(2 ** log));
  return near(low) * (1 - weight) + near(high) * weight;
}

function at(points: ReadonlyMap<number, number>, batch: number): number {
  return points.get(batch) as number;
}
