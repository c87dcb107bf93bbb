import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

/** Whether the native addon can be used, and if not, why and what to do. */
export type AddonState =
  | { readonly state: "loaded"; readonly path: string; readonly addon: unknown }
  | { readonly state: "absent" | "broken"; readonly reason: string; readonly remedy: string };

/** Where the addon's build leaves it, from this file's place in src or dist. */
const BUILT = fileURLToPath(new URL("../../native/build/Release/canopy_native.node", import.meta.url));

/** Loads the addon where it is built. Nothing but measuring a host and fast training needs it. */
export function loadAddon(path = BUILT): AddonState {
  if (!existsSync(path)) {
    return {
      state: "absent",
      reason: "the native addon is not part of this version",
      remedy: "nothing to do: the simulator needs none of it",
    };
  }
  try {
    return { state: "loaded", path, addon: createRequire(import.meta.url)(path) };
  } catch (error) {
    return {
      state: "broken",
      reason: (error as Error).message.split("\n")[0],
      remedy: "remove native/build: the simulator needs none of it",
    };
  }
}
