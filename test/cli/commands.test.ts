import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { canopy, command, workFolder } from "./canopy.ts";

const COMMANDS = [
  ["run"],
  ["routers"],
  ["profiles"],
  ["profile"],
  ["profile", "show"],
  ["profile", "check"],
  ["profile", "server"],
  ["profile", "measure"],
  ["profile", "build"],
  ["profile", "compare"],
  ["profile", "derive"],
  ["profile", "import"],
  ["data"],
  ["data", "list"],
  ["data", "get"],
  ["data", "check"],
  ["signals"],
  ["signals", "fetch"],
  ["signals", "latest"],
  ["predictor"],
  ["predictor", "evaluate"],
  ["predictor", "train"],
  ["init"],
  ["validate"],
  ["overhead"],
  ["import"],
  ["capacity"],
  ["explain"],
  ["leaderboard"],
  ["sweep"],
  ["sweep-plan"],
  ["sweep-shard"],
  ["sweep-missing"],
  ["sweep-merge"],
  ["report"],
  ["compare"],
  ["reproduce"],
  ["doctor"],
];
const GROUPS = ["profile", "data", "signals", "predictor"];

describe("help", () => {
  test.each(COMMANDS)("canopy %s %s", async (...words) => {
    const { code, stdout, stderr } = await command([...words, "--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(`Usage: canopy ${words.join(" ")}`);
    if (words.length > 1 || !GROUPS.includes(words[0])) {
      expect(stdout).toMatch(new RegExp(`Examples:\n {2}\\$ canopy ${words.join(" ")}`));
    }
  });

  test("canopy lists every command", async () => {
    const { code, stdout } = await canopy(["--help"]);
    expect(code).toBe(0);
    for (const [word] of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${word}\\b`, "m"));
  });

  test("every command has its place in this list", async () => {
    const { createProgram } = await import("../../src/cli/program.ts");
    const paths = createProgram().commands.flatMap((command) => [
      [command.name()],
      ...command.commands.map((sub) => [command.name(), sub.name()]),
    ]);
    expect(paths.map(String).sort()).toEqual(COMMANDS.map(String).sort());
  });

  test("the version is the package's", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    expect((await canopy(["--version"])).stdout).toBe(`${version}\n`);
  });
});

describe("mistakes: one line on stderr, nothing on stdout, exit code 2", () => {
  test.each([
    [["rnu"], /^error CANOPY_COMMAND_UNKNOWN: unknown command "rnu" \(did you mean "run"\?\)$/],
    [["profile", "shwo"], /^error CANOPY_COMMAND_UNKNOWN: unknown command "shwo" \(did you mean "show"\?\)$/],
    [["run", "x.yaml", "--sed", "3"], /^error CANOPY_OPTION_UNKNOWN: unknown option "--sed" .*"--set"/],
    [["run"], /^error CANOPY_USAGE: missing required argument "experiment\.yaml"$/],
    [["run", "x.yaml", "--seeds"], /^error CANOPY_OPTION_VALUE: option "--seeds <n>" argument missing$/],
    [
      ["run", "x.yaml", "--seeds", "0"],
      /^error CANOPY_OPTION_VALUE: --seeds 0: expected a whole number from 1 on$/,
    ],
    [["run", "x.yaml", "--workers", "two"], /^error CANOPY_OPTION_VALUE: --workers two: /],
    [
      ["routers", "--format", "jsn"],
      /^error CANOPY_OPTION_VALUE: --format jsn is not known \(did you mean "json"\?\)$/,
    ],
    [["routers", "cedar-heuristc"], /^error CANOPY_ROUTER_UNKNOWN: .*did you mean "cedar-heuristic"/],
    [["routers", "./none.ts"], /^error CANOPY_ROUTER_FILE: router file \.\/none\.ts: no such file$/],
    [
      ["profile", "show", "h100-80gb.llama-3-8b.bf16.tp3"],
      /^error CANOPY_PROFILE_NOT_FOUND: .*did you mean "h100-80gb\.llama-3-8b\.bf16\.tp1"/,
    ],
    [["profile", "check", "none.json"], /^error CANOPY_FILE_MISSING: /],
    [["data", "get", "azure-2032"], /^error CANOPY_DATA_SET: .*did you mean "azure-2023"/],
    [
      ["signals", "latest", "wattime", "--zone", "X"],
      /^error CANOPY_PROVIDER_UNKNOWN: .*did you mean "watttime"/,
    ],
    [
      ["signals", "fetch", "watttime", "--zone", "X", "--from", "soon"],
      /^error CANOPY_OPTION_VALUE: --from soon is no time/,
    ],
    [
      ["signals", "fetch", "watttime", "--zone", "X", "--from", "2025-01-01"],
      /^error CANOPY_OPTION_VALUE: a history needs --to/,
    ],
    [
      ["signals", "latest", "watttime"],
      /^error CANOPY_USAGE: required option "--zone <zone>" not specified$/,
    ],
  ])("canopy %j", async (args, message) => {
    const { code, stdout, stderr } = await command(args);
    expect(stderr.trimEnd()).toMatch(message);
    expect(stderr).toMatch(/^[^\n]+\n$/);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });
});

async function json(args: readonly string[], cwd?: string): Promise<Record<string, never>> {
  const { code, stdout, stderr } = await command(
    [...args, "--format", "json"],
    cwd === undefined ? {} : { cwd },
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout);
}

describe("answers", () => {
  test("routers", async () => {
    const { listRouters } = await import("../../src/routers/registry.ts");
    const answer = await json(["routers"]);
    expect(answer).toMatchObject({ schema: "canopy/routers/1" });
    expect((answer["routers"] as { id: string }[]).map(({ id }) => id)).toEqual(
      listRouters().map(({ id }) => id),
    );
  });

  test("one router, with its parameters", async () => {
    expect(await json(["routers", "least-loaded"])).toMatchObject({
      schema: "canopy/router/1",
      id: "least-loaded",
      parameters: expect.arrayContaining([
        {
          name: "by",
          default: "outstanding",
          values: expect.stringContaining('"utilisation"'),
          description: expect.stringMatching(/./),
        },
      ]),
    });
  });

  test("a router of the user's, from any folder", async () => {
    const folder = workFolder({
      "first.ts": `import { defineRouter, z } from "canopy-bench";
        export default defineRouter({ id: "first", summary: "The first endpoint" as string, family: "user", group: "user",
          status: "ours", source: "here", parameters: z.strictObject({ endpoint: z.int().default(0).describe("which") }),
          create: ({ endpoint }) => { let host: any; return { start(_, h) { host = h; }, arrival(r) { host.place(r, endpoint); } }; } });`,
    });
    expect(await json(["routers", "./first.ts"], folder)).toMatchObject({
      id: "first",
      parameters: [{ name: "endpoint", default: 0, values: "integer", description: "which" }],
    });
  });

  test("profiles", async () => {
    const shipped = readdirSync(new URL("../../profiles/", import.meta.url)).filter((name) =>
      name.endsWith(".json"),
    );
    const answer = await json(["profiles"]);
    expect((answer["profiles"] as { id: string }[]).map(({ id }) => `${id}.json`).sort()).toEqual(
      shipped.sort(),
    );
  });

  test("a profile, by id and by file", async () => {
    const path = new URL("../../profiles/h100-80gb.llama-3-8b.bf16.tp1.json", import.meta.url);
    const answer = await json(["profile", "show", "h100-80gb.llama-3-8b.bf16.tp1"]);
    expect(answer["profile"]).toMatchObject(JSON.parse(readFileSync(path, "utf8")));
    expect(await json(["profile", "show", path.pathname])).toEqual(answer);
  });

  test("profile check leaves with 2 when one of the files has an error, after printing all", async () => {
    const path = new URL("../../profiles/h100-80gb.llama-3-8b.bf16.tp1.json", import.meta.url);
    const broken = { ...JSON.parse(readFileSync(path, "utf8")), tensorParallel: -1 };
    const folder = workFolder({ "broken.json": JSON.stringify(broken) });
    const { code, stdout } = await command(
      ["profile", "check", "h100-80gb.llama-3-8b.bf16.tp1", "broken.json", "--format", "json"],
      { cwd: folder },
    );
    expect(code).toBe(2);
    const [good, bad] = JSON.parse(stdout).profiles;
    expect(good.findings.filter((finding: { level: string }) => finding.level === "error")).toEqual([]);
    expect(bad.findings).toContainEqual(
      expect.objectContaining({ level: "error", path: expect.stringContaining("tensorParallel") }),
    );
  });

  test("data sets: the list, and one with its terms", async () => {
    const { listDataSets } = await import("../../src/data/catalogue.ts");
    expect((await json(["data", "list"]))["dataSets"]).toHaveLength(listDataSets().length);
    const { stdout } = await command(["data", "get", "azure-2023"]);
    expect(stdout).toContain("CC-BY 4.0");
    expect(stdout).toContain("https://");
  });

  test("data check leaves with 2 for a file that is not the publisher's", async () => {
    const folder = workFolder({
      "AzureLLMInferenceTrace_conv.csv": "TIMESTAMP,ContextTokens,GeneratedTokens\n",
    });
    const { code, stdout } = await command(
      ["data", "check", "azure-2023", "AzureLLMInferenceTrace_conv.csv", "--format", "json"],
      { cwd: folder },
    );
    expect(code).toBe(2);
    expect(JSON.parse(stdout).files).toMatchObject([{ state: "differs" }]);
  });

  test("doctor: every line has a state, and a remedy unless it is ok; credentials are not shown", async () => {
    const { code, stdout } = await canopy(["doctor", "--format", "json"], {
      env: { WATTTIME_USER: "jane", WATTTIME_PASSWORD: "s3cret", ELECTRICITY_MAPS_TOKEN: undefined },
    });
    const { schema, checks } = JSON.parse(stdout) as {
      schema: string;
      checks: { check: string; state: string; found: string; remedy: string | null }[];
    };
    expect(schema).toBe("canopy/doctor/1");
    for (const { state, remedy } of checks) {
      expect(["ok", "warn", "fail"]).toContain(state);
      expect(remedy === null).toBe(state === "ok");
    }
    expect(code).toBe(checks.some(({ state }) => state === "fail") ? 1 : 0);
    const stateOf = (name: string) => checks.find(({ check }) => check === name)?.state;
    expect([stateOf("WattTime"), stateOf("Electricity Maps")]).toEqual(["ok", "warn"]);
    expect([stateOf("figures"), stateOf("worker threads"), stateOf("DuckDB")]).toEqual(["ok", "ok", "ok"]);
    expect(stdout).not.toMatch(/jane|s3cret/);
  });

  test("doctor: without the native addon it says how to build it, and nothing of what only the addon can tell", async () => {
    const path = join(workFolder(), "none.node");
    const { stdout } = await command(["doctor", "--format", "json"], { env: { CANOPY_ADDON: path } });
    const { checks } = JSON.parse(stdout) as { checks: { check: string; state: string; found: string }[] };
    const native = checks.find(({ check }) => check === "native addon");
    expect(native).toMatchObject({ state: "warn", found: expect.stringContaining(path) });
    expect(
      checks.filter(({ check }) => ["processor", "CUDA", "GPU power", "CPU power"].includes(check)),
    ).toEqual([]);
  });

  test("the forms of a table", async () => {
    const [text, markdown, latex, csv] = await Promise.all(
      ["table", "markdown", "latex", "csv"].map(
        async (format) => (await command(["routers", "--format", format])).stdout,
      ),
    );
    expect(text).toMatch(/^Routers\n/);
    expect(markdown).toMatch(/^\| id +\|/m);
    expect(latex).toContain("\\begin{longtable}");
    expect(csv.split("\n")[0]).toBe("id,family,group,status,source");
  });
});

describe("init", () => {
  test("what it writes runs as it is, and is not overwritten", async () => {
    const folder = workFolder();
    const made = await command(["init", "study", "--format", "json"], { cwd: folder });
    expect(made).toMatchObject({ code: 0, stderr: "now: canopy run study/experiment.yaml\n" });
    expect(JSON.parse(made.stdout)).toEqual({
      schema: "canopy/init/1",
      files: ["study/experiment.yaml", "study/my-router.ts", "study/experiment.schema.json"],
    });
    expect(readFileSync(join(folder, "study/experiment.yaml"), "utf8")).toMatch(
      /^# .*\$schema=\.\/experiment\.schema\.json\n/,
    );

    const ran = await canopy(
      [
        "run",
        "study/experiment.yaml",
        "--workers",
        "1",
        "--seeds",
        "1",
        "--set",
        "workload.requests=200",
        "--set",
        "starts.days=1",
        "--format",
        "json",
      ],
      {
        cwd: folder,
      },
    );
    expect(ran.code).toBe(0);
    const rows = JSON.parse(ran.stdout).rows as {
      router: string;
      metrics: Record<string, { mean: number }>;
    }[];
    expect(rows.map(({ router }) => router)).toEqual([
      "round-robin",
      "least-loaded",
      "cedar-heuristic",
      "my-router",
    ]);
    for (const { metrics } of rows) expect(metrics["finished"].mean).toBe(200);

    writeFileSync(join(folder, "study/my-router.ts"), "mine");
    const again = await command(["init", "study"], { cwd: folder });
    expect(again).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringMatching(/^error CANOPY_INIT_EXISTS: study\/experiment\.yaml is there/),
    });
    expect(readFileSync(join(folder, "study/my-router.ts"), "utf8")).toBe("mine");
  });
});
