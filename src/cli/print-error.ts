import { CommanderError } from "commander";
import { ConservationError, UserError } from "../errors.ts";

/** Ends a command whose message has been printed, with an exit code of its own. */
export class ExitWith extends Error {
  readonly exitCode: number;
  constructor(exitCode: number) {
    super(`exit ${exitCode}`);
    this.name = "ExitWith";
    this.exitCode = exitCode;
  }
}

/** 2: the user's mistake; 1: ours, or a run that failed; 0: help was asked for. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof ExitWith || error instanceof UserError) return error.exitCode;
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  return 1;
}

/** One line for the user's mistakes; for ours the stack, and what to do with it. Nothing where all is said. */
export function printError(error: unknown): void {
  if (error instanceof ExitWith) return;
  if (error instanceof CommanderError) {
    const usage = usageError(error);
    if (usage !== undefined) printError(usage);
    return;
  }
  if (error instanceof UserError) {
    process.stderr.write(`error ${error.code}: ${error.message.replace(/\s*\n\s*/g, " ")}\n`);
    return;
  }
  const code = error instanceof ConservationError ? ` ${error.code}` : "";
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(
    `error${code}: ${text}\nThis is a defect of Canopy, not of what you gave it: please report these lines with the command that led here.\n`,
  );
}

const CODES: Readonly<Record<string, string>> = {
  "commander.unknownCommand": "CANOPY_COMMAND_UNKNOWN",
  "commander.unknownOption": "CANOPY_OPTION_UNKNOWN",
  "commander.invalidArgument": "CANOPY_OPTION_VALUE",
  "commander.optionMissingArgument": "CANOPY_OPTION_VALUE",
};

/** What commander found wrong with the command line, in our words; undefined where it has printed help. */
function usageError({ code, message, exitCode }: CommanderError): UserError | undefined {
  if (exitCode === 0 || code === "commander.help") return undefined;
  const text = message
    .replace(/^error: /, "")
    .replace(/\n\(Did you mean (?:one of )?(.*?)\?\)$/, ' (did you mean "$1"?)')
    .replace(/'/g, '"');
  return new UserError(CODES[code] ?? "CANOPY_USAGE", text);
}
