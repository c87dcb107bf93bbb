import type { Command } from "commander";
import { UserError } from "../../errors.ts";
import { examples, type FormatOption, print, withFormat } from "../output.ts";

export function addReportCommand(program: Command): void {
  const command = program
    .command("report")
    .description("write one HTML file of all results below folders: it opens offline, sorts and filters")
    .argument(
      "<dir...>",
      "folders that canopy run, leaderboard, capacity, overhead or validate has written with --out, or folders of such folders",
    )
    .option("--out <file>", "the file to write, default report.html", htmlName, "report.html")
    .addHelpText(
      "after",
      examples(["canopy report results", "canopy report results/cedar results/cross --out cedar.html"]),
    );
  withFormat(command).action(async (places: string[], { out, format }: FormatOption & { out: string }) => {
    const { writeReport } = await import("../../report/html/write-report.ts");
    const written = await writeReport(places, out);
    await print(format, {
      tables: [
        {
          title: "Report",
          columns: [
            { key: "file", header: "file" },
            { key: "bytes", header: "bytes", format: "integer" },
            { key: "results", header: "results", format: "integer" },
            { key: "rows", header: "rows", format: "integer" },
            { key: "runs", header: "runs", format: "integer" },
            { key: "sheets", header: "other tables", format: "integer" },
          ],
          rows: [
            {
              cells: {
                file: written.file,
                bytes: written.bytes,
                results: written.results,
                rows: written.rows,
                runs: written.runs,
                sheets: written.sheets,
              },
            },
          ],
          notes: written.omitted,
        },
      ],
      json: { schema: "canopy/report-written/1", ...written },
    });
  });
}

function htmlName(text: string): string {
  if (/[^/\\]\.html?$/.test(text)) return text;
  throw new UserError("CANOPY_OPTION_VALUE", `--out ${text}: expected a name that ends in .html`);
}
