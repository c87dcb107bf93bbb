import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadAddon } from "../../src/native/load-addon.ts";

test("an addon that is not built is absent, with the remedy", () => {
  const found = loadAddon(join(tmpdir(), "no-such-folder", "canopy_native.node"));
  expect(found).toMatchObject({ state: "absent", remedy: expect.stringContaining("simulator needs none") });
});

test("an addon that does not load is broken, with the loader's reason", () => {
  const path = join(mkdtempSync(join(tmpdir(), "canopy-addon-")), "canopy_native.node");
  writeFileSync(path, "no shared object");
  const found = loadAddon(path);
  expect(found.state).toBe("broken");
  expect(found.state === "broken" && found.reason.length > 0).toBe(true);
});
