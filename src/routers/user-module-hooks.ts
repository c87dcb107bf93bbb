/** Hooks of Node's module loader, run on its own thread; see {@link enableUserModules}. */
import type { InitializeHook, ResolveHook } from "node:module";

let packageName = "";
let packageEntry = "";

export const initialize: InitializeHook<{ name: string; entry: string }> = ({ name, entry }) => {
  packageName = name;
  packageEntry = entry;
};

export const resolve: ResolveHook = async (specifier, context, nextResolve) => {
  const found = await nextResolve(specifier === packageName ? packageEntry : specifier, context);
  // Without a package.json beside it a TypeScript file would be taken for CommonJS.
  const typescript = /\.ts(\?|$)/.test(found.url) && !found.url.includes("/node_modules/");
  return typescript && found.format === "commonjs" ? { ...found, format: "module" } : found;
};
