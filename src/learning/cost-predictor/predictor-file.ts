import { UserError } from "../../errors.ts";
import { type ForestJson, forestFromJson, forestToJson, isObject } from "../trees/forest-json.ts";
import { CostPredictor } from "./cost-predictor.ts";
import { featureNames } from "./features.ts";
import type { PredictorQuality } from "./quality.ts";
import type { TrainedPredictor, TrainingFacts } from "./train-predictor.ts";

export const PREDICTOR_SCHEMA = "canopy/predictor/1";

/** The file: JSON, so that it can be looked into. */
interface PredictorJson {
  readonly schema: typeof PREDICTOR_SCHEMA;
  readonly training: TrainingFacts;
  readonly quality: PredictorQuality;
  readonly taskTypes: readonly string[];
  readonly features: readonly string[];
  readonly residuals: readonly number[];
  readonly length: ForestJson;
  readonly risk: ForestJson | null;
}

/** The bytes of a predictor's file; the same predictor gives the same bytes. */
export function encodePredictor({ predictor, training, quality }: TrainedPredictor): Uint8Array {
  const { names, residuals, length, risk } = predictor;
  const json: PredictorJson = {
    schema: PREDICTOR_SCHEMA,
    training,
    quality,
    taskTypes: names.taskTypes,
    features: names.all,
    residuals: [...residuals],
    length: forestToJson(length),
    risk: risk === undefined ? null : forestToJson(risk),
  };
  return new TextEncoder().encode(`${JSON.stringify(json)}\n`);
}

/**
 * Reads a predictor's file. A predictor read again predicts the same bits.
 *
 * @param where names the file in errors
 * @param taskTypes those of the workload it is to serve: a predictor of others is refused; not checked when absent
 * @throws UserError CANOPY_PREDICTOR_FORMAT, CANOPY_PREDICTOR_SCHEMA, CANOPY_PREDICTOR_FEATURES
 */
export function decodePredictor(
  bytes: Uint8Array,
  where: string,
  taskTypes?: readonly string[],
): TrainedPredictor {
  const json = parse(bytes, where);
  const { schema } = json;
  if (schema !== PREDICTOR_SCHEMA) {
    throw new UserError(
      "CANOPY_PREDICTOR_SCHEMA",
      `${where}: schema ${schema === undefined ? "is missing" : JSON.stringify(schema)}, expected "${PREDICTOR_SCHEMA}"`,
    );
  }
  const own = strings(json["taskTypes"], "taskTypes", where);
  const names = featureNames(own);
  compareNames(strings(json["features"], "features", where), names.all, where);
  if (taskTypes !== undefined) compareNames(names.all, featureNames(taskTypes).all, where);
  const { training, quality, residuals } = json;
  if (!isTraining(training))
    throw malformed(where, "training: expected source, origin, correlation, rows and offered");
  if (!isObject(quality) || !isObject(quality["length"]))
    throw malformed(where, "quality: expected length and risk");
  if (!isAscending(residuals)) throw malformed(where, "residuals: expected 101 ascending numbers");
  const forest = (name: "length" | "risk", features: readonly string[]) => {
    try {
      return forestFromJson(json[name], features);
    } catch (error) {
      throw malformed(where, `${name}: ${(error as Error).message}`);
    }
  };
  return {
    predictor: new CostPredictor({
      names,
      length: forest("length", names.prompt),
      risk: json["risk"] === null ? undefined : forest("risk", names.all),
      residuals: Float64Array.from(residuals),
    }),
    training,
    quality: quality as unknown as PredictorQuality,
  };
}

function parse(bytes: Uint8Array, where: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (isObject(json)) return json;
  } catch {
    // Reported below.
  }
  throw malformed(where, "not a JSON object");
}

function malformed(where: string, what: string): UserError {
  return new UserError(
    "CANOPY_PREDICTOR_FORMAT",
    `${where}: no predictor of canopy predictor train: ${what}`,
  );
}

function strings(value: unknown, key: string, where: string): readonly string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
  throw malformed(where, `${key}: expected a list of names`);
}

/** Refuses a file whose features are not those expected, by the first that differs. */
function compareNames(found: readonly string[], expected: readonly string[], where: string): void {
  for (let i = 0; i < Math.max(found.length, expected.length); i++) {
    if (found[i] === expected[i]) continue;
    const is = found[i] === undefined ? "is missing" : `is "${found[i]}"`;
    const wanted = expected[i] === undefined ? `${expected.length} features` : `"${expected[i]}"`;
    const what = `feature ${i + 1} ${is}, expected ${wanted}`;
    throw new UserError(
      "CANOPY_PREDICTOR_FEATURES",
      `${where}: ${what}; train it on the workload that it is to serve`,
    );
  }
}

function isTraining(value: unknown): value is TrainingFacts {
  return (
    isObject(value) &&
    typeof value["source"] === "string" &&
    ["constructed", "real", "unstated"].includes(value["origin"] as string) &&
    (value["correlation"] === null || typeof value["correlation"] === "number") &&
    typeof value["rows"] === "number" &&
    typeof value["offered"] === "number"
  );
}

function isAscending(value: unknown): value is number[] {
  return (
    Array.isArray(value) &&
    value.length === 101 &&
    value.every((item, i) => typeof item === "number" && (i === 0 || item >= value[i - 1]))
  );
}
