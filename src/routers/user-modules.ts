import { register } from "node:module";
import { isMainThread } from "node:worker_threads";

const extension = import.meta.url.slice(-3);
const fromSource = extension === ".ts";

let enabled: Promise<void> | undefined;

/**
 * Lets this thread load files of users: `import … from "canopy-bench"` finds this package from any folder, installed
 * there or not, and TypeScript is read where Node does not by itself. Does so once.
 */
export function enableUserModules(): Promise<void> {
  enabled ??= enable();
  return enabled;
}

async function enable(): Promise<void> {
  const features = process.features as { typescript?: unknown };
  const tsx = process.execArgv.some((word) => word.includes("tsx"));
  // From its sources without either the package runs under a tool that loads modules by itself, e.g. a test runner.
  if (fromSource && !tsx && !features.typescript) return;
  if (!features.typescript && (!tsx || !isMainThread)) {
    const { register: registerTypeScript } = await import("tsx/esm/api");
    registerTypeScript();
  }
  register(new URL("./user-module-hooks.mjs", import.meta.url), {
    data: { name: "canopy-bench", entry: new URL(`../index${extension}`, import.meta.url).href },
  });
}
