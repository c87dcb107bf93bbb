import { existsSync } from "node:fs";
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
    "CANOPY_SWEEP_VALUE: sweep.yaml:3:23 description: ",
    "what runs depend on",
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

test("an experiment that is not there, by canopy sweep", async () => {
  const cwd = workFolder({ "sweep.yaml": "sweep: s\nexperiment: none.yaml\n" });
  const { code, stderr } = await command(["sweep", "sweep.yaml"], { cwd });
  expect(code).toBe(2);
  expect(stderr).toMatch(
    /^error CANOPY_FILE_MISSING: sweep.yaml:2:13 experiment: experiment none.yaml: no such file.*\n$/,
  );
  expect(existsSync(join(cwd, ".canopy"))).toBe(false);
});
