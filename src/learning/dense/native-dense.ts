import { type AddonState, loadAddon } from "../../native/load-addon.ts";
import type { Dense } from "./dense.ts";
import { DenseBackend } from "./dense-backend.ts";

/** The addon's dense kernels, or why they cannot be had. */
export type NativeDense =
  | { readonly state: "loaded"; readonly isas: readonly string[]; make(isa: string): Dense }
  | Exclude<AddonState, { readonly state: "loaded" }>;

/** @param path of the addon; default: where it is built */
export function nativeDense(path?: string): NativeDense {
  const found = loadAddon(path);
  if (found.state !== "loaded") return found;
  const { DenseKernels, DenseMlp, denseIsas } = found.addon;
  return {
    state: "loaded",
    isas: denseIsas(),
    make: (isa) => {
      const kernels = new DenseKernels(isa);
      return new DenseBackend(
        "native",
        kernels,
        ({ sizes, activations }) => new DenseMlp(kernels.isa, sizes, activations),
      );
    },
  };
}
