import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { vllm } from "../validation/measured/files.ts";
import { command, workFolder } from "./canopy.ts";

const FOUND = fileURLToPath(new URL("../../results/cedar/cedar-table-1", import.meta.url));

test("canopy import: a trace, a simulated run beside it, and no trace where that is refused", async () => {
  const cwd = workFolder({ "bench.json": JSON.stringify(vllm) });
  const cli = (...args: string[]) => command(args, { cwd });

  const mistakes: readonly (readonly [string[], string])[] = [
    [["--beside", FOUND], "CANOPY_BENCH_CHOICE"],
    [["--beside", FOUND, "--router", "least-loadd"], 'did you mean "least-loaded"?'],
    [["--beside", "lost"], "CANOPY_FILE_MISSING"],
    [["--router", "least-loaded"], "--router least-loaded: is of a simulated result, expected --beside DIR"],
  ];
  for (const [args, said] of mistakes) {
    const refused = await cli("import", "bench.json", "--trace", "requests.csv", ...args);
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toContain(said);
    expect(refused.stderr.trim().split("\n")).toHaveLength(1);
    expect(existsSync(join(cwd, "requests.csv"))).toBe(false);
  }

  const args = ["--trace", "requests.csv", "--beside", FOUND, "--router", "least-loaded"];
  const done = await cli("import", "bench.json", ...args, "--format", "json");
  expect(done).toMatchObject({ code: 0, stderr: "requests.csv: 3 requests\n" });
  expect(JSON.parse(done.stdout)).toMatchObject({ schema: "canopy/measured/1", router: "least-loaded" });
  expect(readFileSync(join(cwd, "requests.csv"), "utf8").split("\n")).toHaveLength(5);
});

test("the commands of the page on measured runs, with its experiment", async () => {
  const page = readFileSync(new URL("../../docs/measured-runs.md", import.meta.url), "utf8");
  const replay = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? "";
  const cwd = workFolder({ "replay.yaml": replay, "bench.json": JSON.stringify(vllm) });
  const commands = [...page.matchAll(/^canopy ((?:import|run) .*?)(?: +#.*)?$/gm)].map(([, words]) =>
    words.split(" "),
  );
  expect(commands).toHaveLength(4);
  for (const args of commands) {
    const inThread = args[0] === "run" ? ["--workers", "0"] : [];
    expect((await command([...args, ...inThread], { cwd })).code, args.join(" ")).toBe(0);
  }
  const shown = await command([...commands[3], "--format", "csv"], { cwd });
  expect(shown.stdout).toMatch(/^quantity,unit,measured,simulated,[\s\S]*\nfinished requests,,3,3,/);
});
