import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FLOORS } from "../../src/workload/classes.ts";
import { type SyntheticParameters, SyntheticWorkload } from "../../src/workload/synthetic.ts";
import { average, cedar, columnsOf } from "./rows.ts";

const rows = (parameters: SyntheticParameters) => columnsOf(new SyntheticWorkload(parameters));

describe("streams", () => {
  const base = rows(cedar);

  test("a second pass and an equal object give the same rows", () => {
    const workload = new SyntheticWorkload(cedar);
    expect(columnsOf(workload)).toEqual(base);
    expect(columnsOf(workload)).toEqual(base);
  });

  test("another seed gives other rows in every drawn column", () => {
    const other = rows({ ...cedar, seed: 2 });
    for (const name of Object.keys(base) as (keyof typeof base)[])
      expect(other[name]).not.toEqual(base[name]);
  });

  const changes: [string, Partial<SyntheticParameters>, string[]][] = [
    ["rate", { arrival: { process: "poisson", ratePerSecond: 7 } }, ["arrivalSeconds"]],
    ["process", { arrival: { process: "gamma", cv: 4, ratePerSecond: 50 } }, ["arrivalSeconds"]],
    ["prompt", { prompt: { dist: "uniform", min: 1, max: 255 } }, ["promptTokens"]],
    ["output", { output: { dist: "lognormal", mu: 4.8, sigma: 1.1 } }, ["outputTokens"]],
    ["floors", { floors: { HIGH: 0.5 } }, ["needsLarge"]],
    [
      "tier shares",
      { tiers: cedar.tiers?.map((tier, i) => ({ ...tier, share: [0.1, 0.1, 0.8][i] })) ?? [] },
      ["tier", "needsLarge"],
    ],
    ["tenants by request", { tenants: { count: 9, zipf: 1, tierPer: "request" } }, ["tenant"]],
    ["tenants", { tenants: { count: 9, zipf: 1 } }, ["tenant", "tier", "needsLarge"]],
    ["turns", { turns: { mean: 3 } }, ["turns"]],
    [
      "lengths of a task type",
      {
        taskTypes: cedar.taskTypes?.map((type, i) =>
          i === 0 ? { ...type, prompt: { dist: "constant", value: 7 } } : type,
        ) as NonNullable<typeof cedar.taskTypes>,
      },
      ["promptTokens"],
    ],
    ["task types", { taskTypes: [0.5, 0.5].map((share, i) => ({ name: `t${i}`, share })) }, ["taskType"]],
  ];
  test.each(changes)("changing the %s shifts nothing else", (_, change, changed) => {
    const other = rows({ ...cedar, ...change });
    for (const name of Object.keys(base) as (keyof typeof base)[]) {
      if (changed.includes(name)) expect(other[name]).not.toEqual(base[name]);
      else expect(other[name]).toEqual(base[name]);
    }
  });

  test("dropping the task types removes the column and changes no other", () => {
    const { taskTypes: _, ...without } = cedar;
    const { taskType: __, ...expected } = base;
    expect(rows(without)).toEqual(expected);
  });

  test("a shorter run is the beginning of a longer one", () => {
    const short = rows({ ...cedar, requests: 777 });
    for (const name of Object.keys(base) as (keyof typeof base)[])
      expect(short[name]).toEqual(base[name].slice(0, 777));
  });

  test("the rows do not depend on the chunk size", () => {
    const small = { ...cedar, requests: 500 };
    const expected = rows(small);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 600 }), (chunkRows) => {
        const workload = new SyntheticWorkload(small);
        expect(columnsOf(workload, workload.open(chunkRows))).toEqual(expected);
      }),
      { numRuns: 40 },
    );
  });

  test("chunks reuse one set of buffers", () => {
    const cursor = new SyntheticWorkload(cedar).open();
    const first = cursor.next();
    const buffer = first?.arrivalSeconds.buffer;
    const second = cursor.next();
    expect(second).toBe(first);
    expect(second?.arrivalSeconds.buffer).toBe(buffer);
  });
});

describe("arrivals", () => {
  const constant = (arrival: Partial<SyntheticParameters["arrival"]>, durationSeconds: number) =>
    rows({
      seed: 1,
      durationSeconds,
      arrival: { process: "constant", ratePerSecond: 1, ...arrival },
      prompt: { dist: "constant", value: 1 },
      output: { dist: "constant", value: 1 },
    }).arrivalSeconds;

  test("constant: i / rate exactly, from 0", () => {
    expect(constant({ ratePerSecond: 3 }, 2)).toEqual([0, 1 / 3, 2 / 3, 1, 4 / 3, 5 / 3]);
  });

  test("a burst multiplies the rate from its start for its duration, in every period", () => {
    const burst = { factor: 2, durationSeconds: 2, periodSeconds: 5, firstAtSeconds: 3 };
    expect(constant({ burst }, 11)).toEqual([0, 1, 2, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 8.5, 9, 9.5, 10]);
  });

  test("a burst without a period comes once, and may begin at 0", () => {
    const burst = { factor: 4, durationSeconds: 1, firstAtSeconds: 0 };
    expect(constant({ burst }, 4)).toEqual([0, 0.25, 0.5, 0.75, 1, 2, 3]);
  });

  test("a burst of factor 0 is silence", () => {
    const burst = { factor: 0, durationSeconds: 2, periodSeconds: 4, firstAtSeconds: 1 };
    const times = constant({ burst, ratePerSecond: 2 }, 8);
    expect(times).toEqual([0, 0.5, 3, 3.5, 4, 4.5, 7, 7.5]);
  });

  test("bursts that touch are one lasting higher rate", () => {
    const burst = { factor: 2, durationSeconds: 0.1, periodSeconds: 0.1, firstAtSeconds: 0 };
    const times = constant({ burst }, 50);
    expect(times).toHaveLength(100);
    times.forEach((time, i) => {
      expect(time).toBeCloseTo(i / 2, 9);
    });
  });

  test("CEDAR's bursts: 3x for 10 s of 300 s make 50/s a mean of 53.33/s", () => {
    const burst = { factor: 3, durationSeconds: 10, periodSeconds: 300, firstAtSeconds: 60 };
    expect(constant({ ratePerSecond: 50, burst }, 3000)).toHaveLength(160_000);
  });

  test("the day's shape is scaled to a mean of 1 and starts at the given hour", () => {
    const dayShape = Array.from({ length: 24 }, (_, hour) => (hour < 12 ? 2 : 6));
    const times = constant({ ratePerSecond: 0.01, dayShape, dayStartHour: 10.5 }, 86_400);
    expect(times).toHaveLength(864);
    const perHour = (from: number, to: number) =>
      times.filter((time) => time >= from * 3600 && time < to * 3600).length / (to - from);
    expect(perHour(0, 1.5)).toBeCloseTo(18, 0);
    expect(perHour(1.5, 13.5)).toBeCloseTo(54, 0);
    expect(perHour(13.5, 24)).toBeCloseTo(18, 0);
  });

  test("Poisson through bursts and a day's shape is the unit process through the inverse integrated rate", () => {
    const dayShape = Array.from({ length: 24 }, (_, hour) => 1 + (hour % 5));
    const burst = { factor: 3, durationSeconds: 70, periodSeconds: 1000, firstAtSeconds: 500 };
    const common = { seed: 5, prompt: cedar.prompt, output: cedar.output } as SyntheticParameters;
    const unit = rows({ ...common, requests: 20_000, arrival: { process: "poisson", ratePerSecond: 1 } });
    const shaped = rows({
      ...common,
      requests: 20_000,
      arrival: { process: "poisson", ratePerSecond: 0.2, burst, dayShape },
    });
    const mean = average(dayShape);
    // The integrated rate by summing second-long cells: all edges are whole seconds here.
    const integrated = new Float64Array(200_000);
    const rateAt = (second: number) =>
      0.2 *
      (dayShape[Math.floor(second / 3600) % 24] / mean) *
      (second >= 500 && (second - 500) % 1000 < 70 ? 3 : 1);
    for (let second = 1; second < integrated.length; second++)
      integrated[second] = integrated[second - 1] + rateAt(second - 1);
    expect(shaped.arrivalSeconds.at(-1)).toBeLessThan(199_999);
    const broken = shaped.arrivalSeconds.filter((time, i) => {
      const second = Math.floor(time);
      const operational = integrated[second] + (time - second) * rateAt(second);
      return !(Math.abs(operational - unit.arrivalSeconds[i]) < 1e-6);
    });
    expect(broken).toEqual([]);
  });

  test("Poisson gaps have mean 1/rate and coefficient of variation 1; gamma gaps the given one", () => {
    const gaps = (arrival: SyntheticParameters["arrival"]) => {
      const times = rows({ ...cedar, requests: 200_000, arrival }).arrivalSeconds;
      const values = times.slice(1).map((time, i) => time - times[i]);
      const mean = average(values);
      return { mean, cv: Math.sqrt(average(values.map((gap) => (gap - mean) ** 2))) / mean };
    };
    const poisson = gaps({ process: "poisson", ratePerSecond: 50 });
    expect(poisson.mean * 50).toBeCloseTo(1, 2);
    expect(poisson.cv).toBeCloseTo(1, 1);
    for (const cv of [0.5, 3]) {
      const gamma = gaps({ process: "gamma", cv, ratePerSecond: 50 });
      expect(Math.abs(gamma.mean * 50 - 1)).toBeLessThan(0.03);
      expect(Math.abs(gamma.cv / cv - 1)).toBeLessThan(0.03);
    }
  });

  test("arrivals never run backwards", () => {
    const times = rows(cedar).arrivalSeconds;
    expect(times.filter((time, i) => i > 0 && time < times[i - 1])).toEqual([]);
  });

  test("10,000 requests at 50/s with one burst last about 180 s", () => {
    const last = rows(cedar).arrivalSeconds.at(-1) as number;
    expect(last).toBeGreaterThan(174);
    expect(last).toBeLessThan(186);
  });

  test("a run that ends by time counts its requests without making them", () => {
    const { requests: _, ...open } = cedar;
    const workload = new SyntheticWorkload({ ...open, durationSeconds: 100 });
    const times = columnsOf(workload).arrivalSeconds;
    expect(workload.requests).toBe(times.length);
    expect(times).toEqual(rows(cedar).arrivalSeconds.filter((time) => time < 100));
    expect(new SyntheticWorkload({ ...cedar, durationSeconds: 100 }).requests).toBe(times.length);
    expect(new SyntheticWorkload({ ...cedar, durationSeconds: 1e6 }).requests).toBe(10_000);
  });
});

describe("lengths", () => {
  test("log-normal(6.5, 1.2): mean 1366.49, P(T <= 50) 0.01552, P(T <= 500) 0.40601", () => {
    const workload = new SyntheticWorkload({ ...cedar, requests: 400_000 });
    const tokens = columnsOf(workload).promptTokens;
    expect(Math.abs(workload.meanPromptTokens - 1366.49)).toBeLessThan(0.05);
    expect(Math.abs(average(tokens) / 1366.49 - 1)).toBeLessThan(0.012);
    const share = (limit: number) => tokens.filter((t) => t <= limit).length / tokens.length;
    // A draw of up to 50.5 counts as 50 tokens.
    expect(Math.abs(share(50) - 0.0159)).toBeLessThan(0.0008);
    expect(Math.abs(share(500) - 0.4063)).toBeLessThan(0.003);
  });

  test("reading A divides one draw: prompt + output is the draw, 5 % of it is output", () => {
    const { prompt: _, output: __, ...rest } = cedar;
    const distribution = { dist: "lognormal", mu: 6.5, sigma: 1.2 } as const;
    const divided = new SyntheticWorkload({ ...rest, total: { of: distribution, outputShare: 0.05 } });
    const { promptTokens, outputTokens } = columnsOf(divided);
    const broken = rows(cedar).promptTokens.filter(
      (total, i) =>
        outputTokens[i] !== Math.max(1, Math.round(total * 0.05)) ||
        promptTokens[i] + outputTokens[i] !== Math.max(2, total),
    );
    expect(broken).toEqual([]);
    expect(divided.meanPromptTokens + divided.meanOutputTokens).toBeCloseTo(1366.49, 0);
    expect(divided.meanOutputTokens / 1366.49).toBeCloseTo(0.05, 3);
  });

  test("readings B and C: a constant prompt, the draw as output", () => {
    const workload = new SyntheticWorkload({
      ...cedar,
      prompt: { dist: "constant", value: 256 },
      output: { dist: "lognormal", mu: 6.5, sigma: 1.2 },
    });
    expect(new Set(columnsOf(workload).promptTokens)).toEqual(new Set([256]));
    expect(workload.meanPromptTokens).toBe(256);
    expect(workload.meanOutputTokens).toBeCloseTo(1366.49, 0);
  });

  test("the length factor multiplies the draw, and only then is it rounded", () => {
    const plain = rows(cedar);
    const scaled = rows({ ...cedar, lengthFactor: 0.11 });
    const broken = plain.promptTokens.filter(
      (tokens, i) => Math.abs(scaled.promptTokens[i] - Math.max(1, tokens * 0.11)) > 0.5 + 0.055,
    );
    expect(broken).toEqual([]);
    expect(new SyntheticWorkload({ ...cedar, lengthFactor: 0.11 }).meanPromptTokens).toBeCloseTo(150.3, 0);
  });

  test("uniform tokens take every whole number of the range equally often", () => {
    const workload = new SyntheticWorkload({
      ...cedar,
      requests: 60_000,
      prompt: { dist: "uniform", min: 3, max: 8 },
    });
    expect(workload.meanPromptTokens).toBe(5.5);
    const counts = new Map<number, number>();
    for (const tokens of columnsOf(workload).promptTokens) counts.set(tokens, (counts.get(tokens) ?? 0) + 1);
    expect([...counts.keys()].sort((a, b) => a - b)).toEqual([3, 4, 5, 6, 7, 8]);
    for (const count of counts.values()) expect(Math.abs(count / 10_000 - 1)).toBeLessThan(0.05);
  });

  test("empirical lengths have the given weights; equal ones when none are given", () => {
    const share = (prompt: SyntheticParameters["prompt"], value: number) => {
      const tokens = rows({ ...cedar, requests: 50_000, prompt: prompt as never }).promptTokens;
      return tokens.filter((t) => t === value).length / tokens.length;
    };
    const weighted = { dist: "empirical", values: [10, 20, 30], weights: [1, 0, 3] } as const;
    expect(Math.abs(share(weighted, 30) - 0.75)).toBeLessThan(0.01);
    expect(share(weighted, 20)).toBe(0);
    expect(Math.abs(share({ dist: "empirical", values: [10, 20, 30] }, 20) - 1 / 3)).toBeLessThan(0.01);
    expect(new SyntheticWorkload({ ...cedar, prompt: weighted }).meanPromptTokens).toBe(25);
  });

  test("a mixture gives CAPS's classes of prompts: 50 % below 256, 35 % to 2047, 15 % above", () => {
    const parts = [
      { share: 0.5, of: { dist: "uniform", min: 1, max: 255 } },
      { share: 0.35, of: { dist: "uniform", min: 256, max: 2047 } },
      { share: 0.15, of: { dist: "uniform", min: 2048, max: 8192 } },
    ] as const;
    const workload = new SyntheticWorkload({
      ...cedar,
      requests: 50_000,
      prompt: { dist: "mixture", parts },
    });
    const tokens = columnsOf(workload).promptTokens;
    const share = (from: number, to: number) =>
      tokens.filter((t) => t >= from && t <= to).length / tokens.length;
    expect(Math.abs(share(1, 255) - 0.5)).toBeLessThan(0.01);
    expect(Math.abs(share(256, 2047) - 0.35)).toBeLessThan(0.01);
    expect(Math.abs(share(2048, 8192) - 0.15)).toBeLessThan(0.01);
    expect(workload.meanPromptTokens).toBeCloseTo(0.5 * 128 + 0.35 * 1151.5 + 0.15 * 5120, 6);
  });

  test("pairs keep prompt and output together", () => {
    const { prompt: _, output: __, ...rest } = cedar;
    const pairs = { prompt: [100, 200, 300], output: [1, 2, 3] };
    const { promptTokens, outputTokens } = rows({ ...rest, pairs });
    expect(new Set(promptTokens)).toEqual(new Set([100, 200, 300]));
    expect(outputTokens.map((tokens) => tokens * 100)).toEqual(promptTokens);
  });

  test("bounds hold the draws, and every length is at least 1", () => {
    const clipped = rows({ ...cedar, prompt: { dist: "lognormal", mu: 6.5, sigma: 3, min: 16, max: 4096 } });
    expect(Math.min(...clipped.promptTokens)).toBe(16);
    expect(Math.max(...clipped.promptTokens)).toBe(4096);
    expect(Math.min(...rows({ ...cedar, lengthFactor: 1e-6 }).promptTokens)).toBe(1);
    expect(Math.max(...rows({ ...cedar, lengthFactor: 1e9 }).promptTokens)).toBe(1e9);
  });
});

describe("tiers and floors", () => {
  test("tier shares are met", () => {
    const { tier } = rows({ ...cedar, requests: 100_000 });
    [0.3, 0.3, 0.4].forEach((share, index) => {
      const found = tier.filter((t) => t === index).length / tier.length;
      expect(Math.abs(found - share)).toBeLessThan(0.006);
    });
  });

  test.each([
    ["paper", [1, 1, 0]],
    ["mixed", [0, 1, 0.5]],
    ["off", [0, 0, 0]],
    ["all-large", [1, 1, 1]],
  ])("floors %s", (floors, shares) => {
    const { tier, needsLarge } = rows({ ...cedar, floors });
    shares.forEach((share, index) => {
      const drawn = needsLarge.filter((_, i) => tier[i] === index);
      if (share === 0 || share === 1) expect(new Set(drawn)).toEqual(new Set([share]));
      else expect(Math.abs(average(drawn) - share)).toBeLessThan(0.03);
    });
    expect(Object.keys(FLOORS)).toContain(floors);
  });

  test("without tiers there is one without an objective", () => {
    const { tiers: _, floors: __, ...rest } = cedar;
    const workload = new SyntheticWorkload(rest);
    expect(workload.tiers).toEqual([
      { name: "default", sloSeconds: Number.POSITIVE_INFINITY, deferrable: false },
    ]);
    expect(new Set(columnsOf(workload).tier)).toEqual(new Set([0]));
  });
});

describe("parameters out of range", () => {
  const { prompt, output, requests, ...bare } = cedar;
  const lengths = { prompt, output } as Pick<SyntheticParameters, "prompt" | "output">;
  const message = (parameters: unknown) => {
    try {
      new SyntheticWorkload(parameters as SyntheticParameters);
    } catch (error) {
      return (error as Error).message;
    }
    return "accepted";
  };

  test.each<[unknown, string]>([
    [{ ...bare, ...lengths }, "workload: expected requests or durationSeconds, found neither"],
    [{ ...cedar, requests: 2.5 }, "workload: requests is 2.5, expected a whole number of at least 1"],
    [
      { ...cedar, arrival: { process: "poison", ratePerSecond: 1 } },
      'workload: arrival.process is "poison", expected poisson, constant or gamma',
    ],
    [
      { ...cedar, arrival: { process: "poisson", ratePerSecond: 0 } },
      "workload: arrival.ratePerSecond is 0, expected a positive number",
    ],
    [
      { ...cedar, arrival: { process: "gamma", ratePerSecond: 1 } },
      "workload: arrival.cv is NaN, expected a positive number",
    ],
    [
      {
        ...cedar,
        arrival: {
          process: "poisson",
          ratePerSecond: 1,
          burst: { factor: 0, durationSeconds: 5, periodSeconds: 5, firstAtSeconds: 0 },
        },
      },
      "workload: arrival.burst.periodSeconds is 5, expected longer than burst.durationSeconds (5)",
    ],
    [
      { ...cedar, tiers: [{ name: "A", sloSeconds: 1, deferrable: false, share: 0.9 }], floors: "off" },
      "workload: tiers has shares that sum to 0.9, expected 1 (A 0.9)",
    ],
    [
      { ...cedar, floors: { HIHG: 1 } },
      'workload: floors names the tier "HIHG", which does not exist (did you mean "HIGH"?)',
    ],
    [{ ...cedar, floors: "papr" }, 'workload: floors "papr" is not known (did you mean "paper"?)'],
    [{ ...bare, requests, prompt }, "workload: prompt is given without output, expected both"],
    [
      { ...cedar, total: { of: prompt, outputShare: 0.1 } },
      "workload: lengths are given by prompt and output and by total, expected exactly one of: prompt and output; total; pairs",
    ],
    [
      { ...cedar, prompt: { dist: "lognormal", mu: 6, sigma: -1 } },
      "workload: prompt.sigma is -1, expected a number of at least 0",
    ],
    [
      { ...cedar, output: { dist: "empirical", values: [1, 2], weights: [1] } },
      "workload: output.weights is 1, expected as many as values (2)",
    ],
    [
      { ...cedar, prompt: { dist: "zipf" } },
      'workload: prompt.dist is "zipf", expected one of lognormal, constant, uniform, empirical, mixture',
    ],
  ])("%#: %j", (parameters, expected) => {
    expect(message(parameters)).toBe(expected);
  });
});

describe("lengths of task types", () => {
  const parameters: SyntheticParameters = {
    ...cedar,
    taskTypes: [
      { name: "bare", share: 0.5 },
      { name: "long", share: 0.3, prompt: { dist: "constant", value: 5000 } },
      { name: "yes-no", share: 0.2, output: { dist: "uniform", min: 1, max: 3 } },
    ],
  };
  const drawn = rows(parameters);
  const of = (column: number[], type: number) => column.filter((_, i) => drawn.taskType[i] === type);

  test("are those of the type where it has its own", () => {
    expect(new Set(of(drawn.promptTokens, 1))).toEqual(new Set([5000]));
    expect(new Set(of(drawn.outputTokens, 2))).toEqual(new Set([1, 2, 3]));
    expect(new Set(of(drawn.outputTokens, 1)).size).toBeGreaterThan(100);
  });

  test("are in the stated means by share", () => {
    const { meanPromptTokens, meanOutputTokens } = new SyntheticWorkload(parameters);
    const plain = new SyntheticWorkload(cedar);
    expect(meanPromptTokens).toBeCloseTo(0.7 * plain.meanPromptTokens + 0.3 * 5000, 6);
    expect(meanOutputTokens).toBeCloseTo(0.8 * plain.meanOutputTokens + 0.2 * 2, 6);
  });

  test("are given by the types alone where every one has them", () => {
    const { prompt: _, ...rest } = cedar;
    const types = ["a", "b"].map((name, i) => ({
      name,
      share: 0.5,
      prompt: { dist: "constant" as const, value: 10 * (i + 1) },
    }));
    const made = rows({ ...rest, taskTypes: types });
    expect(made.promptTokens).toEqual(made.taskType.map((type) => 10 * (type + 1)));
    expect(
      () => new SyntheticWorkload({ ...rest, taskTypes: [...types.slice(1), { name: "c", share: 0.5 }] }),
    ).toThrow(
      "workload: prompt is given neither for all requests nor for the task type c, expected one of them",
    );
  });

  test("cannot go with lengths of another form", () => {
    const { prompt: _, output: __, ...rest } = cedar;
    const total = { of: { dist: "constant" as const, value: 100 }, outputShare: 0.1 };
    const taskTypes = [{ name: "a", share: 1, prompt: { dist: "constant" as const, value: 1 } }];
    expect(() => new SyntheticWorkload({ ...rest, total, taskTypes })).toThrow(
      "workload: the task type a has lengths of its own, but the workload's are given by total, expected prompt and output",
    );
  });
});
