import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { UserError } from "../../src/errors.ts";
import {
  examineProfile,
  listProfiles,
  loadProfile,
  parseProfile,
  resolveProfile,
} from "../../src/profile/load.ts";
import { profileText } from "../../src/profile/profile-text.ts";
import { syntheticProfile } from "../../src/profile/synthetic.ts";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "canopy-profiles-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

type Change = readonly [path: string, value: unknown];

/** A synthetic profile's JSON with the value at each dotted path replaced; undefined removes it. */
function changed(...changes: readonly Change[]): unknown {
  const json = JSON.parse(JSON.stringify(syntheticProfile()));
  for (const [path, value] of changes) {
    const keys = path.split(".");
    const parent = keys.slice(0, -1).reduce((node, key) => node[key], json);
    parent[keys[keys.length - 1]] = value;
  }
  return JSON.parse(JSON.stringify(json));
}

function complaint(...changes: readonly Change[]): string {
  try {
    parseProfile(changed(...changes), "p.json");
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).message).not.toContain("\n");
    return `${(error as UserError).code} ${(error as UserError).message}`;
  }
  return "accepted";
}

async function refusal(promise: Promise<unknown>): Promise<UserError> {
  const error = await promise.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
}

describe("a bad file gives one line: file, JSON path, what was expected", () => {
  test.each<[string, ...Change, string]>([
    ["a missing field", "gpu.sku", undefined, "p.json: gpu.sku: is missing: expected string"],
    ["a missing block", "decode", undefined, "p.json: decode: is missing: expected object"],
    [
      "text in place of a number",
      "decode.iterationMs.1.2",
      "8.1",
      "p.json: decode.iterationMs[1][2]: expected number, received string",
    ],
    ["part of a token", "maxModelTokens", 1.5, "p.json: maxModelTokens: expected int, received number"],
    [
      "a word outside the enum",
      "provenance",
      "synthetc",
      'p.json: provenance: "synthetc": expected one of "measured"|"published"|"derived"|"extrapolated"|"modelled"|"synthetic" (did you mean "synthetic"?)',
    ],
    [
      "a misspelt field",
      "power.idleLoadedWatsPerGpu",
      80,
      'p.json: power.idleLoadedWatsPerGpu: unknown field (did you mean "idleLoadedWattsPerGpu"?)',
    ],
    [
      "another format",
      "schema",
      "canopy/profile/2",
      'p.json: schema: "canopy/profile/2": expected "canopy/profile/1" (did you mean "canopy/profile/1"?)',
    ],
  ])("%s", (_, path, value, message) => {
    expect(complaint([path, value])).toBe(`CANOPY_PROFILE_FORMAT ${message}`);
  });

  test("several: the first, and how many more", () => {
    expect(complaint(["precision", undefined], ["tensorParallel", "two"])).toBe(
      "CANOPY_PROFILE_FORMAT p.json: precision: is missing: expected string (and 1 more: canopy profile check)",
    );
  });
  test("not an object", () => {
    expect(() => parseProfile([], "p.json")).toThrow("p.json: expected object, received array");
  });
  test("a broken rule has its own code", () => {
    expect(complaint(["model.weightBytes", 90e9])).toMatch(
      /^CANOPY_PROFILE_MEMORY p\.json: model\.weightBytes: synthetic-8b bf16 does not fit 1 x synthetic-80GB/,
    );
  });
});

test("warnings come back with the profile; examineProfile shows errors first", () => {
  const odd = { ...syntheticProfile(), kvCapacityTokens: 1000 };
  expect(parseProfile(odd, "odd.json").warnings.map(({ code }) => code)).toEqual(["CANOPY_PROFILE_KV"]);
  const worse = { ...odd, provenance: "derived" };
  const { profile, findings } = examineProfile({
    ...worse,
    decode: { ...odd.decode, provenance: "synthetic" },
  });
  expect(profile).toBeUndefined();
  expect(findings.map(({ level }) => level)).toEqual(["error", "warning"]);
});

describe("files", () => {
  test("one that is not JSON, one that is not there", async () => {
    const broken = join(root, "broken.json");
    await writeFile(broken, '{"schema":\n "canopy/profile/1",\n oops}');
    const error = await refusal(loadProfile(broken));
    expect(error.code).toBe("CANOPY_PROFILE_JSON");
    expect(error.message).toContain(`${broken}: not valid JSON: `);
    expect(error.message).not.toContain("\n");
    expect((await refusal(loadProfile(join(root, "brokn.json")))).message).toContain(
      `did you mean "${broken}"?`,
    );
  });
  test("a written profile is read back as it was, by a path relative to the directory given", async () => {
    const profile = syntheticProfile({ id: "mine" });
    await writeFile(join(root, "mine.json"), profileText(profile));
    expect((await resolveProfile("mine.json", { directory: root })).profile).toEqual(profile);
    expect((await resolveProfile("./mine.json", { directory: root })).where).toBe(join(root, "mine.json"));
    expect((await resolveProfile(join(root, "mine.json"))).profile.id).toBe("mine");
  });
});

describe("names", () => {
  test("a shipped profile by its id, in any case", async () => {
    const { profile } = await resolveProfile("h100-80gb.llama-3-8b.bf16.tp1", { directory: root });
    expect(profile.gpu?.sku).toBe("H100-SXM5-80GB");
    expect((await resolveProfile("H100-80GB.Llama-3-8B.bf16.tp1")).profile).toEqual(profile);
  });
  test("an unknown one names the nearest", async () => {
    const error = await refusal(resolveProfile("h100-80gb.lama-3-8b.bf16.tp1"));
    expect(error.code).toBe("CANOPY_PROFILE_NOT_FOUND");
    expect(error.message).toContain(
      'no profile "h100-80gb.lama-3-8b.bf16.tp1" (did you mean "h100-80gb.llama-3-8b.bf16.tp1"?)',
    );
  });
  test("the list is in order of id, and each file holds the profile of its name", async () => {
    const entries = await listProfiles();
    expect(entries.map(({ id }) => id)).toEqual(entries.map(({ id }) => id).sort());
    for (const { id, path } of entries) expect((await loadProfile(path)).profile.id).toBe(id);
  });
});
