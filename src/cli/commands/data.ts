import type { Command } from "commander";
import { examples, type FormatOption, print, tableOf, withFormat } from "../output.ts";
import { ExitWith } from "../print-error.ts";

export function addDataCommands(program: Command): void {
  const group = program.command("data").description("public data sets that experiments can use");

  const list = group
    .command("list")
    .description("list the data sets, with their terms")
    .addHelpText("after", examples(["canopy data list"]));
  withFormat(list).action(async ({ format }: FormatOption) => {
    const { listDataSets } = await import("../../data/catalogue.ts");
    const sets = listDataSets();
    await print(format, {
      tables: [
        tableOf({
          title: "Data sets",
          columns: ["id", "kind", "title", "terms"],
          rows: sets.map(({ id, kind, title, terms }) => [id, kind, title, terms]),
        }),
      ],
      json: { schema: "canopy/data-sets/1", dataSets: sets },
    });
  });

  const get = group
    .command("get")
    .description(
      "say where a data set is had, on what terms, and how an experiment names it; nothing is fetched",
    )
    .argument("<id>", "id of a data set")
    .addHelpText("after", examples(["canopy data get azure-2023"]));
  withFormat(get).action(async (id: string, { format }: FormatOption) => {
    const { dataSet } = await import("../../data/catalogue.ts");
    const set = dataSet(id);
    const { publisher, loader } = set;
    const facts: [string, string][] = [
      ["serves", set.serves],
      ["terms", set.terms],
      ["publisher", publisher.url],
      ...(publisher.path ? [["path there", publisher.path] as [string, string]] : []),
      ...(publisher.commit ? [["seen at commit", publisher.commit] as [string, string]] : []),
      ...(loader?.prepare === undefined ? [] : [["first", loader.prepare] as [string, string]]),
      ["in an experiment", loader?.use ?? "not read by Canopy, which holds numbers derived from it"],
    ];
    await print(format, {
      tables: [
        tableOf({ title: set.title, columns: ["fact", "value"], rows: facts }),
        tableOf({
          title: "Files",
          columns: ["file", "url", "rows", "sha256"],
          rows: set.files.map(({ name, url, rows, sha256, hashNote }) => [
            name,
            url ?? "from the publisher's page",
            rows,
            sha256 ?? `unknown: ${hashNote ?? "not stated"}`,
          ]),
        }),
      ],
      json: { schema: "canopy/data-set/1", ...set },
    });
  });

  const check = group
    .command("check")
    .description("tell whether a file is the publisher's; another file leaves with 2")
    .argument("<id>", "id of a data set")
    .argument("<file...>", "files that you have")
    .addHelpText("after", examples(["canopy data check azure-2023 AzureLLMInferenceTrace_conv.csv"]));
  withFormat(check).action(async (id: string, files: string[], { format }: FormatOption) => {
    const { checkDataFile } = await import("../../data/catalogue.ts");
    const checks = [];
    for (const path of files) checks.push({ path, ...(await checkDataFile(id, path)) });
    await print(format, {
      tables: [
        tableOf({
          title: `Files of ${id}`,
          columns: ["path", "compared with", "state", "reason", "rows", "sha256"],
          rows: checks.map(({ path, file, state, reason, rows, sha256 }) => [
            path,
            file,
            state,
            reason,
            rows,
            sha256,
          ]),
        }),
      ],
      json: { schema: "canopy/data-check/1", dataSet: id, files: checks },
    });
    if (checks.some(({ state }) => state === "differs")) throw new ExitWith(2);
  });
}
