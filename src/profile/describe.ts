import { checkProfile } from "./checks.ts";
import type { Finding } from "./finding.ts";
import { kvCapacityByFormula } from "./physical-checks.ts";
import type { PlainCell, PlainTable } from "./plain-table.ts";
import { PROVENANCES, type Provenance } from "./provenance.ts";
import type { Profile } from "./schema.ts";

/** One line of `canopy profiles`. */
export interface ProfileRow {
  readonly id: string;
  /** e.g. `2 x A100-SXM4-80GB`, or `CPU`. */
  readonly gpu: string;
  readonly model: string;
  readonly precision: string;
  readonly tensorParallel: number;
  readonly kvCapacityTokens: number | null;
  readonly maxModelTokens: number;
  readonly provenance: Provenance;
  /** Provenance words of the blocks; several where points differ, strongest first. */
  readonly decode: string;
  readonly prefill: string;
  readonly idleWatts: string;
  readonly prefillWatts: string;
  readonly decodeWatts: string;
}

export function profileRow(profile: Profile): ProfileRow {
  const { power, provenance } = profile;
  const words = (stated: readonly (Provenance | undefined)[]) => {
    if (power === null) return "none";
    const given = new Set(stated.map((word) => word ?? power.provenance ?? provenance));
    return PROVENANCES.filter((word) => given.has(word)).join(", ");
  };
  return {
    id: profile.id,
    gpu: profile.gpu === null ? "CPU" : `${profile.gpu.count} x ${profile.gpu.sku}`,
    model: profile.model.name,
    precision: profile.precision,
    tensorParallel: profile.tensorParallel,
    kvCapacityTokens: profile.kvCapacityTokens,
    maxModelTokens: profile.maxModelTokens,
    provenance,
    decode: profile.decode.provenance ?? provenance,
    prefill: profile.prefill.provenance ?? provenance,
    idleWatts: words([power?.idleUnloadedProvenance, power?.idleLoadedProvenance]),
    prefillWatts: words([power?.prefillProvenance]),
    decodeWatts: words(power?.decode.map((point) => point.provenance) ?? []),
  };
}

/** What `canopy profile show` prints: facts, the two grids, power, measured points, sources. Times in ms, power per GPU. */
export function describeProfile(profile: Profile): PlainTable[] {
  return [
    facts(profile),
    decodeTable(profile),
    prefillTable(profile),
    powerTable(profile),
    ...pointsTable(profile),
    ...kernelsTable(profile),
    sources(profile),
  ];
}

/** What `canopy profile check` prints. */
export function findingTable(findings: readonly Finding[]): PlainTable {
  return {
    title: "findings",
    columns: ["level", "code", "path", "message"],
    rows: findings.map(({ level, code, path, message }) => [level, code, path, message]),
  };
}

function facts(profile: Profile): PlainTable {
  const { gpu, model, engine, decode, overhead, noise, host, protocol } = profile;
  const cells = decode.extrapolated?.flat() ?? [];
  const outside = cells.filter(Boolean).length;
  const gigabytes = (bytes: number | null | undefined) => (bytes == null ? null : short(bytes / 1e9));
  const given = (name: string, value: string | number | null | undefined) =>
    value == null ? [] : [[name, String(value)]];
  const byFormula = kvCapacityByFormula(profile);
  return {
    title: "profile",
    columns: ["field", "value"],
    rows: [
      ["id", profile.id],
      ["provenance", profile.provenance],
      ["GPU", profileRow(profile).gpu],
      ...given("memory per GPU (GB)", gigabytes(gpu?.memoryBytes)),
      ...given("TDP per GPU (W)", gpu?.tdpWatts),
      ["model", `${model.name} ${profile.precision}, tensor parallel ${profile.tensorParallel}`],
      ["weights (GB)", gigabytes(model.weightBytes)],
      ["weights loaded", model.weights ?? `not known: ${model.weightsReason ?? "no reason given"}`],
      ["engine", `${engine.name} ${engine.version ?? ""}`.trim()],
      ["backend", engine.backend],
      ...given("engine's flags", engine.flags),
      ...given("products by", engine.gemm),
      ["longest sequence (tokens)", String(profile.maxModelTokens)],
      ["largest batch", String(profile.maxBatch)],
      [
        "KV cache (tokens)",
        profile.kvCapacityTokens === null
          ? `not known: ${profile.kvCapacityTokensReason ?? "no reason given"}`
          : String(profile.kvCapacityTokens),
      ],
      ...given("KV cache by formula (tokens)", byFormula),
      ["mixed steps", profile.mixed.rule],
      [
        "overhead inside a step",
        overhead === null
          ? `not known: ${profile.overheadReason ?? "no reason given"}`
          : `${short(overhead.baseMs)} ms + ${short(overhead.perSequenceMs)} ms a sequence`,
      ],
      ...given("steps' p99 over their mean", noise?.p99Ratio === undefined ? null : short(noise.p99Ratio)),
      [
        "decode cells outside the measured tables",
        `${outside} of ${decode.batch.length * decode.contextTokens.length}`,
      ],
      ["findings", String(checkProfile(profile).length)],
      ...given("measured at", profile.measuredAt),
      ...given("processor", host?.cpuModel),
      ...given("driver", host?.driver),
      ...given(
        "protocol",
        protocol === undefined
          ? undefined
          : `${protocol.preset}, ${protocol.trials} x ${protocol.windowSeconds} s, clocks ${protocol.clockMode}`,
      ),
      ...given("raw records", profile.raw),
    ],
    notes: profile.notes === undefined ? [] : [profile.notes],
  };
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}

const OUTSIDE = { mark: "ᵉ", note: "ᵉ outside the measured tables" };

function timeCell(ms: number, isOutside: boolean | undefined): PlainCell {
  return isOutside === true ? { value: ms, mark: OUTSIDE.mark } : ms;
}

function decodeTable({ decode }: Profile): PlainTable {
  return {
    title: "decode step (ms) by batch and mean context",
    columns: ["batch", ...decode.contextTokens.map(String)],
    whole: ["batch"],
    rows: decode.batch.map((batch, b) => [
      batch,
      ...decode.iterationMs[b].map((ms, c) => timeCell(ms, decode.extrapolated?.[b][c])),
    ]),
    notes: decode.extrapolated?.flat().includes(true) ? [OUTSIDE.note] : [],
  };
}

function prefillTable({ prefill }: Profile): PlainTable {
  return {
    title: "prefill (ms) by prompt tokens",
    columns: ["prompt tokens", "ms"],
    whole: ["prompt tokens"],
    rows: prefill.promptTokens.map((tokens, i) => [
      tokens,
      timeCell(prefill.latencyMs[i], prefill.extrapolated?.[i]),
    ]),
    notes: prefill.extrapolated?.includes(true) ? [OUTSIDE.note] : [],
  };
}

function powerTable(profile: Profile): PlainTable {
  const { power } = profile;
  const title = "power (W per GPU)";
  const columns = ["phase", "W", "provenance"];
  if (power === null) {
    return { title, columns, rows: [["none", null, profile.powerReason ?? "no reason given"]] };
  }
  const block = power.provenance ?? profile.provenance;
  return {
    title,
    columns,
    rows: [
      power.idleUnloadedWattsPerGpu === null
        ? ["idle, unloaded", null, power.idleUnloadedWattsPerGpuReason ?? "no reason given"]
        : ["idle, unloaded", power.idleUnloadedWattsPerGpu, power.idleUnloadedProvenance ?? block],
      ["idle, loaded", power.idleLoadedWattsPerGpu, power.idleLoadedProvenance ?? block],
      ["prefill", power.prefillWattsPerGpu, power.prefillProvenance ?? block],
      ...power.decode.map(({ batch, wattsPerGpu, provenance }) => [
        `decode, batch ${batch}`,
        wattsPerGpu,
        provenance ?? block,
      ]),
    ],
  };
}

/** What was measured, before any fit. */
function pointsTable({ points = [], power }: Profile): PlainTable[] {
  if (points.length === 0) return [];
  const watts = power === null ? [] : ["W", "J/token"];
  return [
    {
      title: "measured points",
      columns: [
        "batch",
        "prompt",
        "context",
        "ms",
        "low",
        "high",
        "p99",
        "tokens/s",
        ...watts,
        "MBU",
        "MFU",
        "trials",
        "marks",
      ],
      whole: ["batch", "prompt", "context", "trials"],
      rows: points.map((point) => [
        point.batch,
        point.promptTokens,
        point.contextTokens,
        point.stepMs?.mean ?? point.ttftMs,
        point.stepMs?.ciLow ?? null,
        point.stepMs?.ciHigh ?? null,
        point.stepMs?.p99 ?? null,
        point.decodeTokensPerSecond ?? point.prefillTokensPerSecond,
        ...(power === null ? [] : [point.wattsPerGpu, point.joulesPerToken]),
        point.mbu,
        point.mfu,
        point.trials,
        [
          ...(point.layers === undefined ? [] : [`${point.layers} layers`]),
          ...(point.provenance === "measured" ? [] : [point.provenance]),
          ...(point.contaminated ? ["others' work"] : []),
          ...(point.throttledWindows === 0 ? [] : [`${point.throttledWindows} throttled`]),
        ].join(", "),
      ]),
      notes: [
        "low, high: 95 % interval of the mean over trials; MBU, MFU: shares of peak bandwidth and arithmetic",
      ],
    },
  ];
}

function kernelsTable({ interpolated = [] }: Profile): PlainTable[] {
  if (interpolated.length === 0) return [];
  return [
    {
      title: "kernels that are not in the measured tables as such",
      columns: ["kernel", "shape", "status", "how"],
      rows: interpolated.map(({ kernel, shape, status, how }) => [kernel, shape, status, how]),
    },
  ];
}

function sources(profile: Profile): PlainTable {
  return {
    title: "sources",
    columns: ["block", "source", "path", "commit", "licence", "date"],
    rows: profile.sources.map(({ block, source, path, commit, licence, date }) => [
      block,
      source,
      path,
      commit,
      licence,
      date,
    ]),
  };
}
