/**
 * Speed of the dense kernels: `npm run bench:dense [-- --format json]`.
 *
 * The addon at each instruction set of this CPU, the TypeScript twin, and Eigen where its headers and g++ are
 * found, on one thread. Rounds of all contenders take turns and the best time of each counts, so that a busy
 * machine slows all alike: compare the ratios.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Dense } from "../../src/learning/dense/dense.ts";
import { nativeDense } from "../../src/learning/dense/native-dense.ts";
import { typescriptDense } from "../../src/learning/dense/typescript-dense.ts";
import { Stream } from "../../src/numeric/random.ts";
import { sacUpdate, UPDATE } from "./sac-update.ts";

/** m, n, k of c [m, n] = a [m, k] b [k, n]. */
const PRODUCTS = [
  [256, 256, 256],
  [256, 128, 128],
  [256, 32, 128],
] as const;
const ROUNDS = 5;
/** Milliseconds for one contender's work in one round. */
const SLICE = 150;
/** Processor time of one sample, at least. */
const SAMPLE_SECONDS = 2e-3;

/** One contender: best seconds of each product, then of one update (null for Eigen). */
interface BenchRow {
  readonly contender: string;
  readonly productSeconds: number[];
  updateSeconds: number | null;
}

const { values } = parseArgs({ options: { format: { type: "string", default: "table" } } });
const loadBefore = loadavg()[0];
const rows = measure();
const conditions = {
  node: process.version,
  cpu: cpus()[0]?.model ?? "unknown",
  cores: cpus().length,
  loadAverageBefore: loadBefore,
  loadAverageAfter: loadavg()[0],
  rounds: ROUNDS,
  update: UPDATE,
};
if (values.format === "json") {
  const products = PRODUCTS.map(([m, n, k], i) => ({
    m,
    n,
    k,
    gflops: Object.fromEntries(rows.map((row) => [row.contender, gflops(row, i)])),
  }));
  const updateMs = Object.fromEntries(
    rows.flatMap(({ contender, updateSeconds }) =>
      updateSeconds === null ? [] : [[contender, 1e3 * updateSeconds]],
    ),
  );
  process.stdout.write(`${JSON.stringify({ products, updateMs, conditions })}\n`);
} else {
  printTable();
}

function measure(): BenchRow[] {
  const native = nativeDense();
  if (native.state !== "loaded") {
    process.stderr.write(`without the addon: ${native.reason}; ${native.remedy}\n`);
  }
  const backends = [
    typescriptDense(),
    ...(native.state === "loaded" ? native.isas.map((isa) => native.make(isa)) : []),
  ].map((dense) => ({
    row: emptyRow(dense.backend === "native" ? `native ${dense.isa}` : dense.backend),
    products: PRODUCTS.map((product) => productOf(dense, product)),
    update: sacUpdate(dense),
  }));
  const folder = mkdtempSync(join(tmpdir(), "canopy-bench-"));
  try {
    const eigen = (native.state === "loaded" ? native.isas : []).flatMap((isa) => {
      const program = buildEigen(folder, isa);
      return program === undefined ? [] : [{ row: emptyRow(`Eigen ${isa}`), program }];
    });
    for (let round = 0; round < ROUNDS; round++) {
      for (const { row, products, update } of backends) {
        products.forEach((product, i) => {
          row.productSeconds[i] = Math.min(row.productSeconds[i], bestOf(product));
        });
        row.updateSeconds = Math.min(row.updateSeconds ?? Number.POSITIVE_INFINITY, bestOf(update));
      }
      for (const { row, program } of eigen) {
        const output = execFileSync(program, PRODUCTS.flat().map(String), { encoding: "utf8" });
        output
          .trim()
          .split("\n")
          .forEach((line, i) => {
            row.productSeconds[i] = Math.min(row.productSeconds[i], Number(line));
          });
      }
    }
    return [...backends, ...eigen].map(({ row }) => row);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function emptyRow(contender: string): BenchRow {
  return { contender, productSeconds: PRODUCTS.map(() => Number.POSITIVE_INFINITY), updateSeconds: null };
}

function productOf(dense: Dense, [m, n, k]: readonly [number, number, number]): () => void {
  const random = new Stream(2, "bench");
  const a = Float32Array.from({ length: m * k }, () => random.uniform() - 0.5);
  const b = Float32Array.from({ length: k * n }, () => random.uniform() - 0.5);
  const c = new Float32Array(m * n);
  return () => dense.gemm(false, false, m, n, k, 1, a, b, 0, c);
}

/**
 * Best seconds of one call within a slice, in processor time: on a busy machine a long call never has the processor to
 * itself, and by the clock on the wall it would look slower than a short one. A sample is several calls, as the
 * system counts in microseconds.
 */
function bestOf(work: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  let calls = 1;
  const until = performance.now() + SLICE;
  for (let samples = 0; samples < 3 || performance.now() < until; samples++) {
    const start = process.cpuUsage();
    for (let call = 0; call < calls; call++) work();
    const { user, system } = process.cpuUsage(start);
    const seconds = ((user + system) * 1e-6) / calls;
    if (samples > 0) best = Math.min(best, seconds);
    if (seconds * calls < SAMPLE_SECONDS) calls = Math.ceil(SAMPLE_SECONDS / Math.max(seconds, 1e-6));
  }
  return best;
}

/** The program that measures Eigen, or undefined without its headers or a compiler. */
function buildEigen(folder: string, isa: string): string | undefined {
  const headers = ["/usr/include/eigen3", "/usr/local/include/eigen3"].find((path) => existsSync(path));
  if (headers === undefined) return undefined;
  const flags: Record<string, string[]> = {
    baseline: [],
    avx2: ["-march=x86-64-v3"],
    avx512: ["-march=x86-64-v4", "-mprefer-vector-width=512"],
  };
  const program = join(folder, `eigen-${isa}`);
  const source = fileURLToPath(new URL("./dense-eigen.cc", import.meta.url));
  try {
    execFileSync(
      "g++",
      ["-std=c++20", "-O3", "-DNDEBUG", ...flags[isa], "-I", headers, source, "-o", program],
      {
        stdio: "ignore",
      },
    );
  } catch {
    return undefined;
  }
  return program;
}

function gflops(row: BenchRow, product: number): number {
  const [m, n, k] = PRODUCTS[product];
  return (2e-9 * m * n * k) / row.productSeconds[product];
}

function printTable(): void {
  const [twin] = rows;
  const header = [
    "contender",
    ...PRODUCTS.map((product) => `${product.join("x")} GFLOP/s`),
    "x twin",
    "update ms",
    "x twin",
  ];
  const lines = rows.map((row) => [
    row.contender,
    ...PRODUCTS.map((_, i) => gflops(row, i).toFixed(1)),
    (gflops(row, 0) / gflops(twin, 0)).toFixed(1),
    row.updateSeconds === null ? "" : (1e3 * row.updateSeconds).toFixed(2),
    row.updateSeconds === null ? "" : ((twin.updateSeconds ?? 0) / row.updateSeconds).toFixed(1),
  ]);
  const widths = header.map((text, i) => Math.max(text.length, ...lines.map((line) => line[i].length)));
  for (const line of [header, ...lines]) {
    const cells = line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])));
    process.stdout.write(`${cells.join("  ").trimEnd()}\n`);
  }
  process.stdout.write(
    `\n${conditions.cpu}, ${conditions.cores} cores, one thread, Node ${conditions.node}, load average ${conditions.loadAverageBefore.toFixed(2)} before and ${conditions.loadAverageAfter.toFixed(2)} after; best processor time of ${ROUNDS} rounds in turn\nproducts m x n x k; update: ${UPDATE}\n`,
  );
}
