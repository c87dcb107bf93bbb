/** An explanation for people. */
import { formatShort, formatSignificant } from "../report/format-number.ts";
import { pointText } from "../report/result-names.ts";
import type { Row, Table } from "../report/table.ts";
import type { RequestExplanation } from "./explain-request.ts";
import type { Decision, WatchedRequest } from "./watched-request.ts";

/** Endpoints whose scores are shown: the chosen one and those next to it in order of the score. */
const MOST_SCORES = 24;

export function explanationTables(explanation: RequestExplanation): Table[] {
  const { decisions } = explanation.request;
  const scored = decisions.flatMap((decision, i) =>
    decision.scores === null ? [] : [{ decision, number: i + 1 }],
  );
  return [
    factsTable(explanation),
    decisionsTable(explanation),
    ...scored.map(({ decision, number }) => scoresTable(explanation, decision, number)),
    timelineTable(explanation),
  ];
}

function factsTable(explanation: RequestExplanation): Table {
  const { experiment, run, request, latency, clock, remarks } = explanation;
  const facts: [string, string | null][] = [
    ["tier", `${request.tier}${request.deferrable ? ", may be held on purpose" : ""}`],
    ["arrival", seconds(request.arrivalSeconds)],
    [
      "objective",
      request.objectiveSeconds === null
        ? "none"
        : `${latency} within ${seconds(request.objectiveSeconds)}${clock === "dispatch" ? ", counted from the end of a deliberate hold" : ""}`,
    ],
    [
      "prompt",
      `${request.promptTokens} tokens${request.prefixTokens === null ? "" : `, ${request.prefixTokens} of them repeated`}`,
    ],
    ["output", `${request.outputTokens} tokens, which no gateway sees beforehand`],
    ["needs the large model", request.needsLarge === true ? "yes" : null],
    ["task type", request.taskType],
    ["tenant", request.tenant === null ? null : `${request.tenant}`],
    ["session", request.session === null ? null : `${request.session}, step ${request.step ?? "?"}`],
    ["turns", request.turns === null ? null : `${request.turns}`],
    ["outcome", outcomeText(request)],
    ["latency", latencyText(explanation)],
    ["held on purpose", request.heldSeconds > 0 ? seconds(request.heldSeconds) : null],
    ["preemptions", request.preemptions > 0 ? `${request.preemptions}` : null],
    [
      "answer",
      request.correct === null ? null : `${request.correct ? "right" : "wrong"} (simulated correctness)`,
    ],
    [
      "predicted accuracy",
      request.predictedAccuracy === null ? null : formatSignificant(request.predictedAccuracy),
    ],
    ["energy", withUnit(request.energyJoules, "J")],
    ["carbon", withUnit(request.carbonGrams, "g")],
    ["cost", withUnit(request.costUsd, "USD")],
    ["water", withUnit(request.waterLitres, "l")],
  ];
  const where = [
    pointText(run.point as Parameters<typeof pointText>[0]),
    `seed ${run.seed}`,
    run.start ?? "",
  ];
  return {
    title: `Request ${request.id} of ${run.requests} under ${run.router}`,
    caption: [experiment, ...where.filter((text) => text !== ""), `run ${run.key.slice(0, 12)}`].join(", "),
    columns: [
      { key: "fact", header: "fact" },
      { key: "value", header: "value" },
    ],
    rows: facts.flatMap(([fact, value]) => (value === null ? [] : [{ cells: { fact, value } }])),
    notes: [
      "Energy, carbon and cost are what the request is attributed of the replica's active work; tokens of an aborted batch are lost with it.",
      ...remarks.map((remark) => `Note: ${remark}.`),
    ],
  };
}

function outcomeText({
  status,
  reason,
  finishedSeconds,
  producedTokens,
  outputTokens,
  timeline,
}: WatchedRequest): string {
  if (status === "rejected") return `rejected: ${reason ?? ""}`;
  if (status === "unfinished")
    return `unfinished when the run was cut, ${producedTokens} of ${outputTokens} tokens`;
  const last = timeline.findLast(({ event }) => event === "finished");
  return `finished at ${seconds(finishedSeconds)}, ${last?.endpoint ?? ""}`;
}

function latencyText({ request, latency }: RequestExplanation): string | null {
  const { ttftSeconds, e2eSeconds, countedSeconds, objectiveSeconds, objectiveMet } = request;
  if (ttftSeconds === null) return null;
  const both = `ttft ${seconds(ttftSeconds)}, e2e ${seconds(e2eSeconds)}`;
  if (objectiveSeconds === null) return both;
  const counted =
    countedSeconds === (latency === "ttft" ? ttftSeconds : e2eSeconds)
      ? ""
      : `, counted ${seconds(countedSeconds)}`;
  return `${both}${counted}: the objective is ${objectiveMet ? "met" : "missed"}`;
}

function decisionsTable({ request }: RequestExplanation): Table {
  const some = (of: (decision: Decision) => unknown) =>
    request.decisions.some((decision) => of(decision) !== null);
  const decodes = some(({ decodeAt }) => decodeAt);
  return {
    title: "What the router decided about it",
    columns: [
      { key: "number", header: "", format: "integer" },
      { key: "at", header: "at", unit: "s", format: "fixed", digits: 4 },
      { key: "decision", header: "decision" },
      { key: "endpoint", header: "endpoint" },
      ...(decodes ? [{ key: "decodes", header: "decodes at" }] : []),
      { key: "reason", header: "reason" },
    ],
    rows: request.decisions.map(({ atSeconds, kind, endpoint, decodeAt, reason }, i) => ({
      cells: {
        number: i + 1,
        at: atSeconds,
        decision: kind,
        endpoint,
        ...(decodes ? { decodes: decodeAt } : {}),
        reason,
      },
    })),
    notes: some(({ reason }) => reason) ? [] : ["The router gives no reasons."],
  };
}

function scoresTable({ endpoints }: RequestExplanation, decision: Decision, number: number): Table {
  const scores = decision.scores ?? [];
  const all = endpoints
    .map((endpoint, i) => ({ ...endpoint, score: scores[i] ?? null }))
    .filter((endpoint): endpoint is typeof endpoint & { score: number } => endpoint.score !== null)
    .sort((a, b) => a.score - b.score);
  const chosen = all.findIndex(({ name }) => name === decision.endpoint);
  const from = Math.max(0, Math.min(all.length - MOST_SCORES, chosen - MOST_SCORES / 2));
  const shown = all.slice(from, from + MOST_SCORES);
  const without = endpoints.length - all.length;
  return {
    title: `Scores of decision ${number}`,
    caption: decision.reason ?? "",
    columns: [
      { key: "endpoint", header: "endpoint" },
      { key: "region", header: "region" },
      { key: "model", header: "model" },
      { key: "score", header: "score", digits: 5 },
      { key: "chosen", header: "" },
    ],
    rows: shown.map(({ name, region, model, score }): Row => {
      const isChosen = name === decision.endpoint;
      return {
        cells: { endpoint: name, region, model, score, chosen: isChosen ? "chosen" : "" },
        ...(isChosen ? { style: "marked" as const } : {}),
      };
    }),
    notes: [
      ...(without > 0
        ? [
            `${without === 1 ? "1 endpoint has" : `${without} endpoints have`} no score: down, refused, or not looked at.`,
          ]
        : []),
      ...(all.length > shown.length
        ? [`${all.length - shown.length} more scores are in --format json.`]
        : []),
    ],
  };
}

function timelineTable({ request }: RequestExplanation): Table {
  const arrival = request.arrivalSeconds ?? Number.NaN;
  const notes = request.timeline.some(({ note }) => note !== null);
  return {
    title: "What happened to it",
    columns: [
      { key: "at", header: "at", unit: "s", format: "fixed", digits: 4 },
      { key: "since", header: "since arrival", unit: "s", format: "fixed", digits: 4 },
      { key: "event", header: "event" },
      { key: "where", header: "where" },
      ...(notes ? [{ key: "note", header: "note" }] : []),
    ],
    rows: request.timeline.map(({ atSeconds, event, endpoint, replica, note }) => ({
      cells: {
        at: atSeconds,
        since: Number.isNaN(arrival) ? null : atSeconds - arrival,
        event,
        where: endpoint === null ? null : replica === null ? endpoint : `${endpoint}, replica ${replica}`,
        ...(notes ? { note } : {}),
      },
    })),
    notes: ["Times at the engine; the user waits for the network both ways on top."],
  };
}

function seconds(value: number | null): string {
  return value === null ? "–" : `${formatShort(value, 6)} s`;
}

function withUnit(value: number | null, unit: string): string | null {
  return value === null ? null : `${formatSignificant(value, 4)} ${unit}`;
}
