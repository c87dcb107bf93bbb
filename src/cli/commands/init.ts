import type { Command } from "commander";
import { examples } from "../output.ts";

export function addInitCommand(program: Command): void {
  program
    .command("init")
    .description("write a first experiment and a router of your own into a folder; nothing is overwritten")
    .argument("[dir]", "folder, made if need be", ".")
    .addHelpText("after", examples(["canopy init my-study", "canopy run my-study/experiment.yaml"]))
    .action(async (folder: string) => {
      const { writeStarter } = await import("../write-starter.ts");
      const files = await writeStarter(folder);
      process.stdout.write(files.map((file) => `${file}\n`).join(""));
      process.stderr.write(`now: canopy run ${files[0]}\n`);
    });
}
