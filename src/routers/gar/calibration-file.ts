import { z } from "zod";
import { suggestion, UserError } from "../../errors.ts";
import type { World } from "../contract.ts";
import type { MappingParameters } from "./parameters.ts";

/** Name of the artefact in {@link World.artefacts}. */
export const CALIBRATION = "calibration";
const SCHEMA = "canopy/calibration/1";
/** Examples of a data set below which nothing is estimated from it. */
const LEAST_EXAMPLES = 20;

/** One example of the calibration: what a gateway sees of it, its answer's length, and who was right. */
export interface CalibrationExample {
  readonly taskType: number;
  readonly tier: number;
  readonly promptTokens: number;
  readonly turns: number;
  readonly outputTokens: number;
  /** By model: 1 right, 0 wrong. */
  readonly correct: readonly number[];
}

const whole = z.number().int().nonnegative();
const calibrationSchema = z.strictObject({
  schema: z.literal(SCHEMA),
  taskTypes: z.array(z.string()),
  models: z.array(z.string()).min(1),
  /** Mean carbon intensity of each region while the examples were taken, in g/kWh. */
  carbon: z.record(z.string(), z.number().nonnegative()),
  /** Columns; in `correct` a text of 0 and 1 for each model. */
  examples: z.strictObject({
    taskType: z.array(whole),
    tier: z.array(whole),
    promptTokens: z.array(whole),
    turns: z.array(whole),
    outputTokens: z.array(whole),
    correct: z.array(z.string().regex(/^[01]*$/)),
  }),
});

/** Examples in the numbers of a world: `taskType` and `correct` follow its task types and models. */
export interface Calibration {
  readonly examples: readonly CalibrationExample[];
  /** Mean carbon intensity by region of the world in g/kWh; NaN where the calibration does not have the region. */
  readonly carbon: Float64Array;
}

/** The file of a calibration: JSON, so that it can be looked at. */
export function encodeCalibration(
  taskTypes: readonly string[],
  models: readonly string[],
  carbon: Readonly<Record<string, number>>,
  examples: readonly CalibrationExample[],
): Uint8Array {
  const column = (of: (example: CalibrationExample) => number) => examples.map(of);
  const file: z.input<typeof calibrationSchema> = {
    schema: SCHEMA,
    taskTypes: [...taskTypes],
    models: [...models],
    carbon,
    examples: {
      taskType: column((example) => example.taskType),
      tier: column((example) => example.tier),
      promptTokens: column((example) => example.promptTokens),
      turns: column((example) => example.turns),
      outputTokens: column((example) => example.outputTokens),
      correct: models.map((_, m) => examples.map((example) => example.correct[m]).join("")),
    },
  };
  return new TextEncoder().encode(`${JSON.stringify(file)}\n`);
}

/**
 * Reads the calibration for a world. Examples of data sets that no task type stands for are left out; where several
 * task types stand for one data set, each has its examples.
 *
 * @throws UserError `CANOPY_TRAINING_MISSING`, `CANOPY_CALIBRATION_FILE`, `CANOPY_CALIBRATION_DATASET`,
 * `CANOPY_CALIBRATION_MODEL`, `CANOPY_CALIBRATION_SHORT`
 */
export function readCalibration(world: World, router: string, mapping: MappingParameters): Calibration {
  const file = parse(world, router);
  const { examples } = file;
  const sources = taskTypesOf(world).map((name) => sourceDataset(name, file.taskTypes, router, mapping));
  const columns = world.models.map(
    (name) => examples.correct[sourceModel(name, file.models, router, mapping)],
  );
  const read: CalibrationExample[] = [];
  for (let i = 0; i < examples.taskType.length; i++) {
    for (const [taskType, source] of sources.entries()) {
      if (examples.taskType[i] !== source) continue;
      read.push({
        taskType,
        tier: Math.min(examples.tier[i], world.tiers.length - 1),
        promptTokens: examples.promptTokens[i],
        turns: examples.turns[i],
        outputTokens: examples.outputTokens[i],
        correct: columns.map((text) => (text[i] === "1" ? 1 : 0)),
      });
    }
  }
  for (const [taskType, name] of taskTypesOf(world).entries()) {
    const found = read.filter((example) => example.taskType === taskType).length;
    if (found >= LEAST_EXAMPLES) continue;
    throw new UserError(
      "CANOPY_CALIBRATION_SHORT",
      `router ${router}: the calibration has ${found} examples of ${shown(name)}, expected at least ${LEAST_EXAMPLES}: train on more requests`,
    );
  }
  const carbon = Float64Array.from(world.signals.regions, (region) => file.carbon[region] ?? Number.NaN);
  return { examples: read, carbon };
}

/** Task types of a workload; one without a name where it has none. */
export function taskTypesOf(world: World): readonly string[] {
  return world.taskTypes.length === 0 ? [""] : world.taskTypes;
}

function parse(world: World, router: string): z.output<typeof calibrationSchema> {
  const bytes = world.artefacts.get(CALIBRATION);
  if (bytes === undefined) {
    throw new UserError(
      "CANOPY_TRAINING_MISSING",
      `router ${router}: it has no ${CALIBRATION}, expected training in the experiment, or a file under artefacts.${CALIBRATION}`,
    );
  }
  let content: unknown;
  try {
    content = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new UserError(
      "CANOPY_CALIBRATION_FILE",
      `router ${router}: the ${CALIBRATION} is not JSON, expected a file of schema ${SCHEMA}`,
      { cause },
    );
  }
  const result = calibrationSchema.safeParse(content);
  if (!result.success) {
    const { path, message } = result.error.issues[0];
    throw new UserError(
      "CANOPY_CALIBRATION_FILE",
      `router ${router}: the ${CALIBRATION} is not of schema ${SCHEMA}: ${path.join(".") || "file"}: ${message}`,
    );
  }
  const { examples, models } = result.data;
  const lengths = [...Object.values(examples).filter((c) => c !== examples.correct), ...examples.correct];
  const different = lengths.some((column) => column.length !== examples.taskType.length);
  if (different || examples.correct.length !== models.length) {
    throw new UserError(
      "CANOPY_CALIBRATION_FILE",
      `router ${router}: the ${CALIBRATION} has columns of different lengths, expected one number for each example and model`,
    );
  }
  return result.data;
}

function sourceDataset(
  taskType: string,
  known: readonly string[],
  router: string,
  { datasets, defaultDataset }: MappingParameters,
): number {
  const named = Object.hasOwn(datasets, taskType) ? datasets[taskType] : undefined;
  const own = known.length === 0 ? [""] : known;
  const wanted = named ?? (own.includes(taskType) || defaultDataset === null ? taskType : defaultDataset);
  const index = own.indexOf(wanted);
  if (index >= 0) return index;
  throw new UserError(
    "CANOPY_CALIBRATION_DATASET",
    `router ${router}: the calibration has no data set ${shown(wanted)} for the task type ${shown(taskType)}, expected one in parameter datasets or defaultDataset${suggestion(wanted, own)}`,
  );
}

function sourceModel(
  model: string,
  known: readonly string[],
  router: string,
  { models }: MappingParameters,
): number {
  const wanted = Object.hasOwn(models, model) ? models[model] : model;
  const index = known.indexOf(wanted);
  if (index >= 0) return index;
  throw new UserError(
    "CANOPY_CALIBRATION_MODEL",
    `router ${router}: the calibration has no model "${wanted}" for the fleet's ${model}, expected one in parameter models${suggestion(wanted, known)}`,
  );
}

function shown(name: string): string {
  return name === "" ? "requests without a task type" : `"${name}"`;
}
