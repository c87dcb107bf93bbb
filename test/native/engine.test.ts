import { expect, test } from "vitest";
import type { EngineOptions } from "../../src/native/engine-addon.ts";
import { describeWithAddon, found, ofAddon } from "./with-addon.ts";

describeWithAddon(ofAddon("engine"), () => {
  if (found.state !== "loaded") return;
  const { addon, path } = found;

  function options(changes: Partial<EngineOptions> = {}): EngineOptions {
    const shape = {
      ...addon.presetShape("tiny"),
      layers: 1,
      hidden: 64,
      ffn: 96,
      vocab: 300,
      maxTokens: 300,
    };
    return { shape, blocks: 200, blockTokens: 16, tokenBudget: 64, maxRequests: 8, threads: 2, ...changes };
  }

  async function loaded(changes: Partial<EngineOptions> = {}) {
    const engine = new addon.Engine(options(changes));
    await engine.load();
    return engine;
  }

  test("presets say what they hold", () => {
    expect(addon.presetShapeNames()).toEqual(["tiny", "1b", "llama-3-8b", "llama-3-70b"]);
    const shape = addon.presetShape("llama-3-70b", 8);
    expect(shape).toMatchObject({ layers: 80, heads: 8, kvHeads: 1, tensorParallel: 8, weights: "bf16" });
    expect(shape.kvBytesPerToken).toBe(2 * 80 * 128 * 2);
    expect(() => addon.presetShape("2b")).toThrow(/no model shape '2b': expected one of tiny/);
  });

  test("a closed loop: columns of its steps, a step after the other", async () => {
    const engine = await loaded();
    expect(engine.describe()).toMatchObject({ backend: "cpu", threads: "2" });
    engine.beginClosedLoop({ batch: 4, promptTokens: 20, outputTokens: 10, contextInCache: true });
    const first = await engine.advance({ steps: 7 });
    expect(first.ended).toBe("limit");
    expect([...first.decodeSequences]).toEqual([4, 4, 4, 4, 4, 4, 4]);
    expect([...first.steady]).toEqual([1, 1, 1, 1, 1, 1, 1]);
    expect([...first.startNs.slice(1)]).toEqual([...first.endNs.slice(0, -1)]);
    const now = Number(process.hrtime.bigint()) * 1e-9;
    expect(now - first.originSeconds).toBeGreaterThan(0);
    expect(now - first.originSeconds).toBeLessThan(60);
    const second = await engine.advance({ steps: 1 });
    expect(second.originSeconds).toBe(first.originSeconds);
    expect(second.startNs[0]).toBeGreaterThan(first.endNs[6]);
  });

  test("a trace is served until it is drained", async () => {
    const engine = await loaded();
    engine.beginTrace({
      arrivalNs: new Float64Array([0, 0, 20e6]),
      promptTokens: new Int32Array([100, 10, 30]),
      outputTokens: new Int32Array([3, 1, 2]),
    });
    const log = await engine.advance({});
    expect(log.ended).toBe("drained");
    const chunks = [...log.eventKind].flatMap((kind, i) =>
      kind === 2 ? [[log.eventStep[i], log.eventRequest[i], log.eventTokens[i]]] : [],
    );
    expect(chunks.slice(0, 3)).toEqual([
      [0, 0, 64],
      [1, 0, 36],
      [1, 1, 10],
    ]);
    const { firstTokenNs, finishNs, preemptions } = engine.requestTimes();
    expect(firstTokenNs[1]).toBe(log.endNs[1]);
    expect(finishNs[1]).toBe(firstTokenNs[1]);
    expect(finishNs[2]).toBe(log.endNs.at(-1));
    expect([...preemptions]).toEqual([0, 0, 0]);
  });

  test("it can be cancelled and used again, and refuses calls meanwhile", async () => {
    const engine = await loaded();
    engine.beginClosedLoop({ batch: 2, promptTokens: 5, outputTokens: 50 });
    const running = engine.advance({});
    expect(() => engine.describe()).toThrow(/the engine is at work/);
    setTimeout(() => engine.cancel(), 20);
    expect((await running).ended).toBe("cancelled");
    engine.cancel();
    engine.beginClosedLoop({ batch: 2, promptTokens: 5, outputTokens: 50 });
    expect((await engine.advance({ steps: 3 })).startNs).toHaveLength(3);
    engine.close();
    expect(() => engine.describe()).toThrow(/not loaded/);
  });

  test("a cancel while it loads changes nothing", async () => {
    const engine = new addon.Engine(options());
    const loading = engine.load();
    engine.cancel();
    await loading;
    engine.beginClosedLoop({ batch: 2, promptTokens: 5, outputTokens: 50 });
    expect((await engine.advance({ steps: 3 })).ended).toBe("limit");
  });

  test("what cannot be served is refused in one line, with a code", async () => {
    const code = "ERR_CANOPY_ARGUMENT";
    const { Engine } = addon;
    expect(() => new Engine(options({ blocks: 0 }))).toThrow(expect.objectContaining({ code }));
    expect(() => new Engine(options({ shape: { ...options().shape, kvHeads: 3 } }))).toThrow(/divide heads/);
    expect(() => new Engine(options({ shape: { ...options().shape, hidden: 2 ** 30 } }))).toThrow(
      /hidden is 1073741824: at most 4000000/,
    );
    await expect(new Engine(options({ isa: "mmx" })).load()).rejects.toMatchObject({ code });
    await expect(new Engine(options({ blocks: 2_000_000_000 })).load()).rejects.toThrow(/MB that are free/);
    const engine = await loaded();
    expect(() => engine.beginClosedLoop({ batch: 9, promptTokens: 1, outputTokens: 2 })).toThrow(
      /batch 9 exceeds maxRequests 8/,
    );
    const trace = { arrivalNs: new Float64Array([0]), promptTokens: new Int32Array([400]) };
    expect(() => engine.beginTrace({ ...trace, outputTokens: new Int32Array([1]) })).toThrow(
      /request 0: 401 tokens exceed the model's 300/,
    );
    await expect(async () => engine.advance({})).rejects.toThrow(/no load/);
  });

  test("workers can be terminated in the middle of a run", async () => {
    const { Worker } = await import("node:worker_threads");
    const code = `
      const { parentPort, workerData } = require("node:worker_threads");
      const { Engine } = require(workerData.path);
      const engine = new Engine(workerData.options);
      engine.load().then(() => {
        engine.beginClosedLoop({ batch: 2, promptTokens: 5, outputTokens: 50 });
        engine.advance({}).then(() => parentPort.postMessage("ended"));
        parentPort.postMessage("running");
      });`;
    const workerData = { path, options: options() };
    for (let round = 0; round < 3; round++) {
      const worker = new Worker(code, { eval: true, workerData });
      const said = await new Promise((resolve) => worker.once("message", resolve));
      expect(said).toBe("running");
      expect(await worker.terminate()).toBe(1);
    }
  });

  test("memory can be read at some speed", async () => {
    const bytesPerSecond = await addon.streamBandwidth({ bytes: 64e6, threads: 1, passes: 2 });
    expect(bytesPerSecond).toBeGreaterThan(1e8);
  });
});
