import type { Command } from "commander";
import { UserError } from "../../errors.ts";
import { interruptible } from "../interruptible.ts";
import { wholeNumber } from "../option-values.ts";
import { examples, type FormatOption, print, withFormat } from "../output.ts";

interface OverheadCommandOptions extends FormatOption {
  readonly router: readonly string[];
  readonly endpoints?: readonly number[];
  readonly load?: readonly number[];
  readonly out?: string;
  readonly cap: number;
  readonly quick?: true;
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
    .addHelpText(
      "after",
      examples([
        "canopy overhead --router cedar-heuristic round-robin",
        "canopy overhead --out results/overhead",
        "canopy overhead --router ./my-router.ts --endpoints 12,1000 --load 0.7 --format json",
        "canopy overhead --quick --router caps",
      ]),
    );
  withFormat(command).action(measure);
}

async function measure(options: OverheadCommandOptions): Promise<void> {
  const { router = [], out, cap, quick = false, format } = options;
  const { measureOverhead } = await import("../../overhead/measure-overhead.ts");
  const { allRowsTable, overheadTables } = await import("../../overhead/tables.ts");
  const startedAt = new Date();
  const result = await interruptible(
    () => "nothing was written",
    (signal) =>
      measureOverhead({
        routers: router,
        endpoints: options.endpoints ?? (quick ? [12, 100] : [12, 100, 1000, 10_000]),
        loads: options.load ?? (quick ? [0.7] : [0.3, 0.7, 0.95]),
        quick,
        capSeconds: cap,
        signal,
        progress: (line) => process.stderr.write(`${line}\n`),
      }),
  );
  for (const { router: id, kind, endpoints, load, reason } of result.rows) {
    if (reason?.startsWith("cut") || reason?.startsWith("failed"))
      process.stderr.write(`${id}, ${kind}, ${endpoints} endpoints, load ${load}: ${reason}\n`);
  }
  if (out !== undefined) {
    const { writeOverhead } = await import("../../overhead/write-overhead.ts");
    const command = ["canopy", ...process.argv.slice(2)];
    const files = await writeOverhead(out, result, { command, startedAt, endedAt: new Date() });
    process.stderr.write(`${files.length} files written to ${out}\n`);
  }
  await print(format, {
    tables: format === "csv" ? [allRowsTable(result)] : overheadTables(result),
    json: result as typeof result & Record<string, unknown>,
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
