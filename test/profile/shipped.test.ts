import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { withProfilesTable } from "../../scripts/profiles-table.ts";
import { listProfiles, loadProfile } from "../../src/profile/load.ts";
import { kvCapacityByFormula } from "../../src/profile/physical-checks.ts";
import { profileText } from "../../src/profile/profile-text.ts";
import type { Profile } from "../../src/profile/schema.ts";
import { dataRoot, testWithData } from "../data-root.ts";

const entries = await listProfiles();
const loaded = await Promise.all(entries.map(({ path }) => loadProfile(path)));
const profiles = loaded.map(({ profile }) => profile);

test("28 profiles: six models on three GPUs", () => {
  expect(profiles).toHaveLength(28);
  expect(new Set(profiles.map(({ model }) => model.name)).size).toBe(6);
  expect(new Set(profiles.map(({ gpu }) => gpu?.sku)).size).toBe(3);
});

test("every check passes; the one warning is the INT4 table's step between batch 128 and 192", () => {
  const warnings = loaded.flatMap(({ profile, warnings }) =>
    warnings.map((finding) => ({ id: profile.id, finding })),
  );
  expect(warnings.map(({ id, finding }) => `${id} ${finding.code}`)).toEqual([
    "a100-80gb.llama-3-70b.int4wo.tp1 CANOPY_PROFILE_ENERGY",
  ]);
  expect(warnings[0].finding.message).toContain("rises by 15.9 % from batch 128 to 192 at context 128");
});

test("the KV capacity is the formula's, to the token", () => {
  for (const profile of profiles)
    expect(kvCapacityByFormula(profile), profile.id).toBe(profile.kvCapacityTokens);
});

test("each id says GPU, model, precision and tensor parallel degree, and the degree is the GPU count", () => {
  for (const { id, gpu, model, precision, tensorParallel } of profiles) {
    expect(id.endsWith(`.${model.name.toLowerCase()}.${precision}.tp${tensorParallel}`), id).toBe(true);
    expect(gpu?.count).toBe(tensorParallel);
  }
});

test("longest sequences of the models", () => {
  const longest = new Map(profiles.map(({ model, maxModelTokens }) => [model.name, maxModelTokens]));
  expect(Object.fromEntries(longest)).toEqual({
    "Llama-3-8B": 8192,
    "Llama-3-70B": 8192,
    "Mistral-7B-v0.3": 32_768,
    "SOLAR-10.7B-v1.0": 4096,
    "Qwen1.5-32B": 32_768,
    "Yi-1.5-34B": 4096,
  });
});

test("every block names a source with its licence; sources are upstream files, not local copies", async () => {
  for (const { id, sources } of profiles) {
    const blocks = new Set(sources.map(({ block }) => block));
    expect([...blocks].sort(), id).toEqual(["decode", "overhead", "power", "prefill"]);
    for (const source of sources) expect(source.licence, `${id} ${source.source}`).not.toBeNull();
  }
  for (const { path } of entries)
    expect(await readFile(path, "utf8")).not.toMatch(/shared\/|derive_profiles|DERIVED/);
});

test("the files are written as profileText writes them", async () => {
  for (const [i, { path }] of entries.entries()) {
    expect(profileText(JSON.parse(await readFile(path, "utf8")))).toBe(await readFile(path, "utf8"));
    expect(profiles[i].id).toBe(entries[i].id);
  }
});

test("the README's table is that of the files (npx tsx scripts/make-profiles.ts)", async () => {
  const readme = await readFile(new URL("../../profiles/README.md", import.meta.url), "utf8");
  expect(withProfilesTable(readme, profiles)).toBe(readme);
});

describe("against the reference data", () => {
  testWithData("the values are the derived ones, field for field", async () => {
    const path = join(dataRoot ?? "", "profiles/derived/profiles.json");
    const derived: Profile[] = JSON.parse(await readFile(path, "utf8"));
    expect(derived.map(({ id }) => id).sort()).toEqual(entries.map(({ id }) => id));
    for (const { sources, notes, ...values } of derived) {
      const { sources: shippedSources, notes: shippedNotes, ...shipped } = profileOf(values.id);
      expect(shipped).toEqual(values);
      const attribution = ({ block, source, commit, licence, date }: Profile["sources"][number]) => ({
        block,
        source,
        commit,
        licence,
        date,
      });
      expect(shippedSources.slice(0, sources.length).map(attribution)).toEqual(sources.map(attribution));
      expect(shippedNotes).toContain(notes?.split(";")[0]);
    }
  });
});

function profileOf(id: string): Profile {
  const found = profiles.find((profile) => profile.id === id);
  if (found === undefined) throw new Error(`${id} is not shipped`);
  return found;
}
