import { expect, test } from "vitest";
import { ExitWith, exitCodeOf } from "../../src/cli/print-error.ts";
import { createProgram } from "../../src/cli/program.ts";
import { ConservationError, UserError } from "../../src/errors.ts";

async function codeOf(args: readonly string[]): Promise<number> {
  const program = createProgram();
  for (const command of [program, ...program.commands])
    command.configureOutput({ writeOut: () => undefined, writeErr: () => undefined });
  return program.parseAsync(["node", "canopy", ...args]).then(
    () => 0,
    (error: unknown) => exitCodeOf(error),
  );
}

test("exit codes: 2 for the user's mistakes, 1 for ours, what the error says otherwise", () => {
  expect(exitCodeOf(new UserError("CANOPY_USAGE", "no"))).toBe(2);
  expect(exitCodeOf(new UserError("CANOPY_PROVIDER_FAILED", "no", { exitCode: 1 }))).toBe(1);
  expect(exitCodeOf(new ConservationError("a request is lost"))).toBe(1);
  expect(exitCodeOf(new TypeError("x is not a function"))).toBe(1);
  expect(exitCodeOf("thrown text")).toBe(1);
  expect(exitCodeOf(new ExitWith(130))).toBe(130);
});

test("exit codes of the command line itself", async () => {
  expect(await codeOf(["--version"])).toBe(0);
  expect(await codeOf(["run", "--help"])).toBe(0);
  expect(await codeOf(["rnu"])).toBe(2);
  expect(await codeOf(["routers", "--fast"])).toBe(2);
  // A group without its command prints help, and is a mistake.
  expect(await codeOf(["profile"])).toBe(2);
});
