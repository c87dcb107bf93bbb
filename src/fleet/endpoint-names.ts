/**
 * Names of `count` like endpoints: `{n}` in the pattern becomes 0, 1, …; without it `-0`, `-1`, … is appended
 * where there are several.
 */
export function endpointNames(pattern: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => {
    if (pattern.includes("{n}")) return pattern.replaceAll("{n}", String(n));
    return count === 1 ? pattern : `${pattern}-${n}`;
  });
}
