import type { Dense } from "../../../src/learning/dense/dense.ts";
import { nativeDense } from "../../../src/learning/dense/native-dense.ts";
import { typescriptDense } from "../../../src/learning/dense/typescript-dense.ts";

/** Every backend and instruction set that can be had here, with a name for tests. */
export function backendsHere(): { readonly name: string; readonly dense: Dense }[] {
  const native = nativeDense();
  const kernels = native.state === "loaded" ? native.isas.map((isa) => native.make(isa)) : [];
  return [typescriptDense(), ...kernels].map((dense) => ({
    name: dense.backend === "native" ? `native ${dense.isa}` : dense.backend,
    dense,
  }));
}
