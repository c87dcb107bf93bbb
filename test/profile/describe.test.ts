import { expect, test } from "vitest";
import { checkProfile } from "../../src/profile/checks.ts";
import { describeProfile, findingTable, profileRow } from "../../src/profile/describe.ts";
import { resolveProfile } from "../../src/profile/load.ts";
import { syntheticProfile } from "../../src/profile/synthetic.ts";

test("one row for the list, with the provenance of each block", async () => {
  const { profile } = await resolveProfile("a100-80gb.llama-3-70b.bf16.tp4");
  expect(profileRow(profile)).toEqual({
    id: "a100-80gb.llama-3-70b.bf16.tp4",
    gpu: "4 x A100-SXM4-80GB",
    model: "Llama-3-70B",
    precision: "bf16",
    tensorParallel: 4,
    kvCapacityTokens: 486_886,
    maxModelTokens: 8192,
    provenance: "modelled",
    decode: "derived",
    prefill: "derived",
    idleWatts: "published, modelled",
    prefillWatts: "published",
    decodeWatts: "published, extrapolated",
  });
});

test("blocks without a word of their own are as the file", () => {
  const row = profileRow(syntheticProfile());
  expect([row.decode, row.prefill, row.idleWatts, row.decodeWatts]).toEqual(Array(4).fill("synthetic"));
  expect(profileRow({ ...syntheticProfile(), gpu: null, power: null })).toMatchObject({
    gpu: "CPU",
    idleWatts: "none",
    decodeWatts: "none",
  });
});

test("the tables of one profile hold the file's numbers, marked where they lie outside the tables", async () => {
  const { profile } = await resolveProfile("h100-80gb.llama-3-8b.bf16.tp1");
  const tables = new Map(describeProfile(profile).map((table) => [table.title, table]));
  for (const table of tables.values()) {
    for (const row of table.rows) expect(row).toHaveLength(table.columns.length);
  }
  const decode = tables.get("decode step (ms) by batch and mean context");
  expect(decode?.columns).toEqual(["batch", ...profile.decode.contextTokens.map(String)]);
  decode?.rows.forEach(([batch, ...cells], b) => {
    expect(batch).toBe(profile.decode.batch[b]);
    cells.forEach((cell, c) => {
      const ms = profile.decode.iterationMs[b][c];
      expect(cell).toEqual(profile.decode.extrapolated?.[b][c] ? { value: ms, mark: "ᵉ" } : ms);
    });
  });
  const facts = new Map(tables.get("profile")?.rows.map(([field, value]) => [field, value]));
  expect(facts.get("TDP per GPU (W)")).toBe("700");
  expect(facts.get("KV cache (tokens)")).toBe(facts.get("KV cache by formula (tokens)"));
  const marked = profile.decode.extrapolated?.flat().filter(Boolean).length;
  expect(facts.get("decode cells outside the measured tables")).toBe(`${marked} of 70`);
  expect(tables.get("power (W per GPU)")?.rows).toContainEqual(["idle, loaded", 119, "published"]);
  expect(tables.get("sources")?.rows).toHaveLength(profile.sources.length);
});

test("a profile without power gives the reason in place of watts", () => {
  const table = describeProfile({ ...syntheticProfile(), power: null, powerReason: "no meter" }).find(
    ({ title }) => title.startsWith("power"),
  );
  expect(table?.rows).toEqual([["none", null, "no meter"]]);
});

test("findings as a table", () => {
  const findings = checkProfile({ ...syntheticProfile(), kvCapacityTokens: 10 });
  expect(findingTable(findings).rows).toEqual([
    ["warning", "CANOPY_PROFILE_KV", "kvCapacityTokens", findings[0].message],
  ]);
});
