import { parse as parseYaml } from "yaml";
import { z } from "zod";
import { UserError } from "../../errors.ts";
import { readTextFile } from "../../files.ts";

const count = z.int().positive();

const modelShapeSchema = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, "expected letters, digits, dot, dash or underscore"),
  layers: count,
  hidden: count,
  heads: count.describe("query heads"),
  kvHeads: count.describe("key/value heads"),
  headDim: count,
  ffn: count.describe("intermediate size of SwiGLU"),
  vocab: count,
  maxTokens: count.describe("longest sequence, prompt + output"),
});

/**
 * A dense model of the Llama family: grouped-query attention, SwiGLU, a head of its own. `name` is what the profile
 * and its id say.
 */
export type ModelShape = z.infer<typeof modelShapeSchema>;

/**
 * Reads a model's shape from a YAML or JSON file.
 *
 * @throws UserError CANOPY_DERIVE_SHAPE, and those of `readTextFile`
 */
export async function readModelShape(path: string): Promise<ModelShape> {
  const text = await readTextFile(path, "model shape");
  let value: unknown;
  try {
    value = parseYaml(text);
  } catch (cause) {
    const reason = (cause as Error).message.split("\n")[0];
    throw new UserError("CANOPY_DERIVE_SHAPE", `${path}: not valid YAML or JSON: ${reason}`, { cause });
  }
  const parsed = modelShapeSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue.path.length === 0 ? "" : `${issue.path.join(".")}: `;
    throw new UserError("CANOPY_DERIVE_SHAPE", `${path}: ${where}${issue.message}; ${EXPECTED}`);
  }
  return parsed.data;
}

const EXPECTED = `expected the fields ${Object.keys(modelShapeSchema.shape).join(", ")}`;

/** Weights of the layers' matrices. */
export function linearParameters({ layers, hidden, heads, kvHeads, headDim, ffn }: ModelShape): number {
  const attention = hidden * (heads + 2 * kvHeads) * headDim + heads * headDim * hidden;
  return layers * (attention + 3 * hidden * ffn);
}

/** Bytes of all weights: the layers' at `bytesPerWeight`, embedding and head in bf16. */
export function weightBytes(shape: ModelShape, bytesPerWeight: number): number {
  return linearParameters(shape) * bytesPerWeight + 2 * shape.vocab * shape.hidden * 2;
}

/** Bytes of the KV cache for one token in bf16, over all GPUs of `tensorParallel`. */
export function kvBytesPerToken(shape: ModelShape, tensorParallel: number): number {
  const [, kvHeads] = headsPerGpu(shape, tensorParallel);
  return Math.round(2 * shape.layers * kvHeads * tensorParallel * shape.headDim * 2);
}

/** Heads of one GPU of `tensorParallel`; key/value heads are repeated where there are fewer than GPUs. */
export function headsPerGpu({ heads, kvHeads }: ModelShape, tensorParallel: number): [number, number] {
  return [heads / tensorParallel, Math.max(1, kvHeads / tensorParallel)];
}

/** The matrices of one layer on one GPU as output x input columns, and the head's. */
export function gemmShapes(shape: ModelShape, tensorParallel: number) {
  const { hidden, heads, headDim, ffn, vocab } = shape;
  const [headsHere, kvHeadsHere] = headsPerGpu(shape, tensorParallel);
  const perGpu = (size: number) => Math.floor(size / tensorParallel);
  return {
    layer: [
      { kernel: "qkv", n: Math.floor((headsHere + 2 * kvHeadsHere) * headDim), k: hidden },
      { kernel: "o", n: hidden, k: perGpu(heads * headDim) },
      { kernel: "gate_up", n: perGpu(2 * ffn), k: hidden },
      { kernel: "down", n: hidden, k: perGpu(ffn) },
    ],
    head: { kernel: "lm_head", n: perGpu(vocab), k: hidden },
  };
}
