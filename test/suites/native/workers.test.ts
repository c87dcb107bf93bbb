import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { requireAddon } from "../../../src/native/load-addon.ts";
import { exercises } from "./exercises.mjs";

const HARNESS = fileURLToPath(new URL("worker-harness.mjs", import.meta.url));

test("workers that are terminated in the midst of the addon's work do not crash the process", () => {
  requireAddon("this suite");
  const seconds = process.env.CANOPY_HARNESS_SECONDS ?? "10";
  const out = execFileSync(process.execPath, [HARNESS, String(process.env.CANOPY_ADDON), seconds], {
    encoding: "utf8",
  });
  const { terminated, calls } = JSON.parse(out);
  expect(terminated).toBeGreaterThan(4);
  for (const { name } of exercises) {
    const [inMain, inWorkers] = calls[name];
    expect(inMain, `${name} on the main thread`).toBeGreaterThan(0);
    expect(inWorkers, `${name} in workers`).toBeGreaterThan(0);
  }
});
