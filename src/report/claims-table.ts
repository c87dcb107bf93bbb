import type { ExperimentResult } from "../experiment/result.ts";
import { countedVerdicts, statedRatios, verdictMeaning } from "./comparison-notes.ts";
import { metricLabel } from "./result-names.ts";
import { headCells, headColumns, pointLabels } from "./row-heads.ts";
import type { Row, Table } from "./table.ts";

/**
 * What the paper states of rows against others than the baseline, with what was run beside it; undefined where it states
 * nothing of the kind. Without intervals: runs are paired with those of the baseline alone.
 */
export function claimsTable(result: ExperimentResult): Table | undefined {
  const stated = statedRatios(result);
  if (stated.length === 0) return undefined;
  const rows = stated.map(({ row, entry }): Row => {
    const { ratioToBaselineRun: value, ratioToBaselinePaper: paper, verdict, note } = entry;
    return {
      cells: {
        ...headCells(row),
        metric: metricLabel(entry.metric, result),
        against: entry.baseline,
        ratio: {
          value,
          ...(paper === null ? {} : { paper }),
          verdict,
          ...(value === null ? { reason: note } : {}),
        },
      },
    };
  });
  return {
    title: `What the paper states (${result.experiment})`,
    caption: `Ratios of a row's mean to that of another row. ${countedVerdicts(
      stated.map(({ entry }) => entry.verdict),
      "ratios",
    )}.`,
    columns: [
      ...headColumns(result, pointLabels(stated.map(({ row }) => row))),
      { key: "metric", header: "metric", align: "left", rowHeader: true },
      { key: "against", header: "against", align: "left", rowHeader: true },
      { key: "ratio", header: "ratio" },
    ],
    rows,
    notes: [verdictMeaning((name) => name)],
    arrange: "by-metric",
  };
}
