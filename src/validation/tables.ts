import type { Column, Row, Table } from "../report/table.ts";
import { differenceText } from "./compare-steps.ts";
import type { ErrorSummary } from "./errors.ts";
import type { FigureComparison, LoadResult, ValidationResult } from "./result.ts";

/** (a) where the engine tells its steps, and (b). */
export function validationTables(result: ValidationResult): Table[] {
  const scheduler = result.loads.some((load) => load.scheduler !== null) ? [schedulerTable(result)] : [];
  return [...scheduler, predictionTable(result)];
}

function schedulerTable(result: ValidationResult): Table {
  const columns: Column[] = [
    { key: "load", header: "load", rowHeader: true },
    { key: "requests", header: "requests", format: "integer" },
    { key: "steps", header: "steps", format: "integer" },
    { key: "prefill_steps", header: "with prompts", format: "integer" },
    { key: "preemptions", header: "preemptions", format: "integer" },
    { key: "equal_steps", header: "equal steps", format: "integer" },
    { key: "verdict", header: "verdict" },
  ];
  const rows = result.loads.flatMap(({ load, requests, scheduler }): Row[] => {
    if (scheduler === null) return [];
    const { steps, prefillSteps, preemptions, equalSteps, difference } = scheduler;
    return [
      {
        cells: {
          load,
          requests,
          steps,
          prefill_steps: prefillSteps,
          preemptions,
          equal_steps: equalSteps,
          verdict: difference === null ? "all equal" : "differs",
        },
      },
    ];
  });
  const differences = result.loads.flatMap(({ load, scheduler }) =>
    scheduler?.difference ? [`Load ${load}, first difference: ${differenceText(scheduler.difference)}.`] : [],
  );
  return {
    title: "Steps of the engine formed again by the simulator",
    caption: targetText(result),
    columns,
    rows,
    notes: [
      ...differences,
      "Compared in every step: start, preempted and admitted requests, chunks of prompts, number of decoding requests and their tokens, free KV blocks, finished requests. The simulator has the arrivals and the durations of the steps from the engine, and nothing else.",
      limitsText(result),
    ],
  };
}

function predictionTable(result: ValidationResult): Table {
  const percent = { digits: 1, format: "fixed" } as const;
  const columns: Column[] = [
    { key: "load", header: "load", rowHeader: true },
    { key: "quantity", header: "quantity", rowHeader: true },
    { key: "measured_median", header: "median", group: "measured" },
    { key: "measured_p95", header: "p95", group: "measured" },
    { key: "predicted_median", header: "median", group: "predicted" },
    { key: "predicted_p95", header: "p95", group: "predicted" },
    { key: "error_median_percent", header: "median", unit: "%", group: "error", ...percent },
    { key: "error_p95_percent", header: "p95", unit: "%", group: "error", ...percent },
    { key: "bias_percent", header: "bias", unit: "%", ...percent },
  ];
  const rows = result.loads.flatMap((load) => [
    perRequest(load, "TTFT (s)", load.ttftSeconds),
    perRequest(load, "TPOT (s)", load.tpotSeconds),
    perRequest(load, "end to end (s)", load.e2eSeconds),
    ofLoad(load, "output tokens/s", load.outputTokensPerSecond, null),
    ofLoad(load, "J/token", load.joulesPerToken, load.joulesReason),
  ]);
  return {
    title: "Prediction from the profile against what was served",
    caption: targetText(result),
    columns,
    rows,
    notes: [
      "Errors are |predicted - measured| / measured, request by request; bias is the sum of the predicted over that of the measured values, less 1. Throughput and energy have one value for each load.",
      `Load is the share of ${result.capacityRequestsPerSecond.toPrecision(3)} requests per second, the middle of a run whose requests all came at once.`,
      `Predictions rest on the profile ${result.profile}.`,
      ...result.loads.flatMap(othersText),
      ...(result.target.kind === "server"
        ? [`What the server does not tell is assumed. ${limitsText(result)}`]
        : []),
    ],
  };
}

function perRequest({ load }: LoadResult, quantity: string, errors: ErrorSummary | null): Row {
  if (errors === null) {
    const reason = "no request has two outputs";
    return { cells: { load, quantity, measured_median: { value: null, reason } } };
  }
  return {
    cells: {
      load,
      quantity,
      measured_median: errors.measured.median,
      measured_p95: errors.measured.p95,
      predicted_median: errors.predicted.median,
      predicted_p95: errors.predicted.p95,
      error_median_percent: 100 * errors.medianError,
      error_p95_percent: 100 * errors.p95Error,
      bias_percent: 100 * errors.bias,
    },
  };
}

function ofLoad(
  { load }: LoadResult,
  quantity: string,
  figure: FigureComparison | null,
  reason: string | null,
): Row {
  if (figure === null) {
    return {
      cells: {
        load,
        quantity,
        measured_median: { value: null, ...(reason === null ? {} : { reason }) },
      },
    };
  }
  return {
    cells: {
      load,
      quantity,
      measured_median: figure.measured,
      predicted_median: figure.predicted,
      bias_percent: 100 * figure.bias,
    },
  };
}

function othersText({ load, othersProcessors, failed }: LoadResult): string[] {
  return [
    ...(othersProcessors === null || othersProcessors < 0.05
      ? []
      : [`Load ${load}: other processes took ${othersProcessors.toFixed(2)} processors meanwhile.`]),
    ...(failed === 0 ? [] : [`Load ${load}: ${failed} requests failed and are left out.`]),
  ];
}

function targetText({ target }: ValidationResult): string {
  return target.kind === "engine"
    ? `Canopy's own ${target.backend.toUpperCase()} engine, model ${target.model} with synthetic weights`
    : `Server of ${target.model}${target.version === null ? "" : `, version ${target.version}`}`;
}

function limitsText({ limits }: ValidationResult): string {
  return `Batches: at most ${limits.maxRequests} requests and ${limits.tokenBudget} tokens, ${limits.blocks} KV blocks of ${limits.blockTokens} tokens.`;
}
