import { beforeAll, describe, expect, test } from "vitest";
import type { ExperimentResult, ResultRow } from "../../src/experiment/result.ts";
import { resultFigures } from "../../src/report/result-figures.ts";
import { sampleResult } from "./sample-result.ts";

let result: ExperimentResult;
let figures: ReadonlyMap<string, string>;
beforeAll(async () => {
  ({ result } = await sampleResult());
  figures = new Map((await resultFigures(result)).map(({ name, svg }) => [name, svg]));
});

/** The texts of a figure, in the order in which they are drawn. */
function textsOf(svg: string | undefined): string[] {
  return [...(svg ?? "").matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text);
}

function figure(name: string): string {
  const svg = figures.get(name);
  expect(svg, `${name} of ${[...figures.keys()].join(", ")}`).toBeDefined();
  return svg as string;
}

test("a figure for each that the experiment asks for; shares for each router", () => {
  expect([...figures.keys()]).toEqual([
    "cost-against-carbon",
    "latency",
    "violations",
    "shares-cedar",
    "shares-round-robin",
    "shares-least-loaded",
    "carbon",
  ]);
  for (const svg of figures.values()) expect(svg).toMatch(/^<svg /);
});

test("a result that was read from a file gives the same figures", async () => {
  const read = JSON.parse(JSON.stringify(result)) as ExperimentResult;
  const again = await resultFigures(read);
  expect(new Map(again.map(({ name, svg }) => [name, svg]))).toEqual(figures);
});

describe("scatter", () => {
  test("relative to a router: both axes say so, the paper's points are there although its grams are impossible", () => {
    const texts = textsOf(figure("cost-against-carbon"));
    expect(texts).toEqual(
      expect.arrayContaining([
        "cost per request, relative to round-robin",
        "carbon per request, relative to round-robin",
        "cedar",
        "least-loaded",
      ]),
    );
    // The paper gives no cost here, so no router has a point of the paper's.
    expect(texts).not.toContain("paper");
  });

  test("the paper's points need both of its ratios", async () => {
    const cost = (router: string, value: number) => [router, { cost_usd_per_request: value }] as const;
    const papers = new Map([cost("cedar", 0.5), cost("round-robin", 1)]);
    const rows = result.rows.map(
      (row): ResultRow => ({ ...row, published: { ...row.published, ...papers.get(row.router) } }),
    );
    const [{ svg }] = await resultFigures({ ...result, rows });
    expect(textsOf(svg)).toEqual(expect.arrayContaining(["run", "paper"]));
  });

  test("absolute values that cannot be compared have no point of the paper's", async () => {
    const [{ svg }] = await resultFigures(result, [
      { kind: "scatter", title: "S", x: "latency_p95_s", y: "carbon_g_per_request" },
    ]);
    expect(textsOf(svg)).toEqual(expect.arrayContaining(["p95 (s)", "carbon per request (g)"]));
    expect(textsOf(svg)).not.toContain("paper");
    const [{ svg: comparable }] = await resultFigures(result, [
      { kind: "scatter", title: "S", x: "latency_p95_s", y: "latency_p95_s" },
    ]);
    expect(textsOf(comparable)).toContain("paper");
  });
});

test("percentiles show the objectives where they bound that latency, and the paper's p95", async () => {
  const texts = textsOf(figure("latency"));
  expect(texts).toEqual(
    expect.arrayContaining(["time to first token (s)", "p99.9", "objective HIGH", "objective LOW", "paper"]),
  );
  const [{ svg }] = await resultFigures(result, [{ kind: "percentiles", title: "P", of: "e2e" }]);
  expect(textsOf(svg).filter((text) => /objective|paper/.test(text))).toEqual([]);
});

test("shares in percent, and what the figures rest on", () => {
  expect(textsOf(figure("violations"))).toContain("SLO violation (%)");
  expect(textsOf(figure("violations"))).toContain("Profiles modelled; carbon intensity average, synthetic.");
});

describe("timelines", () => {
  test("shares of the groups over the first run", () => {
    const texts = textsOf(figure("shares-cedar"));
    expect(texts).toEqual(
      expect.arrayContaining([
        "Shares: cedar",
        "share of the placements (%)",
        "here/big",
        "there/small",
        "time (s)",
      ]),
    );
  });

  test("the shares of a bucket come from its counts", () => {
    const timeline = result.rows[0].timeline;
    expect(timeline?.groups).toEqual(["here/big", "there/small"]);
    const placed = timeline?.counts.flat().reduce((sum, count) => sum + count, 0);
    expect(placed).toBe(200);
  });

  test("carbon steps where the series does, and holds to the end", () => {
    expect(result.rows[0].timeline?.carbon).toEqual({
      here: { times: [0], values: [400] },
      there: { times: [0, 3], values: [100, 50] },
    });
    expect(textsOf(figure("carbon"))).toEqual(
      expect.arrayContaining(["here", "there", "carbon intensity (g/kWh)"]),
    );
  });

  test("power of each group and of all, at the boundary that is asked for", async () => {
    const draw = (of: "power-gpu" | "power-server", rows = result.rows) =>
      resultFigures({ ...result, rows }, [{ kind: "timeline", title: "Power", of }]);
    const [{ name, svg }, ...others] = await draw("power-server");
    expect([name, ...others.map((other) => other.name)]).toEqual([
      "power-cedar",
      "power-round-robin",
      "power-least-loaded",
    ]);
    const texts = textsOf(svg);
    expect(texts).toEqual(expect.arrayContaining(["power (W)", "all", "here/big", "there/small"]));
    expect(texts).toContain("Power of GPUs working and idle and their hosts.");
    const [{ svg: gpu }] = await draw("power-gpu");
    expect(textsOf(gpu)).toContain("Power of GPUs while they work, without idle power and hosts.");
    // Results of before it was kept have none.
    const older = result.rows.map((row) => {
      const { power: _, ...timeline } = row.timeline as NonNullable<ResultRow["timeline"]>;
      return { ...row, timeline };
    });
    expect(await draw("power-server", older)).toEqual([]);
    const partly = result.rows.map((row) => {
      const timeline = row.timeline as NonNullable<ResultRow["timeline"]>;
      const power = timeline.power as NonNullable<typeof timeline.power>;
      const serverWatts = [power.serverWatts[0], null];
      return { ...row, timeline: { ...timeline, power: { ...power, serverWatts } } };
    });
    const [{ svg: known }] = await draw("power-server", partly);
    expect(textsOf(known)).not.toContain("all");
    expect(textsOf(known).join(" ")).toContain("Not known of there/small.");
  });

  test("are left out where no run kept one", async () => {
    const rows = result.rows.map((row) => ({ ...row, timeline: null }));
    const drawn = await resultFigures({ ...result, rows });
    expect(drawn.map(({ name }) => name)).toEqual(["cost-against-carbon", "latency", "violations"]);
  });
});

describe("sweeps", () => {
  const sweep = (axis: string) => ({ kind: "sweep", title: "Sweep", axis, metric: "slo_violation" }) as const;
  let swept: ExperimentResult;
  beforeAll(async () => {
    const axes = 'axes: { telemetryIntervalS: [0, 2], routers.0.epsilon: [0.1, "off"] }\n';
    ({ result: swept } = await sampleResult(["seeds=1", "workload.requests=60"], axes));
  });

  test("one figure for each value of the other axis; the axis by name and unit", async () => {
    const drawn = await resultFigures(swept, [sweep("telemetryIntervalS")]);
    expect(drawn.map(({ name }) => name)).toEqual(["sweep-epsilon-0.1", "sweep-epsilon-off"]);
    expect(textsOf(drawn[0].svg)).toEqual(
      expect.arrayContaining(["telemetry interval (s)", "SLO violation (%)"]),
    );
  });

  test("values that are no numbers stand side by side under their names", async () => {
    const [{ name, svg }] = await resultFigures(swept, [sweep("routers.0.epsilon")]);
    expect(name).toBe("sweep-telemetry-interval-0-s");
    expect(textsOf(svg)).toEqual(expect.arrayContaining(["epsilon", "0.1", "off"]));
  });

  test("other figures are drawn for each point under names of their own", async () => {
    const drawn = await resultFigures(swept, [{ kind: "percentiles", title: "P", of: "ttft" }]);
    expect(drawn.map(({ name }) => name)).toEqual([
      "p-telemetry-interval-0-s-epsilon-0.1",
      "p-telemetry-interval-0-s-epsilon-off",
      "p-telemetry-interval-2-s-epsilon-0.1",
      "p-telemetry-interval-2-s-epsilon-off",
    ]);
  });
});
