import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { PowerDescription, PowerSamples } from "../../src/native/power-addon.ts";
import { buildFakes, inNode, whySkipped } from "./fake-nvml.ts";
import { ofAddon } from "./with-addon.ts";

const fakes = buildFakes();
const UUID = "GPU-0fa4e000-0000-4000-8000-000000000000";
const SAMPLER = `new addon.PowerSampler({ gpus: ["${UUID}"], cpu: false, periodMs: 10, capacity: 1000, ...places })`;
const folder = mkdtempSync(join(tmpdir(), "canopy-power-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf("skipped" in fakes)(ofAddon("power", whySkipped(fakes)), () => {
  test("what can be metered, and why the rest cannot", async () => {
    const { nvml, rapl } = (await inNode(fakes, "return addon.describePower(places)", {
      FAKE_NVML_DEVICES: "2",
      FAKE_NVML_PROCESSES: "4711",
      FAKE_NVML_ERRORS: "nvmlDeviceGetTotalEnergyConsumption:3",
    })) as PowerDescription;
    expect(nvml).toMatchObject({
      reason: null,
      driverVersion: "580.1",
      cudaDriverVersion: 13000,
      unopened: [],
    });
    expect(nvml.gpus).toHaveLength(2);
    expect(nvml.gpus[1]).toMatchObject({
      index: 1,
      pciBusId: "00000000:1C:00.0",
      computeCapability: "9.0",
      powerLimitWatts: 650,
      defaultPowerLimitWatts: 700,
      memoryBytes: 80e9,
      mig: false,
      computeProcesses: [{ pid: 4711, usedBytes: 2 ** 30 }],
      energyCounterReason: "nvmlDeviceGetTotalEnergyConsumption: Not Supported (3)",
      powerSource: "instant-gpu",
      refusal: null,
    });
    expect(rapl).toEqual({ reason: "/nonexistent: No such file or directory", zones: [] });
  });

  test("a host without a driver says so", async () => {
    const { nvml } = (await inNode(
      fakes,
      'return addon.describePower({ nvmlLibrary: "libnone.so.1" })',
    )) as PowerDescription;
    expect(nvml).toMatchObject({ gpus: [], driverVersion: null });
    expect(nvml.reason).toMatch(/^libnone\.so\.1: cannot open shared object file/);
  });

  test("samples of a known trace, on the clock of process.hrtime", async () => {
    const { from, to, samples } = (await inNode(
      fakes,
      `const sampler = ${SAMPLER};
       sampler.start();
       const from = now();
       await sleep(100);
       const mark = sampler.mark("half");
       await sleep(100);
       const to = now();
       return { from, to, latest: sampler.latest(), samples: sampler.stop() };`,
      { FAKE_NVML_TRACE: "1000:250000" },
    )) as { from: number; to: number; samples: PowerSamples };
    const [gpu] = samples.gpus;
    const { energySeconds, energyMillijoules, powerMilliwatts } = gpu.columns;
    expect(samples.rows).toBeGreaterThan(10);
    expect(energySeconds).toHaveLength(samples.rows);
    expect(energySeconds[0]).toBeLessThan(from);
    expect(energySeconds[samples.rows - 1]).toBeGreaterThan(to);
    expect(samples.marks[0].label).toBe("half");
    expect(samples.marks[0].seconds).toBeGreaterThan(from);
    expect(samples.marks[0].seconds).toBeLessThan(to);
    expect(powerMilliwatts.every((value) => value === 250_000)).toBe(true);
    const watts =
      (energyMillijoules[samples.rows - 1] - energyMillijoules[0]) /
      (1e3 * (energySeconds[samples.rows - 1] - energySeconds[0]));
    expect(watts).toBeCloseTo(250, -1);
    expect(gpu).toMatchObject({ uuid: UUID, powerSource: "instant-gpu", failures: [] });
  });

  test.each([
    ["no driver", `{ gpus: ["${UUID}"], cpu: false, nvmlLibrary: "libnone.so.1" }`, "NVML_UNAVAILABLE", {}],
    ["an unknown GPU", '{ gpus: ["0"], cpu: false }', "NVML_NO_DEVICE", {}],
    ["MIG", `{ gpus: ["${UUID}"], cpu: false }`, "NVML_REFUSED", { FAKE_NVML_MIG: "1" }],
    ["no RAPL", "{ gpus: [], cpu: true }", "RAPL_UNAVAILABLE", {}],
    ["nothing", "{ gpus: [], cpu: false }", "ARGUMENT", {}],
    ["one GPU twice", `{ gpus: ["${UUID}", "00000000:1b:00.0"], cpu: false }`, "ARGUMENT", {}],
    ["a period of 0", `{ gpus: ["${UUID}"], cpu: false, periodMs: 0 }`, "ARGUMENT", {}],
  ])("%s is an error with a code", async (_, options, code, environment) => {
    const thrown = await inNode(
      fakes,
      `new addon.PowerSampler({ periodMs: 10, capacity: 10, ...places, ...${options} })`,
      environment as Record<string, string>,
    );
    expect(thrown).toMatchObject({ code: `ERR_CANOPY_${code}` });
  });

  test("workers may end while their samplers run", async () => {
    const answer = await inNode(
      fakes,
      `const { Worker } = require("node:worker_threads");
       const source = ${JSON.stringify(
         `const { workerData, parentPort } = require("node:worker_threads");
          const addon = require(workerData.addon);
          const sampler = new addon.PowerSampler({ ...workerData.options });
          sampler.start();
          parentPort.postMessage("runs");
          setInterval(() => {}, 1000);`,
       )};
       const options = { gpus: ["${UUID}"], cpu: false, periodMs: 1, capacity: 1000, ...places };
       const addonPath = Object.keys(require.cache).find((path) => path.endsWith(".node"));
       for (let round = 0; round < 3; round++) {
         const workers = Array.from({ length: 3 }, () => new Worker(source, { eval: true, workerData: { addon: addonPath, options } }));
         await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once("message", resolve))));
         await Promise.all(workers.map((worker) => worker.terminate()));
       }
       return "all ended";`,
    );
    expect(answer).toBe("all ended");
  });

  test.each([
    ["by process.exit", "process.exit(0)"],
    ["by itself", ""],
    [
      "with an error",
      'setImmediate(() => { process.on("uncaughtException", () => process.exit(0)); throw new Error() })',
    ],
  ])("a process may end %s while its sampler runs, and its clocks float again", async (name, end) => {
    const log = join(folder, `${name}.log`);
    await inNode(
      fakes,
      `globalThis.sampler = ${SAMPLER};
       sampler.start();
       globalThis.lock = new addon.ClockLock({ gpus: ["${UUID}"], smClockMHz: 1410, ...places });
       ${end}`,
      { FAKE_NVML_LOG: log },
    );
    expect(existsSync(log) && readFileSync(log, "utf8")).toBe("lock 0 1410\nreset 0 (was 1410)\n");
  });

  test("a worker that is terminated lets the clocks float", async () => {
    const log = join(folder, "worker.log");
    await inNode(
      fakes,
      `const { Worker } = require("node:worker_threads");
       const addonPath = Object.keys(require.cache).find((path) => path.endsWith(".node"));
       const source = 'const { workerData, parentPort } = require("node:worker_threads");' +
         'globalThis.lock = new (require(workerData.addonPath).ClockLock)(workerData.options);' +
         'parentPort.postMessage("locked"); setInterval(() => {}, 1000);';
       const options = { gpus: ["${UUID}"], smClockMHz: 1410, ...places };
       const worker = new Worker(source, { eval: true, workerData: { addonPath, options } });
       await new Promise((resolve) => worker.once("message", resolve));
       await worker.terminate();`,
      { FAKE_NVML_LOG: log },
    );
    expect(readFileSync(log, "utf8")).toBe("lock 0 1410\nreset 0 (was 1410)\n");
  });

  test("clocks that may not be locked are an error with NVML's code", async () => {
    expect(
      await inNode(fakes, `new addon.ClockLock({ gpus: ["${UUID}"], smClockMHz: 1410, ...places })`, {
        FAKE_NVML_ERRORS: "nvmlDeviceSetGpuLockedClocks:4",
      }),
    ).toMatchObject({
      code: "ERR_CANOPY_NVML_NO_PERMISSION",
      message: expect.stringContaining("locking needs root"),
    });
  });
});
