/**
 * Cuts that put the values of a feature into at most `maxBins` bins of about equally many rows. Bin i holds the values
 * above cut i - 1 and not above cut i. With at most `maxBins` different values each has a bin of its own, and the
 * cuts lie half way between neighbours. Missing values (NaN, -Infinity) have bin 0 for themselves: the cut above it
 * is -Infinity.
 *
 * Which rows share a bin depends on the order of the values alone, so a strictly increasing function of the feature
 * changes no bin.
 *
 * @returns cuts in ascending order; none for a feature with one value
 */
export function quantileCuts(values: Float64Array, maxBins: number): Float64Array {
  const sorted = sortedWithoutMissing(values);
  const missing = sorted.length < values.length;
  const cuts: number[] = missing && sorted.length > 0 ? [Number.NEGATIVE_INFINITY] : [];
  if (sorted.length === 0) return Float64Array.from(cuts);
  const room = maxBins - cuts.length;
  const different = countDifferent(sorted, room);
  let rowsInBin = 0;
  let rowsLeft = sorted.length;
  let binsLeft = room;
  for (let i = 0; i < sorted.length; ) {
    let end = i + 1;
    while (end < sorted.length && sorted[end] === sorted[i]) end++;
    const rows = end - i;
    // A bin ends before the value that would carry it further beyond its fair share than it is short of it.
    const share = rowsLeft / binsLeft;
    const ends = different <= room || rowsInBin + rows - share > share - rowsInBin;
    if (rowsInBin > 0 && binsLeft > 1 && ends) {
      cuts.push(halfWay(sorted[i - 1], sorted[i]));
      rowsLeft -= rowsInBin;
      binsLeft--;
      rowsInBin = 0;
    }
    rowsInBin += rows;
    i = end;
  }
  return Float64Array.from(cuts);
}

/** Number of cuts below the value: its bin. A missing value is below every cut. */
export function binOf(value: number, cuts: Float64Array): number {
  let low = 0;
  let high = cuts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value > cuts[middle]) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Different values, counted no further than `enough` + 1. */
function countDifferent(sorted: Float64Array, enough: number): number {
  let count = 1;
  for (let i = 1; i < sorted.length && count <= enough; i++) if (sorted[i] !== sorted[i - 1]) count++;
  return count;
}

/** The middle, or `low` where rounding would put it at `high`: `low` must not be above a cut and `high` must be. */
function halfWay(low: number, high: number): number {
  const middle = low + (high - low) / 2;
  return middle < high && middle >= low ? middle : low;
}

/** The values in ascending order, without those that count as missing. */
function sortedWithoutMissing(values: Float64Array): Float64Array {
  const kept = new Float64Array(values.length);
  let count = 0;
  for (let i = 0; i < values.length; i++) if (values[i] > Number.NEGATIVE_INFINITY) kept[count++] = values[i];
  return kept.subarray(0, count).sort();
}
