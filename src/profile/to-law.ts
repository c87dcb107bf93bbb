import { UserError } from "../errors.ts";
import { Law, type LawInput } from "./law.ts";
import type { AffineLaw, InlinePower, InlineProfile, Profile } from "./schema.ts";

export interface LawOptions {
  /** Overrides the profile's rule for steps that hold prompt and decode tokens. */
  readonly mixedRule?: "add" | "max" | undefined;
  /** Multiplies the prefill time above the overhead (a calibration of the GPU's part; default 1). */
  readonly prefillFactor?: number | undefined;
  /** Power of the whole replica in place of the profile's. */
  readonly power?: LawInput["power"] | undefined;
}

/**
 * The evaluated law of a profile: seconds, and watts of the whole replica (power per GPU x `gpu.count`; a CPU
 * profile counts as one).
 *
 * Under the `add` rule a mixed step takes decode + prefill - overhead. The overhead counted twice, and so
 * subtracted, is that of the lone prefill: `baseMs + perSequenceMs`, one sequence. With `overhead: null`
 * nothing is subtracted. Where the unloaded idle power is null, the loaded one, its upper bound, stands in.
 *
 * @param maxSequences cap on running requests; batches beyond the grid continue its last slope, marked outside
 * @throws UserError CANOPY_PROFILE_LAW when a step would take no time
 */
export function lawOf(profile: Profile | InlineProfile, maxSequences: number, options: LawOptions = {}): Law {
  if ("law" in profile) return lawFromAffine(profile.law, maxSequences, profile.power, options);
  const { decode, prefill, overhead } = profile;
  const factor = checkedFactor(options.prefillFactor);
  const overheadMs = overhead === null ? 0 : overhead.baseMs + overhead.perSequenceMs;
  return build(
    {
      decode: {
        batch: decode.batch,
        contextTokens: decode.contextTokens,
        seconds: decode.iterationMs.map((row) => row.map((ms) => ms / 1000)),
        ...(decode.extrapolated === undefined ? {} : { outside: decode.extrapolated }),
      },
      prefill: {
        tokens: prefill.promptTokens,
        seconds: prefill.latencyMs.map((ms) => (ms + (factor - 1) * (ms - overheadMs)) / 1000),
        ...(prefill.extrapolated === undefined ? {} : { outside: prefill.extrapolated }),
      },
      overheadSeconds: overheadMs / 1000,
      mixedRule: options.mixedRule ?? profile.mixed.rule,
      power: options.power ?? replicaPower(profile),
    },
    maxSequences,
    profile.id,
  );
}

/**
 * The law seconds(P, D, K) = (baseMs + perPrefillTokenMs P + perDecodeSequenceMs D + perContextTokenMs K) / 1000
 * for P prompt tokens, D decoding sequences and K context tokens in all; the base counts once in a mixed step.
 *
 * @param power watts of the whole replica; without it the law has no power
 * @throws UserError CANOPY_PROFILE_LAW when a step would take no time
 */
export function lawFromAffine(
  law: AffineLaw,
  maxSequences: number,
  power?: InlinePower,
  options: LawOptions = {},
): Law {
  const factor = checkedFactor(options.prefillFactor);
  return build(
    {
      decode: {
        baseSeconds: law.baseMs / 1000,
        perSequenceSeconds: law.perDecodeSequenceMs / 1000,
        perContextTokenSeconds: law.perContextTokenMs / 1000,
      },
      prefill: {
        baseSeconds: law.baseMs / 1000,
        perTokenSeconds: (law.perPrefillTokenMs * factor) / 1000,
      },
      overheadSeconds: law.baseMs / 1000,
      mixedRule: options.mixedRule ?? "add",
      power:
        options.power ??
        (power === undefined
          ? null
          : {
              idleWatts: power.idleWatts,
              idleUnloadedWatts: power.idleUnloadedWatts ?? power.idleWatts,
              prefillWatts: power.prefillWatts,
              decode: {
                batch: power.decode.map((point) => point.batch),
                watts: power.decode.map((point) => point.watts),
              },
            }),
    },
    maxSequences,
    "profile.law",
  );
}

/** Power of the whole replica in watts, or null. */
function replicaPower(profile: Profile): LawInput["power"] {
  const power = profile.power;
  if (power === null) return null;
  const count = profile.gpu?.count ?? 1;
  return {
    idleWatts: power.idleLoadedWattsPerGpu * count,
    idleUnloadedWatts: (power.idleUnloadedWattsPerGpu ?? power.idleLoadedWattsPerGpu) * count,
    prefillWatts: power.prefillWattsPerGpu * count,
    decode: {
      batch: power.decode.map((point) => point.batch),
      watts: power.decode.map((point) => point.wattsPerGpu * count),
    },
  };
}

function checkedFactor(factor = 1): number {
  if (factor > 0 && Number.isFinite(factor)) return factor;
  throw new UserError("CANOPY_PROFILE_LAW", `prefillFactor is ${factor}: expected a number above 0`);
}

function build(input: LawInput, maxSequences: number, where: string): Law {
  try {
    return new Law(input, maxSequences);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UserError("CANOPY_PROFILE_LAW", `${where}: ${error.message}`, { cause: error });
  }
}
