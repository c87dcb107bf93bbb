import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

/** A folder for the files of one test file, removed at its end. */
export function temporaryFiles(): {
  path(name: string): string;
  write(name: string, content: string): string;
} {
  const folder = mkdtempSync(join(tmpdir(), "canopy-traces-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const path = (name: string) => join(folder, name);
  return {
    path,
    write(name, content) {
      writeFileSync(path(name), content);
      return path(name);
    },
  };
}

/** The message of the user error that a promise ends in, without the folder of the file. */
export async function failure(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    const { name, message, code } = error as Error & { code: string };
    return `${name === "UserError" ? code : name} ${message.replaceAll(/\/\S*\/canopy-traces-[^/]+\//g, "")}`;
  }
  return "no failure";
}
