import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadExperiment, parseExperiment } from "../../src/experiment/load.ts";
import { temporaryFolder } from "../temporary-folder.ts";

/** DESIGN's smallest example, word for word. */
const SMALLEST = `experiment: replay-example
workload: { trace: requests.csv }          # generic columns arrival_s, prompt_tokens, output_tokens; optional tier, session, endpoint
fleet:
  - endpoint: r0                           # or profile: h100-80gb.llama-3-8b.bf16.tp1, or a path
    region: us-east-1
    replicas: 1
    profile: { law: { baseMs: 5, perPrefillTokenMs: 0.05, perDecodeSequenceMs: 0.2, perContextTokenMs: 0.0005 } }
batching: { policy: sarathi, maxRequests: 64, tokenBudget: 512, kvBlocks: 20000, blockTokens: 16, watermarkFraction: 0.01 }
routers: [round-robin]                     # a name, a name with parameters, or a file of the user's
seeds: 1
`;

const TIERS = `tiers:
  - { name: HIGH, share: 0.3, sloS: 0.5 }
  - { name: LOW, share: 0.7, sloS: 5, deferrable: true }
`;

const EPOCHS = `experiment: epochs
sites: 4
planners: [unifrm]
`;

function message(text: string, sets: string[] = []): string {
  try {
    parseExperiment(text, { source: "e.yaml", sets });
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    expect(message).not.toContain("\n");
    return `${code} ${message}`;
  }
  throw new Error("no error");
}

describe("the smallest example", () => {
  test("loads with every default filled in", () => {
    const { id, points } = parseExperiment(SMALLEST);
    expect(id).toBe("replay-example");
    expect(points).toHaveLength(1);
    expect(points[0].labels).toEqual({});
    expect(points[0].experiment).toMatchObject({
      batching: {
        policy: "sarathi",
        maxRequests: 64,
        paddedTokenLimit: 4096,
        order: "fifo",
        victim: "youngest",
        prefixReuse: false,
      },
      telemetryIntervalS: 0.1,
      end: "drain",
      latency: "e2e",
      floors: "off",
      seeds: [1],
      routers: [{ router: "round-robin", parameters: {}, artefacts: {} }],
      signals: { signal: "average", refreshS: 300, forecast: "perfect" },
    });
  });

  test("the resolved experiment is plain data and loads again as itself", () => {
    const { experiment } = parseExperiment(SMALLEST).points[0];
    const again = parseExperiment(JSON.stringify(experiment)).points[0].experiment;
    expect(again).toEqual(experiment);
  });
});

describe("messages name file, line, column, path, what was expected and the nearest word", () => {
  const cases: [what: string, text: string, expected: string][] = [
    [
      "wrong YAML",
      SMALLEST.replace("routers: [round-robin]", "routers: [round-robin"),
      "CANOPY_EXPERIMENT_YAML e.yaml:10:1 not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]",
    ],
    [
      "a key twice",
      `${SMALLEST}seeds: 2\n`,
      "CANOPY_EXPERIMENT_YAML e.yaml:11:1 not valid YAML: Map keys must be unique",
    ],
    [
      "an unknown key",
      SMALLEST.replace("replicas: 1", "replica: 1"),
      'CANOPY_EXPERIMENT_KEY e.yaml:6:5 fleet.0.replica: unknown key (did you mean "replicas"?)',
    ],
    [
      "an unknown key in an inline map",
      SMALLEST.replace("tokenBudget", "tokensBudget"),
      'CANOPY_EXPERIMENT_KEY e.yaml:8:47 batching.tokensBudget: unknown key (did you mean "tokenBudget"?)',
    ],
    [
      "an unknown policy",
      SMALLEST.replace("policy: sarathi", "policy: sarati"),
      'CANOPY_EXPERIMENT_VALUE e.yaml:8:21 batching.policy: is "sarati", expected one of: vllm-v1, sarathi, vllm-v0, mixed, static (did you mean "sarathi"?)',
    ],
    [
      "no replicas",
      SMALLEST.replace("replicas: 1", "replicas: 0"),
      "CANOPY_EXPERIMENT_VALUE e.yaml:6:15 fleet.0.replicas: is 0, expected at least 1",
    ],
    [
      "a missing key",
      SMALLEST.replace(/ {4}region: us-east-1\n/, ""),
      "CANOPY_EXPERIMENT_MISSING e.yaml:4:5 fleet.0.region: is missing, expected a text",
    ],
    [
      "a text for a number",
      SMALLEST.replace("baseMs: 5", "baseMs: fast"),
      'CANOPY_EXPERIMENT_VALUE e.yaml:7:31 fleet.0.profile.law.baseMs: is "fast", expected a number',
    ],
    [
      "a negative rate",
      SMALLEST.replace(
        "{ trace: requests.csv }",
        "{ requests: 9, arrival: { ratePerS: -5 }, prompt: { dist: constant, value: 9 }, output: { dist: constant, value: 9 } }",
      ),
      "CANOPY_EXPERIMENT_VALUE e.yaml:2:47 workload.arrival.ratePerS: is -5, expected a number above 0",
    ],
    [
      "not a number",
      SMALLEST.replace("seeds: 1", "telemetryIntervalS: .nan"),
      "CANOPY_EXPERIMENT_VALUE e.yaml:10:21 telemetryIntervalS: is NaN, expected a number",
    ],
    [
      "several errors",
      SMALLEST.replace("replicas: 1", "replicas: 0").replace("seeds: 1", "seeds: many"),
      "CANOPY_EXPERIMENT_VALUE e.yaml:6:15 fleet.0.replicas: is 0, expected at least 1 (and 1 more)",
    ],
    [
      "shares that do not sum to 1",
      SMALLEST.replace("seeds: 1\n", TIERS.replace("share: 0.7", "share: 0.6")),
      "CANOPY_EXPERIMENT_VALUE e.yaml:11:3 tiers: have shares that sum to 0.9 (HIGH 0.3 + LOW 0.6), expected 1",
    ],
    [
      "no endpoint for the large model",
      `${SMALLEST}${TIERS}floors: { HIGH: 1 }\n`,
      "CANOPY_EXPERIMENT_VALUE e.yaml:14:9 floors: ask for a large model, but no endpoint may serve such requests: expected large: true on one",
    ],
    [
      "a floor of an unknown tier",
      `${SMALLEST}${TIERS}floors: { HIHG: 0 }\n`,
      'CANOPY_EXPERIMENT_VALUE e.yaml:14:17 floors.HIHG: there is no tier "HIHG" (did you mean "HIGH"?)',
    ],
    [
      "two routers of one label",
      SMALLEST.replace("[round-robin]", "[round-robin, round-robin]"),
      'CANOPY_EXPERIMENT_VALUE e.yaml:9:24 routers.1: has the label "round-robin" of another router, expected its own: set as',
    ],
    [
      "a router that is misspelt, before what names it aright",
      `${SMALLEST.replace("[round-robin]", "[least-loaded, rond-robin]")}baseline: round-robin\n`,
      'CANOPY_ROUTER_UNKNOWN e.yaml:9:25 routers.1: router "rond-robin" is not known, expected an id listed by canopy routers, a file or an installed package (did you mean "round-robin"?)',
    ],
    [
      "a planner that is misspelt, before what names it aright",
      `${EPOCHS}baseline: uniform\n`,
      'CANOPY_ROUTER_UNKNOWN e.yaml:3:12 planners.0: planner "unifrm" is not known, expected an id listed by canopy routers or a file (did you mean "uniform"?)',
    ],
    [
      "a published figure of an unknown metric",
      `${SMALLEST}published: [{ router: round-robin, metric: ttft_p95, value: 1 }]\n`,
      'CANOPY_EXPERIMENT_VALUE e.yaml:11:44 published.0.metric: there is no metric "ttft_p95" (did you mean "ttft_p95_s"?)',
    ],
    [
      "a region without carbon",
      `${SMALLEST}signals: { carbon: { us-east1: 300 } }\n`,
      'CANOPY_EXPERIMENT_VALUE e.yaml:11:20 signals.carbon: has no entry for the region us-east-1 of the fleet (is "us-east1" it?), expected one for each region',
    ],
    [
      "an empty file",
      "",
      "CANOPY_EXPERIMENT_VALUE e.yaml:1:1 is not a map, expected the keys of an experiment",
    ],
  ];
  test.each(cases)("%s", (_, text, expected) => {
    expect(message(text)).toBe(expected);
  });
});

describe("--set", () => {
  const seed = (set: string) => parseExperiment(SMALLEST, { sets: [set] }).points[0].experiment;

  test("changes a value, a list's entry, a whole map; the value is YAML", () => {
    expect(seed("fleet.0.replicas=8").fleet[0].replicas).toBe(8);
    expect(seed("fleet[0].replicas=8").fleet[0].replicas).toBe(8);
    expect(seed("fleet.*.hostWattsPerReplica=50").fleet[0].hostWattsPerReplica).toBe(50);
    expect(seed("seeds=[3, 4]").seeds).toEqual([3, 4]);
    expect(seed("routers=[least-loaded]").routers[0].router).toBe("least-loaded");
    expect(seed("signals.refreshS=60").signals.refreshS).toBe(60);
  });

  test.each([
    [
      "fleet.0.replica=8",
      'CANOPY_EXPERIMENT_KEY --set fleet.0.replica=8: unknown key (did you mean "replicas"?)',
    ],
    [
      "fleet.3.replicas=8",
      'CANOPY_EXPERIMENT_SET --set fleet.3.replicas=8: fleet is a list of 1, expected an index from 0 to 0 instead of "3"',
    ],
    ["fleet.0.replicas=-1", "CANOPY_EXPERIMENT_VALUE --set fleet.0.replicas=-1: is -1, expected at least 1"],
    [
      "experiment.x=1",
      'CANOPY_EXPERIMENT_SET --set experiment.x=1: experiment is "replay-example", which has no key "x": replace it as a whole',
    ],
    ["seeds", "CANOPY_EXPERIMENT_SET --set seeds: expected path=value, e.g. --set fleet.0.replicas=8"],
    ["a..b=1", 'CANOPY_EXPERIMENT_SET --set a..b=1: "a..b" is not a path, expected e.g. fleet.0.replicas'],
  ])("%s is refused with its path", (set, expected) => {
    expect(message(SMALLEST, [set])).toBe(expected);
  });
});

describe("points and axes", () => {
  const text = `${SMALLEST}points:
  - { name: one }
  - { name: two, set: { fleet.0.replicas: 2 }, note: by hand }
axes: { telemetryIntervalS: [0, 1], "batching.maxRequests": [32] }
`;

  test("what an axis sets again has no effect, and is refused", () => {
    const head = "CANOPY_EXPERIMENT_VALUE e.yaml";
    const why = (path: string) =>
      `has no effect, expected one of this and the axis ${path}, which sets it after this`;
    expect(
      message(`${text.replace("telemetryIntervalS", "fleet.*.replicas").replace("[0, 1]", "[1, 2]")}`),
    ).toBe(`${head}:13:25 points.1.set."fleet.0.replicas": ${why("fleet.*.replicas")}`);
    expect(message(`${SMALLEST}axes: { fleet.0.replicas: [1, 2], fleet.*.replicas: [3] }\n`)).toBe(
      `${head}:11:9 axes."fleet.0.replicas": ${why("fleet.*.replicas")}`,
    );
    // The other way round both have one.
    const both = `${SMALLEST}axes: { fleet.*.replicas: [3], fleet.0.replicas: [1, 2] }\n`;
    expect(parseExperiment(both).points.map(({ experiment }) => experiment.fleet[0].replicas)).toEqual([
      1, 2,
    ]);
  });

  test("make every combination, in the order of the file", () => {
    const { points } = parseExperiment(text);
    expect(points.map((point) => point.labels)).toEqual([
      { point: "one", telemetryIntervalS: 0, "batching.maxRequests": 32 },
      { point: "one", telemetryIntervalS: 1, "batching.maxRequests": 32 },
      { point: "two", telemetryIntervalS: 0, "batching.maxRequests": 32 },
      { point: "two", telemetryIntervalS: 1, "batching.maxRequests": 32 },
    ]);
    expect(points.map((point) => point.experiment.fleet[0].replicas)).toEqual([1, 1, 2, 2]);
    expect(points.map((point) => point.experiment.telemetryIntervalS)).toEqual([0, 1, 0, 1]);
    expect(points.map((point) => point.note)).toEqual([undefined, undefined, "by hand", "by hand"]);
  });

  test("--set on an axis' path replaces the axis", () => {
    const { points } = parseExperiment(text, { sets: ["telemetryIntervalS=5"] });
    expect(points.map((point) => point.labels)).toEqual([
      { point: "one", "batching.maxRequests": 32 },
      { point: "two", "batching.maxRequests": 32 },
    ]);
    expect(points[0].experiment.telemetryIntervalS).toBe(5);
  });

  test("a bad value names the point and where it was written", () => {
    expect(message(text.replace("[0, 1]", "[0, -1]"))).toBe(
      'CANOPY_EXPERIMENT_VALUE e.yaml:14:33 telemetryIntervalS: is -1, expected at least 0 [at point "one", batching.maxRequests 32]',
    );
    expect(message(text.replace("fleet.0.replicas: 2", "fleet.0.replica: 2"))).toContain(
      'e.yaml:13:25 fleet.0.replica: unknown key (did you mean "replicas"?)',
    );
  });
});

describe("extends", () => {
  const folder = temporaryFolder("load");
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  test("lays a file on others: maps merge, lists are replaced, null removes", async () => {
    file("base.yaml", SMALLEST);
    file("signals.yaml", "signals: { carbon: { us-east-1: 300 }, refreshS: 60 }\n");
    const top = file(
      "top.yaml",
      "extends: [base.yaml, signals.yaml]\nexperiment: top\nbatching: { maxRequests: 8, tokenBudget: null }\nseeds: [7]\n",
    );
    const { points, files } = await loadExperiment(top);
    expect(points[0].experiment).toMatchObject({
      experiment: "top",
      batching: { policy: "sarathi", maxRequests: 8, tokenBudget: 2048 },
      signals: { carbon: { "us-east-1": 300 }, refreshS: 60 },
      seeds: [7],
    });
    expect(files).toEqual(["top.yaml", "base.yaml", "signals.yaml"].map((name) => join(folder, name)));
  });

  test("a message names the file that the value comes from", async () => {
    file("wrong-base.yaml", SMALLEST.replace("replicas: 1", "replicas: none"));
    const top = file("of-wrong.yaml", "extends: wrong-base.yaml\nseeds: 2\n");
    await expect(loadExperiment(top)).rejects.toThrow(
      `${join(folder, "wrong-base.yaml")}:6:15 fleet.0.replicas: is "none", expected a number`,
    );
  });

  test("a missing file and a circle are refused", async () => {
    const lost = file("lost.yaml", "extends: bas.yaml\n");
    await expect(loadExperiment(lost)).rejects.toThrow('no such file (did you mean "');
    const ring = file("ring.yaml", "extends: ring.yaml\n");
    await expect(loadExperiment(ring)).rejects.toThrow("ring.yaml: extends itself");
  });

  test("a sweep is called one", async () => {
    const sweep = file("rates.yaml", "sweep: rates\nexperiment: base.yaml\naxes: { seeds: [1] }\n");
    await expect(loadExperiment(sweep)).rejects.toThrow(
      "rates.yaml:1:8 sweep: a sweep, expected an experiment: canopy sweep takes sweeps",
    );
  });
});
