import { setTimeout as wait } from "node:timers/promises";

let leftRunning = 0;

/**
 * What the worker harness does with the addon, over and over, in several threads at once: a short use of each part of
 * the addon, with its objects dropped at the end. `run` may be asynchronous; it throws when an answer is wrong. `places`
 * are meters to read: the fake driver library and a folder like that of RAPL.
 *
 * @typedef {{ nvmlLibrary: string, raplFolder: string }} Places
 * @type {readonly { readonly name: string, readonly run: (addon: any, places: Places) => unknown }[]}
 */
export const exercises = [
  {
    name: "describe",
    run(addon) {
      if (!(addon.describe().cpu.usableThreads >= 1)) throw new Error("no usable threads");
    },
  },
  {
    name: "an argument that is refused",
    run(addon) {
      try {
        new addon.DenseKernels("avx1024");
      } catch (error) {
        if (/** @type {any} */ (error).code === "ERR_CANOPY_ARGUMENT") return;
      }
      throw new Error("not refused with ERR_CANOPY_ARGUMENT");
    },
  },
  {
    name: "gemm",
    run(addon) {
      const [n, kernels] = [48, new addon.DenseKernels("auto")];
      const ones = new Float32Array(n * n).fill(1);
      const product = new Float32Array(n * n);
      kernels.gemm(false, false, n, n, n, 1, ones, ones, 0, product);
      if (product.some((value) => value !== n)) throw new Error("ones times ones is not n");
    },
  },
  {
    name: "network",
    run(addon) {
      // 3 x 4 weights and 4 biases of 1, a sum of 1 each: 4.
      const network = new addon.DenseMlp("auto", [3, 4], ["linear"]);
      const outputs = new Float32Array(8);
      network.forward(new Float32Array(16).fill(1), new Float32Array(6).fill(1), 2, outputs);
      if (outputs.some((value) => value !== 4)) throw new Error(`a sum of four ones is ${outputs}`);
    },
  },
  {
    name: "power sampler",
    async run(addon, places) {
      const { gpus } = addon.describePower(places).nvml;
      const uuids = gpus.map((/** @type {{ uuid: string }} */ gpu) => gpu.uuid);
      const sampler = new addon.PowerSampler({
        gpus: uuids,
        cpu: true,
        periodMs: 1,
        capacity: 1000,
        ...places,
      });
      sampler.start();
      sampler.mark("here");
      await wait(5 * Math.random());
      if (sampler.stop().rows < 2) throw new Error("less than the first and the last row");
    },
  },
  {
    name: "power sampler, left running",
    run(addon, places) {
      // Few: nothing collects them before the thread ends.
      if (leftRunning++ >= 2) return;
      new addon.PowerSampler({ gpus: [], cpu: true, periodMs: 1, capacity: 100, ...places }).start();
    },
  },
  {
    name: "engine",
    async run(addon) {
      const shape = {
        ...addon.presetShape("tiny"),
        layers: 1,
        hidden: 64,
        ffn: 96,
        vocab: 300,
        maxTokens: 300,
      };
      const limits = { blocks: 100, blockTokens: 16, tokenBudget: 64, maxRequests: 8, threads: 1 };
      const engine = new addon.Engine({ shape, ...limits });
      await engine.load();
      engine.beginClosedLoop({ batch: 4, promptTokens: 20, outputTokens: 10, contextInCache: true });
      const { decodeSequences } = await engine.advance({ steps: 5 });
      if (`${decodeSequences}` !== "4,4,4,4,4")
        throw new Error(`decoded ${decodeSequences}, not 4 in 5 steps`);
    },
  },
];
