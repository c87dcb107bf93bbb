import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { besideRows, besideTable, rowBeside } from "../../../src/validation/measured/beside-table.ts";
import type { MeasuredRun } from "../../../src/validation/measured/measured-run.ts";
import { readMeasured } from "../../../src/validation/measured/read-measured.ts";
import { traceCsv } from "../../../src/validation/measured/write-trace.ts";
import { readTrace } from "../../../src/workload/read/read-trace.ts";
import { temporaryFolder } from "../../temporary-folder.ts";
import {
  aiperf,
  aiperfLines,
  aiperfSummary,
  aiperfSummaryOld,
  guidellm,
  guidellmBetween,
  guidellmOld,
  vllm,
  vllmAggregates,
} from "./files.ts";

const folder = temporaryFolder("measured");

function fileOf(content: unknown, name = "run.json"): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

const failure = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

describe.each([
  ["vllm", vllm],
  ["guidellm", guidellm],
  ["guidellm", guidellmOld],
  ["guidellm", guidellmBetween],
  ["aiperf", aiperfLines],
] as const)("a run of %s with its requests", (tool, content) => {
  test("gives the figures that are worked out by hand", async () => {
    const run = await readMeasured(fileOf(content));
    expect(run).toMatchObject({ tool, finished: 3, failed: 1 });
    const { ttft, tpot, e2e, requestsPerSecond, outputTokensPerSecond } = run.summary;
    expect(ttft.mean).toBeCloseTo(0.2, 6);
    expect(ttft.p50).toBeCloseTo(0.2, 6);
    // Type 7 of 0.1, 0.2, 0.3 at 0.9: 0.8 of the way from the second to the third.
    expect(ttft.p90).toBeCloseTo(0.28, 6);
    // (0.3 - 0.1) / 2 and (0.6 - 0.2) / 4; the third has one token.
    expect(tpot.mean).toBeCloseTo(0.1, 6);
    expect(tpot.p99).toBeCloseTo(0.1, 6);
    expect(e2e.mean).toBeCloseTo(0.4, 6);
    expect(e2e.p95).toBeCloseTo(0.57, 6);
    // From 0 to 1.5 + 0.3 s.
    expect(requestsPerSecond).toBeCloseTo(3 / 1.8, 5);
    expect(outputTokensPerSecond).toBeCloseTo(9 / 1.8, 5);
  });

  test("is a trace of the generic layout", async () => {
    const path = fileOf(traceCsv(await readMeasured(fileOf(content)), "run.json"), "trace.csv");
    const trace = await readTrace(path);
    const { columns } = trace;
    expect(trace.requests).toBe(3);
    expect([...columns["arrivalSeconds"]].map((at) => Math.round(1e5 * at) / 1e5)).toEqual([0, 0.5, 1.5]);
    expect([...columns["promptTokens"]]).toEqual([100, 200, 300]);
    expect([...columns["outputTokens"]]).toEqual([3, 5, 1]);
  });
});

describe("aggregates alone", () => {
  test.each([
    ["vllm", vllmAggregates, { mean: 0.2, p50: 0.2, p99: 0.298 }],
    ["aiperf", aiperfSummary, { mean: 0.2, p50: 0.2, p90: 0.28, p95: 0.29, p99: 0.298 }],
    ["aiperf", aiperfSummaryOld, { mean: 0.2, p50: 0.2, p90: 0.28, p95: 0.29, p99: 0.298 }],
  ] as const)("of %s: what the tool says, and no trace", async (tool, content, ttft) => {
    const path = fileOf(content);
    const run = await readMeasured(path);
    expect(run).toMatchObject({ tool, finished: 3, failed: 1, requests: [] });
    for (const [name, value] of Object.entries(ttft)) {
      expect(run.summary.ttft[name as "mean"]).toBeCloseTo(value, 9);
    }
    expect(Object.keys(run.summary.ttft)).toEqual(Object.keys(ttft));
    expect(run.summary.requestsPerSecond).toBe(1.5);
    expect(run.summary.outputTokensPerSecond).toBe(4.5);
    expect(() => traceCsv(run, path)).toThrow(
      failure("CANOPY_BENCH_DETAIL", /has no single requests, expected /),
    );
  });

  test("a vLLM that writes no start_times: figures, but no trace", async () => {
    const { start_times: _, ...older } = vllm;
    const run = await readMeasured(fileOf(older));
    expect(run.summary.ttft.mean).toBeCloseTo(0.2, 9);
    expect(run.summary.requestsPerSecond).toBe(1.5);
    expect(() => traceCsv(run, "bench.json")).toThrow(
      failure(
        "CANOPY_BENCH_DETAIL",
        /bench\.json: does not say when requests were sent, expected .*start_times$/,
      ),
    );
  });
});

test("the model's name, wherever a release has it", async () => {
  const modelOf = async (content: unknown) => (await readMeasured(fileOf(content))).model;
  const { args: _, ...report } = guidellm;
  expect(await modelOf(guidellm)).toBe("llama-3-8b");
  expect(await modelOf(guidellmOld)).toBe("llama-3-8b");
  expect(await modelOf(guidellmBetween)).toBe("llama-3-8b");
  expect(await modelOf({ ...report, config: { spec: { backend: { model: "newest" } } } })).toBe("newest");
  expect(await modelOf(report)).toBeNull();
  expect(await modelOf(aiperfSummary)).toBe("llama-3-8b");
  expect(await modelOf(aiperfSummaryOld)).toBe("llama-3-8b");
});

test("vLLM's own latencies are taken where it writes them", async () => {
  const run = await readMeasured(fileOf({ ...vllm, latencies: [0.31, 0.61, 0.3, 0] }));
  expect(run.requests.map(({ e2eSeconds }) => e2eSeconds)).toEqual([0.31, 0.61, 0.3]);
});

test("a file with a byte order mark and lines that end as Windows has them", async () => {
  const lines = `\ufeff${aiperfLines.replaceAll("\n", "\r\n")}\r\n`;
  expect(await readMeasured(fileOf(lines))).toEqual(await readMeasured(fileOf(aiperfLines)));
});

test("a trace of more requests than a call takes arguments", () => {
  const requests = Array.from({ length: 200_000 }, (_, i) => ({
    startSeconds: 1e9 + (200_000 - i) / 100,
    promptTokens: 1,
    outputTokens: 1,
    ttftSeconds: null,
    e2eSeconds: 1,
  }));
  const run = { tool: "aiperf", model: null, requests, failed: 0, finished: 200_000, summary: {}, notes: [] };
  const lines = traceCsv(run as unknown as MeasuredRun, "run.json")
    .trimEnd()
    .split("\n");
  expect(lines).toHaveLength(200_001);
  expect(lines.slice(1, 3)).toEqual(["0,1,1", "0.01,1,1"]);
});

test("vLLM: a request without an error and without a token is failed and not finished too", async () => {
  const errors = ["", "", "", ""];
  const run = await readMeasured(fileOf({ ...vllm, errors, completed: 4, failed: 0 }));
  expect(run).toMatchObject({
    finished: 3,
    failed: 1,
    notes: ["1 request that ended without an error and without a token counts as failed"],
  });
  const none = await readMeasured(fileOf({ ...vllm, errors: ["x", "x", "x", "x"], completed: 0, failed: 4 }));
  expect(none).toMatchObject({ finished: 0, failed: 4, requests: [], notes: [], summary: { ttft: {} } });
});

describe("refusals", () => {
  const refused = (content: unknown, options = {}) => readMeasured(fileOf(content), options);

  test("a value over many lines that is no JSON: what is wrong with it", async () => {
    await expect(refused('{\n  "completed": 3,\n  "mean_ttft_ms": NaN\n}\n')).rejects.toThrow(
      failure(
        "CANOPY_BENCH_FORMAT",
        /run\.json:1: is no JSON \(Unexpected token .*N.*\), expected a map of JSON/,
      ),
    );
  });

  test("another file is named by its keys", async () => {
    await expect(refused({ results: [], name: "x" })).rejects.toEqual(
      failure("CANOPY_BENCH_FORMAT", /its keys are results, name, expected a result of vllm bench serve/),
    );
    await expect(refused("not json")).rejects.toEqual(failure("CANOPY_BENCH_FORMAT", /:1: is no JSON/));
    await expect(refused("\n")).rejects.toEqual(
      failure("CANOPY_BENCH_FORMAT", /run\.json: is empty, expected a result of vllm bench serve/),
    );
    await expect(refused("[1]")).rejects.toEqual(failure("CANOPY_BENCH_FORMAT", /:1: is no map/));
  });

  test("what a layout should have and has not", async () => {
    await expect(refused({ ...vllm, ttfts: [0.1] })).rejects.toEqual(
      failure("CANOPY_BENCH_FORMAT", /ttfts has 1 entries, expected 4 as input_lens has/),
    );
    await expect(refused({ benchmarks: [{ type_: "x" }] })).rejects.toEqual(
      failure("CANOPY_BENCH_FORMAT", /no list requests\.successful/),
    );
    await expect(refused({ ...vllm, ttfts: [0.1, -0.2, 0.3, 0] })).rejects.toEqual(
      failure("CANOPY_BENCH_FORMAT", /request 1: ttfts is -0\.2, expected a number from 0 on$/),
    );
    await expect(refused({ ...vllm, itls: [[0.05, -0.15], [], [], []] })).rejects.toEqual(
      failure("CANOPY_BENCH_FORMAT", /request 0: itls is no list of numbers from 0 on$/),
    );
    const [first] = aiperf;
    const odd = { ...first, metrics: { ...first.metrics, request_latency: { value: 3, unit: "weeks" } } };
    await expect(refused(`${JSON.stringify(odd)}\n${JSON.stringify(first)}`)).rejects.toEqual(
      failure(
        "CANOPY_BENCH_FORMAT",
        /record 1, request_latency: its unit is "weeks", expected one of ns, us, ms/,
      ),
    );
  });

  test("tokens that are no whole number of them: with the request, before a trace is written", async () => {
    const expected = "expected a whole number of tokens from 0 to 1000000000$";
    await expect(refused({ ...vllm, input_lens: [100, 200.5, 300, 400] })).rejects.toEqual(
      failure("CANOPY_BENCH_FORMAT", new RegExp(`run\\.json, request 1: input_lens is 200\\.5, ${expected}`)),
    );
    await expect(refused({ ...vllm, output_lens: [3, 5, 1e10, 0] })).rejects.toEqual(
      failure("CANOPY_BENCH_FORMAT", new RegExp(`request 2: output_lens is 10000000000, ${expected}`)),
    );
    const [{ requests, ...benchmark }] = guidellm.benchmarks;
    const successful = requests.successful.map((one, i) => (i === 2 ? { ...one, output_tokens: 0.5 } : one));
    await expect(
      refused({ ...guidellm, benchmarks: [{ ...benchmark, requests: { ...requests, successful } }] }),
    ).rejects.toEqual(
      failure("CANOPY_BENCH_FORMAT", new RegExp(`request 2: output_tokens is 0\\.5, ${expected}`)),
    );
    const [first] = aiperf;
    const halved = {
      ...first,
      metrics: { ...first.metrics, input_sequence_length: { value: 99.5, unit: "tokens" } },
    };
    await expect(refused(`${JSON.stringify(first)}\n${JSON.stringify(halved)}`)).rejects.toEqual(
      failure(
        "CANOPY_BENCH_FORMAT",
        new RegExp(`record 2, input_sequence_length: value is 99\\.5, ${expected}`),
      ),
    );
  });

  test("one of several runs has to be named", async () => {
    const two = { ...guidellm, benchmarks: [...guidellm.benchmarks, ...guidellm.benchmarks] };
    await expect(refused(two)).rejects.toEqual(
      failure("CANOPY_BENCH_CHOICE", /has 2 runs, expected --run with a number from 1 to 2/),
    );
    expect((await refused(two, { run: 2 })).finished).toBe(3);
    expect((await refused([vllm, { ...vllm, model_id: "another" }], { run: 2 })).model).toBe("another");
    await expect(refused({ benchmarks: [] })).rejects.toEqual(
      failure("CANOPY_BENCH_CHOICE", /its list of runs is empty, expected a result of vllm bench serve/),
    );
    for (const one of [vllm, aiperfLines]) {
      await expect(refused(one, { run: 2 })).rejects.toEqual(
        failure("CANOPY_BENCH_CHOICE", /has one run, expected --run 1 or none$/),
      );
    }
    const appended = `${JSON.stringify(vllm)}\n${JSON.stringify({ ...vllm, model_id: "another" })}`;
    expect((await refused(appended, { run: 2 })).model).toBe("another");
  });
});

describe("a simulated run beside it", () => {
  const summary = (mean: number) => ({ mean, ci95: null });
  const row = {
    router: "least-loaded",
    provenance: "derived",
    metrics: {
      ttft_mean_s: summary(0.25),
      ttft_p99_s: { mean: 0.298, ci95: [0.2, 0.4] as const },
      requests_per_s_simulated: summary(1.5),
      output_tok_s: summary(6),
      horizon_s: summary(1.5),
      finished: summary(3),
    },
  };

  test("differences are simulated less measured", async () => {
    const rows = besideRows(await readMeasured(fileOf(vllm)), row);
    const of = (quantity: string) => rows.find((one) => one.quantity === quantity);
    expect(of("TTFT mean")?.difference).toBeCloseTo(0.05, 9);
    expect(of("TTFT mean")?.relative).toBeCloseTo(0.25, 9);
    expect(of("TTFT p99")?.difference).toBeCloseTo(0, 9);
    // 6 tok/s over a horizon of 1.5 s are 9 tokens of 3 requests, which leave at 1.5 a second.
    expect(of("output tokens per second")?.simulated).toBeCloseTo(4.5, 9);
    expect(of("TPOT mean")).toMatchObject({ simulated: null, difference: null });
    expect(of("finished requests")?.difference).toBe(0);
  });

  test("the table names both sides and what the simulated one rests on", async () => {
    const run = await readMeasured(fileOf(vllm));
    const table = besideTable(besideRows(run, row), run, "bench.json", row);
    expect(table.caption).toBe(
      "bench.json: vllm, meta-llama/Meta-Llama-3-8B, 3 requests answered, 1 failed.",
    );
    expect(table.columns.map(({ key }) => key)).toEqual([
      "quantity",
      "unit",
      "measured",
      "simulated",
      "difference",
      "relative",
    ]);
    expect(table.notes[0]).toContain("router least-loaded, rests on derived numbers");
  });

  test("a result of several routers needs one", () => {
    const others = [row, { ...row, router: "cedar" }];
    expect(rowBeside(others, "cedar", "results")).toBe(others[1]);
    expect(() => rowBeside(others, undefined, "results")).toThrow(
      failure("CANOPY_BENCH_CHOICE", /has 2 rows \(least-loaded, cedar\), expected --router/),
    );
    expect(() => rowBeside(others, "ceda", "results")).toThrow(
      failure(
        "CANOPY_BENCH_CHOICE",
        /has no router "ceda", expected one of least-loaded, cedar \(did you mean "cedar"\?\)$/,
      ),
    );
  });
});
