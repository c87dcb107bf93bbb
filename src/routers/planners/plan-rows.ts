/** Genomes and plans: rows of numbers in [0, 1], and rows on the simplex. */

/** Every row of `genome` over its sum; a row of zeros becomes even. */
export function planOfGenome(genome: Float64Array, sites: number): Float64Array {
  const plan = new Float64Array(genome.length);
  for (let from = 0; from < genome.length; from += sites) {
    let sum = 0;
    for (let d = 0; d < sites; d++) sum += genome[from + d];
    for (let d = 0; d < sites; d++) plan[from + d] = sum > 0 ? genome[from + d] / sum : 1 / sites;
  }
  return plan;
}

/** Moves a share, as far as there is so much, from one place of a plan to another of the same row. */
export function moveBetween(plan: Float64Array, from: number, to: number, share: number): void {
  const part = Math.min(share, plan[from]);
  plan[from] -= part;
  plan[to] += part;
}
