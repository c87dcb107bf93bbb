import type { ExperimentResult } from "../experiment/result.ts";
import { countedVerdicts, statedRatios, verdictMeaning } from "./comparison-notes.ts";
import { metricLabel, pointHeader, pointValue } from "./result-names.ts";
import type { Cell, Row, Table } from "./table.ts";

/**
 * What the paper states of rows against others than the baseline, with what was run beside it; undefined where it states
 * nothing of the kind. Without intervals: runs are paired with those of the baseline alone.
 */
export function claimsTable(result: ExperimentResult): Table | undefined {
  const stated = statedRatios(result);
  if (stated.length === 0) return undefined;
  const labels = [...new Set(stated.flatMap(({ row }) => Object.keys(row.point)))];
  const rows = stated.map(({ row, entry }): Row => {
    const cells: Record<string, Cell> = {
      router: row.router,
      metric: metricLabel(entry.metric, result),
      against: entry.baseline,
      ratio: {
        value: entry.ratioToBaselineRun,
        ...(entry.ratioToBaselinePaper === null ? {} : { paper: entry.ratioToBaselinePaper }),
        verdict: entry.verdict,
        ...(entry.ratioToBaselineRun === null ? { reason: entry.note } : {}),
      },
    };
    for (const [label, value] of Object.entries(row.point)) cells[`point.${label}`] = pointValue(value);
    return { cells };
  });
  return {
    title: `What the paper states (${result.experiment})`,
    caption: `Ratios of a row's mean to that of another row. ${countedVerdicts(
      stated.map(({ entry }) => entry.verdict),
      "ratios",
    )}.`,
    columns: [
      ...labels.map((label) => ({
        key: `point.${label}`,
        header: pointHeader(label).text,
        align: "left" as const,
        rowHeader: true,
      })),
      {
        key: "router",
        header: result.provenance.kind === "epochs" ? "planner" : "router",
        rowHeader: true,
      },
      { key: "metric", header: "metric", align: "left", rowHeader: true },
      { key: "against", header: "against", align: "left", rowHeader: true },
      { key: "ratio", header: "ratio" },
    ],
    rows,
    notes: [verdictMeaning((name) => name)],
    arrange: "by-metric",
  };
}
