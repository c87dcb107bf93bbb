import { execFile } from "node:child_process";
import { readFile, statfs } from "node:fs/promises";
import { availableParallelism, freemem, totalmem } from "node:os";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { dataRoot } from "../experiment/data-path.ts";
import type { NativeAddon } from "../native/addon.ts";
import { loadAddon } from "../native/load-addon.ts";

/** One line of `canopy doctor`. */
export interface InstallationCheck {
  readonly check: string;
  readonly state: "ok" | "warn" | "fail";
  readonly found: string;
  /** What to do; null where nothing is amiss. */
  readonly remedy: string | null;
}

type Finding = Omit<InstallationCheck, "check">;

const MIB = 2 ** 20;
const ok = (found: string): Finding => ({ state: "ok", found, remedy: null });
const warn = (found: string, remedy: string): Finding => ({ state: "warn", found, remedy });
const fail = (found: string, remedy: string): Finding => ({ state: "fail", found, remedy });

/** In the order in which they are printed. */
const CHECKS: readonly (readonly [
  name: string,
  /** Undefined where the check has no object here. */
  examine: () => Promise<Finding> | Finding | undefined,
])[] = [
  ["Node", nodeVersion],
  ["cores", cores],
  ["memory", memory],
  ["disk", disk],
  ["worker threads", workerThreads],
  ["DuckDB", duckdb],
  ["figures", figures],
  ["native addon", addon],
  ["processor", () => withAddon(processor)],
  ["CUDA", () => withAddon(cuda)],
  ["GPU power", () => withAddon(gpuPower)],
  ["CPU power", () => withAddon(cpuPower)],
  ["git", git],
  ["reference data", referenceData],
  ["WattTime", () => credentials(["WATTTIME_USER", "WATTTIME_PASSWORD"])],
  ["Electricity Maps", () => credentials(["ELECTRICITY_MAPS_TOKEN"])],
];

/** Runs every check; one that breaks is a failure of its own and stops no other. */
export async function examineInstallation(): Promise<InstallationCheck[]> {
  const results: InstallationCheck[] = [];
  for (const [check, examine] of CHECKS) {
    try {
      const finding = await examine();
      if (finding !== undefined) results.push({ check, ...finding });
    } catch (error) {
      const found = String((error as Error).message ?? error).split("\n")[0];
      results.push({ check, ...fail(found, "install again: npm ci") });
    }
  }
  return results;
}

async function nodeVersion(): Promise<Finding> {
  const text = await readFile(new URL("../../package.json", import.meta.url), "utf8");
  const wanted = (JSON.parse(text) as { engines: { node: string } }).engines.node.replace(/^>=/, "");
  const [major, minor] = process.versions.node.split(".").map(Number);
  const [leastMajor, leastMinor] = wanted.split(".").map(Number);
  const enough = major > leastMajor || (major === leastMajor && minor >= leastMinor);
  return enough ? ok(process.version) : fail(process.version, `install Node ${wanted} or later`);
}

function cores(): Finding {
  const count = availableParallelism();
  return count > 1
    ? ok(`${count}`)
    : warn("1", "runs go one after another; a sweep is quicker on a machine with more");
}

function memory(): Finding {
  const found = `${Math.round(freemem() / MIB)} MiB free of ${Math.round(totalmem() / MIB)} MiB`;
  return freemem() > 1024 * MIB ? ok(found) : warn(found, "use fewer --workers, or close other programs");
}

async function disk(): Promise<Finding> {
  const { bavail, bsize } = await statfs(process.cwd());
  const found = `${Math.round((bavail * bsize) / MIB)} MiB free here`;
  return bavail * bsize > 1024 * MIB ? ok(found) : warn(found, "make room, or give --out on another disk");
}

async function workerThreads(): Promise<Finding> {
  const worker = new Worker("require('node:worker_threads').parentPort.postMessage(6 * 7)", {
    eval: true,
    execArgv: [],
  });
  try {
    const answer = await new Promise((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
    return answer === 42 ? ok("work") : fail(`answered ${String(answer)}`, "run with --workers 0");
  } finally {
    await worker.terminate();
  }
}

async function duckdb(): Promise<Finding> {
  const { DuckDBInstance } = await import("@duckdb/node-api");
  const connection = await (await DuckDBInstance.create(":memory:")).connect();
  try {
    const reader = await connection.runAndReadAll("select version()");
    return ok(String(reader.getRows()[0][0]));
  } finally {
    connection.closeSync();
  }
}

/** Draws text with the fonts that the package brings, and wants to see ink. */
async function figures(): Promise<Finding> {
  const { svgToPng } = await import("../report/figures/png.ts");
  const { fontFiles } = await import("../report/figures/font.ts");
  const draw = (text: string) =>
    svgToPng(
      `<svg xmlns="http://www.w3.org/2000/svg" width="60" height="20"><text x="4" y="15">${text}</text></svg>`,
    );
  const [inked, blank] = [await draw("carbon"), await draw("")];
  return inked.equals(blank)
    ? fail("text is not drawn", "install again: npm ci")
    : ok(`SVG and PNG, ${fontFiles().length} font files of the package`);
}

function addon(): Finding {
  const found = loadAddon();
  if (found.state !== "loaded") {
    return warn(`${found.reason}; measuring a host and fast training need it`, found.remedy);
  }
  const { compiler, cuda, commit } = found.addon.describe().build;
  const made = `${compiler}, ${cuda === null ? "no CUDA" : `CUDA ${cuda}`}${commit === null ? "" : `, commit ${commit}`}`;
  return ok(`${made}: ${found.path}`);
}

function withAddon(examine: (addon: NativeAddon) => Finding): Finding | undefined {
  const found = loadAddon();
  return found.state === "loaded" ? examine(found.addon) : undefined;
}

function processor(addon: NativeAddon): Finding {
  const { model, instructionSets, usableThreads, usableCores, quotaCpus } = addon.describe().cpu;
  const quota = quotaCpus === null ? "" : `, a quota of ${quotaCpus}`;
  const sets = instructionSets.length === 0 ? "" : `; ${instructionSets.join(" ")}`;
  return ok(`${model ?? "unknown"}: ${usableThreads} threads on ${usableCores} cores${quota}${sets}`);
}

function cuda(addon: NativeAddon): Finding {
  const { devices, reason } = addon.describeCuda();
  return reason === null
    ? ok(devices.map(({ name, compute }) => `${name} (${compute})`).join(", "))
    : warn(reason, "needed for measuring a GPU only");
}

function gpuPower(addon: NativeAddon): Finding {
  const { gpus, reason, driverVersion } = addon.describePower().nvml;
  if (reason !== null) return warn(reason, "needed for measuring a GPU only");
  const refused = gpus.filter(({ refusal }) => refusal !== null);
  return refused.length === 0
    ? ok(
        `NVML, driver ${driverVersion}: ${gpus.map(({ name, powerSource }) => `${name} (${powerSource})`).join(", ")}`,
      )
    : warn(refused.map(({ name, refusal }) => `${name}: ${refusal}`).join("; "), "measure on another GPU");
}

function cpuPower(addon: NativeAddon): Finding {
  const { reason, zones } = addon.describePower().rapl;
  return reason === null
    ? ok(`RAPL: ${zones.map(({ name }) => name).join(", ")}`)
    : warn(reason, "needed for the energy of a CPU profile only");
}

async function git(): Promise<Finding> {
  try {
    const { stdout } = await promisify(execFile)("git", ["--version"]);
    return ok(stdout.trim().replace(/^git version /, ""));
  } catch {
    return warn("not found", "install git, so that manifests name the commit that made a result");
  }
}

function referenceData(): Finding {
  const root = dataRoot();
  return root === undefined
    ? warn(
        "none: synthetic series stand in where an experiment allows it",
        "set CANOPY_DATA to the folder; canopy data list says where the files are had",
      )
    : ok("found");
}

function credentials(names: readonly string[]): Finding {
  const missing = names.filter((name) => !process.env[name]);
  return missing.length === 0
    ? ok("credentials are set")
    : warn(`${missing.join(" and ")} not set`, "needed for canopy signals only");
}
