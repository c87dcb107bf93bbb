import { UserError } from "../../errors.ts";
import { mean } from "../../numeric/statistics.ts";
import { linearParameters } from "../derive/model-shape.ts";
import type { Profile } from "../schema.ts";
import { assemble, type ImportOptions, knownGpu } from "./assemble.ts";
import { decodeFromPoints, prefillFromPoints } from "./grid.ts";
import { rowsOfConfiguration } from "./selection.ts";
import { type SourceRow, SourceTable } from "./source-table.ts";

const COLUMNS = [
  "model_id",
  "gpu_model",
  "num_gpus",
  "weight_precision",
  "avg_batch_size",
  "avg_output_len",
  "avg_power_watts",
  "median_itl_ms",
];
/** Share of the peak arithmetic that a prefill is taken to reach, where none was measured. */
const PREFILL_SHARE = 0.5;
const PROMPTS = [128, 512, 2048, 8192];

/**
 * The ML.ENERGY leaderboard's configurations (its JSON's scalar fields as CSV columns): steady serving, so that its
 * inter-token times and watts have prefill mixed in. The mean batch is the batch. There are no prompt lengths: the mean
 * output length stands for the context. There is no prefill: 2 x parameters x tokens over half of the GPUs' peak.
 *
 * @throws UserError CANOPY_IMPORT_SHAPE without a model shape or a known GPU, which the prefill needs
 */
export async function importMlEnergy(path: string, options: ImportOptions): Promise<Profile> {
  const table = await SourceTable.read(path, COLUMNS);
  const { precision: wanted } = options;
  const rows = rowsOfConfiguration(path, table.rows, [
    ...(table.has("task") ? [{ column: "task", option: "--task", wanted: options.task }] : []),
    { column: "model_id", option: "--model", wanted: options.model },
    { column: "gpu_model", option: "--gpu", wanted: options.hardware },
    {
      column: "num_gpus",
      option: "--tp",
      wanted: options.tensorParallel === undefined ? undefined : String(options.tensorParallel),
    },
    {
      column: "weight_precision",
      option: "--precision",
      wanted: wanted === "bf16" ? "bfloat16" : wanted,
    },
  ]);
  if (table.has("parallelization")) rows.forEach(expectOneReplica);
  const { shape } = options;
  const hardware = rows[0].text("gpu_model");
  const gpu = knownGpu(hardware);
  if (shape === undefined || gpu === undefined) {
    const lacking = shape === undefined ? "--model-shape" : `a datasheet of ${hardware}, and Canopy has none`;
    throw new UserError(
      "CANOPY_IMPORT_SHAPE",
      `${path}: the format has no prefill times; to compute them from the model's arithmetic the import needs ${lacking}`,
    );
  }
  const gpus = rows[0].count("num_gpus");
  const parameters = linearParameters(shape) + shape.vocab * shape.hidden;
  const runs = rows.map((row) => ({
    batch: Math.round(row.positive("avg_batch_size")),
    outputTokens: row.positive("avg_output_len"),
    stepMs: row.positive("median_itl_ms"),
    watts: row.positive("avg_power_watts") / gpus,
  }));
  const context = Math.round(mean(runs.map(({ outputTokens }) => outputTokens)));
  const base = runs.reduce((a, b) => (a.batch < b.batch ? a : b)).stepMs;
  const precision = rows[0].text("weight_precision");
  const byBatch = new Map(
    runs.map(({ batch }) => [
      batch,
      mean(runs.filter((run) => run.batch === batch).map(({ watts }) => watts)),
    ]),
  );
  return assemble(
    {
      source: { name: "ml-energy/leaderboard", licence: "none in the repository" },
      files: [path],
      model: rows[0].text("model_id"),
      hardware,
      gpu,
      tensorParallel: gpus,
      precision: precision === "bfloat16" ? "bf16" : precision,
      engine: "vllm",
      decode: decodeFromPoints(
        runs.map(({ batch, stepMs }) => ({ batch, contextTokens: context, milliseconds: stepMs })),
        "published",
      ),
      prefill: prefillFromPoints(
        PROMPTS.filter((tokens) => tokens <= shape.maxTokens).map((tokens) => ({
          tokens,
          // Never shorter than reading the weights once: the smallest measured step.
          milliseconds: Math.max(
            base,
            (1e3 * 2 * parameters * tokens) / (PREFILL_SHARE * gpu.flopsPerSecond * gpus),
          ),
        })),
        "modelled",
      ),
      power: {
        prefillWatts: Math.max(...runs.map(({ watts }) => watts)),
        prefillProvenance: "modelled",
        decode: [...byBatch].map(([batch, watts]) => ({ batch, watts })).sort((a, b) => a.batch - b.batch),
      },
      longestTokens: shape.maxTokens,
      lacks: [
        "prompt lengths (the mean output length stands for the context)",
        "prefill times (modelled: half of the peak arithmetic)",
        "power by phase (prefill takes the highest mean)",
      ],
    },
    options,
  );
}

/** A row of several replicas, or of experts spread over GPUs, is no step of `num_gpus` GPUs in tensor parallel. */
function expectOneReplica(row: SourceRow): void {
  let parts: Record<string, unknown>;
  try {
    parts = JSON.parse(row.text("parallelization"));
  } catch {
    throw row.problem("parallelization", "expected JSON");
  }
  const isSpread = ["data_parallel", "expert_parallel"].some((kind) => Number(parts?.[kind] ?? 1) > 1);
  const degree = Number(parts?.["tensor_parallel"] ?? row.count("num_gpus"));
  if (!isSpread && degree === row.count("num_gpus")) return;
  throw row.problem("parallelization", "expected all GPUs in one tensor-parallel replica");
}
