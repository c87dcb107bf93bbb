/**
 * Runs commands one after the other in one process, each in its folder: what a command prints and how it would leave,
 * without the second that a new process takes to start. Told and answered over IPC; see `command` in canopy.ts.
 */
import { exitCodeOf, printError } from "../../src/cli/print-error.ts";
import { createProgram } from "../../src/cli/program.ts";

export interface CommandOrder {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

process.on("message", (order: CommandOrder) => void answer(order));
process.on("disconnect", () => process.exit());

async function answer({ args, cwd, env }: CommandOrder): Promise<void> {
  const own = {
    argv: process.argv,
    env: { ...process.env },
    out: process.stdout.write,
    err: process.stderr.write,
  };
  let stdout = "";
  let stderr = "";
  process.chdir(cwd);
  process.argv = [process.argv[0], "canopy", ...args];
  Object.assign(process.env, env);
  process.stdout.write = (text: string | Uint8Array, ...rest: unknown[]) => {
    stdout += text;
    return told(rest);
  };
  process.stderr.write = (text: string | Uint8Array, ...rest: unknown[]) => {
    stderr += text;
    return told(rest);
  };
  let code = 0;
  try {
    await createProgram().parseAsync();
  } catch (error) {
    printError(error);
    code = exitCodeOf(error);
  }
  process.stdout.write = own.out;
  process.stderr.write = own.err;
  process.argv = own.argv;
  process.env = own.env;
  process.send?.({ code, stdout, stderr });
}

/** Calls the callback of a `write`, as a stream would. */
function told(rest: readonly unknown[]): boolean {
  const callback = rest.at(-1);
  if (typeof callback === "function") callback();
  return true;
}
