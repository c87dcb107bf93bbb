import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { command, SMALL, workFolder } from "./canopy.ts";

const SCRIPT = readFileSync(new URL("../routers/external/process.mjs", import.meta.url), "utf8").replace(
  '"msgpackr"',
  JSON.stringify(import.meta.resolve("msgpackr")),
);

/** A folder with an experiment under routers, and a router in another process. */
function study(routers: string, more: Readonly<Record<string, string>> = {}): string {
  const experiment = SMALL.replace(/^routers: .*$/m, `routers: ${routers}`).replace("seeds: 3", "seeds: 2");
  return workFolder({ "small.yaml": experiment, "process.mjs": SCRIPT, ...more });
}

const external = (more = "") => `{ router: external, command: [node, process.mjs]${more} }`;

test("an external router runs from the experiment's folder beside others; its waits stay out of the result", async () => {
  const cwd = study(`[least-loaded, ${external(", as: mine")}]`);
  const run = (out: string, ...more: string[]) =>
    command(["run", "small.yaml", "--out", out, "--workers", "0", "--quiet", ...more], { cwd });
  const { code, stdout, stderr } = await run("one");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/Round trips to external routers[\s\S]*mine +120 /);
  expect((await run("two")).code).toBe(0);
  const read = (path: string) => readFileSync(join(cwd, path), "utf8");
  expect(read("two/result.json")).toBe(read("one/result.json"));
  expect(read("one/table.txt")).not.toContain("Round trips");
  const manifest = JSON.parse(read("one/manifest.json")) as {
    roundTrips: { router: string; decisions: number }[];
    inputs: { role: string; name: string }[];
  };
  expect(manifest.roundTrips).toMatchObject([{ router: "mine", decisions: 120 }]);
  expect(manifest.inputs).toContainEqual(
    expect.objectContaining({ role: "router", name: expect.stringContaining("process.mjs") }),
  );
});

test("a run whose process dies is counted as failed, the others are kept and the same command does the rest", async () => {
  const cwd = study(`[round-robin, ${external(", options: { mode: dies, at: 5 }, as: mine")}]`);
  const args = ["run", "small.yaml", "--workers", "0", "--quiet", "--format", "json"];
  const { code, stdout, stderr } = await command(args, { cwd });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error CANOPY_RUN_FAILED: 2 of 4 runs failed; the others are kept/);
  expect(stderr).toMatch(
    /\n {2}mine, seed 1: CANOPY_EXTERNAL_ENDED: external router \(node process\.mjs\), frame 5 at \d+(\.\d{1,6})? s: the process ended before it answered; its standard error ends: ValueError: no such thing\n/,
  );
  const { rows } = JSON.parse(stdout) as { rows: { router: string; runs: { done: number } }[] };
  expect(rows.map(({ router, runs }) => [router, runs.done])).toEqual([
    ["round-robin", 2],
    ["mine", 0],
  ]);
});

test("a changed file is another run; one that is not named is none", async () => {
  const cwd = study(`[${external(", files: [weights.txt]")}]`, { "weights.txt": "1", "other.txt": "1" });
  const done = async () => {
    const { stdout } = await command(["run", "small.yaml", "--dry-run", "--format", "json"], { cwd });
    return (JSON.parse(stdout) as { points: { done: number }[] }).points[0].done;
  };
  expect((await command(["run", "small.yaml", "--workers", "0", "--quiet"], { cwd })).code).toBe(0);
  expect(await done()).toBe(2);
  writeFileSync(join(cwd, "other.txt"), "2");
  expect(await done()).toBe(2);
  writeFileSync(join(cwd, "weights.txt"), "2");
  expect(await done()).toBe(0);
  writeFileSync(join(cwd, "weights.txt"), "1");
  writeFileSync(join(cwd, "process.mjs"), `${SCRIPT}\n`);
  expect(await done()).toBe(0);
});

test("mistakes of the file are told before anything runs", async () => {
  const message = async (routers: string) => {
    const { code, stderr } = await command(["run", "small.yaml", "--dry-run"], { cwd: study(routers) });
    expect(code).toBe(2);
    return stderr;
  };
  expect(await message(`[${external(", files: [gone.txt]")}]`)).toMatch(
    /^error CANOPY_ROUTER_FILE: small\.yaml:\d+:\d+ routers\.0: router external: files names gone\.txt, which is no file in \S+\n$/,
  );
  expect(await message("[external]")).toMatch(
    /^error CANOPY_ROUTER_PARAMETER: .*router external: parameter command is missing, expected a list\n$/,
  );
  expect(await message("[{ router: external, command: [] }]")).toContain(
    "parameter command is an empty list, expected at least 1 entry\n",
  );
  expect(await message(`[${external(", telemetry: [outstandin]")}]`)).toContain(
    '(did you mean "outstanding"?)',
  );
});

test("a router of a package that is installed beside the experiment, by its name", async () => {
  const cwd = study("[my-package, '@lab/pick']");
  const install = (name: string, about: object, file: string, id: string) => {
    const folder = join(cwd, "node_modules", name);
    mkdirSync(join(folder, "lib"), { recursive: true });
    writeFileSync(join(folder, "package.json"), JSON.stringify({ name, type: "module", ...about }));
    writeFileSync(
      join(folder, file),
      `import { defineRouter } from "canopy-bench";
export default defineRouter({ id: "${id}", create: () => ({ start(w, h) { this.h = h; }, arrival(r) { this.h.place(r, 0); } }) });\n`,
    );
  };
  install("my-package", { exports: { ".": { import: "./lib/router.js" } } }, "lib/router.js", "first");
  install("@lab/pick", { main: "lib/pick" }, "lib/pick.js", "pick");
  const args = ["run", "small.yaml", "--workers", "0", "--quiet", "--format", "json"];
  const { code, stdout, stderr } = await command(args, { cwd });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const { rows } = JSON.parse(stdout) as { rows: { router: string; id: string }[] };
  expect(rows.map(({ router, id }) => [router, id])).toEqual([
    ["my-package", "first"],
    ["@lab/pick", "pick"],
  ]);
  expect((await command(["routers", "my-package"], { cwd })).stdout).toMatch(/^first\n/);
  const { stderr: unknown } = await command(["run", "small.yaml", "--set", "routers=[my-packag]"], { cwd });
  expect(unknown).toMatch(
    /router "my-packag" is not known, expected an id .*, a file or an installed package/,
  );
});
