import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { checkDataFile, dataSet, listDataSets } from "../../src/data/catalogue.ts";
import { dataRoot, describeWithData } from "../data-root.ts";

const folder = mkdtempSync(join(tmpdir(), "canopy-data-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe("the list", () => {
  test("names every set once, with a publisher, terms and at least one file", () => {
    const sets = listDataSets();
    expect(new Set(sets.map((set) => set.id)).size).toBe(sets.length);
    for (const set of sets) {
      expect(set.publisher.url).toMatch(/^https:\/\//);
      expect(set.terms).not.toBe("");
      expect(set.files.length).toBeGreaterThan(0);
      if (set.publisher.url.startsWith("https://github.com/"))
        expect(set.publisher.commit).toMatch(/^[0-9a-f]{40}$/);
      for (const entry of set.files) {
        // Either the publisher's hash, or the reason why it is not known.
        expect(entry.sha256 === null).toBe(entry.hashNote !== null);
        if (entry.sha256 !== null) expect(entry.sha256).toMatch(/^[0-9a-f]{64}$/);
        if (entry.url !== null) expect(entry.url).toMatch(/^https:\/\/\S+$/);
      }
    }
  });

  test("covers workloads, carbon, prices, weather and profiles", () => {
    expect(new Set(listDataSets().map((set) => set.kind))).toEqual(
      new Set(["workload", "carbon", "price", "weather", "factors", "network", "profile"]),
    );
    for (const id of [
      "azure-2023",
      "azure-2024",
      "burstgpt",
      "mooncake",
      "electricity-maps-yearly",
      "watttime",
    ]) {
      expect(dataSet(id).loader?.use).toContain(":");
    }
  });

  test("an unknown id gets the nearest", () => {
    expect(() => dataSet("burst-gpt")).toThrow('no data set "burst-gpt" (did you mean "burstgpt"?)');
  });
});

describe("checking a file", () => {
  test("without a known hash: first line and rows decide", async () => {
    const right = file("BurstGPT_1.csv", "Timestamp,Model,Request tokens\n5,ChatGPT,472\n45,ChatGPT,1087\n");
    expect(await checkDataFile("burstgpt", right)).toMatchObject({
      state: "unknown-hash",
      rows: 2,
      bytes: 61,
    });
    const wrong = file("BurstGPT_2.csv", "time,tokens\n5,472\n");
    expect(await checkDataFile("burstgpt", wrong)).toMatchObject({
      state: "differs",
      reason: 'it begins with "time,tokens"; expected "Timestamp,…"',
      file: "BurstGPT_2.csv",
    });
    const short = file("conversation_trace.jsonl", '{"timestamp":0}\n{"timestamp":1}');
    expect(await checkDataFile("mooncake", short)).toMatchObject({
      state: "differs",
      rows: 2,
      reason: "it has 2 rows; expected 12031",
    });
  });

  test("names with parts that vary", async () => {
    const path = file(
      "IE_2024_hourly.csv",
      "Datetime (UTC),Country,Zone name,Zone id\r\n\r\n2024-01-01 00:00:00,a,b,IE\r\n",
    );
    expect(await checkDataFile("electricity-maps-yearly", path)).toMatchObject({
      state: "unknown-hash",
      file: "<zone>_<year>_hourly.csv",
      rows: 1,
    });
  });

  test("other bytes than the publisher's", async () => {
    const path = file("AzureLLMInferenceTrace_conv.csv", "TIMESTAMP,ContextTokens,GeneratedTokens\n");
    const check = await checkDataFile("azure-2023", path);
    expect(check).toMatchObject({ state: "differs", rows: 0, file: "AzureLLMInferenceTrace_conv.csv" });
    expect(check.reason).toContain("its bytes are not those of AzureLLMInferenceTrace_conv.csv");
  });

  test("mistakes", async () => {
    await expect(checkDataFile("azure-2023", join(folder, "none.csv"))).rejects.toThrow(
      expect.objectContaining({ code: "CANOPY_FILE_MISSING" }),
    );
    await expect(checkDataFile("azure-2023", folder)).rejects.toThrow(
      expect.objectContaining({ code: "CANOPY_FILE_UNREADABLE" }),
    );
    await expect(checkDataFile("azure", folder)).rejects.toThrow(
      expect.objectContaining({ code: "CANOPY_DATA_SET" }),
    );
  });
});

describeWithData("Azure 2023 as published", () => {
  test.each([
    ["AzureLLMInferenceTrace_code.csv", 8819],
    ["AzureLLMInferenceTrace_conv.csv", 19366],
  ])("%s has %d rows", async (name, rows) => {
    const path = join(dataRoot as string, "workload-azure-2023", name);
    expect(await checkDataFile("azure-2023", path)).toMatchObject({ state: "ok", rows, file: name });
    // The bytes decide, not the name.
    const renamed = file("renamed.csv", readFileSync(path, "utf8"));
    expect(await checkDataFile("azure-2023", renamed)).toMatchObject({ state: "ok", file: name });
  });
});
