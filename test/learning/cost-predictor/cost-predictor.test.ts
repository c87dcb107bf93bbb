import { describe, expect, test } from "vitest";
import { UserError } from "../../../src/errors.ts";
import {
  featureNames,
  fillFeatures,
  fillLoad,
  type PromptFacts,
} from "../../../src/learning/cost-predictor/features.ts";
import { decodePredictor, encodePredictor } from "../../../src/learning/cost-predictor/predictor-file.ts";
import { splitByTime } from "../../../src/learning/cost-predictor/split-by-time.ts";
import { trainPredictor } from "../../../src/learning/cost-predictor/train-predictor.ts";
import { type PredictorRows, TrainingSample } from "../../../src/learning/cost-predictor/training-rows.ts";
import { Stream } from "../../../src/numeric/random.ts";

const TASKS = ["code", "chat"];
const SIGMA = 0.3;
const ROWS = 12_000;

/**
 * log(1 + tokens) = 3 + half the log of the prompt + 1 for chat + noise of SIGMA; an objective is missed with the
 * probability of the utilisation.
 */
function someRows(labels = true, count = ROWS): PredictorRows {
  const stream = new Stream(5, "test/cost-predictor");
  const sample = new TrainingSample(TASKS);
  const row = new Float64Array(sample.names.all.length);
  for (let i = 0; i < count; i++) {
    const promptTokens = 1 + stream.below(4000);
    const taskType = stream.below(2);
    const utilisation = stream.uniform();
    fillFeatures(row, 0, facts({ promptTokens, taskType }), 2);
    fillLoad(row, 0, { utilisation, waiting: stream.below(9), queuedPromptTokens: stream.below(9000) }, 2);
    const log = 3 + 0.5 * Math.log(promptTokens) + taskType + SIGMA * stream.normal();
    const missed = labels ? Number(stream.uniform() < utilisation) : Number.NaN;
    sample.add(row, 0, i, Math.expm1(log), missed);
  }
  return sample.rows();
}

function facts(known: Partial<PromptFacts>): PromptFacts {
  return {
    promptTokens: 100,
    turns: 1,
    taskType: 0,
    tier: 0,
    hour: 0,
    tenantMean: Number.NaN,
    tenantStd: Number.NaN,
    tenantMissRate: Number.NaN,
    ...known,
  };
}

const rows = someRows();
const trained = trainPredictor(rows, { source: "made", origin: "constructed", correlation: 0.9 });
const { predictor, quality } = trained;

describe("quality on the last tenth", () => {
  test("lengths are as good as the noise allows", () => {
    // The ratio of a log-normal of median 1 and sigma to 1: E|exp(-sigma z) - 1| of a perfect predictor.
    const stream = new Stream(1, "test/ratio");
    let perfect = 0;
    for (let i = 0; i < 100_000; i++) perfect += Math.abs(Math.exp(-SIGMA * stream.normal()) - 1) / 100_000;
    expect(quality.length.rows).toBe(ROWS / 10);
    expect(quality.length.mape / perfect).toBeGreaterThan(0.9);
    expect(quality.length.mape / perfect).toBeLessThan(1.15);
    expect(quality.length.maeTokens).toBeLessThan(0.6 * quality.length.constantMaeTokens);
    expect(quality.length.tenantMeanMaeTokens).toBeNull();
    expect(quality.length.belowQuantile90).toBeGreaterThan(0.87);
    expect(quality.length.belowQuantile90).toBeLessThan(0.93);
  });

  test("labels drawn with probability u have an AUROC of 5/6, and the probabilities are calibrated", () => {
    const { risk } = quality;
    // Densities 2u and 2(1 - u): P(u1 > u0) = 5/6. The standard error with 1,200 rows is 0.012.
    expect(risk?.auroc).toBeGreaterThan(5 / 6 - 0.04);
    expect(risk?.auroc).toBeLessThan(5 / 6 + 0.04);
    expect(risk?.missed).toBeGreaterThan(0.45);
    expect(risk?.missed).toBeLessThan(0.55);
    expect(risk?.ece).toBeLessThan(0.06);
  });

  test("later rows change nothing of what earlier ones taught", () => {
    // The last tenth with lengths of another world: the forest is the same, its quality is not.
    const outputTokens = rows.outputTokens.slice();
    for (let i = splitByTime(rows).validation; i < ROWS; i++) outputTokens[i] = 1;
    const other = trainPredictor({ ...rows, outputTokens }, { source: "made" });
    const row = new Float64Array(predictor.names.all.length);
    for (let i = 0; i < 50; i++) {
      fillFeatures(row, 0, facts({ promptTokens: 1 + 80 * i }), 2);
      expect(other.predictor.outputTokens(row)).toBe(predictor.outputTokens(row));
    }
    expect(other.quality.length.mape).toBeGreaterThan(10);
  });
});

describe("predictions", () => {
  const row = new Float64Array(predictor.names.all.length);

  test("quantiles rise, the middle one is near the mean of the logarithm, and a length is at least 1", () => {
    fillFeatures(row, 0, facts({ promptTokens: 1000, taskType: 1 }), 2);
    const at = (q: "mean" | number) => predictor.outputTokens(row, 0, predictor.lengthShift(q));
    expect(at("mean")).toBe(predictor.outputTokens(row));
    expect(at(0.5) / at("mean")).toBeCloseTo(1, 1);
    expect(Math.log(at(0.9) / at(0.1))).toBeCloseTo(2 * 1.2816 * SIGMA, 1);
    expect(predictor.outputTokens(row, 0, -100)).toBe(1);
    expect(() => predictor.lengthShift(1.5)).toThrow("quantile 1.5 is outside 0..1");
  });

  test("the risk at several pools is that of whole rows", () => {
    fillFeatures(row, 0, facts({ promptTokens: 500 }), 2);
    predictor.placePrompt(row);
    const risks = [0.1, 0.5, 0.9].map((utilisation) => {
      fillLoad(row, 0, { utilisation, waiting: 1, queuedPromptTokens: 100 }, 2);
      const risk = predictor.missProbabilityAt(row);
      expect(predictor.missProbability(row.slice())).toBe(risk);
      return risk;
    });
    expect(risks[0]).toBeLessThan(risks[1]);
    expect(risks[1]).toBeLessThan(risks[2]);
  });

  test("without labels there is no risk", () => {
    const lengths = trainPredictor(someRows(false, 300), { source: "unlabelled" });
    expect(lengths.predictor.risk).toBeUndefined();
    expect(lengths.quality.risk).toBeNull();
    expect(() => lengths.predictor.missProbability(row)).toThrow("without labels");
  });
});

describe("the sample", () => {
  test("is all rows where they fit, by arrival whatever the order they came in", () => {
    const sample = new TrainingSample([]);
    const row = new Float64Array(sample.names.all.length);
    for (const arrival of [3, 1, 2]) {
      row[0] = 10 * arrival;
      sample.add(row, 0, arrival, arrival, 0);
    }
    const { columns, arrivalSeconds, missed, offered } = sample.rows();
    expect([...columns[0]]).toEqual([10, 20, 30]);
    expect([...arrivalSeconds]).toEqual([1, 2, 3]);
    expect([...(missed ?? [])]).toEqual([0, 0, 0]);
    expect(offered).toBe(3);
  });

  test("is drawn evenly from more, alike for the same seed", () => {
    const draw = (seed: number) => {
      const sample = new TrainingSample([], { rows: 1000, seed });
      const row = new Float64Array(sample.names.all.length);
      for (let i = 0; i < 50_000; i++) sample.add(row, 0, i, i, 0);
      return sample.rows();
    };
    const { arrivalSeconds, count, offered } = draw(1);
    expect({ count, offered }).toEqual({ count: 1000, offered: 50_000 });
    expect(draw(1).arrivalSeconds).toEqual(arrivalSeconds);
    expect(draw(2).arrivalSeconds).not.toEqual(arrivalSeconds);
    expect(new Set(arrivalSeconds).size).toBe(1000);
    // Tenths of the time: 100 rows each, of a standard deviation of 9.4.
    for (let tenth = 0; tenth < 10; tenth++) {
      const own = arrivalSeconds.filter((t) => Math.floor(t / 5000) === tenth).length;
      expect(Math.abs(own - 100)).toBeLessThan(48);
    }
  });

  test("is split 80/10/10 with no moment in two parts", () => {
    const arrivalSeconds = Float64Array.from({ length: 100 }, (_, i) => i);
    expect(splitByTime({ count: 100, arrivalSeconds })).toEqual({ training: 80, validation: 90 });
    arrivalSeconds.fill(79, 79, 85);
    expect(splitByTime({ count: 100, arrivalSeconds })).toEqual({ training: 85, validation: 90 });
  });

  test("too few rows, or too few moments, are refused", () => {
    expect(() => trainPredictor(someRows(true, 99), { source: "few.csv" })).toThrow(
      "few.csv: 99 requests to train on, expected at least 100",
    );
    const one = { ...rows, arrivalSeconds: new Float64Array(ROWS) };
    expect(() => trainPredictor(one, { source: "one" })).toThrow("one: too few moments of arrival");
  });
});

describe("the file", () => {
  const bytes = encodePredictor(trained);
  const json = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
  const refusal = (changed: object, taskTypes?: readonly string[]) => {
    try {
      decodePredictor(new TextEncoder().encode(JSON.stringify({ ...json, ...changed })), "p.json", taskTypes);
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
      expect((error as Error).message).not.toContain("\n");
      return `${(error as UserError).code}: ${(error as Error).message}`;
    }
    throw new Error("accepted");
  };

  test("read again predicts the same bits and says the same of itself", () => {
    const again = decodePredictor(bytes, "p.json", TASKS);
    expect(again.quality).toEqual(quality);
    expect(again.training).toEqual({
      source: "made",
      origin: "constructed",
      correlation: 0.9,
      rows: ROWS,
      offered: ROWS,
    });
    const row = new Float64Array(predictor.names.all.length);
    for (let i = 0; i < 200; i++) {
      for (let f = 0; f < row.length; f++) row[f] = rows.columns[f][i];
      expect(again.predictor.outputTokens(row, 0, again.predictor.lengthShift(0.8))).toBe(
        predictor.outputTokens(row, 0, predictor.lengthShift(0.8)),
      );
      expect(again.predictor.missProbability(row)).toBe(predictor.missProbability(row));
    }
    expect(encodePredictor(again)).toEqual(bytes);
  });

  test("the same rows give the same bytes", () => {
    const twin = trainPredictor(someRows(), { source: "made", origin: "constructed", correlation: 0.9 });
    expect(encodePredictor(twin)).toEqual(bytes);
  });

  test("of another schema, or of none, is refused", () => {
    expect(refusal({ schema: "canopy/predictor/2" })).toBe(
      'CANOPY_PREDICTOR_SCHEMA: p.json: schema "canopy/predictor/2", expected "canopy/predictor/1"',
    );
    expect(refusal({ schema: undefined })).toBe(
      'CANOPY_PREDICTOR_SCHEMA: p.json: schema is missing, expected "canopy/predictor/1"',
    );
    expect(() => decodePredictor(new TextEncoder().encode("PAR1"), "p.json")).toThrow(
      "p.json: no predictor of canopy predictor train: not a JSON object",
    );
  });

  test("with other features is refused, by the first that differs", () => {
    expect(refusal({}, ["code", "talk"])).toBe(
      'CANOPY_PREDICTOR_FEATURES: p.json: feature 5 is "task_chat", expected "task_talk"; train it on the workload that it is to serve',
    );
    expect(refusal({}, ["code"])).toMatch(/^CANOPY_PREDICTOR_FEATURES: p\.json: feature 5 is "task_chat"/);
    expect(refusal({ features: featureNames(TASKS).all.slice(0, -1) })).toMatch(
      /^CANOPY_PREDICTOR_FEATURES: p\.json: feature 13 is missing, expected "pool_queued_prompt_tokens"/,
    );
  });

  test.each([
    [{ residuals: [1, 2] }, "residuals: expected 101 ascending numbers"],
    [{ length: { loss: "squared" } }, "length: base: expected a number"],
    [{ training: null }, "training: expected source"],
    [{ quality: 3 }, "quality: expected length and risk"],
  ])("malformed in %j is refused", (changed, message) => {
    expect(refusal(changed)).toContain(
      `CANOPY_PREDICTOR_FORMAT: p.json: no predictor of canopy predictor train: ${message}`,
    );
  });
});
