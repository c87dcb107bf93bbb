import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { packValidation, readValidation } from "../../src/validation/records.ts";
import { startServer } from "../profile/server/start-server.ts";
import { command, workFolder } from "./canopy.ts";

/** 40 requests at each load on two busy cores, by `canopy validate --backend cpu --requests 40`. */
const RAW = fileURLToPath(new URL("../validation/fixtures/cpu-tiny.raw.msgpack", import.meta.url));
/** Nothing here may need the addon. */
const env = { CANOPY_ADDON: "/there/is/none.node" };

describe("canopy validate --replay", () => {
  test("forms the recorded steps again, and writes everything with --out", async () => {
    const cwd = workFolder();
    const args = ["validate", "--replay", RAW, "--out", "again", "--format", "json"];
    const { code, stdout, stderr } = await command(args, { cwd, env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "12 files written to again\n" });
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({
      schema: "canopy/validation/1",
      target: { backend: "cpu", model: "tiny" },
    });
    const steps = result.loads.map((load: { scheduler: object }) => load.scheduler);
    expect(steps).toMatchObject([
      { steps: 582, equalSteps: 582, preemptions: 0, finished: 40, difference: null },
      { steps: 304, equalSteps: 304, preemptions: 1, finished: 40, difference: null },
      { steps: 238, equalSteps: 238, preemptions: 3, finished: 40, difference: null },
    ]);
    for (const { e2eSeconds, outputTokensPerSecond, joulesReason, ...load } of result.loads) {
      // Led through the recorded steps, the simulator gives every request the engine's own times.
      const none = { medianError: 0, bias: 0 };
      expect(load.errorSources.at(-1)).toEqual({
        from: "recorded steps",
        factor: null,
        ttft: none,
        tpot: none,
        e2e: none,
      });
      expect(load.errorSources[0]).toMatchObject({
        from: "profile",
        e2e: { medianError: e2eSeconds.medianError, bias: e2eSeconds.bias },
      });
      // Times scaled to the load's own sum leave no bias of the sum of its steps.
      const all = load.stepTimes.find(({ kind }: { kind: string }) => kind === "all");
      expect(load.errorSources[1].factor).toBeCloseTo(1 / (1 + all.bias), 9);
      expect(Math.abs(outputTokensPerSecond.bias)).toBeLessThan(0.05);
      expect(e2eSeconds.medianError).toBeGreaterThan(0);
      expect(joulesReason).toMatch(/powercap/);
    }
    const folder = join(cwd, "again");
    expect(readdirSync(folder).sort()).toEqual(
      [
        "manifest.json",
        "profile.json",
        "table-2.csv",
        "table-3.csv",
        "table-4.csv",
        "table.csv",
        "table.md",
        "table.tex",
        "table.txt",
        "tables.json",
      ].concat("validation.json", "validation.raw.msgpack"),
    );
    expect(JSON.parse(readFileSync(join(folder, "validation.json"), "utf8"))).toEqual(result);
    expect(readFileSync(join(folder, "validation.raw.msgpack"))).toEqual(readFileSync(RAW));
    const manifest = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));
    expect(manifest).toMatchObject({ experiment: "validation", seeds: ["1"], host: { usableCores: 2 } });
  });

  test.each(["table", "markdown", "latex", "csv"])("prints the tables as %s", async (format) => {
    const { code, stdout } = await command(["validate", "--replay", RAW, "--format", format], { env });
    expect(code).toBe(0);
    expect(stdout).toContain("all equal");
    expect(stdout).toContain("TPOT");
  });

  test("an engine that does otherwise is told, and the command leaves with 1", async () => {
    const records = await readValidation(RAW);
    records.loads[1].steps?.freeBlocks.fill(3, 20);
    const cwd = workFolder();
    writeFileSync(join(cwd, "other.raw.msgpack"), packValidation(records));
    const { code, stdout } = await command(["validate", "--replay", "other.raw.msgpack"], { cwd, env });
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /Load 0.6, first difference: step 20 \(at [\d.]+ s\): free blocks: engine 3, simulator/,
    );
  });

  test("a file of something else is refused", async () => {
    const cwd = workFolder({ "some.msgpack": "some" });
    const refused = await command(["validate", "--replay", "some.msgpack"], { cwd, env });
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("CANOPY_VALIDATION_RAW") });
    const missing = await command(["validate", "--replay", "none.msgpack"], { cwd, env });
    expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining("CANOPY_FILE_MISSING") });
  });
});

describe("canopy validate", () => {
  test.each([
    [[], /expected one of --backend cpu, --backend cuda, --url, --replay/],
    [["--backend", "cpu", "--url", "http://localhost:1"], /expected one of/],
    [["--backend", "tpu"], /expected cpu or cuda/],
    [["--url", "http://localhost:1"], /--url needs --profile/],
    [["--backend", "cpu", "--requests", "3"], /--requests 3: expected a whole number from 20 on/],
  ])("refuses %s in a line", async (args, text) => {
    const { code, stderr } = await command(["validate", ...args], { env });
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(text) });
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });

  test("without the addon it says how to build it", async () => {
    const { code, stderr } = await command(["validate", "--backend", "cpu"], { env });
    expect(code).toBe(1);
    expect(stderr).toMatch(/CANOPY_ADDON_ABSENT: validating against Canopy's own engine needs/);
  });

  test("replays traces against a server, predicted from a profile of its law", {
    timeout: 120_000,
  }, async () => {
    const { profile } = await readValidation(RAW);
    // The server's steps take 4 ms + 0.1 ms for each sequence + 0.02 ms for each prompt token, none for context.
    const batch = [1, 128];
    const iterationMs = batch.map((sequences) => [4 + 0.1 * sequences, 4 + 0.1 * sequences]);
    const cwd = workFolder({
      "server.json": JSON.stringify({
        ...profile,
        ...{ id: "server", provenance: "synthetic" },
        decode: { batch, contextTokens: [1, 4096], iterationMs, provenance: "synthetic" },
        prefill: { promptTokens: [1, 1001], latencyMs: [4.12, 24.12], provenance: "synthetic" },
        mixed: { rule: "add", provenance: "synthetic" },
        overhead: { baseMs: 4, perSequenceMs: 0.1, provenance: "synthetic" },
        ...{ noise: undefined, points: undefined, protocol: undefined, raw: undefined },
      }),
    });
    const url = await startServer({
      baseMs: 4,
      perSequenceMs: 0.1,
      perContextTokenMs: 0,
      perPromptTokenMs: 0.02,
      maxSequences: 16,
    });
    const args = [
      "validate",
      "--url",
      url,
      "--profile",
      "server.json",
      "--requests",
      "20",
      "--format",
      "json",
    ];
    const { code, stdout, stderr } = await command(args, { cwd, env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("load 0.9") });
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({ target: { kind: "server" }, host: null });
    for (const load of result.loads) {
      expect(load).toMatchObject({ scheduler: null, requests: 20, failed: 0, joulesPerToken: null });
      expect([load.stepTimes, load.hostSlowness, load.errorSources]).toEqual([null, null, null]);
      expect(load.ttftSeconds.measured.median).toBeGreaterThan(0.004);
      expect(Math.abs(load.outputTokensPerSecond.bias)).toBeLessThan(0.5);
    }
  });
});
