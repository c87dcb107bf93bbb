/** External routers as processes of the system: with worker threads, and when the program is stopped. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { expect, test } from "vitest";
import { canopy, SMALL, start, workFolder } from "../cli/canopy.ts";

const SCRIPT = readFileSync(new URL("../routers/external/process.mjs", import.meta.url), "utf8").replace(
  '"msgpackr"',
  JSON.stringify(import.meta.resolve("msgpackr")),
);

function study(options: string): string {
  const routers = `routers: [{ router: external, command: [node, process.mjs], options: ${options} }]`;
  return workFolder({ "small.yaml": SMALL.replace(/^routers: .*$/m, routers), "process.mjs": SCRIPT });
}

test("the rows have the same bytes with any number of workers", async () => {
  const cwd = study("{}");
  const texts: string[] = [];
  for (const workers of ["1", "2", "3"]) {
    const { code } = await canopy(["run", "small.yaml", "--workers", workers, "--out", workers], { cwd });
    expect(code).toBe(0);
    const { rows } = JSON.parse(readFileSync(join(cwd, workers, "result.json"), "utf8")) as { rows: object };
    texts.push(JSON.stringify(rows));
  }
  expect(texts[1]).toBe(texts[0]);
  expect(texts[2]).toBe(texts[0]);
});

/** External routers that run in a folder, as Linux lists them. */
function routersIn(folder: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      return words[1] === "process.mjs" && readlinkSync(`/proc/${pid}/cwd`) === folder;
    } catch {
      return false;
    }
  });
}

test.skipIf(process.platform !== "linux")("an interruption and a kill leave no process behind", async () => {
  const cwd = study("{ mode: patient }");
  // Requests that come a while apart, so that the run has no end before it is interrupted.
  const endless = ["--set", "workload.requests=100000"];
  for (const [signal, expected] of [
    ["SIGINT", 130],
    ["SIGKILL", null],
  ] as const) {
    const running = start(["run", "small.yaml", "--workers", "2", "--quiet", ...endless], { cwd });
    const others = () => routersIn(cwd);
    while (others().length === 0) await setTimeout(50);
    running.process.kill(signal);
    expect((await running.ended).code).toBe(expected);
    for (let tries = 0; others().length > 0 && tries < 100; tries++) await setTimeout(50);
    expect(others()).toEqual([]);
  }
});
