import { UserError } from "../../errors.ts";
import type { SourceTable } from "../import/source-table.ts";
import { type Curve, monotoneCurve, timeAt } from "./lookup.ts";

/** Milliseconds of an all-reduce inside a CUDA graph, by GPUs and elements of bf16. */
export class AllReduceTable {
  readonly #byGpus: ReadonlyMap<number, Curve>;
  readonly #what: string;

  private constructor(byGpus: ReadonlyMap<number, Curve>, what: string) {
    this.#byGpus = byGpus;
    this.#what = what;
  }

  static readonly columns = ["num_gpus", "message_size", "backend", "latency_ms"] as const;

  static of(files: readonly SourceTable[]): AllReduceTable {
    const measured = new Map<number, Map<number, number>>();
    for (const { rows } of files) {
      for (const row of rows) {
        if (row.text("backend") !== "vllm_graph") continue;
        const gpus = row.count("num_gpus");
        const bySize = measured.get(gpus) ?? measured.set(gpus, new Map()).get(gpus)!;
        bySize.set(row.count("message_size"), row.positive("latency_ms"));
      }
    }
    const curves = [...measured].map(([gpus, bySize]) => [gpus, monotoneCurve(bySize)] as const);
    return new AllReduceTable(new Map(curves), files.map(({ path }) => path).join(", "));
  }

  milliseconds(gpus: number, elements: number): number {
    if (gpus === 1) return 0;
    const curve = this.#byGpus.get(gpus);
    if (curve !== undefined) return timeAt(curve, elements);
    throw new UserError(
      "CANOPY_DERIVE_TABLES",
      `${this.#what}: no all-reduce over ${gpus} GPUs; measured: ${[...this.#byGpus.keys()].join(", ")}`,
    );
  }
}
