import { readdir, readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { inlineProfileSchema } from "../../src/profile/schema.ts";
import { lawOf } from "../../src/profile/to-law.ts";

const folder = new URL("../../src/profile/", import.meta.url);
const page = await readFile(new URL("../../docs/profiles.md", import.meta.url), "utf8");

test("the manual page names every error code of the profiles, and no other", async () => {
  const sources = await Promise.all(
    (await readdir(folder))
      .filter((name) => name.endsWith(".ts"))
      .map((name) => readFile(new URL(name, folder), "utf8")),
  );
  const codes = (text: string) => [...new Set(text.match(/"CANOPY_PROFILE_[A-Z_]+"/g))].sort();
  const documented = [...page.matchAll(/^\| `(CANOPY_PROFILE_[A-Z_]+)` \|/gm)].map(([, code]) => `"${code}"`);
  expect(documented.sort()).toEqual(codes(sources.join("\n")));
});

test("the inline profile of its example is a law with power", () => {
  const example = page.match(/```yaml\n([\s\S]*?)```/)?.[1] ?? "";
  const endpoints: { profile: unknown }[] = parse(example).fleet;
  const inline = inlineProfileSchema.parse(endpoints[2].profile);
  const law = lawOf(inline, 64);
  expect(law.seconds(100, 0, 0)).toBeCloseTo(0.01, 14);
  expect(law.decodeWatts[64]).toBe(400);
});
