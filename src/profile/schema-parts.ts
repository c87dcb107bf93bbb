import { z } from "zod";

export const count = z.int().positive();
export const tokens = z.int().positive();
export const bytes = z.int().positive();
export const milliseconds = z.number().nonnegative();
export const watts = z.number().nonnegative();

/**
 * A mandatory field that may be null where it cannot be known, and its sibling `<field>Reason`, which
 * {@link checkProfile} then demands.
 */
export function orReason<K extends string, S extends z.ZodType>(key: K, schema: S, description: string) {
  return {
    [key]: schema.nullable().describe(description),
    [`${key}Reason`]: z.string().min(1).optional().describe(`why ${key} is null`),
  } as { [P in K]: z.ZodNullable<S> } & { [P in `${K}Reason`]: z.ZodOptional<z.ZodString> };
}
