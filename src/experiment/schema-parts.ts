/** Small pieces of the experiment schema; units are in the names of the keys that use them. */
import { z } from "zod";

export const positive = z.number().positive();
export const notNegative = z.number().nonnegative();
export const count = z.int().min(1);
export const share = z.number().min(0).max(1);
export const name = z.string().min(1);

/** A date, or a time with its zone. */
export const instant = z
  .string()
  .refine((text) => parseInstant(text) !== undefined, "expected a time such as 2025-01-31T13:00Z");

/** Unix seconds of `2025-01-31`, `2025-01-31T13:00Z` or `2025-01-31T13:00+01:00`; undefined for anything else. */
export function parseInstant(text: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/.test(text))
    return undefined;
  const milliseconds = Date.parse(text.replace(" ", "T"));
  return Number.isNaN(milliseconds) ? undefined : milliseconds / 1000;
}
