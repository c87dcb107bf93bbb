/** What the suites that stop, kill and starve the program share. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { workFolder } from "../cli/canopy.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The entry of a copy of the program: a run's key holds the hash of the code, and somebody may be editing it. */
export function copyOfProgram(): string {
  const folder = workFolder();
  for (const name of ["package.json", "src", "profiles", "harness"]) {
    cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  }
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  return join(folder, "src/cli/main.ts");
}

/** A file system of 256 KiB, where this user may mount one. */
export function smallDisk(): string | undefined {
  const folder = join(workFolder(), "disk");
  mkdirSync(folder);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], { stdio: "ignore" });
    return folder;
  } catch {
    return undefined;
  }
}
