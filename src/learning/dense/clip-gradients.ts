/**
 * Scales gradients so that their norm, taken over all of them together, is at most `limit`.
 *
 * @returns the norm before
 */
export function clipGradients(gradients: readonly (Float32Array | Float64Array)[], limit: number): number {
  let squares = 0;
  for (const array of gradients) for (let i = 0; i < array.length; i++) squares += array[i] * array[i];
  const norm = Math.sqrt(squares);
  if (norm <= limit) return norm;
  const scale = limit / norm;
  for (const array of gradients) for (let i = 0; i < array.length; i++) array[i] *= scale;
  return norm;
}
