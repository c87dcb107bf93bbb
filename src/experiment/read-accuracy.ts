/** Opens the accuracy table of a point and fits the item response to it. */
import { readCsvTable } from "../csv-table.ts";
import { suggestion, UserError } from "../errors.ts";
import { type AccuracyTable, fitItemResponse, itemResponseTargets } from "../workload/item-response.ts";
import type { AccuracyConfig } from "./accuracy-schema.ts";
import { inputPath } from "./data-path.ts";
import type { ExperimentPoint } from "./load.ts";
import { at, directoryOf, noReferenceData } from "./read-inputs.ts";
import type { AnswerInput } from "./shared-inputs.ts";

/**
 * The fitted responses of a point's models to its task types; null where correctness is not modelled.
 *
 * @param models of the fleet, in order of its endpoints
 * @throws UserError CANOPY_ACCURACY_*, CANOPY_FILE_*, with the place in the experiment
 */
export async function readAccuracy(
  point: ExperimentPoint,
  models: readonly string[],
  taskTypes: readonly string[],
  dataRoot: string | undefined,
): Promise<AnswerInput | null> {
  const { accuracy } = point.experiment;
  if (accuracy === undefined) return null;
  const table =
    typeof accuracy.table === "string"
      ? await at(point, ["accuracy", "table"], () => readTable(point, accuracy, dataRoot))
      : accuracy.table;
  return at(point, ["accuracy"], () => {
    if (taskTypes.length === 0) {
      throw new UserError(
        "CANOPY_ACCURACY_DATASET",
        "the workload has no task types, expected taskTypes: the data sets of the table",
      );
    }
    checkNames("datasets", accuracy.datasets, taskTypes, "task type");
    checkNames("models", accuracy.models, models, "model");
    const datasets = taskTypes.map((type) => accuracy.datasets[type] ?? type);
    const rows = models.map((model) => accuracy.models[model] ?? model);
    const { skill, spread } = fitItemResponse(itemResponseTargets(table, datasets, rows, accuracy.phi));
    return { datasets, models: rows, skill: [...skill], spread: [...spread] };
  });
}

function checkNames(
  key: string,
  names: Readonly<Record<string, string>>,
  known: readonly string[],
  what: string,
): void {
  const unknown = Object.keys(names).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new UserError(
    "CANOPY_EXPERIMENT_VALUE",
    `${key}: there is no ${what} "${unknown}"${suggestion(unknown, known)}`,
  );
}

const COLUMNS = ["model", "dataset", "accuracy"] as const;

async function readTable(
  point: ExperimentPoint,
  { table, source }: AccuracyConfig,
  dataRoot: string | undefined,
): Promise<AccuracyTable> {
  const path = table as string;
  const file = inputPath(path, directoryOf(point, ["accuracy", "table"]), dataRoot);
  if (file === undefined) throw noReferenceData(path);
  const { columns, rows } = await readCsvTable(file, "accuracy table", "CANOPY_ACCURACY_TABLE");
  const places = COLUMNS.map((name) => columns.indexOf(name));
  const absent = COLUMNS.find((_, i) => places[i] < 0);
  if (absent !== undefined) {
    throw new UserError(
      "CANOPY_ACCURACY_TABLE",
      `accuracy table ${path}: has no column ${absent}, expected ${COLUMNS.join(", ")}`,
    );
  }
  const sourceColumn = columns.indexOf("source_id");
  const sourceOf = (cells: readonly string[]) => (sourceColumn < 0 ? "" : cells[sourceColumn]);
  const sources = [...new Set(rows.map(({ cells }) => sourceOf(cells)))];
  if (source !== undefined && !sources.includes(source)) {
    throw new UserError(
      "CANOPY_ACCURACY_TABLE",
      `accuracy table ${path}: has no rows of the source "${source}"${suggestion(source, sources)}`,
    );
  }
  const found: Record<string, Record<string, number>> = {};
  for (const { line, cells } of rows) {
    if (source !== undefined && sourceOf(cells) !== source) continue;
    const [model, dataset, text] = places.map((place) => cells[place] ?? "");
    // Empty where the source has no figure.
    if (text === "") continue;
    const share = Number(text);
    if (!(share >= 0 && share <= 1)) {
      throw new UserError(
        "CANOPY_ACCURACY_RANGE",
        `accuracy table ${path}, line ${line}: accuracy is "${text}", expected a number from 0 to 1`,
      );
    }
    found[model] ??= {};
    if (Object.hasOwn(found[model], dataset)) {
      throw new UserError(
        "CANOPY_ACCURACY_TABLE",
        `accuracy table ${path}, line ${line}: ${model} on ${dataset} has two values, expected source: one of ${sources.join(", ")}`,
      );
    }
    found[model][dataset] = 100 * share;
  }
  return found;
}
