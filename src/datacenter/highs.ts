import type { Highs } from "highs";

let loaded: Promise<Highs> | undefined;

/** The HiGHS solver of linear and integer programmes (WebAssembly), loaded once, and only where it is asked for. */
export function highs(): Promise<Highs> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<Highs> {
  const { default: loadHighs } = await import("highs");
  // The package's types describe its CommonJS build; Node gets the ES module, whose default is the function itself.
  return (loadHighs as unknown as typeof loadHighs.default)();
}
