import type { Command } from "commander";
import { UserError } from "../../errors.ts";
import { wholeNumber } from "../option-values.ts";
import { examples, type FormatOption, print, withFormat } from "../output.ts";

interface ImportOptions extends FormatOption {
  readonly trace?: string;
  readonly beside?: string;
  readonly router?: string;
  readonly run?: number;
}

export function addImportCommand(program: Command): void {
  const command = program
    .command("import")
    .description(
      "read a measured run of vllm bench serve, guidellm or aiperf: its figures, its requests as a trace, and a simulated run beside it",
    )
    .argument("<file>", "result of the tool: JSON, or aiperf's JSON Lines")
    .option("--trace <file.csv>", "write its requests as a trace, for workload: { trace: FILE }")
    .option("--beside <dir>", "a result of canopy run --out to put beside it")
    .option("--router <label>", "router of that result, where it has several")
    .option("--run <n>", "which run of a file with several", wholeNumber("--run", 1))
    .addHelpText(
      "after",
      examples([
        "canopy import bench.json",
        "canopy import bench.json --trace requests.csv",
        "canopy import bench.json --beside results/replay --router least-loaded",
        "canopy import profile_export.jsonl --trace requests.csv --format json",
      ]),
    );
  withFormat(command).action(async (file: string, options: ImportOptions) => {
    const { readMeasured } = await import("../../validation/measured/read-measured.ts");
    const { besideRows, besideTable, rowBeside } = await import("../../validation/measured/beside-table.ts");
    if (options.router !== undefined && options.beside === undefined) {
      throw new UserError(
        "CANOPY_USAGE",
        `--router ${options.router}: is of a simulated result, expected --beside DIR with it`,
      );
    }
    const run = await readMeasured(file, { run: options.run });
    // First what may be refused, then the file: a mistake leaves none behind.
    const row =
      options.beside === undefined
        ? undefined
        : await simulatedRow(options.beside, options.router, rowBeside);
    if (options.trace !== undefined) {
      const { traceCsv } = await import("../../validation/measured/write-trace.ts");
      const { writeFileAtomically } = await import("../../files.ts");
      await writeFileAtomically(options.trace, traceCsv(run, file));
      process.stderr.write(`${options.trace}: ${run.requests.length} requests\n`);
    }
    const rows = besideRows(run, row);
    await print(options.format, {
      tables: [besideTable(rows, run, file, row)],
      json: {
        schema: "canopy/measured/1",
        source: file,
        tool: run.tool,
        model: run.model,
        finished: run.finished,
        failed: run.failed,
        router: row?.router ?? null,
        rows,
        notes: run.notes,
      },
    });
  });
}

async function simulatedRow(
  folder: string,
  router: string | undefined,
  choose: typeof import("../../validation/measured/beside-table.ts").rowBeside,
) {
  const { findResult } = await import("../../report/html/find-results.ts");
  const { result } = await findResult(folder);
  return choose(result.rows, router, folder);
}
