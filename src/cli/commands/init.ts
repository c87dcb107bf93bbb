import type { Command } from "commander";
import { examples, type FormatOption, print, withFormat } from "../output.ts";

export function addInitCommand(program: Command): void {
  const command = program
    .command("init")
    .description("write a first experiment and a router of your own into a folder; nothing is overwritten")
    .argument("[dir]", "folder, made if need be", ".")
    .addHelpText("after", examples(["canopy init my-study", "canopy run my-study/experiment.yaml"]));
  withFormat(command).action(async (folder: string, { format }: FormatOption) => {
    const { writeStarter } = await import("../write-starter.ts");
    const files = await writeStarter(folder);
    await print(format, {
      tables: [
        {
          title: "Written",
          columns: [{ key: "file", header: "file" }],
          rows: files.map((file) => ({ cells: { file } })),
          notes: [],
        },
      ],
      json: { schema: "canopy/init/1", files },
    });
    process.stderr.write(`now: canopy run ${files[0]}\n`);
  });
}
