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
