import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { initialise, type MlpShape, parameterCount } from "../../../src/learning/dense/dense.ts";
import { nativeDense } from "../../../src/learning/dense/native-dense.ts";
import { Stream } from "../../../src/numeric/random.ts";
import { describeWithAddon, found, ofAddon } from "../../native/with-addon.ts";

const SHAPE: MlpShape = { sizes: [32, 128, 128, 8], activations: ["relu", "relu", "tanh"] };

const native = nativeDense();

describeWithAddon(ofAddon("kernels in worker threads"), () => {
  function shared() {
    if (native.state !== "loaded" || found.state !== "loaded") throw new Error("skipped without the addon");
    const memory = new SharedArrayBuffer(4 * parameterCount(SHAPE));
    const mlp = native.make("auto").mlp(SHAPE, { parameters: new Float32Array(memory) });
    const addonPath = found.path;
    const random = new Stream(1, "weights");
    initialise(mlp, () => random.uniform());
    const start = (endless: boolean) => {
      const { parameters } = mlp;
      const worker = new Worker(new URL("./dense-worker.mjs", import.meta.url), {
        workerData: { addonPath, ...SHAPE, parameters, endless },
      });
      const outputs = new Promise<Float32Array>((resolve, reject) => {
        worker.once("message", resolve);
        worker.once("error", reject);
      });
      return { worker, outputs };
    };
    const outputs = () => {
      const result = new Float32Array(64 * 8);
      mlp.forward(new Float32Array(64 * 32).fill(0.25), 64, result);
      return result;
    };
    return { mlp, start, outputs };
  }

  test("a worker reads the parameters that this thread wrote and gets the same bits", async () => {
    const { start, outputs } = shared();
    const { worker, outputs: theirs } = start(false);
    expect(await theirs).toEqual(outputs());
    await worker.terminate();
  });

  test("workers that are terminated in the middle of their work leave the process whole", async () => {
    const { start, outputs } = shared();
    const before = outputs();
    for (let round = 0; round < 2; round++) {
      const workers = [start(true), start(true), start(true)];
      await Promise.all(workers.map((each) => each.outputs));
      await Promise.all(workers.map((each) => each.worker.terminate()));
    }
    expect(outputs()).toEqual(before);
  });

  test("parameters whose memory was transferred away are an error", () => {
    if (native.state !== "loaded") throw new Error("skipped without the addon");
    const mlp = native.make("auto").mlp(SHAPE);
    structuredClone(mlp.parameters, { transfer: [mlp.parameters.buffer as ArrayBuffer] });
    expect(() => mlp.forward(new Float32Array(32), 1, new Float32Array(8))).toThrow(
      "parameters holds 0 elements",
    );
  });
});
