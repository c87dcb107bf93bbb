import { UserError } from "../../errors.ts";
import { BENCH_GPUS } from "../derive/calibration.ts";
import { GPUS } from "../derive/gpus.ts";
import { PRECISIONS } from "../derive/kernel-tables.ts";
import { kvBytesPerToken, weightBytes } from "../derive/model-shape.ts";
import { kvCapacityByFormula } from "../physical-checks.ts";
import type { Profile } from "../schema.ts";
import { type ActivePower, assemble, type ImportOptions } from "./assemble.ts";
import { decodeFromPoints, prefillFromPoints } from "./grid.ts";
import { type Choice, rowsOfConfiguration } from "./selection.ts";
import { type SourceRow, SourceTable } from "./source-table.ts";

const RUN = ["Hardware", "Num of Hardware", "Framework", "Model", "Batch Size"];

/**
 * LLM-Inference-Bench's latencies of static batches with equal input and output lengths, its time to first token and,
 * if given, its power; which file is which is told by the columns. Prefill goes through the origin and the one measured
 * time to first token, but is never shorter than a step; what is left of a latency is decode at one and a half times the
 * length, in one step fewer than there are outputs. Runs whose sequences outgrow the KV cache (known with a model shape)
 * were not served as one batch: they are left out.
 *
 * @throws UserError CANOPY_IMPORT_FILES where latencies or times to first token are missing
 */
export async function importInferenceBench(
  paths: readonly string[],
  options: ImportOptions,
): Promise<Profile> {
  const { latencies, first, power } = await sortFiles(paths);
  const choices: Choice[] = [
    { column: "Framework", option: "--engine", wanted: options.engine },
    { column: "Model", option: "--model", wanted: options.model },
    { column: "Hardware", option: "--gpu", wanted: options.hardware },
    {
      column: "Num of Hardware",
      option: "--tp",
      wanted: options.tensorParallel === undefined ? undefined : String(options.tensorParallel),
    },
  ];
  const rows = rowsOfConfiguration(latencies.path, tensorParallelOnly(latencies), choices);
  const same = (row: SourceRow) => choices.every(({ column }) => row.text(column) === rows[0].text(column));
  const measured = first.rows.find(same);
  if (measured === undefined) {
    const what = choices.map(({ column }) => rows[0].text(column)).join(", ");
    throw new UserError(
      "CANOPY_IMPORT_FILES",
      `${first.path}: no time to first token of ${what}; without it a latency does not split into prefill and decode`,
    );
  }
  const perToken =
    (1e3 * measured.positive("TTFT Latency")) /
    (measured.count("Input Length") * measured.count("Batch Size"));
  const hardware = rows[0].text("Hardware");
  const gpu = BENCH_GPUS[hardware];
  const tensorParallel = rows[0].count("Num of Hardware");
  const { shape } = options;
  const capacity =
    shape === undefined || gpu === undefined
      ? null
      : kvCapacityByFormula({
          gpu: { count: tensorParallel, memoryBytes: GPUS[gpu].memoryBytes },
          model: {
            weightBytes: weightBytes(shape, PRECISIONS.bf16.bytes),
            kvBytesPerToken: kvBytesPerToken(shape, tensorParallel),
          },
        });
  const all = rows.map((row) => ({
    row,
    batch: row.count("Batch Size"),
    length: row.count("Input Output Length"),
    totalMs: 1e3 * row.positive("Latency"),
  }));
  // Nothing fits by the formula, and yet it was measured: the formula is of no use here.
  const runs = capacity ? all.filter(({ batch, length }) => 2 * batch * length <= capacity) : all;
  if (runs.length === 0) {
    throw new UserError(
      "CANOPY_IMPORT_POINTS",
      `${latencies.path}: every run needs more than the ${capacity} tokens of the KV cache: expected the shape of ${rows[0].text("Model")}`,
    );
  }
  const shortestStep = Math.min(...runs.map(({ length, totalMs }) => totalMs / length));
  const prefillMs = (tokens: number) => Math.max(shortestStep, perToken * tokens);
  const decode = runs.map(({ row, batch, length, totalMs }) => {
    if (length < 2) throw row.problem("Input Output Length", "expected two tokens or more");
    const milliseconds = (totalMs - prefillMs(batch * length)) / (length - 1);
    if (milliseconds > 0) return { batch, contextTokens: Math.round(1.5 * length), milliseconds };
    throw row.problem("Latency", "expected more than the prefill takes by the time to first token");
  });
  const leftOut = all.length - runs.length;
  return assemble(
    {
      source: { name: "argonne-lcf/LLM-Inference-Bench", licence: "BSD-3-Clause" },
      files: [...paths],
      model: rows[0].text("Model"),
      hardware: gpu ?? hardware,
      gpu: gpu === undefined ? undefined : GPUS[gpu],
      tensorParallel,
      precision: "bf16",
      engine: rows[0].text("Framework"),
      decode: decodeFromPoints(decode, "derived"),
      prefill: prefillFromPoints(
        runs.map(({ length }) => ({ tokens: length, milliseconds: prefillMs(length) })),
        "derived",
      ),
      power: powerOf(power?.rows.filter(same) ?? []),
      longestTokens: 2 * Math.max(...runs.map(({ length }) => length)),
      lacks: [
        "prefill times at more than one length (taken as proportional)",
        "power by phase (prefill takes the highest mean)",
        "the precision (16 bits are assumed)",
        ...(leftOut === 0 ? [] : [`${leftOut} runs whose sequences outgrow the KV cache, left out`]),
        ...(gpu === "a100-40gb" ? ["the memory of the A100 (40 GB follows from what did not fit)"] : []),
      ],
    },
    options,
  );
}

/** Pipelines have steps of another kind; files without the column have none. */
function tensorParallelOnly(latencies: SourceTable): readonly SourceRow[] {
  if (!latencies.has("Parallelism Type")) return latencies.rows;
  const rows = latencies.rows.filter((row) =>
    /^(tp|tensor parallelism)$/i.test(row.text("Parallelism Type")),
  );
  if (rows.length > 0) return rows;
  throw new UserError(
    "CANOPY_IMPORT_CHOICE",
    `${latencies.path}: no rows with Parallelism Type "Tensor Parallelism"`,
  );
}

interface Files {
  readonly latencies: SourceTable;
  readonly first: SourceTable;
  readonly power: SourceTable | undefined;
}

async function sortFiles(paths: readonly string[]): Promise<Files> {
  const tables: SourceTable[] = [];
  for (const path of paths) tables.push(await SourceTable.read(path, RUN));
  const first = tables.find((table) => table.has("TTFT Latency"));
  const power = tables.find((table) => table.has("avg_power"));
  const latencies = tables.find((table) => table !== first && table !== power) ?? power;
  if (latencies === undefined || first === undefined) {
    throw new UserError(
      "CANOPY_IMPORT_FILES",
      `${paths.join(", ")}: expected a file of latencies (column "Latency") and one of times to first token (column "TTFT Latency")`,
    );
  }
  for (const column of ["Input Output Length", "Latency"]) latencies.expectColumn(column);
  first.expectColumn("Input Length");
  return { latencies, first, power };
}

/** The column is in milliwatts of one GPU. */
function powerOf(rows: readonly SourceRow[]): ActivePower | string {
  if (rows.length === 0) return "no file with avg_power of this configuration was given";
  const byBatch = new Map(rows.map((row) => [row.count("Batch Size"), row.positive("avg_power") / 1e3]));
  return {
    prefillWatts: Math.max(...byBatch.values()),
    prefillProvenance: "modelled",
    decode: [...byBatch].map(([batch, watts]) => ({ batch, watts })).sort((a, b) => a.batch - b.batch),
  };
}
