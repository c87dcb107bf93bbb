import { execFile, spawn } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { readRawFile } from "../../src/profile/measure/raw-file.ts";
import { describeWithAddon, ofAddon } from "../native/with-addon.ts";
import { temporaryFolder } from "../temporary-folder.ts";

/** From a measurement of this host to a simulation with it, by the command line. */

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const HARNESS = fileURLToPath(new URL("../../harness/", import.meta.url));
const TSX = import.meta.resolve("tsx");

const folder = temporaryFolder("measured");
const MEASURE = [
  "profile",
  "measure",
  "--backend",
  "cpu",
  "--model",
  "tiny",
  "--quick",
  "--out",
  "host.json",
];

function canopy(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const options = { cwd: folder, env: { ...process.env, NO_COLOR: "1" }, maxBuffer: 64e6 };
    execFile(process.execPath, ["--import", TSX, MAIN, ...args], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

describeWithAddon(ofAddon("a profile of this host"), () => {
  test("Ctrl-C keeps the points that are done; --resume does the rest", async () => {
    const child = spawn(
      process.execPath,
      ["--import", TSX, MAIN, ...MEASURE, "--power-model", "60,180,0.7"],
      {
        cwd: folder,
        stdio: ["ignore", "ignore", "pipe"],
      },
    );
    let stderr = "";
    let interrupted = false;
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      if (!interrupted && /^\[3\//m.test(stderr)) interrupted = child.kill("SIGINT");
    });
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect(stderr).toContain("interrupted: the points that are done are in host.raw.msgpack");
    expect(code).toBe(130);
    const done = (await readRawFile(join(folder, "host.raw.msgpack"))).trials.length;
    expect(done).toBeGreaterThanOrEqual(3);
    expect(existsSync(join(folder, "host.json"))).toBe(false);

    const again = await canopy(...MEASURE, "--power-model", "60,180,0.7");
    expect(again).toMatchObject({ code: 2 });
    expect(again.stderr).toContain("CANOPY_MEASURE_EXISTS");
    const other = await canopy(...MEASURE, "--resume");
    expect(other.stderr).toContain("CANOPY_MEASURE_RESUME");
    expect(other.stderr).toContain("--power-model was");

    const rest = await canopy(...MEASURE, "--power-model", "60,180,0.7", "--resume");
    expect(rest.stderr).toContain("profile written to host.json");
    expect(rest.code).toBe(0);
    const whole = await readRawFile(join(folder, "host.raw.msgpack"));
    const { batches, contexts, prompts } = whole.header.settings.protocol;
    expect(whole.trials).toHaveLength(batches.length * contexts.length + prompts.length + 3);
  });

  test("the raw records give the same bytes, and the profile passes its checks", async () => {
    copyFileSync(join(folder, "host.json"), join(folder, "first.json"));
    expect(await canopy("profile", "build", "host.raw.msgpack", "--out", "host.json")).toMatchObject({
      code: 0,
    });
    const bytes = readFileSync(join(folder, "host.json"));
    expect(bytes.equals(readFileSync(join(folder, "first.json")))).toBe(true);
    expect(await canopy("profile", "check", "host.json")).toMatchObject({ code: 0 });
    const profile = JSON.parse(bytes.toString());
    expect(profile.decode.provenance).toBe("measured");
    expect(profile.power.provenance).toBe("modelled");
    expect(profile.points.length).toBeGreaterThan(10);
  });

  test("a batch is worth it: a step of 64 sequences takes less than 32 of one", () => {
    const { decode } = JSON.parse(readFileSync(join(folder, "host.json"), "utf8"));
    const row = (batch: number) => decode.iterationMs[decode.batch.indexOf(batch)][0];
    expect(row(64)).toBeLessThan(32 * row(1));
  });

  test("CEDAR's fleet runs on it", async () => {
    const text = readFileSync(join(HARNESS, "measured", "cedar.yaml"), "utf8");
    const extended = text.replace("extends: ../cedar/", `extends: ${join(HARNESS, "cedar")}/`);
    expect(extended).not.toBe(text);
    writeFileSync(join(folder, "cedar.yaml"), extended);
    const { code, stdout, stderr } = await canopy(
      "run",
      "cedar.yaml",
      "--workers",
      "1",
      "--quiet",
      "--format",
      "json",
    );
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toContain("cedar");
    expect(stdout).toContain("performance-only");
  });
});
