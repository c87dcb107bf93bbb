import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { createProgram } from "../src/cli/program.ts";
import { writeStarter } from "../src/cli/write-starter.ts";
import { loadAnyExperiment } from "../src/experiment/load.ts";
import { loadSweep } from "../src/sweep/file/load-sweep.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const EXAMPLES = new URL("../harness/examples/", import.meta.url);
const path = (name: string) => fileURLToPath(new URL(name, EXAMPLES));

describe("the Slurm job for a GPU host", () => {
  const script = readFileSync(path("profile-gpu.sbatch"), "utf8");
  const lines = script.split("\n").map((line) => line.trim());
  const commands = lines.filter((line) => line.startsWith("canopy "));

  test("is a script that bash reads", () => {
    expect(() => execFileSync("bash", ["-n", path("profile-gpu.sbatch")])).not.toThrow();
    expect(lines[0]).toBe("#!/bin/bash");
    // The directives end with the first command.
    const last = lines.findLastIndex((line) => line.startsWith("#SBATCH"));
    expect(lines.findIndex((line) => line.startsWith("set "))).toBeGreaterThan(last);
  });

  test("measures, checks, simulates and sets the measured run beside it, in this order", () => {
    const steps = commands.map((line) => line.split(" ").slice(1, 3).join(" "));
    expect(steps.map((step) => step.replace(/ ["$].*$/, ""))).toEqual([
      "doctor",
      "profile measure",
      "profile check",
      "run",
      "import",
      "run",
      "import",
    ]);
  });

  test.each(commands)("%s: the command and its options exist", (line) => {
    const words = line.split(/\s+/).slice(1);
    let command: Command = createProgram();
    for (const word of words) {
      const inner = command.commands.find((one) => one.name() === word);
      if (inner === undefined) break;
      command = inner;
    }
    expect(command.name()).not.toBe("canopy");
    const known = command.options.map((option) => option.long);
    for (const option of words.filter((word) => word.startsWith("--"))) expect(known).toContain(option);
  });
});

test("the experiment of a measured host loads", async () => {
  const { kind, loaded } = await loadAnyExperiment(path("measured-host.yaml"));
  expect([kind, loaded.id]).toEqual(["requests", "measured-host"]);
});

test("the sweep of docs/first-study.md is one over the starter experiment", async () => {
  const page = readFileSync(new URL("../docs/first-study.md", import.meta.url), "utf8");
  const yaml = /```yaml\n(sweep: [\s\S]*?)```/.exec(page)?.[1] ?? "";
  const folder = temporaryFolder("first-study");
  await writeStarter(folder);
  writeFileSync(join(folder, "rates.yaml"), yaml);
  const { count, varied } = await loadSweep(join(folder, "rates.yaml"));
  expect([count, varied]).toEqual([4, ["workload.arrival.ratePerS"]]);
});

test("the router in Python stays below sixty lines", () => {
  expect(readFileSync(path("my_router.py"), "utf8").split("\n").length).toBeLessThan(60);
});
