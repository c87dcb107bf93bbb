/**
 * A uniform number that depends on a seed and two counters alone, for draws that must not depend on who asks, when,
 * or in which order (a stream of {@link Stream} depends on the order). MurmurHash3's finaliser over 32-bit words.
 */
export function hashUniform(seed: number, first: number, second: number): number {
  let h = mix(Math.imul(seed | 0, 0x9e3779b1) ^ 0x85ebca6b);
  h = mix(h ^ Math.imul(first | 0, 0xcc9e2d51));
  // Rows beyond 2^32 differ in the upper word only.
  h = mix(h ^ Math.imul((first / 4294967296) | 0, 0x1b873593));
  h = mix(h ^ Math.imul(second | 0, 0xe6546b64));
  return (h >>> 0) / 4294967296;
}

function mix(word: number): number {
  let h = word ^ (word >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
