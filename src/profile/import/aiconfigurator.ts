import { UserError } from "../../errors.ts";
import { decodeGrid, interpolatedKernels, prefillGrid } from "../derive/compose-profile.ts";
import { gpuClass } from "../derive/gpus.ts";
import { KernelSum } from "../derive/kernel-sum.ts";
import { readKernelTables } from "../derive/kernel-tables.ts";
import type { Profile } from "../schema.ts";
import { assemble, type ImportOptions } from "./assemble.ts";

const NO_OVERHEAD = { baseMs: 0, perSequenceMs: 0 };

/**
 * aiconfigurator's kernel tables as CSV (products, attention of both phases, all-reduces) for one model: the sum of its
 * kernels alone. `canopy profile derive` adds the engine's overhead, the calibration of prefill and power.
 *
 * @throws UserError CANOPY_IMPORT_SHAPE without a model shape or a GPU
 */
export async function importAiconfigurator(
  paths: readonly string[],
  options: ImportOptions,
): Promise<Profile> {
  const { shape, hardware, tensorParallel = 1, precision = "bf16" } = options;
  if (shape === undefined || hardware === undefined) {
    throw new UserError(
      "CANOPY_IMPORT_SHAPE",
      "kernel tables are of no model: give --model-shape FILE and --gpu, e.g. h100-80gb",
    );
  }
  const gpu = gpuClass(hardware);
  const tables = await readKernelTables(paths);
  const sum = new KernelSum(tables, { gpu, shape, tensorParallel, precision });
  const provenance = gpu.id === gpu.measuredOn ? "derived" : "modelled";
  return assemble(
    {
      source: { name: "ai-dynamo/aiconfigurator", licence: "Apache-2.0" },
      files: tables.paths,
      model: shape.name,
      hardware: gpu.id,
      gpu,
      tensorParallel,
      precision,
      engine: "sum of kernels",
      decode: { block: { provenance, ...decodeGrid(sum, NO_OVERHEAD) }, notes: [] },
      prefill: { block: { provenance, ...prefillGrid(sum, NO_OVERHEAD, 1) }, notes: [] },
      interpolated: interpolatedKernels(sum),
      power: "the tables have no power",
      longestTokens: shape.maxTokens,
      lacks: [
        "the engine's overhead (steps are kernels alone)",
        "end-to-end times that prefill could be held against",
      ],
    },
    options,
  );
}
