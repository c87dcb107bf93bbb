import type { NativeAddon } from "../../native/addon.ts";
import type { Peaks } from "./records.ts";

/** More than the last caches hold. */
const STREAM_BYTES = 2 ** 29;
const STREAM_PASSES = 4;
/** A product that stays in the second cache. */
const GEMM_SIZE = 256;
const GEMM_SECONDS = 0.3;

/** What this host's memory and one of its threads times their number reach; measured, in about a second. */
export async function cpuPeaks(addon: NativeAddon, threads: number, freeBytes: number): Promise<Peaks> {
  const bytes = Math.min(STREAM_BYTES, Math.max(2 ** 26, 2 ** Math.floor(Math.log2(freeBytes / 4))));
  const bytesPerSecond = await addon.streamBandwidth({ bytes, threads, passes: STREAM_PASSES });
  const { flopsPerSecond, isa } = gemmPeak(addon);
  return {
    bytesPerSecond,
    flopsPerSecond: flopsPerSecond * threads,
    source: `measured: ${threads} threads read ${bytes / 2 ** 20} MiB, fp32 products (${isa}) of one thread x ${threads}`,
  };
}

function gemmPeak(addon: NativeAddon): { readonly flopsPerSecond: number; readonly isa: string } {
  const kernels = new addon.DenseKernels("auto");
  const n = GEMM_SIZE;
  const a = new Float32Array(n * n).fill(0.5);
  const b = new Float32Array(n * n).fill(0.25);
  const c = new Float32Array(n * n);
  let best = Number.POSITIVE_INFINITY;
  const begin = performance.now();
  do {
    const start = performance.now();
    for (let i = 0; i < 4; i++) kernels.gemm(false, false, n, n, n, 1, a, b, 0, c);
    best = Math.min(best, (performance.now() - start) / 4e3);
  } while (performance.now() - begin < 1e3 * GEMM_SECONDS);
  return { flopsPerSecond: (2 * n ** 3) / best, isa: kernels.isa };
}
