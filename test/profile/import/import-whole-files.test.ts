import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { LLAMA_8B, LLAMA_70B } from "../../../src/profile/derive/calibration.ts";
import { importProfile } from "../../../src/profile/import/import-profile.ts";
import { interpolateDecodeMs } from "../../../src/profile/interpolate.ts";
import { parseProfile } from "../../../src/profile/load.ts";
import { dataRoot, describeWithData } from "../../data-root.ts";

describeWithData("the projects' whole files", () => {
  const folder = join(dataRoot ?? "", "profiles");
  const file = (...parts: string[]) => join(folder, ...parts);

  test("splitwise-sim: medians of its repetitions, power as shares of the TDP", async () => {
    const profile = await importProfile("splitwise-sim", [file("splitwise-sim/perf_model.csv")], {
      model: "llama2-70b",
      hardware: "a100-80gb",
      tensorParallel: 4,
      idleWatts: 85,
    });
    parseProfile(profile, "splitwise-sim");
    expect(profile.decode.batch).toEqual([1, 2, 4, 8, 16, 32, 64]);
    expect(profile.prefill.promptTokens).toEqual([128, 256, 512, 1024, 2048, 4096, 8192]);
    expect(profile.prefill.latencyMs[2]).toBeCloseTo(126.978, 3);
    expect(profile.power?.decode.map(({ batch }) => batch)).toEqual([1, 2, 4, 8, 16]);
    expect(profile.power?.decode[0].wattsPerGpu).toBeGreaterThan(200);
    expect(profile.power?.decode[0].wattsPerGpu).toBeLessThan(300);
    expect(profile.notes).toContain("the isotonic fit stands in");
  });

  test("mlenergy: 8B on one H100", async () => {
    const profile = await importProfile(
      "mlenergy",
      [file("mlenergy-leaderboard/llama31_33_lm-arena-chat_h100.csv")],
      { model: "meta-llama/Llama-3.1-8B-Instruct", shape: LLAMA_8B, idleWatts: 119 },
    );
    parseProfile(profile, "mlenergy");
    expect(profile.decode.batch.slice(0, 3)).toEqual([8, 16, 32]);
    expect(profile.decode.iterationMs[0][0]).toBeCloseTo(7.316, 3);
    expect(profile.decode.provenance).toBe("published");
    expect(profile.prefill.provenance).toBe("modelled");
    expect(profile.power?.decode[0].wattsPerGpu).toBeCloseTo(486.4, 1);
  });

  test("llm-inference-bench: a latency is its prefill and its decode steps", async () => {
    const names = ["all_results.csv", "ttft_itl.csv", "power_results.csv"];
    const profile = await importProfile(
      "llm-inference-bench",
      names.map((name) => file("llm-inference-bench", name)),
      {
        engine: "vLLM",
        model: "meta-llama/Meta-Llama-3-8B",
        hardware: "Nvidia H100 GPU",
        tensorParallel: 1,
        idleWatts: 119,
        shape: LLAMA_8B,
      },
    );
    parseProfile(profile, "llm-inference-bench");
    // 16 sequences, 1024 tokens in and out: 11.0247 s in all, 0.42567 s to the first token.
    const stepMs = (11024.687729899984 - 425.6650079041719) / 1023;
    expect(interpolateDecodeMs(profile, 16, 1536)).toBeCloseTo(stepMs, 2);
    expect(profile.power?.decode.map(({ wattsPerGpu }) => wattsPerGpu)).toEqual([363.3, 404.2, 435.2, 455.5]);
  });

  test("aiconfigurator: the kernels of a composed profile, without its overhead", async () => {
    const names = readdirSync(file("aiconfigurator")).filter((name) => name.startsWith("h100"));
    const profile = await importProfile(
      "aiconfigurator",
      names.map((name) => file("aiconfigurator", name)),
      { hardware: "h100-80gb", shape: LLAMA_70B, tensorParallel: 4 },
    );
    parseProfile(profile, "aiconfigurator");
    const { profile: composed } = await import("../../../src/profile/load.ts").then(({ resolveProfile }) =>
      resolveProfile("h100-80gb.llama-3-70b.bf16.tp4"),
    );
    const { baseMs = 0, perSequenceMs = 0 } = composed.overhead ?? {};
    composed.decode.batch.forEach((batch, b) => {
      const kernels = composed.decode.iterationMs[b][2] - baseMs - perSequenceMs * batch;
      // The composed grid is levelled with its overhead, this one without.
      expect(profile.decode.iterationMs[b][2]).toBeCloseTo(kernels, 1);
    });
    expect(profile.power).toBeNull();
    expect(profile.powerReason).toContain("no power");
  });

  test("vidur: operators and all-reduces, attention modelled", async () => {
    const profile = await importProfile(
      "vidur",
      [file("vidur/a100__Meta-Llama-3-70B__mlp.csv"), file("vidur/a100_dgx__all_reduce.csv")],
      { hardware: "a100-80gb", shape: LLAMA_70B, tensorParallel: 4 },
    );
    parseProfile(profile, "vidur");
    expect(profile.provenance).toBe("modelled");
    // The composed profile of the same deployment is measured otherwise: the same order of magnitude.
    const { profile: composed } = await import("../../../src/profile/load.ts").then(({ resolveProfile }) =>
      resolveProfile("a100-80gb.llama-3-70b.bf16.tp4"),
    );
    for (const [batch, context] of [
      [1, 512],
      [32, 1024],
      [128, 1024],
    ]) {
      const ratio =
        interpolateDecodeMs(profile, batch, context) / interpolateDecodeMs(composed, batch, context);
      expect(ratio).toBeGreaterThan(0.6);
      expect(ratio).toBeLessThan(1.6);
    }
  });
});
