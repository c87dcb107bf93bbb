import { expect, test } from "vitest";
import { z } from "zod";
import { describeParameters } from "../../src/cli/describe-parameters.ts";
import { listRouters } from "../../src/routers/registry.ts";

test("the values that a parameter takes, in words", () => {
  const schema = z.strictObject({
    text: z.string().nullable().default(null).describe("may be none"),
    share: z.number().min(0).max(1).default(0.5),
    above: z.number().positive(),
    whole: z.int().min(1).nullable().default(null),
    kind: z.enum(["a", "b"]).default("a"),
    names: z.array(z.string()).default([]),
    byName: z.record(z.string(), z.number().min(1)).default({}),
  });
  expect(describeParameters(schema).map(({ name, values }) => [name, values])).toEqual([
    ["text", "string | null"],
    ["share", "number 0 to 1"],
    ["above", "number above 0"],
    ["whole", "integer at least 1 | null"],
    ["kind", '"a" | "b"'],
    ["names", "list of string"],
    ["byName", "map of number at least 1"],
  ]);
  expect(describeParameters(schema)[0]).toMatchObject({ default: null, description: "may be none" });
});

test("every router's parameters have values in words and a description", () => {
  for (const { id, parameters } of listRouters()) {
    for (const { name, values, description } of describeParameters(parameters)) {
      expect(values, `${id}.${name}`).toEqual(expect.any(String));
      expect(description, `${id}.${name}`).not.toBe("");
    }
  }
});
