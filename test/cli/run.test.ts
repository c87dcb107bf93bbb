import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { RECORD_COLUMNS } from "../../src/metrics/record-sink.ts";
import { canopy, command, type Ended, SMALL, start, workFolder } from "./canopy.ts";

/** Routes like round-robin, but comes to grief as its parameter says. Each start takes `sleepMs`. */
const TROUBLED = `import { defineRouter, z } from "canopy-bench";
export default defineRouter({
  id: "troubled", family: "user", group: "user", status: "ours", source: "a test", summary: "Comes to grief",
  parameters: z.strictObject({ trouble: z.enum(["none", "exit", "throw"]).default("none"), sleepMs: z.number().default(0) }),
  create: ({ trouble, sleepMs }) => {
    let host, next = 0, count = 1;
    return {
      start(world, given) {
        host = given;
        count = world.endpoints.count;
        if (sleepMs > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, sleepMs);
        if (trouble === "exit") process.exit(13);
        if (trouble === "throw") throw new Error("not today");
      },
      arrival(request) { host.place(request, next++ % count); },
    };
  },
});
`;

const study = (text = SMALL) => workFolder({ "small.yaml": text, "troubled.mjs": TROUBLED });
const withRouters = (routers: string) => SMALL.replace(/^routers: .*$/m, `routers: ${routers}`);
/** Starting threads takes longer than these runs do. */
const HERE = ["--workers", "0"];
const journal = (folder: string) => join(folder, ".canopy/store/small/runs.jsonl");
const journalLines = (folder: string) =>
  existsSync(journal(folder)) ? readFileSync(journal(folder), "utf8").split("\n").length - 1 : 0;

/** What progress says at the end. */
const summary = ({ stderr }: Ended) => stderr.split("\n").find((line) => /^\d+ of \d+ runs in /.test(line));

function parsed({ code, stdout }: Ended) {
  expect(code).toBe(0);
  return JSON.parse(stdout);
}

describe.concurrent("canopy run", () => {
  test("prints the result, and nothing else, on stdout", async () => {
    const cwd = study();
    const ended = await canopy(["run", "small.yaml", "--format", "json"], { cwd });
    expect(summary(ended)).toMatch(/^6 of 6 runs in .*, 360 requests, /);
    const result = parsed(ended);
    expect(result).toMatchObject({ schema: "canopy/result/1", experiment: "small" });
    expect(result.failed).toBeUndefined();
    expect(result.rows.map(({ router }: { router: string }) => router)).toEqual([
      "round-robin",
      "least-loaded",
    ]);
    for (const { metrics, runs, published, verdict, point } of result.rows) {
      expect({ runs, published, verdict, point }).toEqual({
        runs: { done: 3, planned: 3 },
        published: {},
        verdict: {},
        point: {},
      });
      expect(metrics.finished).toMatchObject({ mean: 60, n: 3 });
      const { mean, ci95, unit, n } = metrics.ttft_p95_s;
      expect({ unit, n }).toEqual({ unit: "s", n: 3 });
      expect(ci95[0]).toBeLessThanOrEqual(mean);
      expect(ci95[1]).toBeGreaterThanOrEqual(mean);
    }
  });

  test("without --format prints tables; --quiet leaves stderr empty", async () => {
    const { code, stdout, stderr } = await command(["run", "small.yaml", ...HERE, "--quiet"], {
      cwd: study(),
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^small\b/);
    expect(stdout).toMatch(/round-robin .*\d/);
  });

  test("gives the same bytes with and without workers", async () => {
    const bytes = await Promise.all(
      ["1", "2"].map(async (workers) => {
        const cwd = study(withRouters("[round-robin, least-loaded, cedar-heuristic, ./troubled.mjs]"));
        const { code, stdout } = await canopy(
          [
            "run",
            "small.yaml",
            "--workers",
            workers,
            "--out",
            "out",
            "--format",
            "json",
            "--quiet",
            "--requests-out",
            "r.csv",
          ],
          { cwd },
        );
        expect(code).toBe(0);
        return [
          stdout,
          ...["out/result.json", "out/table.txt", "r.csv"].map((name) =>
            readFileSync(join(cwd, name), "utf8"),
          ),
        ];
      }),
    );
    expect(bytes[1]).toEqual(bytes[0]);
  });

  test("--out writes every form of the table, the figures, the result and a manifest", async () => {
    const cwd = study(
      `${SMALL}outputs: { figures: [{ kind: bars, title: Violations, metric: slo_violation }] }\n`,
    );
    const ended = await command(["run", "small.yaml", ...HERE, "--out", "out", "--format", "json"], { cwd });
    const result = parsed(ended);
    expect(readdirSync(join(cwd, "out")).sort()).toEqual(
      [
        ".canopy",
        "figure-violations.png",
        "figure-violations.svg",
        "manifest.json",
        "resolved.json",
        "result.json",
        "table.csv",
        "table.md",
        "table.tex",
        "table.txt",
      ].sort(),
    );
    const read = (name: string) => readFileSync(join(cwd, "out", name), "utf8");
    expect(JSON.parse(read("result.json"))).toEqual(result);
    expect(JSON.parse(read("manifest.json"))).toMatchObject({
      schema: "canopy/manifest/1",
      experiment: "small",
      state: "complete",
      seeds: [1, 2, 3],
      command: ["canopy", "run", "small.yaml", ...HERE, "--out", "out", "--format", "json"],
      requestsSimulated: 360,
    });
    expect(read("figure-violations.svg")).toContain("<svg");
  });

  test("does what was done before not again, unless it is told to", async () => {
    const cwd = study();
    const first = await command(["run", "small.yaml", ...HERE, "--format", "json"], { cwd });
    const second = await command(["run", "small.yaml", "--format", "json"], { cwd });
    expect(summary(second)).toMatch(/^0 of 0 runs .* 6 were done before/);
    expect(second.stdout).toBe(first.stdout);
    const more = await command(["run", "small.yaml", ...HERE, "--seeds", "4"], { cwd });
    expect(summary(more)).toMatch(/^2 of 2 runs .* 6 were done before/);
    const fresh = await command(["run", "small.yaml", ...HERE, "--fresh"], { cwd });
    expect(summary(fresh)).toMatch(/^6 of 6 runs /);
    expect(journalLines(cwd)).toBe(6);
  });

  test("runs that two experiments share are done once", async () => {
    const cwd = study();
    writeFileSync(
      join(cwd, "other.yaml"),
      withRouters("[round-robin]").replace("experiment: small", "experiment: other"),
    );
    const ended = await command(
      ["run", "small.yaml", "other.yaml", ...HERE, "--format", "json", "--out", "out"],
      {
        cwd,
      },
    );
    expect(summary(ended)).toMatch(/^6 of 6 runs /);
    const [small, other] = parsed(ended);
    expect([small.experiment, other.experiment]).toEqual(["small", "other"]);
    expect(other.rows[0].metrics).toEqual(small.rows[0].metrics);
    expect(readdirSync(join(cwd, "out")).sort()).toEqual([".canopy", "other", "small"]);
    const again = await command(["run", "other.yaml", "--out", "out"], { cwd });
    expect(summary(again)).toMatch(/^0 of 0 runs .* 3 were done before/);
  });

  test("--set overrides values, --dry-run prints the plan and does nothing", async () => {
    const cwd = study();
    const plan = await command(
      [
        "run",
        "small.yaml",
        "--set",
        "routers=[round-robin]",
        "--set",
        "axes={workload.requests: [20, 30]}",
        "--dry-run",
        "--format",
        "json",
      ],
      { cwd },
    );
    expect(parsed(plan).points).toMatchObject([
      {
        experiment: "small",
        point: "workload.requests=20",
        routers: ["round-robin"],
        seeds: 3,
        starts: 1,
        runs: 3,
        done: 0,
        requests: 60,
      },
      { experiment: "small", point: "workload.requests=30", runs: 3, requests: 90 },
    ]);
    expect(parsed(plan)).toMatchObject({ requests: 150 });
    expect(readdirSync(cwd).sort()).toEqual(["small.yaml", "troubled.mjs"]);
    const result = parsed(
      await command(
        ["run", "small.yaml", ...HERE, "--seeds", "1", "--set", "workload.requests=20", "--format", "json"],
        { cwd },
      ),
    );
    expect(result.rows[0].metrics.finished.mean).toBe(20);
  });

  test("--requests-out writes a record of every request, as CSV or Parquet", async () => {
    const cwd = study();
    const { DuckDBInstance } = await import("@duckdb/node-api");
    const connection = await (await DuckDBInstance.create(":memory:")).connect();
    const tables: unknown[] = [];
    // The second time every run is in the store, and is run again for its records.
    for (const name of ["r.csv", "r.parquet"]) {
      const { code } = await command(["run", "small.yaml", ...HERE, "--quiet", "--requests-out", name], {
        cwd,
      });
      expect(code).toBe(0);
      const reader = await connection.runAndReadAll(`select * from '${join(cwd, name)}'`);
      expect(reader.columnNames()).toEqual([...RECORD_COLUMNS, "point", "seed", "start"]);
      const rows = reader.getRowObjectsJson();
      expect(rows).toHaveLength(360);
      const runs = new Set(rows.map(({ router, seed }) => `${String(router)} ${String(seed)}`));
      expect([...runs]).toEqual(
        ["1", "2", "3"].flatMap((seed) => [`round-robin ${seed}`, `least-loaded ${seed}`]),
      );
      tables.push(rows.map(({ e2e_s, endpoint }) => [e2e_s, endpoint]));
    }
    connection.closeSync();
    expect(tables[1]).toEqual(tables[0]);
    expect(readdirSync(cwd).filter((name) => name.endsWith(".partial"))).toEqual([]);
  });
});

describe("mistakes in experiments leave with 2 and one line that names the place", () => {
  test.each([
    [
      "a key",
      `${SMALL}telemtryIntervalS: 1\n`,
      /^error CANOPY_EXPERIMENT_KEY: small\.yaml:21:1 telemtryIntervalS: .*"telemetryIntervalS"/,
    ],
    [
      "YAML",
      SMALL.replace("[round-robin", "[round-robin: ["),
      /^error CANOPY_EXPERIMENT_YAML: small\.yaml:\d+:\d+ /,
    ],
    [
      "a router",
      withRouters("[rond-robin]"),
      /^error CANOPY_ROUTER_UNKNOWN: small\.yaml:\d+.*did you mean "round-robin"/,
    ],
    [
      "a router's file",
      withRouters("[./trobled.mjs]"),
      /^error CANOPY_ROUTER_FILE: small\.yaml:\d+.*did you mean "troubled\.mjs"/,
    ],
  ])("%s", async (_, text, message) => {
    const { code, stdout, stderr } = await command(["run", "small.yaml"], { cwd: study(text) });
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^[^\n]+\n$/);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  test.each([
    [
      ["run", "smal.yaml"],
      /^error CANOPY_FILE_MISSING: experiment smal\.yaml: no such file \(did you mean "small\.yaml"\?\)/,
    ],
    [["run", "small.yaml", "--set", "fleet.0.replcas=2"], /^error CANOPY_EXPERIMENT_\w+: .*"replicas"/],
    [["run", "small.yaml", "small.yaml"], /^error CANOPY_RUN_SAME_ID: small\.yaml: /],
    [["run", "small.yaml", "--only", "zz"], /^error CANOPY_RUN_UNKNOWN: --only zz: no run/],
    [["run", "small.yaml", "--requests-out", "r.txt"], /^error CANOPY_OPTION_VALUE: --requests-out r\.txt: /],
  ])("canopy %j", async (args, message) => {
    const { code, stderr } = await command(args, { cwd: study() });
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });
});

describe.concurrent("runs that fail", () => {
  test("cost themselves only, leave with 1, and are listed with a command that repeats each", async () => {
    const cwd = study(
      withRouters(
        "[round-robin, { router: ./troubled.mjs, as: leaves, trouble: exit }, { router: ./troubled.mjs, as: throws, trouble: throw }]",
      ).replace("seeds: 3", "seeds: 2"),
    );
    const { code, stdout, stderr } = await canopy(
      ["run", "small.yaml", "--workers", "2", "--format", "json"],
      { cwd },
    );
    expect(code).toBe(1);
    const { rows, failed } = JSON.parse(stdout);
    expect(rows.map(({ router, runs }: { router: string; runs: object }) => [router, runs])).toEqual([
      ["round-robin", { done: 2, planned: 2 }],
      ["leaves", { done: 0, planned: 2 }],
      ["throws", { done: 0, planned: 2 }],
    ]);
    const seen = failed.map((run: Record<string, unknown>) => [run["router"], run["seed"], run["code"]]);
    expect(seen).toEqual([
      ["leaves", 1, "CANOPY_WORKER_LOST"],
      ["throws", 1, "CANOPY_RUN_FAILED"],
      ["leaves", 2, "CANOPY_WORKER_LOST"],
      ["throws", 2, "CANOPY_RUN_FAILED"],
    ]);
    expect(stderr).toContain("error CANOPY_RUN_FAILED: 4 of 6 runs failed");
    expect(stderr).toContain("not today");
    for (const { repeat } of failed) expect(stderr).toContain(repeat);

    const [, second] = failed;
    expect(second.repeat).toMatch(/^canopy run small\.yaml --only [0-9a-f]{12}$/);
    const once = await canopy([...second.repeat.split(" ").slice(1), ...HERE], { cwd });
    expect(once.code).toBe(1);
    expect(once.stderr).toContain("1 of 1 runs failed");

    // The failed runs were not kept as done: once the router is mended they are run.
    writeFileSync(
      join(cwd, "troubled.mjs"),
      TROUBLED.replaceAll("process.exit(13)", "{}").replace('throw new Error("not today")', "{}"),
    );
    const mended = await command(["run", "small.yaml", ...HERE], { cwd });
    expect(mended.code).toBe(0);
    expect(summary(mended)).toMatch(/^4 of 4 runs .* 2 were done before/);
  });
});

describe.concurrent("an interrupted run", () => {
  const SLOW = withRouters("[{ router: ./troubled.mjs, sleepMs: 120 }]").replace("seeds: 3", "seeds: 16");

  test("keeps what is finished; the same command does the rest", async () => {
    const undisturbed = command(["run", "small.yaml", ...HERE, "--format", "json"], { cwd: study(SLOW) });
    const ways = [["SIGINT", "2"] as const, ["SIGTERM", "1"] as const];
    const interrupted = ways.map(async ([signal, workers]) => {
      const cwd = study(SLOW);
      const args = ["run", "small.yaml", "--workers", workers, "--format", "json"];
      const running = start(args, { cwd });
      await expect.poll(() => journalLines(cwd), { interval: 20 }).toBeGreaterThan(2);
      running.process.kill(signal);
      const { code, stdout, stderr } = await running.ended;
      expect({ code, stdout }).toEqual({ code: 130, stdout: "" });
      expect(stderr).toContain("finished runs are kept in .canopy/store/small/runs.jsonl");
      expect(stderr).toContain(`canopy run small.yaml --workers ${workers} --format json`);

      const kept = journalLines(cwd);
      expect(kept).toBeLessThan(16);
      const resumed = await canopy(args, { cwd });
      expect(summary(resumed)).toMatch(
        new RegExp(`^${16 - kept} of ${16 - kept} runs in .*, ${kept} were done before`),
      );
      expect(resumed.stdout).toBe((await undisturbed).stdout);
      expect(journalLines(cwd)).toBe(16);
    });
    await Promise.all(interrupted);
  });

  test("a second command in the same folder is refused while the first runs", async () => {
    const cwd = study(SLOW);
    const long = ["--set", "routers.0.sleepMs=5000"];
    const running = start(["run", "small.yaml", ...long, ...HERE], { cwd });
    await expect.poll(() => existsSync(join(cwd, ".canopy/store/small/lock"))).toBe(true);
    const second = await command(["run", "small.yaml"], { cwd });
    expect(second).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(
        `CANOPY_STORE_LOCKED: .canopy/store/small/lock: process ${running.process.pid}`,
      ),
    });
    running.process.kill("SIGKILL");
    await running.ended;
    // What a killed process leaves behind, its lock included, stands in nobody's way.
    const short = ["--set", "routers.0.sleepMs=0"];
    const { code } = await command(["run", "small.yaml", ...short, ...HERE, "--quiet"], { cwd });
    expect(code).toBe(0);
  });
});
