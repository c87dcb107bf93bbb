import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { profileJsonSchema } from "../../src/profile/json-schema.ts";
import { profileText } from "../../src/profile/profile-text.ts";
import { inlineProfileSchema, profileSchema } from "../../src/profile/schema.ts";
import { syntheticProfile } from "../../src/profile/synthetic.ts";

test("the published JSON Schema is the one of the code (npx tsx scripts/make-profile-schema.ts)", async () => {
  const published = await readFile(new URL("../../docs/schema/profile.schema.json", import.meta.url), "utf8");
  expect(JSON.parse(published)).toEqual(JSON.parse(JSON.stringify(profileJsonSchema())));
});

test("the JSON Schema demands every mandatory field and lets the others be", () => {
  const { required } = profileJsonSchema() as { required: string[] };
  expect(required.toSorted()).toEqual(
    [
      "schema",
      "id",
      "provenance",
      "gpu",
      "model",
      "precision",
      "tensorParallel",
      "engine",
      "maxModelTokens",
      "kvCapacityTokens",
      "maxBatch",
      "decode",
      "prefill",
      "mixed",
      "overhead",
      "power",
      "sources",
    ].toSorted(),
  );
  for (const key of required) {
    expect(profileSchema.safeParse({ ...syntheticProfile(), [key]: undefined }).success, key).toBe(false);
  }
});

test.each<[string, object]>([
  ["an id with a space", { id: "my profile" }],
  ["an id with a slash", { id: "a/b" }],
  ["no precision", { precision: "" }],
  ["a batch of none", { maxBatch: 0 }],
  ["a time without zone", { measuredAt: "2026-01-02T03:04:05" }],
  ["an infinite time", { overhead: { baseMs: Number.POSITIVE_INFINITY, perSequenceMs: 0 } }],
  ["a negative time", { overhead: { baseMs: -1, perSequenceMs: 0 } }],
  ["one context only", { decode: { batch: [1], contextTokens: [100], iterationMs: [[5]] } }],
])("%s is refused", (_, change) => {
  expect(profileSchema.safeParse({ ...syntheticProfile(), ...change }).success).toBe(false);
});

test("an inline profile takes the law alone, and no field it does not know", () => {
  const law = { baseMs: 5, perPrefillTokenMs: 0.05, perDecodeSequenceMs: 0.2, perContextTokenMs: 0.0005 };
  expect(inlineProfileSchema.parse({ law })).toEqual({ law });
  expect(inlineProfileSchema.safeParse({ law: { ...law, perTokenMs: 1 } }).success).toBe(false);
  expect(inlineProfileSchema.safeParse({ law: { baseMs: 5 } }).success).toBe(false);
  expect(inlineProfileSchema.safeParse({ law, kvCapacityTokens: 0 }).success).toBe(false);
});

test("profileText: rows of a grid and flat objects of a list take a line each, and the value survives", () => {
  const value = {
    a: [1, 2],
    grid: [[1, 2], [3]],
    list: [{ x: 1, y: null }],
    deep: { inner: { list: ["é\n"] } },
    none: [],
  };
  const text = profileText(value);
  expect(JSON.parse(text)).toEqual(value);
  expect(text).toBe(`{
  "a": [1, 2],
  "grid": [
    [1, 2],
    [3]
  ],
  "list": [
    { "x": 1, "y": null }
  ],
  "deep": {
    "inner": {
      "list": ["é\\n"]
    }
  },
  "none": []
}
`);
});
