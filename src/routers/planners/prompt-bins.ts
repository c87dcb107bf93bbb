import { normalCdf, normalQuantile } from "../../numeric/special.ts";

/**
 * Mean prompt of each of `bins` equally likely ranges of length, in units of the mean of all: log-normal lengths.
 *
 * @param scv squared coefficient of variation of the lengths
 */
export function promptBinMeans(bins: number, scv: number): Float64Array {
  const sigma = Math.sqrt(Math.log1p(scv));
  // E[X; X < x] / E[X] is the normal distribution function at z - sigma.
  const below = (i: number) => {
    if (i === 0) return 0;
    return i === bins ? 1 : normalCdf(normalQuantile(i / bins) - sigma);
  };
  return Float64Array.from({ length: bins }, (_, i) => bins * (below(i + 1) - below(i)));
}
