import { describe, test } from "vitest";
import { type AddonState, loadAddon } from "../../src/native/load-addon.ts";

/** The native addon as the tests find it: CANOPY_ADDON, else what `npm run build:native` made. */
export const found: AddonState = loadAddon();

/**
 * Name of tests that need the addon: `npm test` takes skipped tests for a failure where there is reference data, unless
 * they are named so.
 */
export function ofAddon(name: string, skipped = found.state === "loaded" ? undefined : found.reason): string {
  return `native addon: ${name}${skipped === undefined ? "" : ` (skipped: ${skipped})`}`;
}

/** `describe` and `test` that are skipped, by name, where the addon is not built. */
export const describeWithAddon = describe.skipIf(found.state !== "loaded");
export const testWithAddon = test.skipIf(found.state !== "loaded");
