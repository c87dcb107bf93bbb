import type { BatchingChanges, BatchingConfig } from "./fleet-schema.ts";

/** The cap on running requests where neither the file nor the profile states one: CEDAR's largest batch. */
export const DEFAULT_MAX_REQUESTS = 128;

/** `base` with the fields of `over` that are given. */
export function laidOn(base: BatchingConfig, over: BatchingChanges = {}): BatchingConfig {
  const given = Object.fromEntries(Object.entries(over).filter(([, value]) => value !== undefined));
  return { ...base, ...given };
}
