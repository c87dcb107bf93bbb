#!/usr/bin/env node
import { exitCodeOf, printError } from "./print-error.ts";
import { createProgram } from "./program.ts";

// A reader that has seen enough (`canopy routers | head -3`) is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

try {
  await createProgram().parseAsync();
} catch (error) {
  printError(error);
  process.exitCode = exitCodeOf(error);
}
