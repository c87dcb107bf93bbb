import type { Profile } from "../profile/schema.ts";

/** The profile of a host on which each step takes `factor` times as long. */
export function scaledProfile(profile: Profile, factor: number): Profile {
  const { decode, prefill, overhead } = profile;
  const scale = (ms: number) => factor * ms;
  return {
    ...profile,
    decode: { ...decode, iterationMs: decode.iterationMs.map((row) => row.map(scale)) },
    prefill: { ...prefill, latencyMs: prefill.latencyMs.map(scale) },
    overhead:
      overhead === null
        ? null
        : {
            ...overhead,
            baseMs: scale(overhead.baseMs),
            perSequenceMs: scale(overhead.perSequenceMs),
          },
  };
}
