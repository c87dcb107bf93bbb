import { UserError } from "../../errors.ts";
import type { SourceTable } from "../import/source-table.ts";
import type { KernelStatus } from "./gemm-table.ts";
import { bracket, type Curve, lastOf, monotoneCurve, timeAt } from "./lookup.ts";

/** Batches above this have shorter tables: contexts continue with the slope of this one. */
const SLOPE_BATCH = 128;
/** Up to this context and SLOPE_BATCH, times beyond a table grow in proportion to the context. */
const PROPORTIONAL_TOKENS = 2048;

/** Times of one layer's attention on one GPU, by heads, batch and tokens. */
export class AttentionTable {
  /** By query heads, key/value heads, batch. */
  readonly #tables: ReadonlyMap<number, ReadonlyMap<number, ReadonlyMap<number, Curve>>>;
  readonly #what: string;

  private constructor(
    tables: ReadonlyMap<number, ReadonlyMap<number, ReadonlyMap<number, Curve>>>,
    what: string,
  ) {
    this.#tables = tables;
    this.#what = what;
  }

  static readonly columns = [
    "batch_size",
    "isl",
    "step",
    "num_heads",
    "num_key_value_heads",
    "head_dim",
    "kv_cache_dtype",
    "latency_ms",
  ] as const;

  /**
   * The rows with a bf16 cache and that head size.
   *
   * @throws UserError CANOPY_DERIVE_TABLES where there are none
   */
  static of(files: readonly SourceTable[], headDim: number): AttentionTable {
    const measured = new Map<number, Map<number, Map<number, Map<number, number>>>>();
    for (const { rows } of files) {
      for (const row of rows) {
        if (row.text("kv_cache_dtype") !== "bfloat16" || row.count("head_dim") !== headDim) continue;
        const byHeads = inner(measured, row.count("num_heads"));
        const byKv = inner(byHeads, row.count("num_key_value_heads"));
        const byBatch = inner(byKv, row.count("batch_size"));
        byBatch.set(row.count("isl") + row.number("step"), row.positive("latency_ms"));
      }
    }
    const what = files.map(({ path }) => path).join(", ");
    if (measured.size === 0) {
      throw new UserError("CANOPY_DERIVE_TABLES", `${what}: no bfloat16 rows of head_dim ${headDim}`);
    }
    const tables = mapValues(measured, (byKv) =>
      mapValues(byKv, (byBatch) => mapValues(byBatch, monotoneCurve)),
    );
    return new AttentionTable(tables, what);
  }

  milliseconds(heads: number, kvHeads: number, batch: number, tokens: number): number {
    let total = 0;
    for (const [measuredHeads, share] of this.#neighbours(heads, kvHeads)) {
      const byBatch = this.#table(measuredHeads, kvHeads);
      const [low, high, weight] = bracket(sorted(byBatch), batch);
      const time =
        contextTime(byBatch, low, tokens) * (1 - weight) + contextTime(byBatch, high, tokens) * weight;
      total += share * time;
    }
    return total;
  }

  /** Whether batch and tokens lie inside what was measured. */
  reaches(heads: number, kvHeads: number, batch: number, tokens: number): boolean {
    return this.#neighbours(heads, kvHeads).every(([measuredHeads]) => {
      const byBatch = this.#table(measuredHeads, kvHeads);
      const batches = sorted(byBatch);
      const [low, high] = bracket(batches, batch);
      return (
        batch <= lastOf(batches) &&
        [low, high].every((each) => lastOf((byBatch.get(each) as Curve).sizes) >= tokens)
      );
    });
  }

  status(heads: number, kvHeads: number): KernelStatus {
    const pairs = this.#neighbours(heads, kvHeads);
    if (pairs.length === 1) return { status: "measured", how: "" };
    return {
      status: "interpolated",
      how: `between ${pairs.map(([each]) => `${each}/${kvHeads}`).join(" and ")}`,
    };
  }

  /** The measured counts of query heads that a time comes from, with their shares. */
  #neighbours(heads: number, kvHeads: number): [heads: number, share: number][] {
    if (this.#tables.get(heads)?.has(kvHeads)) return [[heads, 1]];
    const measured = [...this.#tables]
      .filter(([, byKv]) => byKv.has(kvHeads))
      .map(([each]) => each)
      .sort((a, b) => a - b);
    if (measured.length === 0 || heads < measured[0] || heads > lastOf(measured)) {
      const have = [...this.#tables].flatMap(([h, byKv]) => [...byKv.keys()].map((kv) => `${h}/${kv}`));
      throw new UserError(
        "CANOPY_DERIVE_TABLES",
        `${this.#what}: nothing at or on both sides of ${heads} query heads with ${kvHeads} key/value heads per GPU; measured: ${have.join(", ")}`,
      );
    }
    const [low, high, weight] = bracket(measured, heads);
    return [
      [low, 1 - weight],
      [high, weight],
    ];
  }

  #table(heads: number, kvHeads: number): ReadonlyMap<number, Curve> {
    return this.#tables.get(heads)?.get(kvHeads) as ReadonlyMap<number, Curve>;
  }
}

function contextTime(byBatch: ReadonlyMap<number, Curve>, batch: number, tokens: number): number {
  const curve = byBatch.get(batch) as Curve;
  const within = timeAt(curve, tokens);
  const last = lastOf(curve.sizes);
  if (tokens <= last) return within;
  if (batch <= SLOPE_BATCH && tokens <= PROPORTIONAL_TOKENS) return (within * tokens) / last;
  return within + (tokens - last) * batch * slope(byBatch, batch);
}

/** Milliseconds per token of context and sequence in the last measured segment. */
function slope(byBatch: ReadonlyMap<number, Curve>, batch: number): number {
  const reference = Math.min(batch, SLOPE_BATCH);
  const { sizes, times } = byBatch.get(reference) ?? (byBatch.get(batch) as Curve);
  const [before, last] = sizes.slice(-2);
  if (last === undefined) return 0;
  return ((times.get(last) as number) - (times.get(before) as number)) / (last - before) / reference;
}

function sorted(map: ReadonlyMap<number, unknown>): number[] {
  return [...map.keys()].sort((a, b) => a - b);
}

function inner<V>(outer: Map<number, Map<number, V>>, key: number): Map<number, V> {
  const found = outer.get(key);
  if (found !== undefined) return found;
  const made = new Map<number, V>();
  outer.set(key, made);
  return made;
}

function mapValues<A, B>(map: ReadonlyMap<number, A>, change: (value: A) => B): Map<number, B> {
  return new Map([...map].map(([key, value]) => [key, change(value)]));
}
