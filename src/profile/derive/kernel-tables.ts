import { existsSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../errors.ts";
import { SourceTable } from "../import/source-table.ts";
import { AllReduceTable } from "./all-reduce-table.ts";
import { AttentionTable } from "./attention-table.ts";
import { GemmTable } from "./gemm-table.ts";

/** Bits of the weights: bf16, fp8, or integers for the weights alone. */
export type Precision = "bf16" | "fp8" | "int8wo" | "int4wo";

/** Bytes of a weight with its group scales, and the name of the type in the tables. */
export const PRECISIONS: Readonly<Record<Precision, { readonly bytes: number; readonly type: string }>> = {
  bf16: { bytes: 2, type: "bfloat16" },
  fp8: { bytes: 1, type: "fp8" },
  int8wo: { bytes: 1, type: "int8_wo" },
  // One scale of 16 bits for each 128 weights, and zero points.
  int4wo: { bytes: 0.53125, type: "int4_wo" },
};

/** The measured kernels of one GPU. */
export class KernelTables {
  readonly attentionFiles: {
    readonly generation: readonly SourceTable[];
    readonly context: readonly SourceTable[];
  };
  readonly allReduce: AllReduceTable;
  /** Files that were read. */
  readonly paths: readonly string[];
  readonly #gemmFiles: readonly SourceTable[];
  readonly #gemm = new Map<Precision, GemmTable>();
  readonly #generation = new Map<number, AttentionTable>();
  readonly #context = new Map<number, AttentionTable>();

  constructor(files: KernelFiles) {
    this.#gemmFiles = files.gemm;
    this.attentionFiles = { generation: files.generation, context: files.context };
    this.allReduce = AllReduceTable.of(files.allReduce);
    this.paths = Object.values(files)
      .flat()
      .map(({ path }) => path);
  }

  /** @throws UserError CANOPY_DERIVE_TABLES where no file has that precision */
  gemm(precision: Precision): GemmTable {
    return cached(this.#gemm, precision, () => GemmTable.of(this.#gemmFiles, PRECISIONS[precision].type));
  }

  /** Decode: one token of each sequence, tokens = context. */
  generation(headDim: number): AttentionTable {
    return cached(this.#generation, headDim, () =>
      AttentionTable.of(this.attentionFiles.generation, headDim),
    );
  }

  /** Prefill: tokens = prompt. */
  context(headDim: number): AttentionTable {
    return cached(this.#context, headDim, () => AttentionTable.of(this.attentionFiles.context, headDim));
  }
}

interface KernelFiles {
  readonly gemm: readonly SourceTable[];
  readonly generation: readonly SourceTable[];
  readonly context: readonly SourceTable[];
  readonly allReduce: readonly SourceTable[];
}

/**
 * Sorts aiconfigurator's tables, as CSV, by their columns: products have m, n, k; attention has heads (decode where
 * every `step` is above 0); all-reduces have num_gpus. The file names do not matter.
 *
 * @throws UserError CANOPY_DERIVE_TABLES for a file that is none of them, or a kind that is missing
 */
export async function readKernelTables(paths: readonly string[]): Promise<KernelTables> {
  const files: Record<keyof KernelFiles, SourceTable[]> = {
    gemm: [],
    generation: [],
    context: [],
    allReduce: [],
  };
  for (const path of paths) {
    const table = await SourceTable.read(path, ["latency_ms"]);
    files[kindOf(table)].push(table);
  }
  for (const [kind, tables] of Object.entries(files)) {
    if (tables.length > 0) continue;
    throw new UserError("CANOPY_DERIVE_TABLES", `no table of kind ${kind} among ${paths.join(", ")}`);
  }
  return new KernelTables(files);
}

function kindOf(table: SourceTable): keyof KernelFiles {
  const complete = (columns: readonly string[]) => {
    for (const column of columns) table.expectColumn(column);
  };
  if (table.has("gemm_dtype")) {
    complete(GemmTable.columns);
    return "gemm";
  }
  if (table.has("num_heads")) {
    complete(AttentionTable.columns);
    return table.rows.every((row) => row.number("step") > 0) ? "generation" : "context";
  }
  if (table.has("num_gpus")) {
    complete(AllReduceTable.columns);
    return "allReduce";
  }
  throw new UserError(
    "CANOPY_DERIVE_TABLES",
    `${table.path}, line 1: neither a table of products (gemm_dtype), of attention (num_heads) nor of all-reduces (num_gpus)`,
  );
}

/** A file of the folder, which has to be there. */
export function tableFile(folder: string, ...parts: string[]): string {
  const path = join(folder, ...parts);
  if (existsSync(path)) return path;
  throw new UserError(
    "CANOPY_DERIVE_TABLES",
    `${path} is not there: \`canopy data list\` names the tables, \`canopy data get ID\` says where one is had`,
  );
}

function cached<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}
