import { suggestion, UserError } from "../../errors.ts";
import type { Dense } from "./dense.ts";
import { nativeDense } from "./native-dense.ts";
import { typescriptDense } from "./typescript-dense.ts";

/** Which backend trains: `auto` takes the addon where it loads. */
export type DensePreference = "auto" | "native" | "typescript";

/**
 * The backend to train with.
 *
 * @param isa instruction set of the addon's kernels; `auto` is the widest of this CPU. Runs that have to agree
 *   to the last bit on different CPUs force the same one.
 * @throws UserError CANOPY_ADDON_ABSENT, CANOPY_ADDON_BROKEN or CANOPY_DENSE_ISA where what is asked for is not there
 */
export function chooseDense(preference: DensePreference = "auto", isa = "auto"): Dense {
  if (preference === "typescript") return typescriptDense();
  const native = nativeDense();
  if (native.state !== "loaded") {
    if (preference === "auto") return typescriptDense();
    throw new UserError(
      native.state === "absent" ? "CANOPY_ADDON_ABSENT" : "CANOPY_ADDON_BROKEN",
      `the dense backend "native" was asked for, but ${native.reason}: ${native.remedy}`,
    );
  }
  const words = ["auto", ...native.isas];
  if (!words.includes(isa)) {
    throw new UserError(
      "CANOPY_DENSE_ISA",
      `this CPU has no kernels for the instruction set "${isa}"${suggestion(isa, words)}`,
    );
  }
  return native.make(isa);
}
