import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { buildFakes, whySkipped } from "../native/fake-nvml.ts";
import { ofAddon } from "../native/with-addon.ts";
import { startServer } from "../profile/server/start-server.ts";
import { canopy, command, start, workFolder } from "./canopy.ts";

const SHORT = [
  ..."--concurrency 1,2 --prompt-tokens 64,512 --prefill-tokens 64,512 --prefill-requests 3".split(" "),
  ..."--output-tokens 60 --trials 1 --warm-up 0 --window 1.5 --cool-down 0 --timeout 20".split(" "),
];
const fakes = buildFakes();

function server(url: string, ...args: readonly string[]): string[] {
  return ["profile", "server", "--url", url, "--precision", "bf16", ...SHORT, ...args];
}

describe.concurrent("canopy profile server", () => {
  test("writes a profile that checks, and the records it is made from", async () => {
    const cwd = workFolder();
    const url = await startServer();
    const { code, stdout, stderr } = await canopy(
      server(`${url}/v1`, "--out", "toy.json", "--format", "json"),
      { cwd },
    );
    expect({ code, stderr }).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("profile written to toy.json"),
    });
    expect(readdirSync(cwd).sort()).toEqual(["toy.json", "toy.raw.msgpack"]);
    const profile = JSON.parse(readFileSync(join(cwd, "toy.json"), "utf8"));
    expect(JSON.parse(stdout)).toMatchObject({ schema: "canopy/profile-view/1", profile });
    expect(profile).toMatchObject({
      id: "toy",
      provenance: "measured",
      decode: { batch: [1, 2] },
      power: null,
    });
    const bytes = readFileSync(join(cwd, "toy.json"), "utf8");
    const built = await command(["profile", "build", "toy.raw.msgpack", "--out", "again.json"], { cwd });
    expect(built.code).toBe(0);
    expect(readFileSync(join(cwd, "again.json"), "utf8")).toBe(bytes);
    const again = await command(server(url, "--out", "toy.json"), { cwd });
    expect(again).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("measurements are not overwritten"),
    });
  });

  test.skipIf("skipped" in fakes)(ofAddon("samples the GPUs that are named", whySkipped(fakes)), async () => {
    if ("skipped" in fakes) return;
    const cwd = workFolder();
    const url = await startServer();
    // GPU i draws (i + 1) x 200 W: the mean of the two is 300 W, idle or not.
    const env = {
      LD_LIBRARY_PATH: dirname(fakes.library),
      FAKE_NVML_DEVICES: "2",
      FAKE_NVML_TRACE: "1000:200000",
      FAKE_NVML_REFRESH_MS: "20",
      FAKE_NVML_REASONS: "64",
      FAKE_NVML_LOG: join(cwd, "clocks.log"),
    };
    const args = server(url, "--gpus", "0,1", "--lock-clocks", "1410", "--out", "toy.json");
    const { code, stderr } = await canopy(args, { cwd, env });
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const profile = JSON.parse(readFileSync(join(cwd, "toy.json"), "utf8"));
    expect(profile).toMatchObject({
      gpu: { sku: "Fake 80GB", count: 2, memoryBytes: 80e9, tdpWatts: 700 },
      tensorParallel: 2,
      host: { driver: "580.1", cuda: "13.0", powerLimitWatts: 650, mig: false },
      power: { energyMethod: "both", idleUnloadedWattsPerGpu: null },
      protocol: { clockMode: "locked", lockedClockMHz: 1410, powerSource: "instant-gpu" },
    });
    const { power, protocol, points } = profile;
    const watts = [
      power.idleLoadedWattsPerGpu,
      power.prefillWattsPerGpu,
      ...power.decode.map((p: { wattsPerGpu: number }) => p.wattsPerGpu),
    ];
    for (const value of watts) expect(Math.abs(value / 300 - 1)).toBeLessThan(0.05);
    expect(Math.abs(protocol.integratedOverCounted - 1)).toBeLessThan(0.05);
    // The reason 0x40, a thermal slowdown, stood all the time.
    expect(points[0]).toMatchObject({ throttledWindows: 1 });
    expect(readFileSync(join(cwd, "clocks.log"), "utf8")).toBe(
      "lock 0 1410\nlock 1 1410\nreset 0 (was 1410)\nreset 1 (was 1410)\n",
    );
  });

  test.skipIf("skipped" in fakes).each([
    [
      "no driver",
      ["--gpus", "0"],
      { FAKE_NVML_ERRORS: "nvmlInit_v2:9" },
      /--gpus 0: nvmlInit_v2: Driver Not Loaded/,
    ],
    [
      "no such GPU",
      ["--gpus", "3"],
      { FAKE_NVML_DEVICES: "2" },
      /--gpus 3: there is no such GPU: expected one of 0, 1/,
    ],
    ["MIG", ["--gpus", "0"], { FAKE_NVML_MIG: "1" }, /--gpus 0: MIG is on/],
    [
      "no root",
      ["--gpus", "0", "--lock-clocks", "1410"],
      { FAKE_NVML_ERRORS: "nvmlDeviceSetGpuLockedClocks:4" },
      /--lock-clocks: .* locking needs root/,
    ],
  ])(ofAddon("%s is said before anything is measured", whySkipped(fakes)), async (_, args, env, message) => {
    if ("skipped" in fakes) return;
    const url = await startServer();
    const { code, stderr } = await canopy(server(url, ...args, "--out", "toy.json"), {
      env: { LD_LIBRARY_PATH: dirname(fakes.library), ...env },
    });
    expect(stderr).toMatch(/^error CANOPY_SERVER_GPUS: [^\n]+\n$/);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });

  test("Ctrl-C ends it with 130 and keeps the points that are done", async () => {
    const cwd = workFolder();
    const running = start(server(await startServer(), "--out", "toy.json"), { cwd });
    await new Promise((resolve) => running.process.stderr?.once("data", resolve));
    await sleep(100);
    running.process.kill("SIGINT");
    const { code, stderr } = await running.ended;
    expect({ code, stderr }).toMatchObject({
      code: 130,
      stderr: expect.stringMatching(/interrupted: `canopy profile build` makes a profile of what is done\n$/),
    });
    expect(readdirSync(cwd)).toEqual(["toy.raw.msgpack"]);
    const built = await command(["profile", "build", "toy.raw.msgpack", "--out", "toy.json"], { cwd });
    expect(built).toMatchObject({ code: 1, stderr: expect.stringContaining("CANOPY_SERVER_NO_POINT") });
  });

  test.each([
    [["--concurrency", "1,256"], /--concurrency 256: expected a whole number from 1 to 128/],
    [["--prompt-tokens", "64"], /--prompt-tokens: expected two lengths or more/],
    [["--prefill-tokens", "64,64"], /--prefill-tokens 64,64: a number appears twice/],
    [["--gpus", "a"], /--gpus a: expected a whole number from 0 on/],
    [["--window", "0"], /--window 0: expected seconds from 0\.5 to 86400/],
    [["--out", "toy.txt"], /--out toy\.txt: expected a name that ends in \.json/],
    [["--id", "a b"], /--id a b: expected letters/],
    [["--out", "a b.json"], /--out a b\.json: expected letters.* in its name, or an --id/],
    [["--timeout", "900"], /--timeout 900: expected seconds from 0\.5 to 300/],
  ])("%j", async (args, message) => {
    const { code, stdout, stderr } = await command(server("http://127.0.0.1:9", "--out", "x.json", ...args));
    expect(stderr).toMatch(/^error CANOPY_OPTION_VALUE: [^\n]+\n$/);
    expect(stderr).toMatch(message);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });
});
