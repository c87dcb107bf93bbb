import { mean } from "../../numeric/descriptive.ts";
import { quantileOf } from "../../numeric/quantile.ts";
import type { CostPredictor } from "./cost-predictor.ts";
import {
  auroc,
  calibrationTable,
  expectedCalibrationError,
  type LengthQuality,
  meanAbsoluteError,
  meanAbsolutePercentageError,
  type PredictorQuality,
  type RiskQuality,
} from "./quality.ts";
import type { TimeSplit } from "./split-by-time.ts";
import type { PredictorRows } from "./training-rows.ts";

/** Measures a predictor on the last part of the rows; the first part gives what it is compared with. */
export function measureQuality(
  predictor: CostPredictor,
  rows: PredictorRows,
  split: TimeSplit,
): PredictorQuality {
  const from = split.validation;
  const count = rows.count - from;
  const row = new Float64Array(rows.columns.length);
  const predicted = new Float64Array(count);
  const risks = new Float64Array(predictor.risk === undefined ? 0 : count);
  const medians = new Float64Array(count);
  const shift50 = predictor.lengthShift(0.5);
  const shift90 = predictor.lengthShift(0.9);
  let below = 0;
  for (let i = 0; i < count; i++) {
    for (let f = 0; f < row.length; f++) row[f] = rows.columns[f][from + i];
    predicted[i] = predictor.outputTokens(row);
    medians[i] = predictor.outputTokens(row, 0, shift50);
    if (rows.outputTokens[from + i] <= predictor.outputTokens(row, 0, shift90)) below++;
    if (risks.length > 0) risks[i] = predictor.missProbability(row);
  }
  const actual = rows.outputTokens.subarray(from);
  const earlier = rows.outputTokens.subarray(0, split.training);
  const constant = new Float64Array(count).fill(quantileOf(earlier, 0.5));
  const length: LengthQuality = {
    rows: count,
    maeTokens: meanAbsoluteError(predicted, actual),
    medianMaeTokens: meanAbsoluteError(medians, actual),
    mape: meanAbsolutePercentageError(predicted, actual),
    constantMaeTokens: meanAbsoluteError(constant, actual),
    tenantMeanMaeTokens: tenantMeanError(rows, from, mean(earlier)),
    belowQuantile90: below / count,
  };
  const labels = rows.missed?.subarray(from);
  return { length, risk: labels === undefined || risks.length === 0 ? null : riskQuality(risks, labels) };
}

function riskQuality(risks: Float64Array, labels: Float64Array): RiskQuality {
  const calibration = calibrationTable(risks, labels);
  const area = auroc(risks, labels);
  return {
    rows: labels.length,
    missed: mean(labels),
    auroc: Number.isNaN(area) ? null : area,
    ece: expectedCalibrationError(calibration),
    calibration,
  };
}

function tenantMeanError(
  { names, columns, outputTokens, count }: PredictorRows,
  from: number,
  otherwise: number,
) {
  const means = columns[names.prompt.indexOf("tenant_output_mean")];
  if (means.every(Number.isNaN)) return null;
  let sum = 0;
  for (let i = from; i < count; i++)
    sum += Math.abs((Number.isNaN(means[i]) ? otherwise : means[i]) - outputTokens[i]);
  return sum / (count - from);
}
