import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import {
  epochKeysAt,
  epochsJsonSchema,
  experimentJsonSchema,
  type JsonSchemaNode,
  keysAt,
} from "../../src/experiment/json-schema.ts";
import { loadAnyExperiment, loadExperiment } from "../../src/experiment/load.ts";

const root = new URL("../../", import.meta.url);

test.each([
  ["experiment", experimentJsonSchema],
  ["epoch-experiment", epochsJsonSchema],
])(
  "the published schema of an %s is the code's (npx tsx scripts/make-experiment-schema.ts)",
  async (name, made) => {
    const published = await readFile(new URL(`docs/schema/${name}.schema.json`, root), "utf8");
    expect(JSON.parse(published)).toEqual(JSON.parse(JSON.stringify(made())));
  },
);

test.each([
  ["routers", experimentJsonSchema, keysAt],
  ["planners", epochsJsonSchema, epochKeysAt],
])(
  "every key at the top of a file with %s has a description or describes itself by its parts",
  (_, made, keys) => {
    const { properties = {} } = made();
    const plain = ["experiment", "description", "fleet", "routers"];
    for (const [key, node] of Object.entries(properties)) {
      const described = node as JsonSchemaNode & { description?: string };
      if (!plain.includes(key)) expect.soft(described.description ?? keys([key]).join(), key).not.toBe("");
    }
  },
);

test.each(["figure-1", "figure-3", "figure-3-own-calls", "figure-4", "figure-5", "figure-6", "small"])(
  "harness/marlin/%s.yaml loads",
  async (name) => {
    const { kind, loaded } = await loadAnyExperiment(
      fileURLToPath(new URL(`harness/marlin/${name}.yaml`, root)),
    );
    expect(kind).toBe("epochs");
    expect(loaded.id).toBe(`marlin-${name}`);
  },
);

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
