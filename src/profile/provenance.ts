/** Where a number comes from, strongest first. A whole is as strong as its weakest part. */
export const PROVENANCES = [
  "measured",
  "published",
  "derived",
  "extrapolated",
  "modelled",
  "synthetic",
] as const;

/**
 * - `measured`: by Canopy on the host and configuration named in the file
 * - `published`: measured end to end by others, read in the cited public file
 * - `derived`: composed or interpolated from measured pieces
 * - `extrapolated`: beyond the measured range of the same thing
 * - `modelled`: a formula
 * - `synthetic`: invented, for tests
 */
export type Provenance = (typeof PROVENANCES)[number];

/** The weakest of `words`; `measured` when there is none. */
export function weakestProvenance(words: Iterable<Provenance>): Provenance {
  let rank = 0;
  for (const word of words) rank = Math.max(rank, PROVENANCES.indexOf(word));
  return PROVENANCES[rank];
}
