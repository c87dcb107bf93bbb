import { UserError } from "../../errors.ts";
import { Stream } from "../../numeric/random.ts";
import type { ClosedLoad, EngineSize } from "./bench.ts";
import type { MeasureSettings, ModelFacts, PointKey, Preset, Protocol } from "./records.ts";

export const BLOCK_TOKENS = 16;
/** vLLM's long-standing default for servers. */
const TOKEN_BUDGET = 2048;
/** Share of the memory that weights and KV cache may take. */
const MEMORY_SHARE = 0.9;
/** Kept for activations and the process itself. */
const RESERVE_BYTES = 2 ** 29;

/** Decode points run sequences whose context wanders by an eighth around the column's, at most so far. */
const MOST_OUTPUTS = 64;
/** Those of decode points whose prompts are read: about as many as the traces of a validation have. */
const OUTPUTS_AFTER_PROMPT = 16;
/**
 * Loads whose steps both read a prompt and decode: short prompts beside few sequences tell the overhead, which is a large
 * part of such a step, long ones whether times add up. Two outputs for each sequence at once: every other step does both.
 */
const MIXED_LOADS = [
  { batch: 2, promptTokens: 16 },
  { batch: 4, promptTokens: 64 },
  { batch: 8, promptTokens: 128 },
] as const;
const MIXED_OUTPUTS_PER_SEQUENCE = 2;

const BATCHES = [1, 2, 4, 8, 16, 32, 64, 128];

const PRESETS: Readonly<Record<Preset, Omit<Protocol, "preset">>> = {
  // Under a minute with the tiny model on two cores.
  quick: {
    batches: BATCHES,
    contexts: [32, 128, 512],
    prompts: [4, 16, 32, 64, 128, 512],
    decodeAfterPrompts: false,
    trials: 1,
    windowSeconds: 0.1,
    warmUpMostSeconds: 0.5,
    leastWindows: 5,
    leastSteps: 5,
    targetError: 0.01,
    mostSeconds: 1,
    idleSeconds: 1,
    coolDownMostSeconds: 0,
  },
  // Many short trials: a host that others share drifts within seconds, and all points should see all of it.
  validation: {
    batches: [1, 2, 3, 4, 6, 8],
    contexts: [32, 96, 160],
    prompts: [4, 8, 16, 32, 64, 96, 128],
    decodeAfterPrompts: true,
    trials: 4,
    windowSeconds: 0.05,
    warmUpMostSeconds: 0.3,
    leastWindows: 5,
    leastSteps: 5,
    targetError: 0.01,
    mostSeconds: 0.8,
    idleSeconds: 1,
    coolDownMostSeconds: 0,
  },
  standard: {
    batches: BATCHES,
    contexts: [32, 128, 512, 1024, 2048, 4096],
    prompts: [4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096],
    decodeAfterPrompts: false,
    trials: 2,
    windowSeconds: 0.5,
    warmUpMostSeconds: 4,
    leastWindows: 6,
    leastSteps: 30,
    targetError: 0.01,
    mostSeconds: 10,
    idleSeconds: 5,
    coolDownMostSeconds: 30,
  },
  publish: {
    batches: BATCHES,
    contexts: [32, 128, 512, 1024, 2048, 4096, 8064],
    prompts: [4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096],
    decodeAfterPrompts: false,
    trials: 3,
    windowSeconds: 1,
    warmUpMostSeconds: 30,
    leastWindows: 10,
    leastSteps: 30,
    targetError: 0.01,
    mostSeconds: 60,
    idleSeconds: 10,
    coolDownMostSeconds: 120,
  },
};

/** A preset with the lengths that the model allows. */
export function protocolFor(preset: Preset, { maxTokens }: Pick<ModelFacts, "maxTokens">): Protocol {
  const { contexts, prompts, ...rest } = PRESETS[preset];
  return {
    preset,
    ...rest,
    contexts: contexts.filter((context) => context + outputsAt(context) / 2 <= maxTokens),
    prompts: prompts.filter((prompt) => prompt < maxTokens),
  };
}

/** What is measured with one depth of the model, in the order of the measurement. */
export interface DepthPlan {
  readonly layers: number;
  readonly size: EngineSize;
  readonly tasks: readonly (PointKey & { readonly trial: number })[];
}

/**
 * All points of a run in shuffled order, trial by trial, and the engine that holds them. Decode points whose KV cache does
 * not fit the memory are left out.
 *
 * @throws UserError CANOPY_MEASURE_MEMORY, with the arithmetic, where weights and the smallest points do not fit
 */
export function planOf(
  settings: MeasureSettings,
  model: (layers: number) => ModelFacts,
  memoryBytes: number,
) {
  return settings.layers.map((layers): DepthPlan => {
    const facts = model(layers);
    const { protocol } = settings;
    const mostBlocks = Math.floor(kvTokensThatFit(facts, memoryBytes) / BLOCK_TOKENS);
    const points = pointsOf(protocol, layers, settings.layers.length === 1).filter(
      (point) => blocksOf(point) <= mostBlocks,
    );
    const usable = points.filter(({ kind }) => kind === "decode").length;
    if (usable < 2) throw tooSmall(facts, memoryBytes, settings);
    const order = new Stream(settings.seed, `order-${layers}`);
    const tasks: DepthPlan["tasks"][number][] = [];
    for (let trial = 0; trial < protocol.trials; trial++) {
      const left = points.map((point) => ({ ...point, trial }));
      while (left.length > 0) tasks.push(...left.splice(order.below(left.length), 1));
    }
    return {
      layers,
      size: {
        layers,
        kvBlocks: Math.max(...points.map(blocksOf)),
        blockTokens: BLOCK_TOKENS,
        tokenBudget: TOKEN_BUDGET,
        maxRequests: Math.max(...points.map(({ batch }) => batch)),
      },
      tasks,
    };
  });
}

/** The load of a point. */
export function loadOf(
  point: PointKey & { readonly trial: number },
  { decodeAfterPrompts }: Pick<Protocol, "decodeAfterPrompts">,
): ClosedLoad {
  return {
    batch: point.batch,
    promptTokens: point.promptTokens,
    outputTokens: point.outputTokens,
    contextInCache: point.kind === "decode" && !decodeAfterPrompts,
    seed: 1 + point.trial,
  };
}

/** Tokens of KV cache beside the weights in the memory of this host; at least 0. */
export function kvTokensThatFit(model: ModelFacts, memoryBytes: number): number {
  const free = MEMORY_SHARE * memoryBytes - model.parameters * model.bytesPerParameter - RESERVE_BYTES;
  return Math.max(0, Math.floor(free / model.kvBytesPerToken));
}

function pointsOf(protocol: Protocol, layers: number, withMixed: boolean): PointKey[] {
  const decodes = protocol.batches.flatMap((batch) =>
    protocol.contexts.map((contextTokens): PointKey => {
      const outputTokens = protocol.decodeAfterPrompts ? OUTPUTS_AFTER_PROMPT : outputsAt(contextTokens);
      const promptTokens = contextTokens - outputTokens / 2;
      return { kind: "decode", layers, batch, contextTokens, promptTokens, outputTokens };
    }),
  );
  const prefills = protocol.prompts.map(
    (promptTokens): PointKey => ({
      kind: "prefill",
      layers,
      batch: 1,
      contextTokens: 0,
      promptTokens,
      outputTokens: 1,
    }),
  );
  const mixed = MIXED_LOADS.map(
    (load): PointKey => ({
      kind: "mixed",
      layers,
      ...load,
      contextTokens: 0,
      outputTokens: MIXED_OUTPUTS_PER_SEQUENCE * load.batch,
    }),
  );
  return [...decodes, ...prefills, ...(withMixed ? mixed : [])];
}

/** Even, so that the mean context is a whole number. */
function outputsAt(contextTokens: number): number {
  return Math.min(MOST_OUTPUTS, Math.max(2, 2 * Math.floor(contextTokens / 16)));
}

function blocksOf({ batch, promptTokens, outputTokens }: PointKey): number {
  return batch * Math.ceil((promptTokens + outputTokens) / BLOCK_TOKENS);
}

function tooSmall(
  model: ModelFacts,
  memoryBytes: number,
  { model: name, layers }: MeasureSettings,
): UserError {
  const weights = model.parameters * model.bytesPerParameter;
  const gb = (bytes: number) => (bytes / 1e9).toFixed(1);
  const depth = layers.length === 1 ? "" : ` with ${model.layers} layers`;
  return new UserError(
    "CANOPY_MEASURE_MEMORY",
    `${name}${depth} does not fit: weights ${gb(weights)} GB + ${gb(RESERVE_BYTES)} GB reserve + KV cache of ` +
      `${model.kvBytesPerToken} B a token > ${MEMORY_SHARE} x ${gb(memoryBytes)} GB of free memory: ` +
      "expected a smaller --model, or --layers N1,N2 to extrapolate from fewer layers",
  );
}
