import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { importProfile } from "../../../src/profile/import/import-profile.ts";
import { parseProfile } from "../../../src/profile/load.ts";

const folder = mkdtempSync(join(tmpdir(), "canopy-import-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, lines: readonly string[]): string {
  const path = join(folder, name);
  writeFileSync(path, `${lines.join("\n")}\n`);
  return path;
}

const SHAPE = {
  name: "tiny",
  layers: 2,
  hidden: 64,
  heads: 4,
  kvHeads: 2,
  headDim: 16,
  ffn: 128,
  vocab: 1000,
  maxTokens: 2048,
};

describe("splitwise-sim", () => {
  const header =
    "model,hardware,prompt_size,batch_size,token_size,peak_power,average_power,prompt_time,token_time,e2e_time,tensor_parallel";
  const rows = [
    "m,a100-80gb,100,1,128,1.2,0.5,10,5,0,2",
    "m,a100-80gb,100,1,128,1.2,0.7,20,7,0,2",
    "m,a100-80gb,100,1,128,1.2,0.6,90,6,0,2",
    "m,a100-80gb,400,1,128,0,0,40,9,0,2",
    "m,a100-80gb,100,4,128,0.9,0.8,30,5.5,0,2",
  ];

  test("medians, cells between and beyond the readings, and the isotonic fit", async () => {
    const path = file("splitwise.csv", [header, ...rows]);
    const profile = await importProfile("splitwise-sim", [path], { idleWatts: 80 });
    parseProfile(profile, path);
    // Contexts: prompt + half of 128. Batch 4 at 464 was not run, and its 5.5 ms is below batch 1's 6: they meet.
    expect(profile.decode).toEqual({
      provenance: "derived",
      batch: [1, 4],
      contextTokens: [164, 464],
      iterationMs: [
        [5.75, 9],
        [5.75, 9],
      ],
      extrapolated: [
        [false, false],
        [false, true],
      ],
    });
    expect(profile.prefill).toMatchObject({ promptTokens: [100, 400], latencyMs: [20, 40] });
    expect(profile.power).toMatchObject({
      provenance: "modelled",
      idleLoadedWattsPerGpu: 80,
      prefillWattsPerGpu: 400,
      decode: [
        { batch: 1, wattsPerGpu: 240, provenance: "published" },
        { batch: 4, wattsPerGpu: 320, provenance: "published" },
      ],
    });
    expect(profile.model).toMatchObject({ name: "m", layers: null, layersReason: expect.any(String) });
    expect(profile.overhead).toBeNull();
  });

  test("without idle watts the profile has no power, and says why", async () => {
    const profile = await importProfile("splitwise-sim", [file("s.csv", [header, ...rows])], {});
    expect(profile.power).toBeNull();
    expect(profile.powerReason).toContain("--idle-watts");
    parseProfile(profile, "s");
  });

  test("of several prompt sizes with power at every batch one gives the watts", async () => {
    const path = file("two.csv", [header, rows[0], rows[3].replace(",0,0,", ",1,0.4,")]);
    const profile = await importProfile("splitwise-sim", [path], { idleWatts: 80 });
    expect(profile.power?.decode).toEqual([{ batch: 1, wattsPerGpu: 200, provenance: "published" }]);
  });

  test("a GPU without a datasheet leaves memory, TDP and power open", async () => {
    const other = rows.map((row) => row.replace("a100-80gb", "x900"));
    const profile = await importProfile("splitwise-sim", [file("x.csv", [header, ...other])], {
      idleWatts: 1,
    });
    expect(profile.gpu).toMatchObject({ sku: "x900", memoryBytes: null, tdpWatts: null });
    expect(profile.powerReason).toContain("no datasheet of x900");
    parseProfile(profile, "x");
  });

  test.each([
    [
      "CANOPY_IMPORT_COLUMN",
      [header.replace("token_time", "tokentime"), ...rows],
      /line 1: no column "token_time" \(did you mean "tokentime"\?\)/,
    ],
    [
      "CANOPY_IMPORT_VALUE",
      [header, rows[0].replace(",10,", ",ten,")],
      /line 2, column "prompt_time": "ten": expected a number/,
    ],
    ["CANOPY_IMPORT_VALUE", [header, "m,a100-80gb,100"], /line 2: has 3 cells, expected 11/],
    ["CANOPY_IMPORT_EMPTY", [header], /a header and no rows/],
    ["CANOPY_IMPORT_POINTS", [header, rows[0]], /one prompt size: expected two at least/],
    ["CANOPY_IMPORT_CHOICE", [header, ...rows, rows[0].replace(/2$/, "4")], /choose one of 2, 4 with --tp/],
  ])("%s", async (code, lines, message) => {
    const path = file("bad.csv", lines);
    await expect(importProfile("splitwise-sim", [path], {})).rejects.toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });

  test("a word that is not in the file is refused with the nearest", async () => {
    const path = file("s.csv", [header, ...rows]);
    await expect(importProfile("splitwise-sim", [path], { hardware: "a100-8gb" })).rejects.toThrow(
      /no rows with hardware "a100-8gb" .*did you mean "a100-80gb"/,
    );
  });
});

test("mlenergy: one context held, prefill from the model's arithmetic, watts of one of two GPUs", async () => {
  const path = file("mlenergy.csv", [
    "model_id,gpu_model,num_gpus,weight_precision,avg_batch_size,avg_output_len,avg_power_watts,median_itl_ms,parallelization",
    'org/m,H100,2,bfloat16,7.6,300,500,5,"{""tensor_parallel"": 2}"',
    'org/m,H100,2,bfloat16,15.9,340,700,6,"{""tensor_parallel"": 2}"',
  ]);
  const profile = await importProfile("mlenergy", [path], { shape: SHAPE, idleWatts: 119 });
  parseProfile(profile, path);
  expect(profile.decode).toMatchObject({
    provenance: "published",
    batch: [8, 16],
    contextTokens: [320, 640],
    iterationMs: [
      [5, 5],
      [6, 6],
    ],
    extrapolated: [
      [false, true],
      [false, true],
    ],
  });
  // The model is so small that no prefill is longer than a step.
  expect(profile.prefill).toMatchObject({ provenance: "modelled", latencyMs: [5, 5, 5] });
  expect(profile.power?.decode).toMatchObject([{ wattsPerGpu: 250 }, { wattsPerGpu: 350 }]);
  await expect(importProfile("mlenergy", [path], {})).rejects.toThrow(/needs --model-shape/);
});

test("mlenergy: tasks and precisions are chosen, replicas side by side are refused", async () => {
  const header =
    "model_id,task,gpu_model,num_gpus,weight_precision,avg_batch_size,avg_output_len,avg_power_watts,median_itl_ms,parallelization";
  const row = (task: string, precision: string, stepMs: number, parallel: string) =>
    `org/m,${task},H100,2,${precision},8,300,500,${stepMs},"${parallel}"`;
  const together = '{""tensor_parallel"": 2, ""data_parallel"": 1}';
  const path = file("tasks.csv", [
    header,
    row("chat", "bfloat16", 5, together),
    row("chat", "fp8", 3, together),
    row("code", "bfloat16", 9, together),
  ]);
  const options = { shape: SHAPE, task: "chat" };
  await expect(importProfile("mlenergy", [path], { shape: SHAPE })).rejects.toThrow(
    /several values of "task": choose one of chat, code with --task/,
  );
  await expect(importProfile("mlenergy", [path], options)).rejects.toThrow(
    /choose one of bfloat16, fp8 with --precision/,
  );
  const profile = await importProfile("mlenergy", [path], { ...options, precision: "bf16" });
  expect(profile.decode.iterationMs).toEqual([[5, 5]]);
  expect(profile.id).toBe("h100-80gb.tiny.bf16.tp2");
  expect(profile.sources[0].path).toBe("tasks.csv");
  const apart = file("apart.csv", [
    header,
    row("chat", "bfloat16", 5, '{""tensor_parallel"": 1, ""data_parallel"": 2}'),
  ]);
  await expect(importProfile("mlenergy", [apart], options)).rejects.toThrow(
    /line 2, column "parallelization": .*one tensor-parallel replica/,
  );
});

test("mlenergy: a precision of unknown size leaves weights and KV cache open", async () => {
  const path = file("mxfp4.csv", [
    "model_id,gpu_model,num_gpus,weight_precision,avg_batch_size,avg_output_len,avg_power_watts,median_itl_ms",
    "org/m,H100,1,mxfp4,8,300,500,5",
  ]);
  const profile = await importProfile("mlenergy", [path], { shape: SHAPE });
  parseProfile(profile, path);
  expect(profile.model).toMatchObject({
    weightBytes: null,
    weightBytesReason: expect.stringContaining("mxfp4"),
  });
  expect(profile.kvCapacityTokens).toBeNull();
});

test("an option that a format does not heed is refused", async () => {
  await expect(importProfile("vidur", ["x.csv"], { idleWatts: 5 })).rejects.toThrow(
    expect.objectContaining({
      code: "CANOPY_OPTION_VALUE",
      message: "--idle-watts says nothing to the importer vidur: expected only --gpu, --tp, --model-shape",
    }),
  );
});

describe("llm-inference-bench", () => {
  const latencies = file("latencies.csv", [
    "Hardware,Num of Hardware,Framework,Model,Input Output Length,Batch Size,Latency,Throughput",
    "Nvidia A100 GPU,1,vLLM,org/m,100,1,1.1,0",
    "Nvidia A100 GPU,1,vLLM,org/m,200,1,2.4,0",
    "Nvidia A100 GPU,1,vLLM,org/m,100,10,2.5,0",
  ]);
  const first = file("first.csv", [
    "Hardware,Num of Hardware,Framework,Model,Input Length,Output Length,Batch Size,TTFT Latency,end_latency ",
    "Nvidia A100 GPU,1,vLLM,org/m,100,1,10,1,5",
  ]);
  const power = file("power.csv", [
    "Hardware,Num of Hardware,Framework,Model,Input Output Length,Batch Size,Latency,Throughput,avg_power",
    "Nvidia A100 GPU,1,vLLM,org/m,100,1,1,0,250000",
  ]);

  test("what is left of a latency after its prefill is decode; milliwatts", async () => {
    const options = { idleWatts: 60 };
    const profile = await importProfile("llm-inference-bench", [power, first, latencies], options);
    parseProfile(profile, latencies);
    // 1 ms per prompt token: (1100 - 100) / 99, (2400 - 200) / 199, (2500 - 1000) / 99.
    expect(profile.decode).toMatchObject({
      provenance: "derived",
      batch: [1, 10],
      contextTokens: [150, 300],
      iterationMs: [
        [10.101, 11.055],
        [15.152, 15.152],
      ],
    });
    expect(profile.prefill).toMatchObject({ promptTokens: [100, 200], latencyMs: [100, 200] });
    expect(profile.power?.decode).toMatchObject([{ batch: 1, wattsPerGpu: 250 }]);
    expect(profile.gpu?.sku).toBe("A100-SXM4-40GB");
  });

  test("runs that outgrow the KV cache are left out, pipelines are not read, no prefill is shorter than a step", async () => {
    const columns =
      "Hardware,Num of Hardware,Framework,Model,Input Output Length,Batch Size,Parallelism Type,Latency";
    const both = file("parallel.csv", [
      columns,
      "Nvidia A100 GPU,1,vLLM,org/m,8,1,Tensor Parallelism,0.16",
      "Nvidia A100 GPU,1,vLLM,org/m,16,1,Tensor Parallelism,0.32",
      "Nvidia A100 GPU,1,vLLM,org/m,16,1,Pipeline Parallelism,9",
      "Nvidia A100 GPU,1,vLLM,org/m,16,100000000,Tensor Parallelism,9999999",
    ]);
    const profile = await importProfile("llm-inference-bench", [both, first], { shape: SHAPE });
    parseProfile(profile, both);
    // 20 ms an output at either length: 8 and 16 prompt tokens would take 8 and 16 ms.
    expect(profile.prefill.latencyMs).toEqual([20, 20]);
    expect(profile.decode).toMatchObject({ batch: [1], iterationMs: [[20, 20]] });
    expect(profile.notes).toContain("1 runs whose sequences outgrow the KV cache");
    const pipelines = file("pipelines.csv", [
      columns,
      "Nvidia A100 GPU,1,vLLM,org/m,16,1,Pipeline Parallelism,9",
    ]);
    await expect(importProfile("llm-inference-bench", [pipelines, first], {})).rejects.toThrow(
      /no rows with Parallelism Type "Tensor Parallelism"/,
    );
  });

  test("latencies alone are refused", async () => {
    await expect(importProfile("llm-inference-bench", [latencies], {})).rejects.toThrow(
      expect.objectContaining({
        code: "CANOPY_IMPORT_FILES",
        message: expect.stringContaining("TTFT Latency"),
      }),
    );
  });
});

describe("vidur", () => {
  const operators = [
    "input_layernorm",
    "attn_pre_proj",
    "attn_rope",
    "attn_post_proj",
    "post_attention_layernorm",
  ];
  const more = ["mlp_up_proj", "mlp_act", "mlp_down_proj", "add"];
  const medians = [...operators, ...more].map((name) => `time_stats.${name}.median`);
  const tail = "n_head,n_kv_head,n_embd,n_expanded_embd,vocab_size,num_tokens,num_tensor_parallel_workers";
  const row = (ms: number, tokens: number, degree: number) =>
    [...medians.map(() => ms), 4, 2, 64, 128, 1000, tokens, degree].join(",");
  const mlp = file("mlp.csv", [
    [...medians, tail].join(","),
    row(0.01, 1, 1),
    row(0.01, 256, 1),
    row(0.05, 4096, 1),
    row(0.01, 1, 2),
    row(0.02, 4096, 2),
  ]);
  const reduces = file("all_reduce.csv", [
    ",time_stats.all_reduce.median,num_workers,size,devices_per_node",
    "0,0.1,2,1,2",
    "1,0.1,2,1000000,2",
    "2,9,2,1,1",
  ]);

  test("nine operators a layer, attention by bandwidth", async () => {
    const profile = await importProfile("vidur", [mlp], { shape: SHAPE, hardware: "a100-80gb" });
    parseProfile(profile, mlp);
    // 2 layers x (9 x 0.01 + 0.003 + 128 tokens x 128 B / (0.8 x 2039 GB/s)) ms.
    const attention = 0.003 + (1e3 * 128 * 128) / (0.8 * 2039e9);
    expect(profile.decode.iterationMs[0][0]).toBeCloseTo(2 * (0.09 + attention), 3);
    expect(profile.decode.provenance).toBe("modelled");
    expect(profile.prefill.promptTokens.at(-1)).toBe(4096);
  });

  test("two all-reduces a layer, those inside one node", async () => {
    const options = { shape: SHAPE, hardware: "a100-80gb", tensorParallel: 2 };
    const profile = await importProfile("vidur", [mlp, reduces], options);
    expect(profile.decode.iterationMs[0][0]).toBeCloseTo(2 * (0.09 + 0.003 + 0.2), 3);
    await expect(importProfile("vidur", [mlp], options)).rejects.toThrow(/expected an all_reduce\.csv/);
  });

  test("another model's shape is refused with line and column", async () => {
    const shape = { ...SHAPE, heads: 8 };
    await expect(importProfile("vidur", [mlp], { shape, hardware: "a100-80gb" })).rejects.toThrow(
      /line 2, column "n_head": 4, but the model shape says 8/,
    );
  });
});

test("aiconfigurator: needs a shape and a GPU, and every kind of table", async () => {
  await expect(importProfile("aiconfigurator", ["x.csv"], {})).rejects.toThrow(/--model-shape/);
  const gemm = file("gemm.csv", ["gemm_dtype,m,n,k,latency_ms", "bfloat16,1,64,64,0.01"]);
  const options = { shape: SHAPE, hardware: "h100-80gb" };
  await expect(importProfile("aiconfigurator", [gemm], options)).rejects.toThrow(
    expect.objectContaining({
      code: "CANOPY_DERIVE_TABLES",
      message: expect.stringContaining("no table of kind generation"),
    }),
  );
});
