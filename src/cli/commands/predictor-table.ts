import type { PredictorQuality } from "../../learning/cost-predictor/quality.ts";
import { DEFAULT_RULES, judgeAbsolute, type Verdict } from "../../metrics/verdict.ts";
import type { Cell, Column, Table } from "../../report/table.ts";
import type { Printed } from "../output.ts";
import type { PredictorRow } from "./predictor-evaluate.ts";

/** Quality that CAPS's paper states (its specification, section 5). */
const PUBLISHED = { mae_tokens: 38.6, mape_percent: 18.2, auroc: 0.87 } as const;
type Published = keyof typeof PUBLISHED;

const COLUMNS: readonly Column[] = [
  { key: "data", header: "data" },
  { key: "origin", header: "origin" },
  { key: "rows", header: "rows", format: "integer" },
  { key: "mae_tokens", header: "MAE", unit: "tokens" },
  { key: "median_mae_tokens", header: "MAE, median", unit: "tokens" },
  { key: "constant_mae_tokens", header: "MAE, best constant", unit: "tokens" },
  { key: "tenant_mean_mae_tokens", header: "MAE, tenant's mean", unit: "tokens" },
  { key: "mape_percent", header: "MAPE", unit: "%" },
  { key: "below_q90_percent", header: "below predicted p90", unit: "%" },
  { key: "auroc", header: "AUROC" },
  { key: "ece", header: "ECE" },
  { key: "training_cpu_s", header: "training", unit: "CPU s" },
  { key: "prediction_us", header: "prediction", unit: "µs" },
];

/** The table of data sets, and of each that has labels how well its probabilities are calibrated. */
export function predictorTable(rows: readonly PredictorRow[]): Printed {
  const shown = rows.map((row) => ({ ...row, published: PUBLISHED, verdict: verdicts(row) }));
  return {
    tables: [
      {
        title: "Predictor",
        caption: "Trained on the first 80 % of the rows in order of arrival, tried on the last 10 %",
        columns: COLUMNS,
        rows: shown.map((row) => ({ cells: cells(row) })),
        notes: notes(rows),
        arrange: "stacked",
      },
      ...rows.flatMap(calibration),
    ],
    json: { schema: "canopy/predictor-quality/1", predictors: shown },
  };
}

/** What was fitted to the paper cannot agree with it: generated lengths have the correlation that its errors imply. */
function verdicts({ training, quality }: PredictorRow): Partial<Record<Published, Verdict>> {
  const fitted = training.origin === "constructed" && (training.correlation ?? 0) > 0;
  const judged = (key: Published, value: number): Verdict =>
    fitted ? "calibrated" : judgeAbsolute(value, PUBLISHED[key], DEFAULT_RULES);
  const { length, risk } = quality;
  return {
    mae_tokens: judged("mae_tokens", length.maeTokens),
    mape_percent: judged("mape_percent", 100 * length.mape),
    ...(risk?.auroc == null ? {} : { auroc: judgeAbsolute(risk.auroc, PUBLISHED.auroc, DEFAULT_RULES) }),
  };
}

function cells(row: PredictorRow & { readonly verdict: Partial<Record<Published, Verdict>> }) {
  const { data, training, quality, trainingSeconds, predictionMicroseconds, verdict } = row;
  const { length, risk } = quality;
  const compared = (key: Published, value: number | null): Cell => {
    const word = verdict[key];
    const told = value === null ? { reason: NO_LABELS } : word === undefined ? {} : { verdict: word };
    return { value, paper: PUBLISHED[key], ...told };
  };
  return {
    data,
    origin: training.origin,
    rows: training.rows,
    mae_tokens: compared("mae_tokens", length.maeTokens),
    median_mae_tokens: length.medianMaeTokens,
    constant_mae_tokens: length.constantMaeTokens,
    tenant_mean_mae_tokens: {
      value: length.tenantMeanMaeTokens,
      ...(length.tenantMeanMaeTokens === null ? { reason: "no tenants" } : {}),
    },
    mape_percent: compared("mape_percent", 100 * length.mape),
    below_q90_percent: 100 * length.belowQuantile90,
    auroc: compared("auroc", risk?.auroc ?? null),
    ece: risk === null ? { value: null, reason: NO_LABELS } : risk.ece,
    training_cpu_s: trainingSeconds,
    prediction_us: predictionMicroseconds,
  };
}

const NO_LABELS = "no labels: nothing served these requests";

function notes(rows: readonly PredictorRow[]): string[] {
  const constructed = rows.filter(({ training }) => training.origin === "constructed");
  return [
    ...constructed.map(({ data, training }) =>
      training.correlation === null
        ? `constructed (${data}): what the output lengths owe to the features is not stated`
        : training.correlation === 0
          ? `constructed (${data}): output lengths are drawn without regard to the features; nothing can predict them`
          : `constructed (${data}): log output lengths are drawn with a correlation of ${training.correlation} with the features, so its quality is circular`,
    ),
    ...(rows.some(({ quality, trainingSeconds }) => quality.risk !== null && trainingSeconds !== null)
      ? ["training with labels includes the simulated run that gives them"]
      : []),
    "MAE, median: of the predicted median, lengthQuantile 0.5; MAE and MAPE are of the mean of log(1 + tokens), turned back",
    "MAE, best constant: of the median of the training rows for every request",
    "below predicted p90: share of the lengths that were at most their predicted 90 % quantile",
  ];
}

function calibration({ data, quality }: { data: string; quality: PredictorQuality }): Table[] {
  const { risk } = quality;
  if (risk === null) return [];
  return [
    {
      title: `Calibration of missed objectives: ${data}`,
      columns: [
        { key: "from", header: "from" },
        { key: "to", header: "to" },
        { key: "rows", header: "rows", format: "integer" },
        { key: "predicted", header: "predicted" },
        { key: "observed", header: "observed" },
      ],
      rows: risk.calibration.map((bin) => ({ cells: { ...bin } })),
      notes: [],
    },
  ];
}
