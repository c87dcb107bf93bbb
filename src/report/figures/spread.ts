/**
 * Places for labels on a line: in the order of `wanted`, at least `gap` apart, inside [low, high] while they
 * fit, with the least sum of squared displacements (isotonic regression by pooling adjacent violators).
 *
 * @returns the places in the order of the input; where n labels do not fit, they start at `low`
 */
export function spreadPositions(wanted: readonly number[], gap: number, low: number, high: number): number[] {
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a] - wanted[b] || a - b);
  const pools: { sum: number; count: number }[] = [];
  order.forEach((index, rank) => {
    pools.push({ sum: wanted[index] - rank * gap, count: 1 });
    for (;;) {
      const last = pools.at(-1);
      const before = pools.at(-2);
      if (last === undefined || before === undefined || before.sum / before.count <= last.sum / last.count)
        break;
      pools.splice(-2, 2, { sum: before.sum + last.sum, count: before.count + last.count });
    }
  });
  const top = Math.max(low, high - (wanted.length - 1) * gap);
  const places = new Array<number>(wanted.length);
  let rank = 0;
  for (const { sum, count } of pools) {
    const base = Math.min(top, Math.max(low, sum / count));
    for (let i = 0; i < count; i++, rank++) places[order[rank]] = base + rank * gap;
  }
  return places;
}
