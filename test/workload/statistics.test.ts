import { join } from "node:path";
import { expect, test } from "vitest";
import { readTrace } from "../../src/workload/read/read-trace.ts";
import { SessionWorkload } from "../../src/workload/sessions.ts";
import { summarise } from "../../src/workload/statistics.ts";
import { SyntheticWorkload } from "../../src/workload/synthetic.ts";
import { dataRoot, describeWithData } from "../data-root.ts";
import { temporaryFiles } from "./read/files.ts";
import { cedar } from "./rows.ts";

const files = temporaryFiles();

test("a small trace by hand", async () => {
  const trace = await readTrace(
    files.write(
      "small.csv",
      "arrival_s,prompt_tokens,output_tokens,tier,needs_large,session,prefix_tokens\n" +
        "10,1,1,A,1,1,0\n10.5,2,2,A,0,1,1\n12,4,4,B,0,,0\n14,8,8,A,0,2,2\n",
    ),
  );
  const summary = summarise(trace);
  expect(summary).toMatchObject({
    requests: 4,
    arrivals: 4,
    sessions: 2,
    durationSeconds: 4,
    ratePerSecond: 0.75,
    tierShares: { A: 0.75, B: 0.25 },
    needsLargeShare: 0.25,
    prefixShare: 3 / 15,
  });
  // Gaps 0.5, 1.5, 2: mean 4/3, variance 7/18.
  expect(summary.gapCv).toBeCloseTo(Math.sqrt(7 / 18) / (4 / 3), 12);
  // Counts of the four whole seconds: 2, 0, 1, 0: mean 3/4, variance 5/4 - 9/16.
  expect(summary.fanoFactor).toBeCloseTo((5 / 4 - 9 / 16) / (3 / 4), 12);
  expect(summary.peakToMeanMinute).toBeNaN();
  expect(summary.promptTokens).toMatchObject({ mean: 3.75, median: 3, max: 8 });
  expect(summary.promptTokens.logMean).toBeCloseTo(1.5 * Math.LN2, 12);
  expect(summary.promptTokens.logSd).toBeCloseTo(Math.sqrt(1.25) * Math.LN2, 12);
  expect(summary.logCorrelation).toBeCloseTo(1, 12);
});

test("minutes: most over mean of the whole ones", async () => {
  const times = [0, 1, 2, 70, 130, 131, 200];
  const rows = times.map((time) => `${time},1,1`).join("\n");
  const trace = await readTrace(
    files.write("minutes.csv", `arrival_s,prompt_tokens,output_tokens\n${rows}\n`),
  );
  // Three whole minutes with 3, 1 and 2 arrivals.
  expect(summarise(trace).peakToMeanMinute).toBeCloseTo(1.5, 12);
});

test("Poisson arrivals have a gap CV and a Fano factor of 1, and independent lengths no correlation", () => {
  const summary = summarise(
    new SyntheticWorkload({
      ...cedar,
      requests: 200_000,
      arrival: { process: "poisson", ratePerSecond: 20 },
    }),
  );
  expect(summary.ratePerSecond).toBeCloseTo(20, 0);
  expect(Math.abs(summary.gapCv - 1)).toBeLessThan(0.02);
  expect(Math.abs(summary.fanoFactor - 1)).toBeLessThan(0.05);
  expect(Math.abs(summary.logCorrelation)).toBeLessThan(0.01);
  expect(summary.promptTokens.logMean).toBeCloseTo(6.5, 1);
  expect(summary.promptTokens.logSd).toBeCloseTo(1.2, 1);
});

test("dependent steps are requests without an arrival", () => {
  const summary = summarise(
    new SessionWorkload({
      seed: 1,
      sessions: 100,
      arrival: { process: "constant", ratePerSecond: 2 },
      steps: { dist: "constant", value: 5 },
      firstContext: { dist: "constant", value: 1000 },
      prompt: { dist: "constant", value: 200 },
      output: { dist: "constant", value: 50 },
    }),
  );
  expect(summary.requests).toBe(500);
  expect(summary.arrivals).toBe(100);
  expect(summary.sessions).toBe(100);
  expect(summary.ratePerSecond).toBeCloseTo(2, 12);
  expect(summary.gapCv).toBeCloseTo(0, 6);
  // Prompts 1200, 1450, 1700, 1950, 2200; of the last four all but 200 tokens each are repeated.
  expect(summary.prefixShare).toBeCloseTo(6500 / 8500, 12);
});

describeWithData("measured facts of the public traces", () => {
  const file = (path: string) => join(dataRoot as string, path);
  const lengths = (l: {
    logMean: number;
    logSd: number;
    median: number;
    mean: number;
    p95: number;
    p99: number;
  }) => [
    Number(l.logMean.toFixed(2)),
    Number(l.logSd.toFixed(2)),
    Math.round(l.median),
    Math.round(l.mean),
    Math.round(l.p95),
    Math.round(l.p99),
  ];

  // log mean, log sd, median, mean, p95, p99 of prompt and output; rate, CV of gaps, Fano factor, rows.
  test.each<[string, number[], number[], number[]]>([
    [
      "workload-azure-2023/AzureLLMInferenceTrace_code.csv",
      [7, 1.36, 1469, 2048, 7303, 7436],
      [2.79, 0.85, 13, 28, 90, 251],
      [2.57, 13.15, 13.2, 8819],
    ],
    [
      "workload-azure-2023/AzureLLMInferenceTrace_conv.csv",
      [6.63, 0.99, 1020, 1155, 4083, 4142],
      [5.02, 0.86, 129, 211, 451, 601],
      [5.53, 1.09, 1.39, 19366],
    ],
    [
      "workload-mooncake/conversation_trace.csv",
      [8.74, 1.2, 6909, 12035, 39551, 85400],
      [5.34, 1.36, 350, 343, 698, 1119],
      [3.4, 3.03, 7.9, 12031],
    ],
    [
      "workload-mooncake/synthetic_trace.csv",
      [7.98, 2.7, 11587, 15325, 48905, 66456],
      [3.92, 1.77, 69, 149, 519, 768],
      [3.91, 1.01, 1.09, 3993],
    ],
  ])("%s", async (path, prompt, output, [rate, cv, fano, rows]) => {
    const trace = await readTrace(file(path));
    const summary = summarise(trace);
    expect(trace.notes).toEqual({ rowsRead: rows });
    expect(lengths(summary.promptTokens)).toEqual(prompt);
    expect(lengths(summary.outputTokens)).toEqual(output);
    expect(summary.ratePerSecond.toFixed(2)).toBe(rate.toFixed(2));
    expect(summary.gapCv.toFixed(2)).toBe(cv.toFixed(2));
    expect(Math.abs(summary.fanoFactor / fano - 1)).toBeLessThan(0.005);
  });

  test("ln(prompt) and ln(output) are almost uncorrelated in Azure's traces", async () => {
    const conv = summarise(await readTrace(file("workload-azure-2023/AzureLLMInferenceTrace_conv.csv")));
    const code = summarise(await readTrace(file("workload-azure-2023/AzureLLMInferenceTrace_code.csv")));
    expect(conv.logCorrelation.toFixed(2)).toBe("0.09");
    expect(Math.abs(code.logCorrelation)).toBeLessThan(0.005);
  });

  test("Mooncake's conversations repeat 37 % of their prompts, as an unlimited cache would see it", async () => {
    const summary = summarise(await readTrace(file("workload-mooncake/conversation_trace.csv")));
    expect(summary.prefixShare).toBeCloseTo(0.37, 2);
  });

  test("agent sessions: 710 of them, median 45 steps, 96 % of the input cached", async () => {
    const path = file("workload-agentic-claude-code/requests.csv");
    const all = await readTrace(path, { agents: "all" });
    expect(all.notes["rowsRead"]).toBe(49_334);
    const summary = summarise(all);
    expect(lengths(summary.outputTokens)).toEqual([5.56, 0.89, 216, 440, 1554, 3687]);
    expect(summary.promptTokens.logMean.toFixed(2)).toBe("11.49");
    expect(summary.promptTokens.logSd.toFixed(2)).toBe("0.67");
    expect(summary.prefixShare).toBeCloseTo(0.96, 2);

    const main = await readTrace(path);
    expect(summarise(main).sessions).toBe(710);
    const { arrivalSeconds, thinkSeconds } = main.columns;
    const steps: number[] = [];
    const logs: number[] = [];
    arrivalSeconds.forEach((time, i) => {
      if (!Number.isNaN(time)) steps.push(0);
      else if ((thinkSeconds as Float64Array)[i] > 0) logs.push(Math.log((thinkSeconds as Float64Array)[i]));
      steps[steps.length - 1]++;
    });
    steps.sort((a, b) => a - b);
    expect((steps[354] + steps[355]) / 2).toBe(45);
    const mean = logs.reduce((sum, value) => sum + value, 0) / logs.length;
    expect(mean).toBeCloseTo(2.84, 1);
  });
});
