import { statSync } from "node:fs";
import { resolve } from "node:path";
import { UserError } from "../../errors.ts";
import type { RouterDefinition } from "../contract.ts";
import { ExternalRouter } from "./external-router.ts";
import { type ExternalParameters, externalParameters } from "./parameters.ts";
import { sweepAtExit } from "./piped-process.ts";

/** A process of the user's as a router. It is no router of its own, so that lists of routers leave it out. */
export const external: RouterDefinition<ExternalParameters> = {
  id: "external",
  family: "user",
  group: "user",
  status: "ours",
  source: "a process of the user's",
  summary: "Asks a process of yours, in any language, over pipes with MessagePack frames",
  parameters: externalParameters,
  files,
  create: (parameters, folder = process.cwd()) => new ExternalRouter(parameters, folder),
};

/** The files that the command names, and those that are named beside it. Asked for by whoever plans runs. */
function files({ command, files: named }: ExternalParameters, folder: string): readonly string[] {
  // Nothing else of this router runs in the main thread, whose exit it takes.
  sweepAtExit();
  const beside = named.map((name) => resolve(folder, name));
  const missing = beside.findIndex((path) => !isFile(path));
  if (missing !== -1) {
    throw new UserError(
      "CANOPY_ROUTER_FILE",
      `router external: files names ${named[missing]}, which is no file in ${folder}`,
    );
  }
  const words = command.map((word) => resolve(folder, word)).filter(isFile);
  return [...new Set([...words, ...beside])];
}

/** Words of a command may be anything, e.g. a program of many lines: what cannot be a path is no file. */
function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  } catch {
    return false;
  }
}
