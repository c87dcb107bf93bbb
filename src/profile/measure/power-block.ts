import { mean } from "../../numeric/statistics.ts";
import type { Profile } from "../schema.ts";
import { bandwidthUtilisation, computeUtilisation } from "./ceilings.ts";
import type { Cells, Grids } from "./grids.ts";
import { modelledWatts } from "./power-model.ts";
import type { HeaderRecord, IdleRecord, MeasureRecords, PowerModel } from "./records.ts";
import type { PointSummary } from "./summary.ts";
import { energyOfWindow, joulesOf, type WindowEnergy } from "./window-energy.ts";

type PowerBlock = NonNullable<Profile["power"]>;

/** Mean watts without load; null where no meter told. */
export function idleWatts(
  idle: readonly IdleRecord[],
  phases: readonly IdleRecord["phase"][],
): number | null {
  const watts = idle.flatMap((record) => {
    const joules = phases.includes(record.phase) ? joulesOf(energyOf(record)) : null;
    return joules === null ? [] : [joules / (record.toSeconds - record.fromSeconds)];
  });
  return watts.length === 0 ? null : mean(watts);
}

function energyOf({ power, fromSeconds, toSeconds }: IdleRecord): WindowEnergy | null {
  return power === null ? null : energyOfWindow(power, fromSeconds, toSeconds);
}

export const LOADED = ["before", "after"] as const;

/** The block of a profile, or null with the reason. A replica is one GPU or one host here, so watts need no sharing. */
export function powerOf(
  { header, idle }: MeasureRecords,
  points: readonly PointSummary[],
  grids: Grids,
  cells: Cells,
): Pick<Profile, "power" | "powerReason"> {
  const model = header.settings.powerModel;
  if (model !== null) return modelledPower(header, model, grids);
  if (header.powerReason !== null) return { power: null, powerReason: header.powerReason };
  const missing = (what: string) => ({
    power: null,
    powerReason: `the meters told no energy of ${what}: windows are too short for them, or they failed`,
  });
  const idleLoaded = idleWatts(idle, LOADED);
  if (idleLoaded === null) return missing("the idle host");
  const prefill = grids.prefill.promptTokens
    .map((tokens) => wattsOf(cells.prefill(tokens)?.from))
    .filter((watts) => watts !== null)
    .at(-1);
  if (prefill === undefined) return missing("prefill");
  const extrapolated = header.settings.layers.length > 1;
  const decode = grids.decode.batch.flatMap((batch) => {
    const watts = grids.decode.contextTokens
      .map((context) => wattsOf(cells.decode(batch, context)?.from))
      .filter((value) => value !== null);
    return watts.length === 0 ? [] : [{ batch, wattsPerGpu: mean(watts) }];
  });
  if (decode.length === 0) return missing("decoding");
  const energies = points.flatMap(({ energy }) => (energy === null ? [] : [energy]));
  const counted = energies.every(({ countedWatts }) => countedWatts !== null);
  const integrated = energies.every(({ integratedWatts }) => integratedWatts !== null);
  const unloaded = idleWatts(idle, ["unloaded"]);
  return {
    power: {
      provenance: extrapolated ? "extrapolated" : "measured",
      ...unloadedOf(unloaded, "the meters told no energy of it"),
      idleLoadedWattsPerGpu: idleLoaded,
      prefillWattsPerGpu: prefill,
      decode,
      energyMethod: counted ? (integrated ? "both" : "counter") : "integrated",
      ...(header.settings.lockedClockMHz === null ? {} : { clockMHz: header.settings.lockedClockMHz }),
      ...(header.host.powerLimitWatts === null ? {} : { capWatts: header.host.powerLimitWatts }),
    },
  };
}

/** Watts of the deepest model that was run. */
function wattsOf(from: readonly PointSummary[] | undefined): number | null {
  const energy = from?.at(-1)?.energy ?? null;
  return energy === null ? null : energy.joules / energy.seconds;
}

function unloadedOf(
  watts: number | null,
  reason: string,
): Pick<PowerBlock, "idleUnloadedWattsPerGpu" | "idleUnloadedWattsPerGpuReason"> {
  return watts === null
    ? { idleUnloadedWattsPerGpu: null, idleUnloadedWattsPerGpuReason: reason }
    : { idleUnloadedWattsPerGpu: watts };
}

/** By the user's formula; utilisation is the larger of the shares of bandwidth and of FLOP/s. */
function modelledPower(
  { model, peaks }: HeaderRecord,
  powerModel: PowerModel,
  { decode, prefill }: Grids,
): Pick<Profile, "power" | "powerReason"> {
  const watts = (tokens: number, sampled: number, contextTokens: number, ms: number): number | null => {
    const work = { tokens, sampled, contextTokens };
    const shares = [bandwidthUtilisation, computeUtilisation].map((of) => of(model, work, ms / 1e3, peaks));
    if (shares.some((share) => share === null)) return null;
    return modelledWatts(powerModel, Math.max(...(shares as number[])));
  };
  const longest = prefill.promptTokens.length - 1;
  const prefillWatts = watts(prefill.promptTokens[longest], 1, 0, prefill.latencyMs[longest]);
  const points = decode.batch.map((batch, i) => {
    const values = decode.contextTokens.map((context, j) =>
      watts(batch, batch, batch * context, decode.iterationMs[i][j]),
    );
    return { batch, watts: values.some((value) => value === null) ? null : mean(values as number[]) };
  });
  if (prefillWatts === null || points.some((point) => point.watts === null)) {
    return {
      power: null,
      powerReason: `--power-model needs peak bandwidth and FLOP/s, and there is ${peaks.source}`,
    };
  }
  return {
    power: {
      provenance: "modelled",
      ...unloadedOf(null, "the formula has one idle power"),
      idleLoadedWattsPerGpu: powerModel.idleWatts,
      prefillWattsPerGpu: prefillWatts,
      decode: points.map(({ batch, watts: value }) => ({ batch, wattsPerGpu: value ?? 0 })),
    },
  };
}
