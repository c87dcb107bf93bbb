import { describe, expect, test } from "vitest";
import { checkProfile } from "../../src/profile/checks.ts";
import type { Finding } from "../../src/profile/finding.ts";
import { examineProfile } from "../../src/profile/load.ts";
import { kvCapacityByFormula } from "../../src/profile/physical-checks.ts";
import { weakestProvenance } from "../../src/profile/provenance.ts";
import type { Profile } from "../../src/profile/schema.ts";
import { syntheticProfile } from "../../src/profile/synthetic.ts";

/** Findings after the change of a profile that has none. */
function after(change: (profile: Profile) => void): Finding[] {
  const profile = syntheticProfile();
  change(profile);
  return checkProfile(profile);
}

function brief(findings: readonly Finding[]): string[] {
  return findings.map(({ level, code, path }) => `${level} ${code} ${path}`);
}

/** Llama-3-70B in bf16 as in the shipped files, on `count` GPUs of 85.9 GB. */
function llama70b(profile: Profile, count: number): void {
  profile.gpu = { sku: "A100-SXM4-80GB", count, memoryBytes: 85_899_345_920, tdpWatts: 400 };
  profile.model = {
    ...profile.model,
    name: "Llama-3-70B",
    layers: 80,
    kvBytesPerToken: 327_680,
    weightBytes: 141_104_775_168,
  };
  profile.kvCapacityTokens = kvCapacityByFormula(profile);
}

test("a synthetic profile has no findings", () => {
  expect(checkProfile(syntheticProfile())).toEqual([]);
  expect(checkProfile(syntheticProfile({ gpuCount: 4, batch: [1], contextTokens: [1, 100] }))).toEqual([]);
});

describe("does the model fit", () => {
  test("70B in bf16 on one 80 GB GPU is refused with the arithmetic", () => {
    const [finding] = after((profile) => llama70b(profile, 1));
    expect(finding).toMatchObject({
      level: "error",
      code: "CANOPY_PROFILE_MEMORY",
      path: "model.weightBytes",
    });
    expect(finding.message).toBe(
      "Llama-3-70B bf16 does not fit 1 x A100-SXM4-80GB: " +
        "weights 141.1 GB / 1 GPU + 2.1 GB reserve > 0.90 x 85.9 GB (143.3 > 77.3 GB per GPU): " +
        "expected more GPUs or fewer bits per weight",
    );
  });
  test("on two it fits, with 28,134 KV tokens", () => {
    const profile = syntheticProfile();
    llama70b(profile, 2);
    expect(checkProfile(profile)).toEqual([]);
    expect(profile.kvCapacityTokens).toBe(28_134);
  });
  test("the border itself does not fit", () => {
    const border = (bytes: number) => brief(after((p) => void (p.model.weightBytes = bytes)));
    expect(border(0.9 * 80e9 - 2 ** 31)).toContain("error CANOPY_PROFILE_MEMORY model.weightBytes");
    expect(border(0.9 * 80e9 - 2 ** 31 - 1)).not.toContain("error CANOPY_PROFILE_MEMORY model.weightBytes");
  });
});

describe("the KV capacity against the formula", () => {
  const formula = kvCapacityByFormula(syntheticProfile());
  test("by hand: (0.9 x 80e9 - 16e9 - 2^31) / 131072 tokens", () => {
    expect(formula).toBe(Math.floor((72e9 - 16e9 - 2_147_483_648) / 131_072));
    expect(formula).toBe(410_862);
  });
  test.each([
    [1.19, []],
    [1.21, ["error CANOPY_PROFILE_KV kvCapacityTokens"]],
    [0.81, []],
    [0.79, ["warning CANOPY_PROFILE_KV kvCapacityTokens"]],
  ])("%f of it", (ratio, expected) => {
    expect(brief(after((p) => void (p.kvCapacityTokens = Math.round(410_862 * ratio))))).toEqual(expected);
  });
  test("unknown bytes leave nothing to check", () => {
    const findings = after((p) => {
      p.model.weightBytes = null;
      p.model.weightBytesReason = "a remote server";
      p.kvCapacityTokens = 10;
    });
    expect(findings).toEqual([]);
  });
});

describe("arrays", () => {
  test.each<[string, (p: Profile) => void, string]>([
    ["equal batches", (p) => void (p.decode.batch[1] = 1), "decode.batch[1]"],
    ["falling contexts", (p) => void p.decode.contextTokens.reverse(), "decode.contextTokens[1]"],
    ["a missing row", (p) => void p.decode.iterationMs.pop(), "decode.iterationMs"],
    ["a short row", (p) => void p.decode.iterationMs[2].pop(), "decode.iterationMs[2]"],
    ["equal prompts", (p) => void (p.prefill.promptTokens[1] = 64), "prefill.promptTokens[1]"],
    ["a prefill time too many", (p) => void p.prefill.latencyMs.push(1e6), "prefill.latencyMs"],
    ["a mask of another shape", (p) => void (p.decode.extrapolated = [[true]]), "decode.extrapolated"],
    ["a short prefill mask", (p) => void (p.prefill.extrapolated = [false]), "prefill.extrapolated"],
    ["power batches that repeat", (p) => void (p.power!.decode[3].batch = 4), "power.decode[3].batch"],
  ])("%s", (_, change, path) => {
    expect(brief(after(change))[0]).toBe(`error CANOPY_PROFILE_GRID ${path}`);
  });
  test("a mask of the right shape is fine", () => {
    const findings = after((p) => {
      p.decode.extrapolated = p.decode.iterationMs.map((row) => row.map(() => true));
      p.prefill.extrapolated = p.prefill.latencyMs.map(() => false);
    });
    expect(findings).toEqual([]);
  });
});

describe("times", () => {
  test("a step that gets shorter with batch, context or prompt is refused; equal ones are not", () => {
    expect(brief(after((p) => void (p.decode.iterationMs[3][0] = 5.1)))).toContain(
      "error CANOPY_PROFILE_MONOTONE decode.iterationMs[3][0]",
    );
    expect(
      brief(after((p) => void (p.decode.iterationMs[0][3] = p.decode.iterationMs[0][2] - 0.001))),
    ).toEqual(["error CANOPY_PROFILE_MONOTONE decode.iterationMs[0][3]"]);
    expect(brief(after((p) => void (p.prefill.latencyMs[1] = 7)))).toEqual([
      "error CANOPY_PROFILE_MONOTONE prefill.latencyMs[1]",
    ]);
    expect(after((p) => void (p.decode.iterationMs[0][3] = p.decode.iterationMs[0][2]))).toEqual([]);
  });
  test("no step is shorter than the overhead inside it", () => {
    const findings = after((p) => void (p.overhead = { baseMs: 4, perSequenceMs: 2 }));
    expect(brief(findings)).toEqual(["error CANOPY_PROFILE_OVERHEAD overhead"]);
    expect(findings[0].message).toContain("6 ms at batch 1 exceeds the step of 5.0525");
  });
});

describe("power", () => {
  test("more than 1.1 x TDP is refused, 1.1 x TDP is not", () => {
    const at = (watts: number) => brief(after((p) => void (p.power!.prefillWattsPerGpu = watts)));
    expect(at(440)).toEqual([]);
    expect(at(441)).toEqual(["error CANOPY_PROFILE_POWER power.prefillWattsPerGpu"]);
    expect(brief(after((p) => void (p.power!.decode[7].wattsPerGpu = 3200)))).toContain(
      "error CANOPY_PROFILE_POWER power.decode[7].wattsPerGpu",
    );
  });
  test("energy per token that rises with batch is a warning, with the amount", () => {
    const findings = after((p) => {
      for (const row of [6, 7]) p.decode.iterationMs[row] = p.decode.iterationMs[row].map((ms) => 4 * ms);
    });
    expect(brief(findings)).toEqual(["warning CANOPY_PROFILE_ENERGY decode.iterationMs[6][2]"]);
    const profile = syntheticProfile();
    const joules = (b: number, factor: number) =>
      (factor * profile.power!.decode[b].wattsPerGpu * profile.decode.iterationMs[b][2]) /
      profile.decode.batch[b];
    const rise = joules(6, 4) / joules(5, 1) - 1;
    expect(findings[0].message).toContain(`rises by ${(100 * rise).toFixed(1)} % from batch 32 to 64`);
  });
  test("cells beyond the KV cache or the model's longest sequence are not looked at", () => {
    const full = after((p) => {
      p.decode.iterationMs[7][2] *= 10;
      p.decode.iterationMs[7][3] *= 10;
      p.kvCapacityTokens = 128 * 2048 - 1;
    });
    expect(brief(full)).toEqual(["warning CANOPY_PROFILE_KV kvCapacityTokens"]);
    const tooLong = (maxModelTokens: number) =>
      brief(
        after((p) => {
          p.maxModelTokens = maxModelTokens;
          for (const row of p.decode.iterationMs.slice(1)) row[3] *= 10;
        }),
      );
    expect(tooLong(8191)).toEqual([]);
    expect(tooLong(8192)).toEqual(["warning CANOPY_PROFILE_ENERGY decode.iterationMs[1][3]"]);
  });
});

describe("provenance", () => {
  test("weakest of words", () => {
    expect(weakestProvenance(["measured", "derived", "published"])).toBe("derived");
    expect(weakestProvenance(["extrapolated", "derived"])).toBe("extrapolated");
    expect(weakestProvenance([])).toBe("measured");
  });
  test("a file that claims more than its weakest block is refused, one that claims less is odd", () => {
    const findings = after((p) => {
      p.provenance = "derived";
      p.power!.decode[2].provenance = "modelled";
    });
    expect(findings).toEqual([
      {
        level: "error",
        code: "CANOPY_PROFILE_PROVENANCE",
        path: "provenance",
        message: 'is "derived": expected "modelled", the weakest block (power.decode[2].provenance)',
      },
    ]);
    const modest = after((p) => {
      for (const block of [p.decode, p.prefill, p.overhead!, p.power!]) block.provenance = "derived";
    });
    expect(brief(modest)).toEqual(["warning CANOPY_PROFILE_PROVENANCE provenance"]);
  });
});

describe("nulls and measured files", () => {
  test("each null needs its reason", () => {
    const findings = after((p) => {
      p.gpu!.tdpWatts = null;
      p.model.weights = null;
      p.engine.gemm = null;
      p.kvCapacityTokens = null;
      p.overhead = null;
      p.power!.idleUnloadedWattsPerGpu = null;
    });
    const unexplained = findings.filter(({ code }) => code === "CANOPY_PROFILE_REASON");
    expect(unexplained.map(({ path }) => path).sort()).toEqual([
      "engine.gemm",
      "gpu.tdpWatts",
      "kvCapacityTokens",
      "model.weights",
      "overhead",
      "power.idleUnloadedWattsPerGpu",
    ]);
    expect(findings.find(({ path }) => path === "gpu.tdpWatts")?.message).toBe(
      "is null without a reason: expected gpu.tdpWattsReason",
    );
  });
  test("power: null with its reason passes", () => {
    const findings = after((p) => {
      p.power = null;
      p.powerReason = "no meter on this host";
    });
    expect(findings).toEqual([]);
  });
  test("a CPU profile needs no reason for its null GPU, another one does", () => {
    expect(brief(after((p) => void (p.gpu = null)))).toEqual(["error CANOPY_PROFILE_REASON gpu"]);
    const cpu = after((p) => {
      p.gpu = null;
      p.engine.backend = "cpu";
    });
    expect(cpu).toEqual([]);
  });
  test("a measured block needs host, time, protocol, points and raw records", () => {
    const findings = after((p) => void (p.decode.provenance = "measured"));
    expect(brief(findings)).toEqual(
      ["host", "measuredAt", "protocol", "points", "raw"].map(
        (key) => `error CANOPY_PROFILE_MEASURED ${key}`,
      ),
    );
  });
  test("a complete measured file passes; an absolute path to its raw records does not", () => {
    const profile = { ...syntheticProfile(), ...measuredParts, provenance: "measured" as const };
    profile.power = { ...profile.power!, energyMethod: "counter" };
    expect(examineProfile(JSON.parse(JSON.stringify(profile))).findings).toEqual([]);
    expect(brief(checkProfile({ ...profile, raw: "/data/raw.bin" }))).toEqual([
      "error CANOPY_PROFILE_MEASURED raw",
    ]);
    const { energyMethod, ...power } = profile.power;
    expect(energyMethod).toBe("counter");
    expect(brief(checkProfile({ ...profile, power }))).toEqual([
      "error CANOPY_PROFILE_MEASURED power.energyMethod",
    ]);
  });
});

const measuredParts = {
  host: {
    cpuModel: "any",
    gpuModel: "any",
    gpuUuid: null,
    driver: "1",
    cuda: "12",
    clocksMHz: { sm: 1410 },
    powerLimitWatts: 400,
    persistenceMode: true,
    ecc: true,
    mig: false,
    otherProcesses: 0,
    shared: false,
    compilerFlags: "-O3",
    gitHash: null,
    kernel: "6.1",
    governor: null,
    container: null,
    loadAverage: 0.1,
  },
  measuredAt: "2026-01-02T03:04:05Z",
  protocol: {
    preset: "default",
    clockMode: "floating" as const,
    lockedClockMHz: null,
    warmupSeconds: 3,
    windowSeconds: 10,
    trials: 3,
    stopReason: "relative standard error",
    discardedWindows: 0,
  },
  points: [],
  raw: "synthetic.raw.msgpack",
};
