import type { Command } from "commander";
import { UserError } from "../../errors.ts";
import { wholeNumber } from "../option-values.ts";
import { examples, type FormatOption, withFormat } from "../output.ts";

export interface OverheadCommandOptions extends FormatOption {
  readonly router?: readonly string[];
  readonly endpoints?: readonly number[];
  readonly load?: readonly number[];
  readonly out?: string;
  readonly cap: number;
  readonly quick?: true;
  readonly fresh?: true;
  readonly dryRun?: true;
  readonly quiet?: true;
}

/** A region each for a third of the fleet. */
const LEAST_ENDPOINTS = 3;
const MOST_ENDPOINTS = 100_000;

export function addOverheadCommand(program: Command): void {
  const command = program
    .command("overhead")
    .description(
      "measure what routers cost at run time: time and memory of their decisions by number of endpoints",
    )
    .option(
      "--router <id...>",
      "routers by id, alias or file, planners by id; default all of them, and components",
    )
    .option("--endpoints <n,n>", "sizes of the fleet, default 12,100,1000,10000", parseEndpoints)
    .option("--load <share,share>", "shares of what the fleet can serve, default 0.3,0.7,0.95", parseLoads)
    .option("--cap <seconds>", "longest time of a router at a size and load", wholeNumber("--cap", 1), 60)
    .option("--quick", "12 and 100 endpoints at 0.7, short parts: whether it works, not what it costs")
    .option("--out <dir>", "write tables, rows.csv, overhead.json, figure and manifest there")
    .option("--fresh", "measure everything anew")
    .option("--dry-run", "print how many cells there are and how long they will take, and measure none")
    .option("--quiet", "no progress and no remarks on stderr")
    .addHelpText(
      "after",
      examples([
        "canopy overhead --router cedar-heuristic round-robin",
        "canopy overhead --dry-run",
        "canopy overhead --out results/overhead",
        "canopy overhead --router ./my-router.ts --endpoints 12,1000 --load 0.7 --format json",
        "canopy overhead --quick --router caps",
      ]),
    );
  withFormat(command).action(async (options: OverheadCommandOptions) => {
    const { overhead } = await import("../run-overhead.ts");
    await overhead(options);
  });
}

function parseEndpoints(text: string): readonly number[] {
  return numbers("--endpoints", text, `whole numbers from ${LEAST_ENDPOINTS} to ${MOST_ENDPOINTS}`, (n) => {
    return Number.isInteger(n) && n >= LEAST_ENDPOINTS && n <= MOST_ENDPOINTS;
  });
}

function parseLoads(text: string): readonly number[] {
  return numbers("--load", text, "shares above 0 and below 1", (share) => share > 0 && share < 1);
}

/** Distinct numbers in rising order. */
function numbers(
  option: string,
  text: string,
  expected: string,
  fits: (value: number) => boolean,
): readonly number[] {
  const values = text.split(",").map((word) => (word.trim() === "" ? Number.NaN : Number(word)));
  if (values.every(fits)) return [...new Set(values)].sort((a, b) => a - b);
  throw new UserError("CANOPY_OPTION_VALUE", `${option} ${text}: expected ${expected}, with commas between`);
}
