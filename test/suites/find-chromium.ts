import { execFileSync, spawnSync } from "node:child_process";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/** Longest that an installation may take. */
const INSTALL_MS = 170_000;

/** A Chromium to test in, or why there is none. */
export type Chromium = { readonly path: string } | { readonly reason: string };

/**
 * The browser that `CANOPY_CHROMIUM` names, or one on the path; where there is none and this process may install
 * Debian's packages, it does (CI's machines are made anew for each run).
 */
export function findChromium(): Chromium {
  const named = process.env["CANOPY_CHROMIUM"];
  if (named !== undefined) return { path: named };
  const there = onPath();
  if (there !== undefined) return { path: there };
  if (process.getuid?.() !== 0 || !runs("apt-get", ["--version"])) {
    return { reason: "no Chromium on the path, and no right to install one: set CANOPY_CHROMIUM" };
  }
  process.stdout.write("no Chromium on the path: installing Debian's package\n");
  const timeout = INSTALL_MS / 2;
  runs("apt-get", ["update", "-qq"], timeout);
  runs("apt-get", ["install", "-y", "-qq", "--no-install-recommends", "chromium"], timeout);
  const installed = onPath();
  return installed === undefined
    ? { reason: "no Chromium on the path, and apt-get could not install one" }
    : { path: installed };
}

function onPath(): string | undefined {
  return NAMES.flatMap((name) => {
    try {
      return [execFileSync("which", [name], { encoding: "utf8" }).trim()];
    } catch {
      return [];
    }
  })[0];
}

function runs(program: string, args: readonly string[], timeout = 10_000): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  return spawnSync(program, args, { stdio: "ignore", timeout, env }).status === 0;
}
