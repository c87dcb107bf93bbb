import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
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

  test("hands SIGTERM on to what measures, and goes on with it when it is started again", async () => {
    // In place of canopy: notes its words, and measures until it is told to stop.
    const folder = temporaryFolder("profile-gpu");
    writeFileSync(
      join(folder, "canopy"),
      `#!/usr/bin/env node
const { appendFileSync, writeFileSync } = require("node:fs");
const words = process.argv.slice(2).join(" ");
appendFileSync("words.txt", words + "\\n");
if (words.startsWith("profile measure") && !words.includes("--resume")) {
  process.on("SIGTERM", () => { appendFileSync("words.txt", "stopped\\n"); process.exit(130); });
  setInterval(() => undefined, 1000);
  writeFileSync("out/host.raw.msgpack", "");
}
`,
      { mode: 0o755 },
    );
    copyFileSync(path("measured-host.yaml"), join(folder, "measured-host.yaml"));
    const job = () =>
      spawn("bash", [path("profile-gpu.sbatch")], {
        cwd: folder,
        env: { ...process.env, PATH: `${folder}:${process.env["PATH"]}`, OUT: "out", BENCH: "" },
        stdio: "ignore",
      });
    const ended = (child: ChildProcess) => new Promise((resolve) => child.once("close", resolve));
    const first = job();
    const end = ended(first);
    while (!existsSync(join(folder, "out/host.raw.msgpack"))) await sleep(20);
    first.kill("SIGTERM");
    expect(await end).toBe(130);
    expect(readFileSync(join(folder, "words.txt"), "utf8").split("\n").slice(-2)).toEqual(["stopped", ""]);
    expect(await ended(job())).toBe(0);
    const words = readFileSync(join(folder, "words.txt"), "utf8");
    expect(words).toMatch(/stopped\ndoctor\nprofile measure .* --resume\nprofile check /);
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

describe("the Kubernetes jobs of a sweep", () => {
  interface Job {
    readonly kind: string;
    readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
    readonly spec: {
      readonly completions?: number;
      readonly template: {
        readonly spec: {
          readonly restartPolicy: string;
          readonly containers: readonly [{ readonly command: readonly string[] }];
        };
      };
    };
  }
  const text = readFileSync(path("kubernetes-sweep.yaml"), "utf8");
  const jobs = parseAllDocuments(text).map((document) => document.toJS() as Job);

  test("can be applied one at a time, as docs/slurm.md says", () => {
    expect(jobs.map(({ kind, metadata }) => [kind, metadata.name, metadata.labels["canopy-step"]])).toEqual(
      ["plan", "shards", "merge"].map((step) => ["Job", `canopy-${step}`, step]),
    );
    const page = readFileSync(new URL("../docs/slurm.md", import.meta.url), "utf8");
    expect(page).toContain("for step in plan shards merge");
    expect(page).toContain("-l canopy-step=$step");
  });

  test("have commands and options that exist, and as many indexes as the plan has shards", () => {
    const commands = jobs.map(({ spec }) => spec.template.spec.containers[0].command);
    for (const [program, name, ...words] of commands) {
      expect(program).toBe("canopy");
      const own = createProgram().commands.find((one) => one.name() === name);
      const known = own?.options.map((option) => option.long);
      for (const option of words.filter((word) => word.startsWith("--"))) expect(known).toContain(option);
    }
    const [plan] = commands;
    expect(plan[plan.indexOf("--shards") + 1]).toBe(String(jobs[1].spec.completions));
    // What backoffLimitPerIndex and podFailurePolicy ask for.
    expect(jobs[1].spec.template.spec.restartPolicy).toBe("Never");
  });
});

test("the router in Python stays below sixty lines", () => {
  expect(readFileSync(path("my_router.py"), "utf8").split("\n").length).toBeLessThan(60);
});
