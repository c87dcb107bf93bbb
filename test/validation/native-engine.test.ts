import { expect, test } from "vitest";
import { Stream } from "../../src/numeric/random.ts";
import type { Bench } from "../../src/profile/measure/bench.ts";
import { readHostLoad } from "../../src/profile/measure/host-load.ts";
import type { HeaderRecord } from "../../src/profile/measure/records.ts";
import { compareSteps, differenceText } from "../../src/validation/compare-steps.ts";
import { readValidation } from "../../src/validation/records.ts";
import { validationOf } from "../../src/validation/result.ts";
import { serveEngine } from "../../src/validation/serve-engine.ts";
import { describeWithAddon, found, ofAddon } from "../native/with-addon.ts";

describeWithAddon(ofAddon("the simulator against the engine"), () => {
  if (found.state !== "loaded") return;
  const { addon } = found;
  const maxModelTokens = 400;
  const shape = {
    ...addon.presetShape("tiny"),
    ...{ layers: 1, hidden: 16, heads: 2, kvHeads: 1, headDim: 8, ffn: 32, vocab: 64 },
    maxTokens: maxModelTokens,
  };

  test("50 random traces with little KV: all steps are equal", async () => {
    const stream = new Stream("validation", "traces");
    let preemptions = 0;
    let gaps = 0;
    for (let round = 0; round < 50; round++) {
      const limits = {
        blocks: 20 + stream.below(40),
        blockTokens: [4, 8, 16][round % 3],
        tokenBudget: [3, 16, 64][stream.below(3)],
        maxRequests: 2 + stream.below(12),
      };
      const longest = Math.min(maxModelTokens, limits.blocks * limits.blockTokens);
      const meanGapNs = [2e4, 1e5, 5e5][stream.below(3)];
      let time = 0;
      const lengths = (most: number) => Int32Array.from({ length: 25 }, () => 1 + stream.below(most));
      const trace = {
        arrivalNs: Float64Array.from({ length: 25 }, () => {
          time += Math.floor(-Math.log(1 - stream.uniform()) * meanGapNs);
          return time;
        }),
        promptTokens: lengths(Math.floor(0.4 * longest)),
        outputTokens: lengths(Math.floor(Math.min(60, 0.4 * longest))),
      };
      const engine = new addon.Engine({ shape, ...limits, threads: 1 });
      await engine.load();
      engine.beginTrace(trace);
      const log = await engine.advance({});
      const { firstTokenNs, finishNs } = engine.requestTimes();
      engine.close();
      const { comparison: compared, times } = compareSteps({ ...limits, maxModelTokens }, trace, log);
      expect(compared.difference && `round ${round}, ${differenceText(compared.difference)}`).toBeNull();
      expect(times).toEqual({ firstTokenNs, finishNs });
      expect(compared.finished).toBe(25);
      preemptions += compared.preemptions;
      for (let i = 1; i < log.startNs.length; i++) if (log.startNs[i] > log.endNs[i - 1]) gaps++;
    }
    expect(preemptions).toBeGreaterThan(100);
    expect(gaps).toBeGreaterThan(10);
  }, 60_000);

  test("the three loads of a validation, with a model that takes no time", { timeout: 60_000 }, async () => {
    const { profile } = await readValidation(
      new URL("fixtures/cpu-tiny.raw.msgpack", import.meta.url).pathname,
    );
    const small = { ...addon, presetShape: () => ({ ...addon.presetShape("tiny"), ...shape }) };
    const bench = { startMeter: () => null, host: () => readHostLoad(null) } as unknown as Bench;
    const settings = { backend: "cpu", model: "tiny", threads: 1 };
    const header = { settings, host: null, powerReason: "no meter" } as unknown as HeaderRecord;
    const records = await serveEngine(small, { bench, header }, profile, 0, {
      requests: 60,
      seed: "1",
      signal: new AbortController().signal,
      onProgress: () => undefined,
    });
    const result = validationOf(records);
    expect(result.loads.map(({ load }) => load)).toEqual([0.3, 0.6, 0.9]);
    for (const load of result.loads) {
      const { scheduler, requests, joulesReason, outputTokensPerSecond, errorSources, hostSlowness } = load;
      expect(errorSources?.map(({ from }) => from)).toEqual([
        "profile",
        "stretches",
        "own steps",
        "recorded steps",
      ]);
      expect(errorSources?.at(-1)).toMatchObject({
        ttft: { medianError: 0, bias: 0 },
        tpot: { medianError: 0, bias: 0 },
        e2e: { medianError: 0, bias: 0 },
      });
      expect(hostSlowness?.before).toBeGreaterThan(0);
      expect(hostSlowness?.after).toBeGreaterThan(0);
      expect(scheduler).toMatchObject({ difference: null, finished: 60 });
      expect([requests, joulesReason]).toEqual([60, "no meter"]);
      expect(outputTokensPerSecond.measured).toBeGreaterThan(0);
    }
  });

  test("a validation under way can be cancelled", { timeout: 60_000 }, async () => {
    const { profile } = await readValidation(
      new URL("fixtures/cpu-tiny.raw.msgpack", import.meta.url).pathname,
    );
    const bench = { startMeter: () => null, host: () => readHostLoad(null) } as unknown as Bench;
    const header = { settings: { backend: "cpu", model: "tiny", threads: 1 } } as unknown as HeaderRecord;
    const stop = new AbortController();
    const serving = serveEngine(addon, { bench, header }, profile, 0, {
      ...{ requests: 300, seed: "1", signal: stop.signal },
      onProgress: () => undefined,
    });
    setTimeout(() => stop.abort(), 500);
    await expect(serving).rejects.toThrow(/abort/);
  });
});
