import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { dataRoot, describeWithData } from "../data-root.ts";
import { command, SMALL, workFolder } from "./canopy.ts";

/** Outputs of a third of the prompt, so that a trace can be learned from. */
const TRACE = `arrival_s,prompt_tokens,output_tokens\n${Array.from({ length: 400 }, (_, i) => {
  const prompt = 30 + ((i * 7919) % 900);
  return `${i},${prompt},${Math.ceil(prompt / 3)}`;
}).join("\n")}\n`;
const PAIRS = `num_prefill_tokens,num_decode_tokens\n${Array.from({ length: 400 }, (_, i) => `${1 + (i % 97)},${1 + ((i * 31) % 50)}`).join("\n")}\n`;
const FILES = {
  "trace.csv": TRACE,
  "pairs.csv": PAIRS,
  "small.yaml": SMALL.replace("requests: 60", "requests: 500"),
};

const CAPS = `experiment: small-caps
workload:
  durationS: 10
  arrival: { process: poisson, ratePerS: 8 }
  prompt: { dist: uniform, min: 16, max: 2048 }
  output: { dist: lognormal, mu: 4.8, sigma: 1.1 }
  tenants: { count: 6 }
  outputFeatures: {}
tiers:
  - { name: gold, share: 0.3, sloS: 0.5 }
  - { name: silver, share: 0.4, sloS: 1 }
  - { name: bronze, share: 0.3, sloS: 3, deferrable: true }
training: { durationS: 250 }
fleet:
${["lp", "cp", "bp"].map((pool) => `  - { endpoint: ${pool}, region: r1, replicas: 1, profile: a100-80gb.llama-3-8b.bf16.tp1 }`).join("\n")}
signals: { carbon: { r1: 300 } }
routers: [caps]
seeds: 1
`;

interface Evaluated {
  readonly schema: string;
  readonly predictors: readonly {
    readonly data: string;
    readonly training: {
      readonly origin: string;
      readonly correlation: number | null;
      readonly rows: number;
    };
    readonly quality: {
      readonly length: {
        readonly rows: number;
        readonly maeTokens: number;
        readonly constantMaeTokens: number;
        readonly mape: number;
      };
      readonly risk: unknown;
    };
    readonly trainingSeconds: number | null;
    readonly predictionMicroseconds: number | null;
    readonly published: Readonly<Record<string, number>>;
    readonly verdict: Readonly<Record<string, string>>;
  }[];
}

async function evaluated(args: readonly string[], cwd: string): Promise<Evaluated["predictors"]> {
  const { code, stdout, stderr } = await command(["predictor", ...args, "--format", "json"], { cwd });
  expect({ code, stderr: args[0] === "train" ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  const json = JSON.parse(stdout) as Evaluated;
  expect(json.schema).toBe("canopy/predictor-quality/1");
  return json.predictors;
}

describe("canopy predictor", () => {
  test("evaluate: constructed and real requests in one table, with the paper's figures and verdicts", async () => {
    const cwd = workFolder(FILES);
    const rows = await evaluated(["evaluate", "small.yaml", "trace.csv", "pairs.csv"], cwd);
    expect(
      rows.map(({ data, training }) => [data, training.origin, training.correlation, training.rows]),
    ).toEqual([
      ["small", "constructed", 0, 500],
      ["trace.csv", "real", null, 400],
      ["pairs.csv", "real", null, 400],
    ]);
    const [, trace, pairs] = rows;
    expect(trace.quality.length.mape).toBeLessThan(0.1);
    expect(trace.quality.length.maeTokens).toBeLessThan(0.2 * trace.quality.length.constantMaeTokens);
    expect(pairs.quality.length.mape).toBeGreaterThan(0.5);
    for (const { quality, published, verdict, trainingSeconds, predictionMicroseconds } of rows) {
      expect(quality.risk).toBeNull();
      expect(published).toEqual({ mae_tokens: 38.6, mape_percent: 18.2, auroc: 0.87 });
      const within = Math.abs(quality.length.maeTokens - 38.6) <= 0.2 * 38.6;
      expect(verdict["mae_tokens"]).toBe(within ? "agrees" : "disagrees");
      expect(verdict["auroc"]).toBeUndefined();
      expect(trainingSeconds).toBeGreaterThan(0);
      expect(predictionMicroseconds).toBeGreaterThan(0);
    }
    const { stdout } = await command(
      ["predictor", "evaluate", "small.yaml", "trace.csv", "--format", "markdown"],
      { cwd },
    );
    expect(stdout).toContain("constructed (small): output lengths are drawn without regard to the features");
    expect(stdout).toContain("no labels: nothing served these requests");
    expect(stdout).toMatch(/38\.6/);
  });

  test("train writes a file that evaluate shows, and tries on other requests", async () => {
    const cwd = workFolder(FILES);
    const [made] = await evaluated(["train", "trace.csv", "--out", "p.json"], cwd);
    const first = readFileSync(join(cwd, "p.json"));
    const [shown] = await evaluated(["evaluate", "p.json"], cwd);
    expect(shown).toMatchObject({ data: "trace.csv", training: made.training, quality: made.quality });
    expect(shown.trainingSeconds).toBeNull();
    const [same, other] = await evaluated(
      ["evaluate", "trace.csv", "pairs.csv", "--predictor", "p.json"],
      cwd,
    );
    expect(same.quality).toEqual(made.quality);
    expect(other.data).toBe("pairs.csv");
    expect(other.quality.length.maeTokens).not.toBe(made.quality.length.maeTokens);
    await evaluated(["train", "trace.csv", "--out", "p.json"], cwd);
    expect(readFileSync(join(cwd, "p.json"))).toEqual(first);
  });

  test("an experiment whose router learns a predictor: its training run labels the risk", async () => {
    const cwd = workFolder({ "caps.yaml": CAPS });
    const [row] = await evaluated(["train", "caps.yaml", "--out", "caps.json"], cwd);
    const { training, quality, verdict } = row;
    expect(training).toMatchObject({ source: "small-caps", origin: "constructed", correlation: 0.98 });
    expect(training.rows).toBeGreaterThan(1500);
    expect(quality.length.maeTokens).toBeLessThan(0.7 * quality.length.constantMaeTokens);
    expect(verdict["mae_tokens"]).toBe("calibrated");
    const risk = quality.risk as {
      readonly auroc: number;
      readonly rows: number;
      readonly calibration: object[];
    };
    expect(risk.auroc).toBeGreaterThan(0.5);
    expect(risk.rows).toBe(quality.length.rows);
    expect(risk.calibration).toHaveLength(10);
    const { stdout } = await command(["predictor", "evaluate", "caps.json", "--format", "markdown"], { cwd });
    expect(stdout).toContain("Calibration of missed objectives: small-caps");
    expect(stdout).toContain(
      "constructed (small-caps): log output lengths are drawn with a correlation of 0.98",
    );
  });

  test("--rows draws as many, --patience stops early", async () => {
    const cwd = workFolder(FILES);
    const [row] = await evaluated(["evaluate", "trace.csv", "--rows", "200", "--patience", "3"], cwd);
    expect(row.training).toMatchObject({ rows: 200, offered: 400 });
  });

  test.each([
    [["evaluate", "missing.csv"], "CANOPY_FILE_MISSING"],
    [["evaluate", "old.json"], 'CANOPY_PREDICTOR_SCHEMA: old.json: schema "canopy/predictor/0", expected'],
    [["evaluate", "text.json"], "CANOPY_PREDICTOR_FORMAT: text.json: no predictor of canopy predictor train"],
    [
      ["evaluate", "few.csv"],
      "CANOPY_PREDICTOR_ROWS: few.csv: 1 requests to train on, expected at least 100",
    ],
    [["evaluate", "odd.csv"], "CANOPY_TRACE_FORMAT: odd.csv, line 1: columns a, b are of no known layout"],
    [
      ["evaluate", "trace.csv", "--rows", "7"],
      "CANOPY_OPTION_VALUE: --rows 7: expected a whole number from 100 on",
    ],
    [["train", "trace.csv"], "--out"],
  ])("%j leaves with 2 and one line", async (args, message) => {
    const cwd = workFolder({
      ...FILES,
      "old.json": '{"schema":"canopy/predictor/0"}',
      "text.json": "hello",
      "few.csv": "arrival_s,prompt_tokens,output_tokens\n0,1,1\n",
      "odd.csv": "a,b\n1,2\n",
    });
    const { code, stdout, stderr } = await command(["predictor", ...args], { cwd });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(message);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });

  test("a predictor of other task types is refused, and nothing is written where training fails", async () => {
    const cwd = workFolder({
      ...FILES,
      "tasks.yaml": FILES["small.yaml"].replace(
        "  arrival:",
        "  taskTypes: [{ name: code, share: 0.5 }, { name: chat, share: 0.5 }]\n  arrival:",
      ),
    });
    await evaluated(["train", "tasks.yaml", "--out", "tasks.json"], cwd);
    const { code, stderr } = await command(
      ["predictor", "evaluate", "trace.csv", "--predictor", "tasks.json"],
      { cwd },
    );
    expect(code).toBe(2);
    expect(stderr).toBe(
      "error CANOPY_PREDICTOR_FEATURES: tasks.json: trained with the task types code, chat, and trace.csv has no task types; train it on requests of the same task types\n",
    );
    const failed = await command(["predictor", "train", "pairs.cvs", "--out", "none.json"], { cwd });
    expect(failed.stderr).toContain('did you mean "pairs.csv"');
    expect(existsSync(join(cwd, "none.json"))).toBe(false);
  });
});

describeWithData("real traces", () => {
  test("ShareGPT and Azure: what a prompt's length tells of the output is as the page says", async () => {
    const [share, code, conv] = await evaluated(
      [
        "evaluate",
        join(dataRoot ?? "", "workload-sharegpt/sharegpt_8k_filtered_llama2.csv"),
        join(dataRoot ?? "", "workload-azure-2023/AzureLLMInferenceTrace_code.csv"),
        join(dataRoot ?? "", "workload-azure-2023/AzureLLMInferenceTrace_conv.csv"),
      ],
      workFolder(),
    );
    const ratio = ({ quality }: typeof share) => quality.length.maeTokens / quality.length.constantMaeTokens;
    expect(ratio(share)).toBeGreaterThan(0.95);
    expect(ratio(code)).toBeGreaterThan(0.95);
    expect(ratio(conv)).toBeLessThan(0.6);
    for (const row of [share, code, conv]) expect(row.training.origin).toBe("real");
  });
});
