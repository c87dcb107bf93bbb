import loadHighs, { type Highs } from "highs";

// The package's types describe its CommonJS build; Node gets the ES module, whose default is the function itself.
const load = loadHighs as unknown as typeof loadHighs.default;

let loaded: Promise<Highs> | undefined;

/** The HiGHS solver of linear and integer programmes (WebAssembly), loaded once. */
export function highs(): Promise<Highs> {
  loaded ??= load();
  return loaded;
}
