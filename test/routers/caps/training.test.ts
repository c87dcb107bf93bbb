import { expect, test } from "vitest";
import { decodePredictor } from "../../../src/learning/cost-predictor/predictor-file.ts";
import { Stream } from "../../../src/numeric/random.ts";
import { capsParameters } from "../../../src/routers/caps/parameters.ts";
import { CapsTrainingRouter, PREDICTOR } from "../../../src/routers/caps/training-router.ts";
import type { Router } from "../../../src/routers/contract.ts";
import { createRouter, findRouter } from "../../../src/routers/registry.ts";
import { simulate } from "../../../src/simulator/simulate.ts";
import { runParts, type TraceRow } from "../../oracle/build.ts";
import { cedarTiers } from "../fake-host.ts";

const endpoints = ["lp-0", "cp-0", "bp-0"].map((name) => ({ name }));

/** Outputs are a tenth of the prompt, or three times that for the second task type; load comes in waves. */
function rows(seed: number): TraceRow[] {
  const random = new Stream(seed, "training test");
  let at = 0;
  return Array.from({ length: 3000 }, () => {
    at += random.exponential() / (Math.floor(at / 3) % 2 === 0 ? 3 : 20);
    const prompt = 20 + random.below(2000);
    const taskType = random.below(2);
    return {
      arrival: at,
      prompt,
      output: Math.ceil((taskType === 0 ? 0.1 : 0.3) * prompt),
      tier: random.below(3),
      tenant: random.below(5),
      taskType,
    };
  });
}

const trace = { tiers: cedarTiers, taskTypes: ["chat", "code"] };

test("training serves as slo-aware does, and its predictor knows lengths and risks", () => {
  const trainer = new CapsTrainingRouter(capsParameters.parse({ trainingRows: 2500 }));
  const trained = runParts(simulate, {
    endpoints,
    rows: rows(1),
    trace,
    router: trainer as unknown as Router,
  });
  const { router } = createRouter(findRouter("slo-aware"), {}, "test");
  const served = runParts(simulate, { endpoints, rows: rows(1), trace, router: router as Router });
  expect(trained.sink.placements).toEqual(served.sink.placements);

  const bytes = trainer.learned().get(PREDICTOR) as Uint8Array;
  const { predictor, training, quality } = decodePredictor(bytes, "learned", ["chat", "code"]);
  expect(training).toMatchObject({ origin: "unstated", rows: 2500, offered: 3000 });
  expect(quality.length.mape).toBeLessThan(0.1);
  expect(quality.risk?.auroc).toBeGreaterThan(0.8);
  expect(predictor.names.all).toContain("pool_queued_prompt_tokens");

  const { router: caps } = createRouter(findRouter("caps"), {}, "test");
  const run = runParts(simulate, {
    endpoints,
    rows: rows(2),
    trace,
    artefacts: new Map([[PREDICTOR, bytes]]),
    router: caps as Router,
  });
  expect(run.totals.finished).toBe(3000);
  const figures = (caps as Router).figures?.() ?? {};
  expect(figures["predictor_mape"]).toBeLessThan(0.12);
  expect(figures["predictor_auroc"]).toBeGreaterThan(0.6);
});

test("a predictor of other task types is refused", () => {
  const trainer = new CapsTrainingRouter(capsParameters.parse({}));
  runParts(simulate, { endpoints, rows: rows(1), trace, router: trainer as unknown as Router });
  const { router } = createRouter(findRouter("caps"), {}, "test");
  expect(() =>
    runParts(simulate, {
      endpoints,
      rows: rows(2),
      trace: { ...trace, taskTypes: ["chat", "poems"] },
      artefacts: trainer.learned(),
      router: router as Router,
    }),
  ).toThrow(expect.objectContaining({ code: "CANOPY_PREDICTOR_FEATURES" }));
});
