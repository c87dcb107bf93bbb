import type { Command } from "commander";
import { examples, type FormatOption, print, withFormat } from "../output.ts";
import { ExitWith } from "../print-error.ts";

export function addDoctorCommand(program: Command): void {
  const command = program
    .command("doctor")
    .description(
      "check this machine and installation, with a remedy for whatever is amiss; a failure leaves with 1",
    )
    .addHelpText("after", examples(["canopy doctor", "canopy doctor --format json"]));
  withFormat(command).action(async ({ format }: FormatOption) => {
    const { examineInstallation } = await import("../examine-installation.ts");
    const checks = await examineInstallation();
    await print(format, {
      tables: [
        {
          title: "Doctor",
          columns: [
            { key: "state", header: "state" },
            { key: "check", header: "check" },
            { key: "found", header: "found" },
            { key: "remedy", header: "remedy" },
          ],
          rows: checks.map(({ state, check, found, remedy }) => ({ cells: { state, check, found, remedy } })),
          notes: [],
        },
      ],
      json: { schema: "canopy/doctor/1", checks },
    });
    if (checks.some(({ state }) => state === "fail")) throw new ExitWith(1);
  });
}
