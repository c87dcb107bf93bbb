import { UserError } from "../../errors.ts";
import { quantileOf } from "../../numeric/quantile.ts";
import { BATCHES, CONTEXTS } from "../derive/compose-profile.ts";
import { gpuClass } from "../derive/gpus.ts";
import { type Curve, lastOf, timeAt } from "../derive/lookup.ts";
import { headsPerGpu, type ModelShape } from "../derive/model-shape.ts";
import type { Profile } from "../schema.ts";
import { assemble, type ImportOptions } from "./assemble.ts";
import { decodeFromPoints, prefillFromPoints } from "./grid.ts";
import { SourceTable } from "./source-table.ts";

/** Operators of one layer in mlp.csv. */
const OPERATORS = [
  "input_layernorm",
  "attn_pre_proj",
  "attn_rope",
  "attn_post_proj",
  "post_attention_layernorm",
  "mlp_up_proj",
  "mlp_act",
  "mlp_down_proj",
  "add",
];
const SHAPE_COLUMNS = ["n_head", "n_kv_head", "n_embd", "n_expanded_embd", "vocab_size"];
const column = (operator: string) => `time_stats.${operator}.median`;
/** Shares of bandwidth and arithmetic that attention is taken to reach. */
const BANDWIDTH_SHARE = 0.8;
const ARITHMETIC_SHARE = 0.5;
const LAUNCH_MILLISECONDS = 3e-3;

/**
 * vidur's times of the operators of a layer (`mlp.csv`) and of all-reduces (`all_reduce.csv`, for several GPUs), summed
 * over the layers. Attention is in neither: its decode is the KV cache over the memory's bandwidth, its prefill
 * arithmetic over half of the peak, so both blocks are `modelled`.
 *
 * @throws UserError CANOPY_IMPORT_SHAPE without a model shape (or with another model's) or a GPU, CANOPY_IMPORT_FILES
 *   where the all-reduces are missing
 */
export async function importVidur(paths: readonly string[], options: ImportOptions): Promise<Profile> {
  const { shape, hardware, tensorParallel = 1 } = options;
  if (shape === undefined || hardware === undefined) {
    throw new UserError(
      "CANOPY_IMPORT_SHAPE",
      "vidur's operators are of one layer, without attention: give --model-shape FILE and --gpu, e.g. h100-80gb",
    );
  }
  const gpu = gpuClass(hardware);
  const tables: SourceTable[] = [];
  for (const path of paths) tables.push(await SourceTable.read(path, []));
  const operators = tables.find((table) => table.has(column("mlp_up_proj")));
  const reduces = tables.find((table) => table.has(column("all_reduce")));
  if (operators === undefined || (reduces === undefined && tensorParallel > 1)) {
    const missing =
      operators === undefined ? "an mlp.csv (operators of a layer)" : "an all_reduce.csv (several GPUs)";
    throw new UserError("CANOPY_IMPORT_FILES", `${paths.join(", ")}: expected ${missing}`);
  }
  expectShape(operators, shape);
  const layerRows = operatorCurve(operators, tensorParallel);
  const reduce =
    reduces === undefined || tensorParallel === 1 ? undefined : reduceCurve(reduces, tensorParallel);
  const layer = (rows: number, attention: number) => {
    const transfer = reduce === undefined ? 0 : timeAt(reduce, rows * shape.hidden * 2);
    return shape.layers * (timeAt(layerRows, rows) + attention + 2 * transfer);
  };
  const [heads, kvHeads] = headsPerGpu(shape, tensorParallel);
  const kvBytes = 2 * kvHeads * shape.headDim * 2;
  const readMs = (tokens: number) => (1e3 * tokens * kvBytes) / (BANDWIDTH_SHARE * gpu.bandwidth);
  const causalMs = (tokens: number) =>
    (1e3 * 2 * tokens ** 2 * heads * shape.headDim) / (ARITHMETIC_SHARE * gpu.flopsPerSecond);
  const largest = lastOf(layerRows.sizes);
  const prompts = [64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384].filter((tokens) => tokens <= largest);
  return assemble(
    {
      source: { name: "microsoft/vidur", licence: "MIT" },
      files: [...paths],
      model: shape.name,
      hardware: gpu.id,
      gpu,
      tensorParallel,
      precision: "bf16",
      engine: "sum of operators",
      decode: decodeFromPoints(
        BATCHES.flatMap((batch) =>
          CONTEXTS.map((context) => ({
            batch,
            contextTokens: context,
            milliseconds: layer(batch, LAUNCH_MILLISECONDS + readMs(batch * context)),
          })),
        ),
        "modelled",
      ),
      prefill: prefillFromPoints(
        prompts.map((tokens) => ({
          tokens,
          milliseconds: layer(tokens, LAUNCH_MILLISECONDS + causalMs(tokens)),
        })),
        "modelled",
      ),
      power: "the tables have no power",
      longestTokens: shape.maxTokens,
      lacks: [
        "attention (modelled: KV cache over 0.8 of the bandwidth, arithmetic over half of the peak)",
        "the head",
        "the engine's overhead",
      ],
    },
    options,
  );
}

/** The file is of the model whose shape was given. */
function expectShape(table: SourceTable, shape: ModelShape): void {
  for (const name of SHAPE_COLUMNS) table.expectColumn(name);
  const wanted = [shape.heads, shape.kvHeads, shape.hidden, shape.ffn, shape.vocab];
  const [row] = table.rows;
  SHAPE_COLUMNS.forEach((name, i) => {
    // vidur rounds the vocabulary up to a multiple of the degree; the head is not among the operators.
    if (name === "vocab_size" || row.count(name) === wanted[i]) return;
    throw new UserError(
      "CANOPY_IMPORT_SHAPE",
      `${table.path}, line ${row.line}, column "${name}": ${row.text(name)}, but the model shape says ${wanted[i]}`,
    );
  });
}

/** Milliseconds of a layer's operators by tokens, medians over repeated rows. */
function operatorCurve(table: SourceTable, tensorParallel: number): Curve {
  const needed = [...OPERATORS.map(column), "num_tokens", "num_tensor_parallel_workers"];
  for (const name of needed) table.expectColumn(name);
  const samples = new Map<number, number[]>();
  for (const row of table.rows) {
    if (row.count("num_tensor_parallel_workers") !== tensorParallel) continue;
    const total = OPERATORS.reduce((sum, operator) => sum + row.number(column(operator)), 0);
    add(samples, row.count("num_tokens"), total);
  }
  return curveOf(table, samples, `num_tensor_parallel_workers ${tensorParallel}`);
}

/** Milliseconds of an all-reduce by bytes. */
function reduceCurve(table: SourceTable, gpus: number): Curve {
  for (const name of ["num_workers", "devices_per_node", "size"]) table.expectColumn(name);
  const samples = new Map<number, number[]>();
  for (const row of table.rows) {
    // Rows with fewer devices per node crossed a network.
    if (row.count("num_workers") !== gpus || row.count("devices_per_node") !== gpus) continue;
    add(samples, row.count("size"), row.number(column("all_reduce")));
  }
  return curveOf(table, samples, `num_workers and devices_per_node ${gpus}`);
}

function add(samples: Map<number, number[]>, key: number, value: number): void {
  const same = samples.get(key);
  if (same === undefined) samples.set(key, [value]);
  else same.push(value);
}

function curveOf(table: SourceTable, samples: ReadonlyMap<number, number[]>, what: string): Curve {
  if (samples.size === 0) {
    throw new UserError("CANOPY_IMPORT_CHOICE", `${table.path}: no rows with ${what}`);
  }
  return {
    sizes: [...samples.keys()].sort((a, b) => a - b),
    times: new Map([...samples].map(([size, times]) => [size, quantileOf(times, 0.5)])),
  };
}
