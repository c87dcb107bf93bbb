import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { command, SMALL, workFolder } from "./canopy.ts";

const LONG = "long".repeat(100);
const MANY =
  "workload.prompt.mu: [1, 2], workload.output.mu: [1, 2], fleet.0.replicas: [1, 2], fleet.1.replicas: [1, 2]";

/** The third line of a sweep file, and those after it; what is said of it, its place first. */
const CASES: readonly (readonly [string, string, string])[] = [
  [
    "axes: { fleett.0.replicas: [1] }",
    "CANOPY_EXPERIMENT_KEY: sweep.yaml:3:29 fleett: ",
    'did you mean "fleet"',
  ],
  [
    "axes: { fleet.7.replicas: [1] }",
    "CANOPY_EXPERIMENT_SET: sweep.yaml:3:28 fleet.7.replicas: ",
    "an index from 0 to 1",
  ],
  [
    "axes: { workload.arrival.rate: [1] }",
    "CANOPY_EXPERIMENT_KEY: sweep.yaml:3:33 workload.arrival.rate: ",
    'did you mean "ratePerS"',
  ],
  ["axes: { zzz: [1] }", "CANOPY_EXPERIMENT_KEY: sweep.yaml:3:15 zzz: ", "expected one of: extends, "],
  [`axes: { ${LONG}: [1] }`, "CANOPY_EXPERIMENT_KEY: sweep.yaml:3:412 long", "… (34 in all)"],
  [
    "axes: { workload.requests: [60, many] }",
    "CANOPY_EXPERIMENT_VALUE: sweep.yaml:3:33 workload.requests: ",
    'is "many", expected a number',
  ],
  [
    `axes: { workload.requests: [60, ${LONG}] }`,
    "CANOPY_EXPERIMENT_VALUE: sweep.yaml:3:33 workload.requests: ",
    "expected a number",
  ],
  [
    `axes: { workload.requests: [many], ${MANY} }`,
    "CANOPY_EXPERIMENT_VALUE: sweep.yaml:3:29 workload.requests: ",
    "and 2 more]",
  ],
  [
    "axes: { workload.prompt: [{ dist: lognorml, mu: 1 }] }",
    "CANOPY_EXPERIMENT_VALUE: sweep.yaml:3:27 workload.prompt.dist: ",
    'did you mean "lognormal"',
  ],
  [
    "axes: { fleet.0.profile: [nothing-like-it] }",
    "CANOPY_PROFILE_NOT_FOUND: sweep.yaml:3:27 fleet.0.profile: ",
    "that `canopy profiles` lists",
  ],
  [
    "axes: { routers: [[zzzzzzzzzzzzz]] }",
    "CANOPY_ROUTER_UNKNOWN: sweep.yaml:3:19 routers.0: ",
    "listed by canopy routers",
  ],
  [
    "axes: { signals.carbon.r1: [none] }",
    "CANOPY_SIGNAL_PRESET: sweep.yaml:3:29 signals.carbon.r1: ",
    "in all)",
  ],
  [
    "axes: { telemetryIntervalS: { from: 0, to: 1, step: 0 } }",
    "CANOPY_SWEEP_VALUE: sweep.yaml:3:53 axes.telemetryIntervalS.step: ",
    "is 0, expected a number above 0",
  ],
  [
    "axes: { telemetryIntervalS: { from: 0, to: 1, n: 3 } }",
    "CANOPY_SWEEP_KEY: sweep.yaml:3:47 axes.telemetryIntervalS.n: ",
    "expected one of: from, to, count, step",
  ],
  [
    "axes: { telemetryIntervalS: { from: 0, to: 1, step: 1e-9 } }",
    "CANOPY_SWEEP_VALUE: sweep.yaml:3:29 axes.telemetryIntervalS: ",
    "expected at most 100000",
  ],
  [
    "axes: { batching.policy: { from: 0, to: 1, count: 2 } }",
    "CANOPY_EXPERIMENT_VALUE: sweep.yaml:3:26 batching.policy: ",
    "a range gives numbers, write a list of values",
  ],
  [
    "axes: { telemetryIntervalS: [1, 2, 1] }",
    "CANOPY_SWEEP_VALUE: sweep.yaml:3:36 axes.telemetryIntervalS.2: ",
    "is 1 again",
  ],
  [
    "axes: { fleet.0.replicas: [1], 'fleet[0].replicas': [2] }",
    "CANOPY_SWEEP_VALUE: sweep.yaml:3:32 axes.",
    "is an axis already",
  ],
  [
    "axes: { fleet.0.replicas: [1] }\nset: { 'fleet[0].replicas': 2 }",
    "CANOPY_SWEEP_VALUE: sweep.yaml:4:8 set.",
    "is set here and is an axis",
  ],
  [
    "axes: { description: [a, b] }",
    "CANOPY_SWEEP_VALUE: sweep.yaml:3:9 axes.description: ",
    "what runs depend on",
  ],
  [
    "points: [{ name: a, set: { baseline: round-robin } }, { name: b }]",
    "CANOPY_SWEEP_VALUE: sweep.yaml:3:28 points.0.set.baseline: ",
    "what runs depend on",
  ],
  ["axes: { points: [[]] }", "CANOPY_SWEEP_VALUE: sweep.yaml:3:9 axes.points: ", "points of the sweep"],
  [
    "axes: { fleet.0.replicas: [1, 2], fleet.*.replicas: [3, 4] }",
    'CANOPY_SWEEP_VALUE: sweep.yaml:3:9 axes."fleet.0.replicas": ',
    "has no effect, expected it after the axis fleet.*.replicas",
  ],
  [
    "axes: { fleet.*.replicas: [1, 2] }\npoints: [{ name: a, set: { fleet.0.replicas: 7 } }]",
    'CANOPY_SWEEP_VALUE: sweep.yaml:4:28 points.0.set."fleet.0.replicas": ',
    "is set here and is an axis, by fleet.*.replicas",
  ],
  [
    "axes: { signals.carbon.r9: [100, 200] }",
    'CANOPY_SWEEP_VALUE: sweep.yaml:3:9 axes."signals.carbon.r9": ',
    'changes no run, expected a path that runs depend on (did you mean "r',
  ],
  [
    "sample: { count: 3, axes: { fleet.0.replicas: [1, 2], signals.carbon.r9: { from: 100, to: 200 } } }",
    'CANOPY_SWEEP_VALUE: sweep.yaml:3:55 sample.axes."signals.carbon.r9": ',
    "changes no run",
  ],
  [
    "axes: { fleet.0.replicas: { from: 1.2, to: 1.8, count: 2, whole: true } }",
    'CANOPY_SWEEP_VALUE: sweep.yaml:3:27 axes."fleet.0.replicas": ',
    "expected a whole number between them",
  ],
  ['axes: { "": [1] }', "CANOPY_SWEEP_KEY: sweep.yaml:3:9 axes.: ", "is no key, expected a text"],
  [
    "axes: { 'fleet.\"\\q\"': [1] }",
    "CANOPY_EXPERIMENT_SET: sweep.yaml:3:",
    "is not a path, expected e.g. fleet.0.replicas",
  ],
  [
    "sample: { method: random, count: 0, axes: { telemetryIntervalS: [1] } }",
    "CANOPY_SWEEP_VALUE: sweep.yaml:3:34 sample.count: ",
    "is 0, expected at least 1",
  ],
  [
    "sample: { count: 1e7, axes: { telemetryIntervalS: [1] } }",
    "CANOPY_SWEEP_VALUE: sweep.yaml:3:18 sample.count: ",
    "at most 1000000",
  ],
  [
    "sample: { count: 2, axes: { workload.arrival.process: { from: 0, to: 1 } } }",
    "CANOPY_EXPERIMENT_VALUE: sweep.yaml:3:55 workload.arrival.process: ",
    "write a list of values",
  ],
  [
    "sample: { count: 2, axes: { workload.requests: { from: 10, to: 20 } } }",
    "CANOPY_EXPERIMENT_VALUE: sweep.yaml:3:48 workload.requests: ",
    "add whole: true",
  ],
  [
    "points: [{ name: a }, { name: a }]",
    "CANOPY_SWEEP_VALUE: sweep.yaml:3:31 points.1.name: ",
    '"a" is taken',
  ],
];

test.each(CASES)("%s", async (lines, begin, part) => {
  const cwd = workFolder({
    "small.yaml": SMALL,
    "sweep.yaml": `sweep: s\nexperiment: small.yaml\n${lines}\n`,
  });
  const { code, stdout, stderr } = await command(["sweep-plan", "sweep.yaml", "--out", "out"], { cwd });
  expect({ code, stdout, lines: stderr.split("\n").length }).toEqual({ code: 2, stdout: "", lines: 2 });
  expect(stderr.startsWith(`error ${begin}`), stderr).toBe(true);
  expect(stderr).toContain(part);
  expect(stderr.length, stderr).toBeLessThan(220);
  expect(existsSync(join(cwd, "out"))).toBe(false);
});

test("an experiment in place of a sweep file", async () => {
  const cwd = workFolder({ "small.yaml": SMALL });
  const { code, stderr } = await command(["sweep", "small.yaml", "--dry-run"], { cwd });
  expect(code).toBe(2);
  expect(stderr).toMatch(
    /^error CANOPY_SWEEP_KEY: small.yaml:\d+:1 \w+: is a key of experiments, expected a sweep file.*canopy run.*\n$/,
  );
});

test("an experiment that is not there, by canopy sweep", async () => {
  const cwd = workFolder({ "sweep.yaml": "sweep: s\nexperiment: none.yaml\n" });
  const { code, stderr } = await command(["sweep", "sweep.yaml"], { cwd });
  expect(code).toBe(2);
  expect(stderr).toMatch(
    /^error CANOPY_FILE_MISSING: sweep.yaml:2:13 experiment: experiment none.yaml: no such file.*\n$/,
  );
  expect(existsSync(join(cwd, ".canopy"))).toBe(false);
});

const SWEEP = "sweep: s\nexperiment: small.yaml\nset: { seeds: 1 }\naxes: { fleet.0.replicas: [1, 2] }\n";

test.each([
  [["--fresh", "--only", "ab"], "--fresh with --only: "],
  [["--engine", "slurm", "--only", "ab"], "--only with --engine slurm: "],
  [["--engine", "slurm", "--workers", "2"], "--workers with --engine slurm: expected cpus under slurm"],
  [["--wait"], "--wait: expected --engine slurm"],
])("canopy sweep with %j does nothing", async (options, begin) => {
  const cwd = workFolder({ "small.yaml": SMALL, "sweep.yaml": SWEEP });
  const { code, stderr } = await command(["sweep", "sweep.yaml", "--out", "out", ...options], { cwd });
  expect([code, stderr.split("\n").length]).toEqual([2, 2]);
  expect(stderr.startsWith(`error CANOPY_OPTION_VALUE: ${begin}`), stderr).toBe(true);
  expect(existsSync(join(cwd, "out"))).toBe(false);
});

test("a key that no run has writes no plan", async () => {
  const cwd = workFolder({ "small.yaml": SMALL, "sweep.yaml": SWEEP });
  const { code, stderr } = await command(["sweep", "sweep.yaml", "--out", "out", "--only", "zzz"], { cwd });
  expect(code).toBe(2);
  expect(stderr).toMatch(/^error CANOPY_RUN_UNKNOWN: --only zzz: /);
  expect(existsSync(join(cwd, "out"))).toBe(false);
});

test("--fresh leaves what another process is writing", async () => {
  const cwd = workFolder({ "small.yaml": SMALL, "sweep.yaml": SWEEP });
  const shard = join(cwd, "out/shards/00000-of-00001");
  mkdirSync(shard, { recursive: true });
  writeFileSync(join(shard, "lock"), JSON.stringify({ pid: process.pid, host: hostname(), began: null }));
  const { code, stderr } = await command(["sweep", "sweep.yaml", "--out", "out", "--fresh"], { cwd });
  expect(code).toBe(2);
  expect(stderr).toMatch(/^error CANOPY_STORE_LOCKED: .*\n$/);
  expect(existsSync(join(shard, "lock"))).toBe(true);
});

test("a dry run for Slurm has the shards that will be submitted, and how long one takes", async () => {
  const slurm = "slurm: { cpus: 2 }\n";
  const cwd = workFolder({ "small.yaml": SMALL, "sweep.yaml": SWEEP + slurm });
  const words = ["sweep", "sweep.yaml", "--engine", "slurm", "--dry-run", "--workers", "0"];
  const { code, stdout } = await command([...words, "--out", "out"], { cwd });
  expect(code).toBe(0);
  expect(stdout).toMatch(/s +2 +2 +4 +0 +16\n/);
  expect(stdout).toMatch(/4 runs take about \S+ m?s on 1 worker here: from 4 runs done for this/);
  expect(stdout).toMatch(/On Slurm: 16 shards of about \S+ m?s on 2 cores each/);
  expect(existsSync(join(cwd, "out"))).toBe(false);
});

test("an axis over what the experiment's own points set hides them", async () => {
  const points = "points: [{ name: slow, set: { workload.arrival.ratePerS: 1 } }, { name: as-is }]\n";
  const axis = "axes: { workload.arrival.ratePerS: [2, 3] }\n";
  const cwd = workFolder({
    "small.yaml": SMALL + points,
    "sweep.yaml": `sweep: s\nexperiment: small.yaml\n${axis}`,
  });
  const { code, stderr } = await command(["sweep", "sweep.yaml", "--dry-run"], { cwd });
  expect(code).toBe(2);
  expect(stderr).toMatch(/small\.yaml:\d+:\d+ points\.0\.set\."workload\.arrival\.ratePerS": has no effect/);
  expect(stderr).toContain("the axis workload.arrival.ratePerS of the sweep");
  expect(stderr.trim().split("\n")).toHaveLength(1);
});

test.each(["0/0", "4/4"])("shard %s is none", async (shard) => {
  const cwd = workFolder({ "small.yaml": SMALL, "sweep.yaml": SWEEP });
  const { code, stderr } = await command(["sweep-shard", "sweep.yaml", shard, "--out", "out"], { cwd });
  expect(code).toBe(2);
  expect(stderr).toMatch(
    shard === "0/0" ? /0\/0: expected k\/n with n from 1 on/ : /4\/4: expected a shard from 0 to 3/,
  );
  expect(existsSync(join(cwd, "out"))).toBe(false);
});

test("a figure without values is told; one that an earlier merge drew and this one does not is removed", async () => {
  const outputs = (title: string) =>
    `outputs: { figures: [{ kind: scatter, title: ${title}, x: ttft_p95_s, y: e2e_p95_s }, { kind: scatter, title: dear, x: cost_usd_per_request, y: ttft_p95_s }] }\n`;
  const cwd = workFolder({ "small.yaml": SMALL + outputs("first"), "sweep.yaml": SWEEP });
  const words = ["sweep", "sweep.yaml", "--out", "out", "--workers", "0"];
  const told = await command(words, { cwd });
  expect(told.code, told.stderr).toBe(0);
  expect(told.stderr).toContain('\nno figure "dear": no row has the values that it shows\n');
  expect(told.stderr).not.toContain('"first"');
  const figure = (name: string) => existsSync(join(cwd, `out/figure-${name}.svg`));
  expect([figure("first-replicas-1"), figure("second-replicas-1")]).toEqual([true, false]);
  writeFileSync(join(cwd, "small.yaml"), SMALL + outputs("second"));
  expect((await command(words, { cwd })).code).toBe(0);
  expect([figure("first-replicas-1"), figure("second-replicas-1")]).toEqual([false, true]);
});

test.each(["sweep-merge", "sweep-missing", "sweep-shard"])("%s of a folder without a plan", async (name) => {
  const cwd = workFolder();
  mkdirSync(join(cwd, "x"));
  const { code, stderr } = await command([name, "x", ...(name === "sweep-shard" ? ["0/1"] : [])], { cwd });
  expect(code).toBe(2);
  expect(stderr).toBe(
    "error CANOPY_FILE_MISSING: x: has no plan.json, expected a folder that canopy sweep-plan has written\n",
  );
});
