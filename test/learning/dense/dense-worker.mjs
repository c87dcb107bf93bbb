// A worker of workers.test.ts: the addon's classes, without the TypeScript around them.
import { createRequire } from "node:module";
import { parentPort, workerData } from "node:worker_threads";

const { addonPath, sizes, activations, parameters, endless } = workerData;
const { DenseKernels, DenseMlp } = createRequire(import.meta.url)(addonPath);
const kernels = new DenseKernels("auto");
const mlp = new DenseMlp("auto", sizes, activations);
const rows = 64;
const inputs = new Float32Array(rows * sizes[0]).fill(0.25);
const outputs = new Float32Array(rows * sizes.at(-1));
mlp.forward(parameters, inputs, rows, outputs);
parentPort?.postMessage(outputs);
const own = new Float32Array(parameters.length);
const gradients = new Float32Array(parameters.length);
while (endless) {
  kernels.polyak(own, parameters, 0.5);
  mlp.forward(own, inputs, rows, outputs);
  mlp.backward(own, outputs, gradients, null);
}
