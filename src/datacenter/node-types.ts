/** The kinds of nodes and the models of MARLIN's datacentres, with what an engine of each takes for a step. */
import type { ServiceLaw } from "./service.ts";

export interface ModelSpec {
  readonly name: string;
  readonly weightBytes: number;
  readonly kvBytesPerToken: number;
}

export interface NodeType {
  readonly name: string;
  readonly gpus: number;
  /** Of all GPUs together. */
  readonly memoryBytes: number;
  readonly tdpWatts: number;
  /** Of weights onto the node. */
  readonly loadBytesPerSecond: number;
  /** By model name; a model that is not named cannot run on the type. */
  readonly laws: Readonly<Record<string, ServiceLaw>>;
}

/** The paper's two models (its section 5; sizes are those of fp16 weights). */
export const MODELS: readonly ModelSpec[] = [
  { name: "llama-7b", weightBytes: 13.5e9, kvBytesPerToken: 524288 },
  { name: "llama-70b", weightBytes: 140e9, kvBytesPerToken: 327680 },
];

const GIB = 2 ** 30;
const GPU_MEMORY_BYTES = 80 * GIB;

interface Gpu {
  /** Of a GPU with its share of the server: 6.5 kW and 10.2 kW for eight (Splitwise's simulator). */
  readonly tdpWatts: number;
  /** One PCIe 4.0 or 5.0 x16 link (ours). */
  readonly loadBytesPerSecond: number;
}

const GPUS: Readonly<Record<"A100" | "H100", Gpu>> = {
  A100: { tdpWatts: 812.5, loadBytesPerSecond: 25e9 },
  H100: { tdpWatts: 1275, loadBytesPerSecond: 50e9 },
};

/**
 * Affine fits, in ms, to the profiles that come with Canopy, least squares of the relative error: decode up to 2,048
 * tokens of context, prefill up to 4,096. Source: `profiles/GPU-80gb.llama-3-8b.bf16.tp1.json` and
 * `profiles/GPU-80gb.llama-3-70b.bf16.tpN.json`; largest error of a decode cell 11 %, of a prefill 17 %.
 */
export interface LawFit {
  readonly profile: string;
  readonly stepBaseMs: number;
  readonly perSequenceMs: number;
  readonly perContextTokenMs: number;
  readonly prefillBaseMs: number;
  readonly perPromptTokenMs: number;
}

export const LAW_FITS: readonly LawFit[] = [
  fit("a100-80gb.llama-3-8b.bf16.tp1", [11.15, 0.08724, 7.768e-5, 8.24, 0.06066]),
  fit("h100-80gb.llama-3-8b.bf16.tp1", [6.663, 0.06066, 4.05e-5, 6.775, 0.02289]),
  fit("a100-80gb.llama-3-70b.bf16.tp2", [48.6, 0.2098, 1.036e-4, 35.24, 0.2883]),
  fit("a100-80gb.llama-3-70b.bf16.tp4", [28.22, 0.1601, 6.061e-5, 22.81, 0.1714]),
  fit("a100-80gb.llama-3-70b.bf16.tp8", [17.61, 0.1262, 3.094e-5, 14.93, 0.1145]),
  fit("h100-80gb.llama-3-70b.bf16.tp2", [27.18, 0.08774, 5.13e-5, 26.01, 0.1131]),
  fit("h100-80gb.llama-3-70b.bf16.tp4", [16.24, 0.08458, 2.696e-5, 17.31, 0.07304]),
  fit("h100-80gb.llama-3-70b.bf16.tp8", [11.05, 0.08191, 1.465e-5, 13.04, 0.05247]),
];

/** Llama-2-7B has as many KV heads as query heads: its steps read four times the context of Llama-3-8B's. */
const KV_RATIO_7B = 4;

/** Six types: A100 or H100, two, four or eight of them. The 7B runs once on every GPU, the 70B across all. */
export const NODE_TYPES: readonly NodeType[] = (["A100", "H100"] as const).flatMap((gpu) =>
  [2, 4, 8].map((gpus): NodeType => {
    const { tdpWatts, loadBytesPerSecond } = GPUS[gpu];
    const small = lawOf(`${gpu.toLowerCase()}-80gb.llama-3-8b.bf16.tp1`, gpus);
    return {
      name: `${gpu}x${gpus}`,
      gpus,
      memoryBytes: gpus * GPU_MEMORY_BYTES,
      tdpWatts: gpus * tdpWatts,
      loadBytesPerSecond,
      laws: {
        "llama-7b": { ...small, perContextTokenSeconds: small.perContextTokenSeconds * KV_RATIO_7B },
        "llama-70b": lawOf(`${gpu.toLowerCase()}-80gb.llama-3-70b.bf16.tp${gpus}`, 1),
      },
    };
  }),
);

/**
 * Tokens of KV cache that each replica of `model` has on a node (1): the usable memory less the weights, once for
 * every replica; 0 when the weights do not fit.
 *
 * @param usable fraction of the memory for weights and KV cache; vLLM's default is 0.9
 */
export function kvTokensPerReplica(
  node: NodeType,
  model: ModelSpec,
  replicas: number,
  usable: number,
): number {
  const bytes = (usable * node.memoryBytes) / replicas - model.weightBytes;
  return Math.max(0, Math.floor(bytes / model.kvBytesPerToken));
}

function lawOf(profile: string, replicas: number): ServiceLaw {
  const found = LAW_FITS.find((candidate) => candidate.profile === profile);
  if (found === undefined) throw new Error(`no law is fitted to ${profile}`);
  return {
    replicas,
    stepBaseSeconds: found.stepBaseMs / 1000,
    perSequenceSeconds: found.perSequenceMs / 1000,
    perContextTokenSeconds: found.perContextTokenMs / 1000,
    prefillBaseSeconds: found.prefillBaseMs / 1000,
    perPromptTokenSeconds: found.perPromptTokenMs / 1000,
  };
}

function fit(profile: string, coefficients: readonly number[]): LawFit {
  const [stepBaseMs, perSequenceMs, perContextTokenMs, prefillBaseMs, perPromptTokenMs] = coefficients;
  return { profile, stepBaseMs, perSequenceMs, perContextTokenMs, prefillBaseMs, perPromptTokenMs };
}
