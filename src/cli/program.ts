import { readFileSync } from "node:fs";
import { Command } from "commander";
import { addCapacityCommand } from "./commands/capacity.ts";
import { addCompareCommand } from "./commands/compare.ts";
import { addDataCommands } from "./commands/data.ts";
import { addDoctorCommand } from "./commands/doctor.ts";
import { addExplainCommand } from "./commands/explain.ts";
import { addImportCommand } from "./commands/import.ts";
import { addInitCommand } from "./commands/init.ts";
import { addLeaderboardCommand } from "./commands/leaderboard.ts";
import { addOverheadCommand } from "./commands/overhead.ts";
import { addPredictorCommands } from "./commands/predictor.ts";
import { addProfileCommands } from "./commands/profiles.ts";
import { addReportCommand } from "./commands/report.ts";
import { addReproduceCommand } from "./commands/reproduce.ts";
import { addRoutersCommand } from "./commands/routers.ts";
import { addRunCommand } from "./commands/run.ts";
import { addSignalsCommands } from "./commands/signals.ts";
import { addSweepCommands } from "./commands/sweep.ts";
import { addValidateCommand } from "./commands/validate.ts";
import { examples } from "./output.ts";

/** The command line. Commands load what they need when they run, so that help is quick. */
export function createProgram(): Command {
  const program = new Command("canopy");
  program
    .description("Benchmark harness for carbon-aware routing of LLM inference")
    .version(packageVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .showHelpAfterError(false)
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({ outputError: () => undefined })
    .addHelpText(
      "after",
      examples([
        "canopy init my-study",
        "canopy run my-study/experiment.yaml",
        "canopy routers cedar-heuristic",
      ]),
    );
  addRunCommand(program);
  addSweepCommands(program);
  addCapacityCommand(program);
  addReportCommand(program);
  addCompareCommand(program);
  addLeaderboardCommand(program);
  addExplainCommand(program);
  addReproduceCommand(program);
  addImportCommand(program);
  addRoutersCommand(program);
  addProfileCommands(program);
  addDataCommands(program);
  addSignalsCommands(program);
  addPredictorCommands(program);
  addInitCommand(program);
  addValidateCommand(program);
  addOverheadCommand(program);
  addDoctorCommand(program);
  return program;
}

function packageVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
