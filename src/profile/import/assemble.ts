import { basename } from "node:path";
import { GPU_IDS, type GpuClass, type GpuId, gpuClass } from "../derive/gpus.ts";
import { PRECISIONS, type Precision } from "../derive/kernel-tables.ts";
import { kvBytesPerToken, type ModelShape, weightBytes } from "../derive/model-shape.ts";
import { rounded } from "../derive/rounded.ts";
import { kvCapacityByFormula } from "../physical-checks.ts";
import { type Provenance, weakestProvenance } from "../provenance.ts";
import { PROFILE_SCHEMA_ID, type Profile } from "../schema.ts";
import type { Made } from "./grid.ts";

/** The options of `canopy profile import`; each format says which it uses. */
export interface ImportOptions {
  readonly model?: string;
  readonly hardware?: string;
  readonly tensorParallel?: number;
  readonly engine?: string;
  /** The load that was served. */
  readonly task?: string;
  readonly precision?: Precision;
  readonly shape?: ModelShape;
  /** Watts of an idle GPU with the model loaded. */
  readonly idleWatts?: number;
}

/** What an importer found, before it is a profile. */
export interface Findings {
  readonly source: { readonly name: string; readonly licence: string };
  readonly files: readonly string[];
  readonly model: string;
  /** As the files say it; a GPU of which Canopy has the datasheet where `knownGpu` finds one. */
  readonly hardware: string;
  readonly gpu: GpuClass | undefined;
  readonly tensorParallel: number;
  readonly precision: string;
  readonly engine: string;
  readonly decode: Made<Profile["decode"]>;
  readonly prefill: Made<Profile["prefill"]>;
  readonly interpolated?: Profile["interpolated"];
  /** Watts of one GPU, or why there are none. */
  readonly power: ActivePower | string;
  /** Longest sequence in the files, in tokens. */
  readonly longestTokens: number;
  /** What the format lacks, besides idle power. */
  readonly lacks: readonly string[];
}

export interface ActivePower {
  readonly prefillWatts: number;
  readonly prefillProvenance: Provenance;
  readonly decode: readonly { readonly batch: number; readonly watts: number }[];
}

/** The GPU of Canopy's datasheets that a name of a file means: `a100-80gb`, `H100`. */
export function knownGpu(name: string): GpuClass | undefined {
  const word = name.toLowerCase();
  const id = GPU_IDS.find((each) => each === word) ?? (word === "h100" ? "h100-80gb" : undefined);
  return id === undefined ? undefined : gpuClass(id as GpuId);
}

/** The findings as a profile; what is not known is null, with its reason. */
export function assemble(found: Findings, { shape, idleWatts }: ImportOptions): Profile {
  const { gpu: known, tensorParallel, decode, prefill, source } = found;
  const noDatasheet = `no datasheet of ${found.hardware} at hand`;
  const gpu = {
    sku: known?.sku ?? found.hardware,
    count: tensorParallel,
    memoryBytes: known?.memoryBytes ?? null,
    ...(known === undefined ? { memoryBytesReason: noDatasheet } : {}),
    tdpWatts: known?.tdpWatts ?? null,
    ...(known === undefined ? { tdpWattsReason: noDatasheet } : {}),
  };
  const model = modelOf(found, shape);
  const kvCapacityTokens = kvCapacityByFormula({ gpu, model });
  const power = powerOf(found, idleWatts);
  const words = [decode.block.provenance, prefill.block.provenance, power.power?.provenance];
  const name = shape?.name ?? found.model.split("/").slice(-1)[0];
  const lacks = found.lacks.length === 0 ? [] : [`the files lack ${found.lacks.join("; ")}`];
  return {
    schema: PROFILE_SCHEMA_ID,
    id: idOf([known?.id ?? found.hardware, name, found.precision, `tp${tensorParallel}`]),
    provenance: weakestProvenance(words.filter((word) => word !== undefined)),
    gpu,
    model,
    precision: found.precision,
    tensorParallel,
    engine: {
      name: found.engine,
      version: null,
      versionReason: "not in the files",
      flags: null,
      flagsReason: "not in the files",
      backend: "server",
      gemm: null,
      gemmReason: "not in the files",
    },
    maxModelTokens: shape?.maxTokens ?? found.longestTokens,
    kvCapacityTokens: kvCapacityTokens === 0 ? null : kvCapacityTokens,
    ...(kvCapacityTokens === null
      ? { kvCapacityTokensReason: "not in the files, and model shape, precision or datasheet do not tell it" }
      : kvCapacityTokens === 0
        ? { kvCapacityTokensReason: "the model does not fit by the usual formula, though it was measured" }
        : {}),
    maxBatch: decode.block.batch[decode.block.batch.length - 1],
    decode: decode.block,
    prefill: prefill.block,
    mixed: { rule: "add" },
    overhead: null,
    overheadReason: "the files do not tell the engine's share of a step",
    ...power,
    ...(found.interpolated === undefined ? {} : { interpolated: found.interpolated }),
    sources: found.files.map((path) => ({
      block: "all",
      source: source.name,
      // Folders are those of the machine that imports.
      path: basename(path),
      commit: null,
      licence: source.licence,
      date: null,
      host: null,
      driver: null,
      script: "canopy profile import",
    })),
    notes: [`imported from ${source.name}`, ...decode.notes, ...prefill.notes, ...lacks].join("; "),
  };
}

function modelOf(found: Findings, shape: ModelShape | undefined): Profile["model"] {
  const weightsReason = "the files do not say which weights were loaded";
  if (shape === undefined) {
    const reason = "not in the files: a model shape tells it";
    return {
      name: found.model,
      layers: null,
      layersReason: reason,
      kvBytesPerToken: null,
      kvBytesPerTokenReason: reason,
      weightBytes: null,
      weightBytesReason: reason,
      weights: null,
      weightsReason,
    };
  }
  const bytes = PRECISIONS[found.precision as Precision]?.bytes;
  return {
    name: shape.name,
    layers: shape.layers,
    kvBytesPerToken: kvBytesPerToken(shape, found.tensorParallel),
    ...(bytes === undefined
      ? { weightBytes: null, weightBytesReason: `the bytes of a weight in ${found.precision} are not known` }
      : { weightBytes: Math.round(weightBytes(shape, bytes)) }),
    weights: null,
    weightsReason,
  };
}

function powerOf({ power }: Findings, idleWatts: number | undefined): Pick<Profile, "power" | "powerReason"> {
  if (typeof power === "string") return { power: null, powerReason: power };
  if (idleWatts === undefined) {
    return {
      power: null,
      powerReason: "the files have watts under load but none of an idle GPU: give --idle-watts",
    };
  }
  return {
    power: {
      // Idle watts are the user's own statement.
      provenance: "modelled",
      idleUnloadedWattsPerGpu: null,
      idleUnloadedWattsPerGpuReason: "not in the files",
      idleLoadedWattsPerGpu: idleWatts,
      idleLoadedProvenance: "modelled",
      prefillWattsPerGpu: rounded(power.prefillWatts, 1),
      prefillProvenance: power.prefillProvenance,
      decode: power.decode.map(({ batch, watts }) => ({
        batch,
        wattsPerGpu: rounded(watts, 1),
        provenance: "published",
      })),
    },
  };
}

function idOf(parts: readonly string[]): string {
  return parts
    .join(".")
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[^a-z0-9]+/, "");
}
