import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type ExperimentPlan, expandExperiment } from "../../src/experiment/expand.ts";
import { parseExperiment } from "../../src/experiment/load.ts";
import { ensemble } from "../../src/experiment/run-starts.ts";
import { syntheticProfile } from "../../src/profile/synthetic.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const folder = temporaryFolder("plan");
const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
write("requests.csv", "arrival_s,prompt_tokens,output_tokens\n0,100,3\n1,10,2\n");
write("empty.csv", "arrival_s,prompt_tokens,output_tokens\n");
write("large.csv", "arrival_s,prompt_tokens,output_tokens,needs_large\n0,100,3,1\n");
const hours = (values: string[]) =>
  `datetime,value\n${values.map((v, h) => `2024-01-01T${String(h).padStart(2, "0")}:00Z,${v}`).join("\n")}\n`;
write("carbon.csv", hours(["100", "200", "300", "400"]));
write("gap.csv", hours(["100", "NaN", "300", "400"]));
write("profile.json", JSON.stringify(syntheticProfile({ id: "made-up" })));
const tooBig = syntheticProfile({ id: "too-big", weightBytes: 141e9 });
write("too-big.json", JSON.stringify({ ...tooBig, kvCapacityTokens: 1000 }));

const BASE = `experiment: plan
workload: { trace: requests.csv }
fleet:
  - endpoint: r0
    region: here
    profile: { law: { baseMs: 5, perPrefillTokenMs: 0.05, perDecodeSequenceMs: 0.2, perContextTokenMs: 0.0005 } }
batching: { policy: sarathi, kvBlocks: 20000 }
routers: [round-robin]
`;

const SYNTHETIC = BASE.replace(
  "{ trace: requests.csv }",
  "{ requests: 50, arrival: { ratePerS: 10 }, prompt: { dist: constant, value: 100 }, output: { dist: constant, value: 5 } }",
);

function plan(text: string, sets: string[] = []): Promise<ExperimentPlan> {
  return expandExperiment(parseExperiment(text, { source: "e.yaml", directory: folder, sets }));
}

const keys = async (text: string, sets: string[] = []) => (await plan(text, sets)).runs.map(({ key }) => key);

describe("what only other files can tell is refused with the place in the experiment", () => {
  const cases: [what: string, text: string, expected: string | RegExp][] = [
    [
      "a missing trace",
      BASE.replace("requests.csv", "request.csv"),
      /^e\.yaml:2:11 workload: trace .*request\.csv: no such file \(did you mean ".*requests\.csv"\?\)$/,
    ],
    [
      "an empty trace",
      BASE.replace("requests.csv", "empty.csv"),
      /^e\.yaml:2:11 workload: .*empty\.csv.* no requests/,
    ],
    [
      "an unknown router",
      BASE.replace("round-robin", "round-robbin"),
      /^e\.yaml:8:11 routers\.0: router "round-robbin" is not known.*did you mean "round-robin"/,
    ],
    [
      "an unknown parameter",
      BASE.replace("[round-robin]", "[{ router: least-loaded, bye: tokens }]"),
      /^e\.yaml:8:11 routers\.0: router least-loaded: parameter "bye" is not known \(did you mean "by"\?\)$/,
    ],
    [
      "a missing router file",
      BASE.replace("round-robin", "./mine.ts"),
      /^e\.yaml:8:11 routers\.0: router file .*mine\.ts: no such file/,
    ],
    [
      "an unknown profile",
      BASE.replace(/profile: .*/, "profile: a100-80gb.llama-3-8b.bf16.tp2"),
      /^e\.yaml:6:14 fleet\.0\.profile: no profile "a100-80gb\.llama-3-8b\.bf16\.tp2" \(did you mean "a100-80gb\.llama-3-8b\.bf16\.tp1"\?\)/,
    ],
    [
      "a model that does not fit, with the arithmetic",
      BASE.replace(/profile: .*/, "profile: too-big.json"),
      /^e\.yaml:6:14 fleet\.0\.profile: .*synthetic-8b bf16 does not fit 1 x synthetic-80GB: weights 141\.0 GB \/ 1 GPU \+ 2\.1 GB reserve > 0\.90 x 80\.0 GB/,
    ],
    [
      "a law without KV capacity",
      BASE.replace(", kvBlocks: 20000", ""),
      "e.yaml:4:5 fleet.0: has a profile without a KV capacity, expected batching.kvBlocks or profile.kvCapacityTokens",
    ],
    [
      "a replica larger than its machine",
      `${BASE.replace("    region: here", "    region: here\n    gpusPerReplica: 4\n    gpusPerInstance: 2\n    price: { usdPerGpuHour: 1 }")}`,
      "e.yaml:4:5 fleet.0: a replica of 4 GPUs does not fit an instance of 2",
    ],
    [
      "a model large at one endpoint and not at another",
      BASE.replace(
        "batching:",
        `  - endpoint: r1
    region: here
    large: true
    profile: { law: { baseMs: 5, perPrefillTokenMs: 0.05, perDecodeSequenceMs: 0.2, perContextTokenMs: 0.0005 } }
batching:`,
      ),
      "e.yaml:4:3 fleet: endpoint r1: model model is large here and not large at another endpoint, expected the same",
    ],
    [
      "a trace that asks for a large model",
      BASE.replace("requests.csv", "large.csv"),
      "e.yaml:4:3 fleet: the trace asks for a large model, but no endpoint may serve it: expected large: true on one",
    ],
    [
      "a start outside the series",
      `${BASE}signals: { carbon: { here: { path: carbon.csv } } }\nstarts: [2024-01-01T04:00Z]\n`,
      /^e\.yaml:9:\d+ signals\.carbon\.here: signal carbon \(carbon\.csv\) covers 2024-01-01T00:00:00Z to 2024-01-01T04:00:00Z, but 2024-01-01T04:00:00Z to 2024-01-01T04:00:01Z is asked for/,
    ],
    [
      "a series that ends before the requests do",
      `${BASE}signals: { carbon: { here: { path: carbon.csv } } }\nstarts: ["2024-01-01T03:59:59.500Z"]\n`,
      /signals\.carbon\.here: signal .* is asked for/,
    ],
    [
      "a series with a missing value",
      `${BASE}signals: { carbon: { here: { path: gap.csv } } }\n`,
      /^e\.yaml:9:\d+ signals\.carbon\.here: .*gap\.csv, line 3, column "value": no value from 2024-01-01T01:00:00Z to 2024-01-01T02:00:00Z/,
    ],
    [
      "an unknown preset",
      `${BASE}signals: { carbon: { here: us-east-2 } }\n`,
      /^e\.yaml:9:\d+ signals\.carbon\.here: no synthetic signal "us-east-2" \(did you mean "us-east-1"\?\)/,
    ],
    [
      "a warm-up that leaves nothing",
      `${BASE}warmup: {}\n`,
      "e.yaml:9:9 warmup: leaves none of the 2 requests, expected a shorter one",
    ],
    [
      "a missing artefact",
      BASE.replace("[round-robin]", "[{ router: round-robin, artefacts: { net: net.bin } }]"),
      /^e\.yaml:8:\d+ routers\.0\.artefacts\.net: cannot read net\.bin/,
    ],
  ];
  test.each(cases)("%s", async (_, text, expected) => {
    await expect(plan(text)).rejects.toThrow(expected);
    await expect(plan(text)).rejects.toThrow(/^[^\n]*$/);
  });
});

describe("the plan of runs", () => {
  const text = `${SYNTHETIC.replace("[round-robin]", "[round-robin, least-loaded]")}seeds: 2\nsignals: { carbon: { here: us-east-1 } }\nstarts: [2025-02-01, 2025-02-02]\naxes: { telemetryIntervalS: [0, 1] }\n`;

  test("goes by point, seed, start and router", async () => {
    const { runs } = await plan(text);
    expect(
      runs.map((run) => [run.labels["telemetryIntervalS"], run.seed, run.start, run.router.label]),
    ).toEqual(
      [0, 1].flatMap((interval) =>
        [1, 2].flatMap((seed) =>
          [1738368000, 1738454400].flatMap((start) =>
            ["round-robin", "least-loaded"].map((router) => [interval, seed, start, router]),
          ),
        ),
      ),
    );
    expect(new Set(runs.map(({ key }) => key)).size).toBe(16);
  });

  test("is the same every time, and in any order of the file's keys", async () => {
    const again = SYNTHETIC.split("\n").filter((line) => line !== "");
    const turned = [again[7], again[6], ...again.slice(0, 6)].join("\n");
    expect(await keys(SYNTHETIC)).toEqual(await keys(SYNTHETIC));
    expect(await keys(turned)).toEqual(await keys(SYNTHETIC));
  });

  test("a run's key changes with everything its result depends on, and with nothing else", async () => {
    const [key] = await keys(SYNTHETIC);
    const same = [
      "description=words",
      "experiment=other",
      "outputs={}",
      "baseline=round-robin",
      "published=[]",
    ];
    for (const set of same) expect.soft((await keys(SYNTHETIC, [set]))[0], set).toBe(key);
    const different = [
      "workload.arrival.ratePerS=11",
      "workload.requests=51",
      "workload.lengthFactor=2",
      "seeds=[2]",
      "fleet.0.replicas=2",
      "fleet.0.profile.law.baseMs=6",
      "batching.maxRequests=7",
      "latency=ttft",
      "telemetryIntervalS=1",
      "signals.carbon.here=300",
      "end=cut",
      "horizon=100",
      "routers=[least-loaded]",
      "tiers=[{name: a, share: 1, sloS: 1}]",
    ];
    const others = await Promise.all(different.map(async (set) => (await keys(SYNTHETIC, [set]))[0]));
    expect(new Set([key, ...others]).size).toBe(different.length + 1);
  });

  test("parameters count with their defaults: written out they name the same run", async () => {
    const short = SYNTHETIC.replace("round-robin", "least-loaded");
    const long = SYNTHETIC.replace("round-robin", "{ router: least-loaded, by: outstanding }");
    const other = SYNTHETIC.replace("round-robin", "{ router: least-loaded, by: tokens }");
    expect(await keys(long)).toEqual(await keys(short));
    expect(await keys(other)).not.toEqual(await keys(short));
  });

  test("code and Node are part of the key", async () => {
    const loaded = parseExperiment(SYNTHETIC, { directory: folder });
    const key = async (code: string, node: string) =>
      (await expandExperiment(loaded, { environment: { code, node } })).runs[0].key;
    expect(await key("a", "v20")).not.toBe(await key("b", "v20"));
    expect(await key("a", "v20")).not.toBe(await key("a", "v22"));
    expect(await key("a", "v20")).toBe(await key("a", "v20"));
  });

  test("what a user's router imports counts by its content", async () => {
    const router = `import { defineRouter } from "canopy-bench"; import { weight } from "./weight.mjs";
      export default defineRouter({ id: "weighed", create: () => ({ arrival: () => weight }) });`;
    write("weighed.mjs", router);
    write("weight.mjs", "export const weight = 1;");
    const text = SYNTHETIC.replace("round-robin", "./weighed.mjs");
    const before = await keys(text);
    expect(await keys(text)).toEqual(before);
    write("weight.mjs", "export const weight = 2;");
    expect(await keys(text)).not.toEqual(before);
  });

  test("a trace counts by its content, not by its name", async () => {
    write("copy.csv", "arrival_s,prompt_tokens,output_tokens\n0,100,3\n1,10,2\n");
    write("other.csv", "arrival_s,prompt_tokens,output_tokens\n0,100,3\n1,10,3\n");
    const [key] = await keys(BASE);
    expect(await keys(BASE.replace("requests.csv", "copy.csv"))).toEqual([key]);
    expect(await keys(BASE.replace("requests.csv", "other.csv"))).not.toEqual([key]);
  });

  test("points that differ only in the workload keep their own", async () => {
    const swept = await plan(`${SYNTHETIC}axes: { workload.arrival.ratePerS: [5, 20] }\n`);
    const rates = swept.runs.map(({ point }) => {
      const { workload } = swept.inputs.points[point].experiment;
      return "arrival" in workload ? workload.arrival.ratePerS : undefined;
    });
    expect(rates).toEqual([5, 20]);
  });
});

describe("starts", () => {
  test("an ensemble spreads days evenly and moves the hours on", () => {
    const from = Date.UTC(2025, 0, 1) / 1000;
    const to = Date.UTC(2025, 3, 1) / 1000;
    const one = ensemble(from, to, 12, 1);
    expect(one.map((t) => (t / 3600) % 24)).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22]);
    expect(one.every((t) => t >= from && t < to)).toBe(true);
    const all = ensemble(from, to, 12, 24);
    expect(all).toHaveLength(288);
    expect(new Set(all).size).toBe(288);
    expect(all.slice(0, 24).map((t) => (t / 3600) % 24)).toEqual(Array.from({ length: 24 }, (_, h) => h));
  });

  test("without any: where the series of files begin, where synthetic ones have CEDAR's window, else none", async () => {
    const start = async (signals: string) =>
      (await plan(`${BASE}signals: { carbon: { here: ${signals} } }\n`)).runs[0].start;
    expect(await start("{ path: carbon.csv }")).toBe(Date.UTC(2024, 0, 1) / 1000);
    expect(await start("us-east-1")).toBe(Date.UTC(2025, 0, 1) / 1000);
    expect(await start("300")).toBe(null);
  });
});

describe("reference data", () => {
  const text = `${BASE.replace("requests.csv", '"data:requests.csv", otherwise: { requests: 20, arrival: { ratePerS: 10 }, total: { of: { dist: constant, value: 100 }, outputShare: 0.1 } }')}signals: { carbon: { here: { path: "data:carbon.csv", otherwise: us-east-1 } } }\n`;
  const expand = (source: string, dataRoot: string | null) =>
    expandExperiment(parseExperiment(source, { source: "e.yaml", directory: tmpdir() }), { dataRoot });

  test("is read where its folder is", async () => {
    const { points, runs, inputs } = await expand(text, folder);
    expect(points[0].inputs.carbon["here"].kind).toBe("file");
    expect(inputs.workloads[runs[0].workload].requests.columns["promptTokens"]).toEqual(
      Int32Array.of(100, 10),
    );
    expect(points[0].inputs.notes).toEqual([]);
  });

  test("gives way to a stand-in where it is not there, and the point says so", async () => {
    const { points, runs, inputs } = await expand(text, null);
    expect(points[0].inputs.carbon["here"]).toMatchObject({ kind: "preset", preset: "us-east-1" });
    expect(inputs.workloads[runs[0].workload]).toBeUndefined();
    expect(points[0].inputs.notes).toEqual([
      "workload: no reference data here, a synthetic workload stands in for data:requests.csv",
      "signals.carbon.here: no reference data here, synthetic us-east-1 stands in for data:carbon.csv",
    ]);
  });

  test("without a stand-in it is asked for", async () => {
    await expect(expand(BASE.replace("requests.csv", '"data:requests.csv"'), null)).rejects.toThrow(
      /^e\.yaml:2:11 workload: data:requests\.csv: there is no folder of reference data, expected one named by CANOPY_DATA/,
    );
  });

  test("stays inside its folder", async () => {
    await expect(expand(text.replace("data:carbon.csv", "data:../carbon.csv"), folder)).rejects.toThrow(
      "expected a path inside the folder of reference data",
    );
  });
});
