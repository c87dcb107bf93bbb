import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";
import { loadAddon } from "../../src/native/load-addon.ts";

const NATIVE = fileURLToPath(new URL("../../native/", import.meta.url));

/** Path of the addon and of a fake driver library, or why the tests that need them are skipped. */
export type Fakes = { readonly addon: string; readonly library: string } | { readonly skipped: string };

/** Why the tests that need the fakes are skipped; undefined where they run. */
export function whySkipped(fakes: Fakes): string | undefined {
  return "skipped" in fakes ? fakes.skipped : undefined;
}

/** Builds the fake driver library (native/testing/fake_nvml.cc) in a folder that is removed after the tests. */
export function buildFakes(): Fakes {
  const addon = loadAddon();
  if (addon.state !== "loaded") return { skipped: addon.reason };
  const folder = mkdtempSync(join(tmpdir(), "canopy-fake-nvml-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const library = join(folder, "libnvidia-ml.so.1");
  const source = join(NATIVE, "testing", "fake_nvml.cc");
  try {
    const args = ["-shared", "-fPIC", "-O1", "-std=c++20", `-I${NATIVE}`, source, "-o", library];
    execFileSync("c++", args, { stdio: ["ignore", "ignore", "pipe"] });
  } catch (error) {
    return { skipped: `no C++ compiler: ${(error as Error).message.split("\n")[0]}` };
  }
  return { addon: addon.path, library };
}

/**
 * Runs a script in a Node process of its own, with `addon` (the exports) and `places` in scope, since the fake driver
 * is told what to do by environment variables. What the script returns comes back as JSON.
 */
export async function inNode(
  fakes: Fakes,
  body: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  if ("skipped" in fakes) throw new Error(fakes.skipped);
  const script = `
    const addon = require(${JSON.stringify(fakes.addon)});
    const places = { nvmlLibrary: ${JSON.stringify(fakes.library)}, raplFolder: "/nonexistent" };
    const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const now = () => Number(process.hrtime.bigint()) / 1e9;
    const plain = (_, value) => (value instanceof Float64Array ? [...value] : value);
    (async () => { ${body} })().then(
      (value) => value !== undefined && process.stdout.write(JSON.stringify(value, plain)),
      (error) => process.stdout.write(JSON.stringify({ code: error.code, message: error.message })),
    );`;
  const { stdout } = await new Promise<{ stdout: string }>((resolve, reject) => {
    execFile(
      process.execPath,
      ["-e", script],
      { env: { ...process.env, ...environment }, maxBuffer: 64e6 },
      (error, out, err) =>
        error === null ? resolve({ stdout: out }) : reject(new Error(`${error.message}\n${err}`)),
    );
  });
  return stdout === "" ? undefined : JSON.parse(stdout);
}
