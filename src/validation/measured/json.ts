import { UserError } from "../../errors.ts";
import { MAX_TOKENS } from "../../workload/distribution.ts";

export type JsonMap = Readonly<Record<string, unknown>>;

export function isMap(value: unknown): value is JsonMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A finite number from 0 on at a key, undefined for none: all that is read is one. @throws UserError CANOPY_BENCH_FORMAT for anything else */
export function numberAt(map: JsonMap, key: string, where: string): number | undefined {
  const value = map[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && value >= 0 && Number.isFinite(value)) return value;
  throw new UserError(
    "CANOPY_BENCH_FORMAT",
    `${where}: ${key} is ${JSON.stringify(value)}, expected a number${typeof value === "number" ? " from 0 on" : ""}`,
  );
}

/** The same of a number that has to be there. */
export function numberIn(map: JsonMap, key: string, where: string): number {
  const value = numberAt(map, key, where);
  if (value !== undefined) return value;
  throw new UserError("CANOPY_BENCH_FORMAT", `${where}: has no ${key}, expected a number`);
}

/** A count of tokens at a key, undefined for none. @throws UserError CANOPY_BENCH_FORMAT for what no trace may have */
export function tokensAt(map: JsonMap, key: string, where: string): number | undefined {
  const value = numberAt(map, key, where);
  if (value === undefined || (Number.isInteger(value) && value <= MAX_TOKENS)) return value;
  throw new UserError(
    "CANOPY_BENCH_FORMAT",
    `${where}: ${key} is ${value}, expected a whole number of tokens from 0 to ${MAX_TOKENS}`,
  );
}

/** The same of a count that has to be there. */
export function tokensIn(map: JsonMap, key: string, where: string): number {
  const value = tokensAt(map, key, where);
  if (value !== undefined) return value;
  throw new UserError("CANOPY_BENCH_FORMAT", `${where}: has no ${key}, expected a whole number of tokens`);
}

/** Milliseconds at a key in seconds. */
export function secondsAt(map: JsonMap, key: string, where: string): number | undefined {
  const value = numberAt(map, key, where);
  return value === undefined ? undefined : value / 1000;
}

/** What stands at a path of keys, undefined where one is missing. */
export function valueAt(map: JsonMap, path: readonly string[]): unknown {
  let value: unknown = map;
  for (const key of path) value = isMap(value) ? value[key] : undefined;
  return value;
}

/** A map without what is unknown. */
export function known<K extends string>(
  entries: Readonly<Record<K, number | undefined>>,
): Partial<Record<K, number>> {
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined)) as Partial<
    Record<K, number>
  >;
}
