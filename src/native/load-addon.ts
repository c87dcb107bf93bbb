import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { UserError } from "../errors.ts";
import { ADDON_EXPORTS, type NativeAddon } from "./addon.ts";

/** Whether the native addon can be used, and if not, why and what to do. */
export type AddonState =
  | { readonly state: "loaded"; readonly path: string; readonly addon: NativeAddon }
  | { readonly state: "absent" | "broken"; readonly reason: string; readonly remedy: string };

/** The package's folder, from this file's place in src or dist. */
const PACKAGE = fileURLToPath(new URL("../../", import.meta.url));
/** Where native/build.cjs leaves the addon. */
const BUILT = join(PACKAGE, "native", "build", "Release", "canopy_native.node");
const REMEDY = /[\\/]node_modules[\\/]/.test(PACKAGE)
  ? "build it: npm explore canopy-bench -- npm run build:native"
  : "build it: npm run build:native";

/**
 * Loads the addon: the file that CANOPY_ADDON names, else the one that `npm run build:native` leaves. Nothing but
 * measuring a host and fast training needs it.
 */
export function loadAddon(path = process.env.CANOPY_ADDON || BUILT): AddonState {
  if (!existsSync(path)) {
    return path === BUILT
      ? { state: "absent", reason: whyNotBuilt(), remedy: REMEDY }
      : {
          state: "absent",
          reason: `there is no file ${path}`,
          remedy: "point CANOPY_ADDON at an addon, or unset it",
        };
  }
  let addon: Record<string, unknown>;
  try {
    // A relative name would be one of a package to `require`.
    addon = createRequire(import.meta.url)(resolve(path));
  } catch (error) {
    return { state: "broken", reason: (error as Error).message.split("\n")[0], remedy: REMEDY };
  }
  const missing = Object.keys(ADDON_EXPORTS).filter((name) => addon[name] === undefined);
  if (missing.length > 0) {
    const reason = `it was built from other sources than these: it lacks ${missing.join(", ")}`;
    return { state: "broken", reason, remedy: REMEDY };
  }
  return { state: "loaded", path, addon: addon as unknown as NativeAddon };
}

/**
 * The addon, for what cannot do without it.
 *
 * @param purpose what needs it, as the subject of a sentence: `measuring a profile`
 * @throws UserError CANOPY_ADDON_ABSENT or CANOPY_ADDON_BROKEN, with the reason and the remedy
 */
export function requireAddon(purpose: string): NativeAddon {
  const found = loadAddon();
  if (found.state === "loaded") return found.addon;
  throw new UserError(
    found.state === "absent" ? "CANOPY_ADDON_ABSENT" : "CANOPY_ADDON_BROKEN",
    `${purpose} needs the native addon: ${found.reason}; ${found.remedy}`,
    { exitCode: 1 },
  );
}

/** The line that the last build left, if it failed. */
function whyNotBuilt(): string {
  try {
    const reason = readFileSync(join(dirname(BUILT), "..", "not-built.txt"), "utf8").trim();
    return `it could not be built: ${reason}`;
  } catch {
    return "it is not built";
  }
}
