import { checkProfile } from "./checks.ts";
import type { Finding } from "./finding.ts";
import { kvCapacityByFormula } from "./physical-checks.ts";
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

/** Columns by name, cells as text or numbers; null where the file holds no value. */
export interface PlainTable {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number | null)[])[];
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

/** What `canopy profile show` prints: facts, the two grids, power, sources. Times in ms, power per GPU. */
export function describeProfile(profile: Profile): PlainTable[] {
  return [
    facts(profile),
    decodeTable(profile),
    prefillTable(profile),
    ...powerTable(profile),
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
  const { gpu, model, engine, decode } = profile;
  const cells = decode.extrapolated?.flat() ?? [];
  const outside = cells.filter(Boolean).length;
  const row = profileRow(profile);
  const gigabytes = (bytes: number | null | undefined) => (bytes == null ? null : bytes / 1e9);
  return {
    title: "profile",
    columns: ["field", "value"],
    rows: [
      ["id", profile.id],
      ["provenance", profile.provenance],
      ["GPU", row.gpu],
      ["memory per GPU (GB)", gigabytes(gpu?.memoryBytes)],
      ["TDP per GPU (W)", gpu?.tdpWatts ?? null],
      ["model", `${model.name} ${profile.precision}, tensor parallel ${profile.tensorParallel}`],
      ["weights (GB)", gigabytes(model.weightBytes)],
      ["weights loaded", model.weights ?? `none: ${model.weightsReason ?? "not stated"}`],
      ["engine", `${engine.name} ${engine.version ?? ""} (${engine.backend})`],
      ["longest sequence (tokens)", profile.maxModelTokens],
      ["KV cache (tokens)", profile.kvCapacityTokens],
      ["KV cache by formula (tokens)", kvCapacityByFormula(profile)],
      ["mixed steps", profile.mixed.rule],
      [
        "decode cells outside the measured tables",
        `${outside} of ${decode.batch.length * decode.contextTokens.length}`,
      ],
      ["findings", checkProfile(profile).length],
      ...(profile.measuredAt === undefined ? [] : [["measured at", profile.measuredAt]]),
      ...(profile.notes === undefined ? [] : [["notes", profile.notes]]),
    ],
  };
}

/** A cell outside the measured tables is text with a trailing `e`. */
function decodeTable({ decode }: Profile): PlainTable {
  return {
    title: "decode step (ms) by batch and mean context",
    columns: ["batch", ...decode.contextTokens.map(String)],
    rows: decode.batch.map((batch, b) => [
      batch,
      ...decode.iterationMs[b].map((ms, c) => (decode.extrapolated?.[b][c] === true ? `${ms} e` : ms)),
    ]),
  };
}

function prefillTable({ prefill }: Profile): PlainTable {
  return {
    title: "prefill (ms) by prompt tokens",
    columns: ["prompt tokens", "ms"],
    rows: prefill.promptTokens.map((tokens, i) => {
      const ms = prefill.latencyMs[i];
      return [tokens, prefill.extrapolated?.[i] === true ? `${ms} e` : ms];
    }),
  };
}

function powerTable(profile: Profile): PlainTable[] {
  const { power } = profile;
  const title = "power (W per GPU)";
  const columns = ["phase", "W", "provenance"];
  if (power === null) {
    return [{ title, columns, rows: [["none", null, profile.powerReason ?? "no reason given"]] }];
  }
  const block = power.provenance ?? profile.provenance;
  return [
    {
      title,
      columns,
      rows: [
        ["idle, unloaded", power.idleUnloadedWattsPerGpu, power.idleUnloadedProvenance ?? block],
        ["idle, loaded", power.idleLoadedWattsPerGpu, power.idleLoadedProvenance ?? block],
        ["prefill", power.prefillWattsPerGpu, power.prefillProvenance ?? block],
        ...power.decode.map(({ batch, wattsPerGpu, provenance }) => [
          `decode, batch ${batch}`,
          wattsPerGpu,
          provenance ?? block,
        ]),
      ],
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
