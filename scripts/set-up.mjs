/** What `npm start` and `npm test` share: an installation that fits the lock file, and child processes. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../", import.meta.url));

/**
 * Installs the versions of package-lock.json where the installed packages are others; exits when that fails.
 *
 * Without install scripts: the native addon takes a compiler and a minute, and neither command needs it. Not `npm ci`:
 * it refuses the lock file where a registry lacks some optional package of another platform.
 */
export async function ensureInstalled() {
  const why = whyInstall();
  if (why === undefined) return;
  process.stderr.write(`${why}: running npm install, once\n`);
  const windows = process.platform === "win32";
  const code = await run(
    windows ? "npm.cmd" : "npm",
    ["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts"],
    {
      // npm's own words are no part of what these commands print.
      stdio: ["ignore", 2, 2],
      shell: windows,
    },
  );
  if (code === 0) return;
  process.stderr.write(
    "npm install failed: see above; the registry has to be within reach for the first start\n",
  );
  process.exit(code);
}

function whyInstall() {
  const wanted = packagesOf("package-lock.json");
  const installed = packagesOf(join("node_modules", ".package-lock.json"));
  if (wanted === undefined) return undefined;
  if (installed === undefined) return "the packages are not installed";
  const differs = Object.entries(wanted).some(
    ([path, { version, optional }]) =>
      path !== "" && installed[path]?.version !== version && !(optional && installed[path] === undefined),
  );
  return differs ? "the installed packages are not those of package-lock.json" : undefined;
}

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(join(ROOT, file), "utf8")).packages;
  } catch {
    return undefined;
  }
}

/**
 * Runs a program in the folder of the repository and resolves to its exit code. Ctrl-C reaches the program, which
 * decides when to end.
 */
export async function run(program, args, options = {}) {
  const child = spawn(program, args, { cwd: ROOT, stdio: "inherit", ...options });
  const wait = () => undefined;
  process.on("SIGINT", wait);
  const passOn = () => child.kill("SIGTERM");
  process.on("SIGTERM", passOn);
  try {
    return await new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve(code ?? 1));
    });
  } finally {
    process.off("SIGINT", wait);
    process.off("SIGTERM", passOn);
  }
}
