/**
 * Hooks of Node's module loader for `enableUserModules`. They run on a thread of their own, on which nothing reads
 * TypeScript: hence JavaScript.
 */
let packageName = "";
let packageEntry = "";

/** @type {import("node:module").InitializeHook<{ name: string; entry: string }>} */
export const initialize = ({ name, entry }) => {
  packageName = name;
  packageEntry = entry;
};

/** @type {import("node:module").ResolveHook} */
export const resolve = async (specifier, context, nextResolve) => {
  const found = await nextResolve(specifier === packageName ? packageEntry : specifier, context);
  // Without a package.json beside it a TypeScript file would be taken for CommonJS.
  const typescript = /\.ts(\?|$)/.test(found.url) && !found.url.includes("/node_modules/");
  return typescript && found.format === "commonjs" ? { ...found, format: "module" } : found;
};
