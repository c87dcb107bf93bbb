import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { GPUS, gpuClass } from "../../../src/profile/derive/gpus.ts";
import { KernelSum } from "../../../src/profile/derive/kernel-sum.ts";
import { type KernelTables, readKernelTables } from "../../../src/profile/derive/kernel-tables.ts";
import {
  gemmShapes,
  kvBytesPerToken,
  type ModelShape,
  readModelShape,
} from "../../../src/profile/derive/model-shape.ts";

const folder = mkdtempSync(join(tmpdir(), "canopy-tables-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, lines: readonly string[]): string {
  const path = join(folder, name);
  writeFileSync(path, `${lines.join("\n")}\n`);
  return path;
}

/** Products cost n x k x 1e-6 ms whatever the rows, with an outlier; attention 1e-5 ms per token and sequence. */
async function tables(): Promise<KernelTables> {
  const sizes = [64, 256, 1024];
  const products = sizes.flatMap((n) =>
    sizes.flatMap((k) => [1, 256, 1024].map((m) => `bfloat16,${m},${n},${k},${n * k * 1e-6}`)),
  );
  const attention = (batches: number[], tokens: number[], step: number) =>
    [2, 4].flatMap((heads) =>
      batches.flatMap((batch) =>
        tokens.map(
          (each) => `${batch},${each},${step},${heads},2,16,bfloat16,${each * batch * heads * 1e-5}`,
        ),
      ),
    );
  const columns = "batch_size,isl,step,num_heads,num_key_value_heads,head_dim,kv_cache_dtype,latency_ms";
  return readKernelTables([
    file("gemm.csv", ["gemm_dtype,m,n,k,latency_ms", ...products, "bfloat16,128,64,64,5"]),
    file("generation.csv", [columns, ...attention([1, 128], [1023, 4095], 1)]),
    file("context.csv", [columns, ...attention([1], [64, 4096], 0)]),
    file("reduce.csv", [
      "num_gpus,message_size,backend,latency_ms",
      "2,1,vllm_graph,0.01",
      "2,1,vllm_eager,9",
    ]),
  ]);
}

const SHAPE: ModelShape = {
  name: "tiny",
  layers: 3,
  hidden: 64,
  heads: 4,
  kvHeads: 2,
  headDim: 16,
  ffn: 128,
  vocab: 1024,
  maxTokens: 4096,
};

describe("tables of kernels", () => {
  test("products: outliers go, shapes between are linear, beyond in proportion", async () => {
    const gemm = (await tables()).gemm("bf16");
    expect(gemm.milliseconds(128, 64, 64)).toBeCloseTo(64 * 64 * 1e-6, 9);
    expect(gemm.milliseconds(1, 160, 64)).toBeCloseTo(160 * 64 * 1e-6, 9);
    expect(gemm.milliseconds(1, 2048, 64)).toBeCloseTo(2048 * 64 * 1e-6, 9);
    expect(gemm.milliseconds(2048, 64, 64)).toBeCloseTo(2 * 64 * 64 * 1e-6, 9);
    expect(gemm.status(64, 64)).toEqual({ status: "measured", how: "" });
    expect(gemm.status(160, 64)).toEqual({ status: "interpolated", how: "between n=64 and 256" });
    expect(gemm.status(2048, 64)).toEqual({ status: "scaled", how: "n x 2048/1024" });
  });

  test("attention: heads between neighbours, contexts beyond by the last slope", async () => {
    const attention = (await tables()).generation(16);
    expect(attention.milliseconds(4, 2, 1, 1024)).toBeCloseTo(1023 * 4e-5, 9);
    expect(attention.milliseconds(3, 2, 1, 4096)).toBeCloseTo(4095 * 3e-5, 9);
    expect(attention.milliseconds(4, 2, 128, 8192)).toBeCloseTo((4095 + 4096) * 128 * 4e-5, 6);
    expect([attention.reaches(4, 2, 1, 4096), attention.reaches(4, 2, 1, 4097)]).toEqual([true, false]);
    expect(attention.status(3, 2)).toEqual({ status: "interpolated", how: "between 2/2 and 4/2" });
    expect(() => attention.milliseconds(4, 1, 1, 64)).toThrow(/4 query heads with 1 key\/value heads/);
    expect(() => attention.milliseconds(8, 2, 1, 64)).toThrow(/8 query heads/);
  });

  test("what is not there is named", async () => {
    const read = await tables();
    expect(() => read.gemm("fp8")).toThrow(/fp8: no row of that gemm_dtype; the files have bfloat16/);
    expect(() => read.generation(128)).toThrow(/no bfloat16 rows of head_dim 128/);
    expect(() => read.allReduce.milliseconds(4, 1)).toThrow(/no all-reduce over 4 GPUs; measured: 2/);
  });

  test("a step is layers x (products + attention + element-wise) + head", async () => {
    const deployment = {
      gpu: gpuClass("h100-80gb"),
      shape: SHAPE,
      tensorParallel: 1,
      precision: "bf16" as const,
    };
    const sum = new KernelSum(await tables(), deployment);
    const products = (128 * 64 + 64 * 64 + 256 * 64 + 64 * 128) * 1e-6;
    const bytes = 8 * 64 + 8 * 64 + 4 * 6 * 16 + 8 * 2 * 16 + 6 * 128;
    const elementwise = 5 * 3e-3 + (1e3 * bytes) / (0.8 * 3350e9);
    const expected = 3 * (products + 1023 * 4e-5 + elementwise) + 1024 * 64 * 1e-6;
    expect(sum.decode(1, 1024)).toBeCloseTo(expected, 4);
  });

  test("a board with less bandwidth takes longer, by the ratio at most", async () => {
    const read = await tables();
    const step = (id: string) =>
      new KernelSum(read, {
        gpu: gpuClass(id),
        shape: SHAPE,
        tensorParallel: 1,
        precision: "bf16",
      }).decode(1, 4096);
    const ratio = step("a100-40gb") / step("a100-80gb");
    expect(ratio).toBeGreaterThan(1.05);
    expect(ratio).toBeLessThanOrEqual(GPUS["a100-80gb"].bandwidth / GPUS["a100-40gb"].bandwidth);
  });

  test("degrees that do not divide the model are refused", async () => {
    const read = await tables();
    const deployment = {
      gpu: gpuClass("h100-80gb"),
      shape: SHAPE,
      tensorParallel: 3,
      precision: "bf16" as const,
    };
    expect(() => new KernelSum(read, deployment)).toThrow(/degree of 3 does not divide 4 heads/);
    expect(() => gpuClass("h100")).toThrow(/no GPU "h100"/);
  });
});

describe("a model's shape", () => {
  test("more GPUs than key/value heads hold them several times", () => {
    expect(kvBytesPerToken(SHAPE, 1)).toBe(2 * 3 * 2 * 16 * 2);
    expect(kvBytesPerToken(SHAPE, 2)).toBe(kvBytesPerToken(SHAPE, 1));
    expect(kvBytesPerToken(SHAPE, 4)).toBe(2 * kvBytesPerToken(SHAPE, 1));
    const qkv = (tensorParallel: number) => gemmShapes(SHAPE, tensorParallel).layer[0].n;
    expect([qkv(1), qkv(2), qkv(4)]).toEqual([8 * 16, 4 * 16, 3 * 16]);
  });

  test("from YAML", async () => {
    const lines = Object.entries(SHAPE).map(([key, value]) => `${key}: ${value}`);
    expect(await readModelShape(file("shape.yaml", lines))).toEqual(SHAPE);
  });

  test.each([
    ["a field too few", ["name: x", "layers: 2"], /hidden: .*expected the fields name, layers/],
    ["a field too many", [...Object.entries(SHAPE).map(([k, v]) => `${k}: ${v}`), "experts: 8"], /experts/],
    ["no YAML", ["{ name: ["], /not valid YAML or JSON/],
  ])("%s is refused", async (_, lines, message) => {
    await expect(readModelShape(file("bad.yaml", lines))).rejects.toThrow(
      expect.objectContaining({ code: "CANOPY_DERIVE_SHAPE", message: expect.stringMatching(message) }),
    );
  });
});
