import type { Column, Row, Table } from "../report/table.ts";
import { differenceText } from "./compare-steps.ts";
import type { ErrorSummary } from "./errors.ts";
import type { FigureComparison, LoadResult, ShortError, ValidationResult } from "./result.ts";

/** Processors that others took, below which it is not told. */
const LEAST_TOLD = 0.02;

/** (a) where the engine tells its steps, and (b); then, by its steps, where the errors of (b) come from. */
export function validationTables(result: ValidationResult): Table[] {
  const tellsSteps = result.loads.some((load) => load.scheduler !== null);
  return tellsSteps
    ? [schedulerTable(result), predictionTable(result), stepTimesTable(result), errorSourcesTable(result)]
    : [predictionTable(result)];
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

const KINDS = {
  decode: "decoding alone",
  prompts: "prompts alone",
  both: "prompts and decoding",
  all: "all",
} as const;

function stepTimesTable(result: ValidationResult): Table {
  const percent = { digits: 1, format: "fixed" } as const;
  const columns: Column[] = [
    { key: "load", header: "load", rowHeader: true },
    { key: "kind", header: "steps with", rowHeader: true },
    { key: "steps", header: "steps", format: "integer" },
    { key: "recorded_s", header: "recorded", unit: "s", group: "in all" },
    { key: "profile_s", header: "profile", unit: "s", group: "in all" },
    { key: "bias_percent", header: "bias", unit: "%", ...percent },
    { key: "error_median_percent", header: "median", unit: "%", group: "error of a step", ...percent },
    { key: "error_p95_percent", header: "p95", unit: "%", group: "error of a step", ...percent },
  ];
  const rows = result.loads.flatMap(({ load, stepTimes }) =>
    (stepTimes ?? []).map(
      (times): Row => ({
        cells: {
          load,
          kind: KINDS[times.kind],
          steps: times.steps,
          recorded_s: times.recordedSeconds,
          profile_s: times.lawSeconds,
          bias_percent: 100 * times.bias,
          error_median_percent: 100 * times.medianError,
          error_p95_percent: 100 * times.p95Error,
        },
      }),
    ),
  );
  return {
    title: "What the steps took against the profile",
    caption: targetText(result),
    columns,
    rows,
    notes: [
      "Each of the engine's own steps, and what the profile says of a step of that composition: nothing is simulated, and no queue amplifies the error.",
      ...result.loads.flatMap(slownessText),
    ],
  };
}

const SOURCES = {
  profile: "profile",
  stretches: "profile x host around the load",
  "own steps": "profile x host in the load (hindsight)",
  "recorded steps": "recorded steps",
} as const;

function errorSourcesTable(result: ValidationResult): Table {
  const percent = { digits: 1, format: "fixed" } as const;
  const pair = (name: string, group: string): Column[] => [
    { key: `${name}_error_median_percent`, header: "median", unit: "%", group, ...percent },
    { key: `${name}_bias_percent`, header: "bias", unit: "%", group, ...percent },
  ];
  const columns: Column[] = [
    { key: "load", header: "load", rowHeader: true },
    { key: "from", header: "times of steps from", rowHeader: true },
    { key: "factor", header: "factor" },
    ...pair("ttft", "TTFT"),
    ...pair("tpot", "TPOT"),
    ...pair("e2e", "end to end"),
  ];
  const rows = result.loads.flatMap(({ load, errorSources }) =>
    (errorSources ?? []).map(({ from, factor, ttft, tpot, e2e }): Row => {
      const cells = (name: string, errors: ShortError | null) => ({
        [`${name}_error_median_percent`]: errors === null ? null : 100 * errors.medianError,
        [`${name}_bias_percent`]: errors === null ? null : 100 * errors.bias,
      });
      return {
        cells: {
          load,
          from: SOURCES[from],
          factor,
          ...cells("ttft", ttft),
          ...cells("tpot", tpot),
          ...cells("e2e", e2e),
        },
      };
    }),
  );
  return {
    title: "Where the errors of the prediction come from",
    caption: targetText(result),
    columns,
    rows,
    notes: [
      "The first row of a load is the prediction of the table above; the others are not predictions. Profile x host around the load: times that the closed loops just before and just after it took, over the profile's. In the load: the same of the load's own steps, so that their sum is right; what is left are errors of single kinds of step, noise, and the queue that amplifies both. Recorded steps: each step's own duration; what is left is an error of the simulator's batching.",
    ],
  };
}

function slownessText({ load, hostSlowness }: LoadResult): string[] {
  if (hostSlowness === null) return [];
  const { before, after } = hostSlowness;
  return [
    `Load ${load}: closed loops of the same engine took ${before.toFixed(2)} times the profile's time just before, ${after.toFixed(2)} times just after.`,
  ];
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

function othersText({ load, othersProcessors, stolenProcessors, failed }: LoadResult): string[] {
  const taken = (who: string, processors: number | null) =>
    processors === null || processors < LEAST_TOLD ? [] : [`${who} ${processors.toFixed(2)}`];
  const others = [
    ...taken("other processes", othersProcessors),
    ...taken("the hypervisor for other machines", stolenProcessors),
  ];
  return [
    ...(others.length === 0 ? [] : [`Load ${load}: processors taken meanwhile by ${others.join(", by ")}.`]),
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
