import { UserError } from "../../errors.ts";
import type { SourceTable } from "../import/source-table.ts";
import { bracket, type Curve, lastOf, monotoneCurve } from "./lookup.ts";

/** How a kernel's time was had from a table. */
export interface KernelStatus {
  readonly status: "measured" | "interpolated" | "scaled";
  readonly how: string;
}

/** From this many rows on, a product may be run as several calls of fewer rows. */
const SPLIT_ROWS = 256;

/** Milliseconds of products y [m, n] = x [m, k] W [k, n] of one data type, by shape and rows. */
export class GemmTable {
  readonly #curves: ReadonlyMap<number, ReadonlyMap<number, Curve>>;
  readonly #n: readonly number[];
  readonly #k: readonly number[];
  readonly #what: string;

  /** @param curves by n, then k */
  private constructor(curves: ReadonlyMap<number, ReadonlyMap<number, Curve>>, what: string) {
    this.#curves = curves;
    this.#n = [...curves.keys()].sort((a, b) => a - b);
    this.#k = [...new Set([...curves.values()].flatMap((byK) => [...byK.keys()]))].sort((a, b) => a - b);
    this.#what = what;
  }

  /** Columns that the file has to have. */
  static readonly columns = ["gemm_dtype", "m", "n", "k", "latency_ms"] as const;

  /** @throws UserError CANOPY_DERIVE_TABLES where the files have no row of that type */
  static of(tables: readonly SourceTable[], type: string): GemmTable {
    const measured = new Map<number, Map<number, Map<number, number>>>();
    for (const { rows } of tables) {
      for (const row of rows) {
        if (row.text("gemm_dtype") !== type) continue;
        const n = row.count("n");
        const k = row.count("k");
        const byK = measured.get(n) ?? measured.set(n, new Map()).get(n)!;
        const byM = byK.get(k) ?? byK.set(k, new Map()).get(k)!;
        byM.set(row.count("m"), row.positive("latency_ms"));
      }
    }
    const what = `${tables.map(({ path }) => path).join(", ")}, ${type}`;
    if (measured.size === 0) {
      const types = [...new Set(tables.flatMap(({ rows }) => rows.map((row) => row.text("gemm_dtype"))))];
      throw new UserError(
        "CANOPY_DERIVE_TABLES",
        `${what}: no row of that gemm_dtype; the files have ${types.join(", ")}`,
      );
    }
    const curves = new Map(
      [...measured].map(([n, byK]) => [
        n,
        new Map([...byK].map(([k, byM]) => [k, monotoneCurve(splitWhereFaster(byM))])),
      ]),
    );
    return new GemmTable(curves, what);
  }

  /** Bilinear in (n, k) at the same rows, linear in rows; in proportion beyond the largest of each. */
  milliseconds(m: number, n: number, k: number): number {
    const [widest, deepest] = [lastOf(this.#n), lastOf(this.#k)];
    const scale = Math.max(1, n / widest) * Math.max(1, k / deepest);
    const [n0, n1, nWeight] = bracket(this.#n, n);
    const [k0, k1, kWeight] = bracket(this.#k, k);
    let total = 0;
    for (const [atN, byN] of [
      [n0, 1 - nWeight],
      [n1, nWeight],
    ]) {
      for (const [atK, byK] of [
        [k0, 1 - kWeight],
        [k1, kWeight],
      ]) {
        if (byN * byK === 0) continue;
        const { sizes, times } = this.#curve(atN, atK);
        const [low, high, weight] = bracket(sizes, m);
        const time = (times.get(low) as number) * (1 - weight) + (times.get(high) as number) * weight;
        total += byN * byK * time * Math.max(1, m / lastOf(sizes));
      }
    }
    return total * scale;
  }

  /** Rows beyond this are scaled in proportion. */
  get largestRows(): number {
    return Math.max(
      ...[...this.#curves.values()].flatMap((byK) => [...byK.values()].map((c) => lastOf(c.sizes))),
    );
  }

  status(n: number, k: number): KernelStatus {
    const [widest, deepest] = [lastOf(this.#n), lastOf(this.#k)];
    if (n > widest) return { status: "scaled", how: `n x ${n}/${widest}` };
    if (k > deepest) return { status: "scaled", how: `k x ${k}/${deepest}` };
    const between = [["n", this.#n, n] as const, ["k", this.#k, k] as const].flatMap(
      ([name, sizes, size]) => {
        if (sizes.includes(size)) return [];
        const [low, high] = bracket(sizes, size);
        return [`${name}=${low} and ${high}`];
      },
    );
    if (between.length === 0) return { status: "measured", how: "" };
    return { status: "interpolated", how: `between ${between.join(", ")}` };
  }

  /** A shape that was not measured stands for its transpose, which moves the same bytes. */
  #curve(n: number, k: number): Curve {
    const curve = this.#curves.get(n)?.get(k) ?? this.#curves.get(k)?.get(n);
    if (curve !== undefined) return curve;
    throw new UserError(
      "CANOPY_DERIVE_TABLES",
      `${this.#what}: no rows for n=${n}, k=${k} nor for its transpose`,
    );
  }
}

/** m rows can be run as several calls of fewer; a slower entry is an outlier. */
function splitWhereFaster(measured: ReadonlyMap<number, number>): Map<number, number> {
  const times = new Map(measured);
  const sizes = [...times.keys()].sort((a, b) => a - b);
  for (const m of sizes) {
    for (const part of sizes) {
      if (part < SPLIT_ROWS || part >= m) continue;
      const calls = Math.ceil(m / part) * (times.get(part) as number);
      times.set(m, Math.min(times.get(m) as number, calls));
    }
  }
  return times;
}
