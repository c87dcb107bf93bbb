/**
 * Divides the nodes of a site among the models: a node serves one model. Every type that several models can use is
 * split in one ratio, chosen so that all models run out at the same load when requests come in the given mix; where
 * only some of them fit a type, it goes to those.
 *
 * @param counts nodes by type
 * @param rates requests a second of a node, index model * types + type; 0 where the model does not fit
 * @param mix shares of requests by model
 * @param out receives whole nodes, index model * types + type
 */
export function partitionNodes(
  counts: readonly number[],
  rates: Float64Array,
  mix: readonly number[],
  out: Float64Array,
): void {
  const types = counts.length;
  const models = mix.length;
  const weights = new Float64Array(models).fill(1);
  const capacity = new Float64Array(models);
  // Each round raises the weight of the model that is shortest of capacity; the fixed point has equal loads.
  for (let round = 0; round < ROUNDS; round++) {
    capacity.fill(0);
    for (let v = 0; v < models; v++) {
      for (let k = 0; k < types; k++) {
        capacity[v] += counts[k] * share(weights, rates, v, k, types) * rates[v * types + k];
      }
    }
    // The root keeps two models that alone can use a type from passing each other back and forth.
    for (let v = 0; v < models; v++) weights[v] *= Math.sqrt(mix[v] / capacity[v]);
    const norm = weights.reduce((sum, weight) => sum + weight, 0);
    for (let v = 0; v < models; v++) weights[v] /= norm;
  }
  for (let k = 0; k < types; k++) {
    const exact = Array.from({ length: models }, (_, v) => counts[k] * share(weights, rates, v, k, types));
    const whole = largestRemainders(exact);
    for (let v = 0; v < models; v++) out[v * types + k] = whole[v];
  }
  giveEachOne(counts, rates, models, out);
}

const ROUNDS = 100;

function share(weights: Float64Array, rates: Float64Array, v: number, k: number, types: number): number {
  if (rates[v * types + k] === 0) return 0;
  let sum = 0;
  for (let u = 0; u < weights.length; u++) if (rates[u * types + k] > 0) sum += weights[u];
  return weights[v] / sum;
}

/** Whole numbers with the same sum, the largest remainders rounded up. */
function largestRemainders(exact: readonly number[]): number[] {
  const whole = exact.map(Math.floor);
  const total = Math.round(exact.reduce((sum, value) => sum + value, 0));
  const order = [...exact.keys()].sort((a, b) => exact[b] - whole[b] - (exact[a] - whole[a]));
  let left = total - whole.reduce((sum, value) => sum + value, 0);
  for (const i of order) {
    if (left <= 0) break;
    if (exact[i] === 0) continue;
    whole[i]++;
    left--;
  }
  return whole;
}

/** A model that rounding left without a node takes one where another model has two or more. */
function giveEachOne(
  counts: readonly number[],
  rates: Float64Array,
  models: number,
  out: Float64Array,
): void {
  const types = counts.length;
  for (let v = 0; v < models; v++) {
    let own = 0;
    for (let k = 0; k < types; k++) own += out[v * types + k];
    if (own > 0) continue;
    let from = -1;
    for (let at = 0; at < models * types; at++) {
      const others = out.subarray(Math.floor(at / types) * types, (Math.floor(at / types) + 1) * types);
      const total = others.reduce((sum, value) => sum + value, 0);
      if (out[at] === 0 || total < 2 || rates[v * types + (at % types)] === 0) continue;
      if (from === -1 || out[at] > out[from]) from = at;
    }
    if (from === -1) continue;
    out[from]--;
    out[v * types + (from % types)]++;
  }
}
