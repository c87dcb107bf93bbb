import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, afterEach, expect, test, vi } from "vitest";
import { ADDON_EXPORTS } from "../../src/native/addon.ts";
import { loadAddon, requireAddon } from "../../src/native/load-addon.ts";

const folder = mkdtempSync(join(tmpdir(), "canopy-addon-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.unstubAllEnvs());

/** A file that Node loads in place of an addon. */
function standIn(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test("without CANOPY_ADDON the addon is the built one; where it is not built, the remedy is the command that builds it", () => {
  vi.stubEnv("CANOPY_ADDON", "");
  const found = loadAddon();
  if (found.state === "loaded") expect(existsSync(found.path)).toBe(true);
  else expect(found.remedy).toContain("npm run build:native");
});

test("a path of CANOPY_ADDON where nothing is: absent, by name", () => {
  const path = join(folder, "none.node");
  vi.stubEnv("CANOPY_ADDON", path);
  expect(loadAddon()).toMatchObject({ state: "absent", reason: `there is no file ${path}` });
  expect(() => requireAddon("measuring")).toThrow(
    expect.objectContaining({
      code: "CANOPY_ADDON_ABSENT",
      exitCode: 1,
      message: expect.stringContaining(path),
    }),
  );
});

test("an addon that does not load is broken, with the loader's reason", () => {
  vi.stubEnv("CANOPY_ADDON", standIn("garbage.node", "no shared object"));
  expect(loadAddon()).toMatchObject({ state: "broken", reason: expect.stringContaining("garbage.node") });
  expect(() => requireAddon("measuring")).toThrow(expect.objectContaining({ code: "CANOPY_ADDON_BROKEN" }));
});

test("an addon of older sources is broken, and says what it lacks", () => {
  const path = standIn("older.cjs", "exports.describe = () => ({});");
  expect(loadAddon(path)).toMatchObject({ state: "broken", reason: expect.stringContaining("describeCuda") });
});

test("an addon with every export is loaded", () => {
  const path = standIn(
    "whole.cjs",
    `for (const n of ${JSON.stringify(Object.keys(ADDON_EXPORTS))}) exports[n] = () => n;`,
  );
  for (const name of [path, relative(process.cwd(), path)]) {
    const found = loadAddon(name);
    expect(found.state === "loaded" && found.addon.describe()).toBe("describe");
  }
});
