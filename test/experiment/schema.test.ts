import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { experimentJsonSchema, type JsonSchemaNode, keysAt } from "../../src/experiment/json-schema.ts";
import { loadExperiment } from "../../src/experiment/load.ts";

const root = new URL("../../", import.meta.url);

test("the published JSON Schema is the one of the code (npx tsx scripts/make-experiment-schema.ts)", async () => {
  const published = await readFile(new URL("docs/schema/experiment.schema.json", root), "utf8");
  expect(JSON.parse(published)).toEqual(JSON.parse(JSON.stringify(experimentJsonSchema())));
});

test("every key at the top of the file has a description or describes itself by its parts", () => {
  const { properties = {} } = experimentJsonSchema();
  const plain = ["experiment", "description", "fleet", "routers"];
  for (const [key, node] of Object.entries(properties)) {
    const described = node as JsonSchemaNode & { description?: string };
    if (!plain.includes(key)) expect.soft(described.description ?? keysAt([key]).join(), key).not.toBe("");
  }
});

describe("the experiment files of the harness", async () => {
  const folder = fileURLToPath(new URL("harness/cedar/", root));
  const files = (await readdir(folder)).filter((name) => name.endsWith(".yaml") && name !== "tables.yaml");
  test.each(files)("%s loads", async (name) => {
    const { points } = await loadExperiment(folder + name);
    expect(points.length).toBeGreaterThan(0);
    for (const { experiment } of points) {
      expect(experiment.signals.carbon).not.toEqual({});
      expect(experiment.routers.length).toBeGreaterThan(1);
    }
  });
});
