import type { Command } from "commander";
import { UserError } from "../../errors.ts";
import { examples, type FormatOption, print, withFormat } from "../output.ts";

/** Options that both commands have. */
export interface PredictorCommandOptions extends FormatOption {
  readonly rows: number;
  readonly seed: number;
  readonly set: readonly string[];
  readonly patience?: number;
}

interface TrainOptions extends PredictorCommandOptions {
  readonly out: string;
}

interface EvaluateOptions extends PredictorCommandOptions {
  readonly predictor?: string;
}

/** Requests of a predictor's own: a seed that the evaluated runs, which count from 1, do not reach. */
const DEFAULT_SEED = 1_000_003;

export function addPredictorCommands(program: Command): void {
  const group = program
    .command("predictor")
    .description("predict output lengths and missed objectives from prompts (CAPS)");

  const train = withOptions(group.command("train"))
    .description("train a predictor on the requests of an experiment or a trace, and print how good it is")
    .argument("<source>", "an experiment file, a trace, or a file of prompt and output lengths")
    .requiredOption("--out <file>", "file to write, e.g. predictor.json")
    .addHelpText(
      "after",
      examples([
        "canopy predictor train harness/caps/table-1.yaml --out caps.json",
        "canopy predictor train AzureLLMInferenceTrace_conv.csv --out azure.json --patience 5",
      ]),
    );
  withFormat(train).action(async (source: string, options: TrainOptions) => {
    const { trainSource } = await import("./predictor-evaluate.ts");
    const { predictorTable } = await import("./predictor-table.ts");
    const { writeFileAtomically } = await import("../../files.ts");
    const { row, bytes } = await trainSource(source, options);
    await writeFileAtomically(options.out, bytes);
    process.stderr.write(`predictor written to ${options.out}\n`);
    await print(options.format, predictorTable([row]));
  });

  const evaluate = withOptions(group.command("evaluate"))
    .description(
      "print how good predictors are, a row for each file: trained on the first 80 % of its requests and tried on the last 10 %; of a predictor's file what it says of itself",
    )
    .argument("<file...>", "predictors, experiment files, traces, or files of prompt and output lengths")
    .option("--predictor <file>", "try this predictor on the last 10 % in place of training one for each")
    .addHelpText(
      "after",
      examples([
        "canopy predictor evaluate harness/caps/table-1.yaml sharegpt.csv AzureLLMInferenceTrace_code.csv",
        "canopy predictor evaluate caps.json",
        "canopy predictor evaluate AzureLLMInferenceTrace_code.csv --predictor azure.json --format markdown",
      ]),
    );
  withFormat(evaluate).action(async (files: string[], options: EvaluateOptions) => {
    const { evaluateSource } = await import("./predictor-evaluate.ts");
    const { predictorTable } = await import("./predictor-table.ts");
    const rows = [];
    for (const file of files) rows.push(await evaluateSource(file, options, options.predictor));
    await print(options.format, predictorTable(rows));
  });
}

function withOptions(command: Command): Command {
  return command
    .option("--rows <n>", "requests drawn from all of the source", wholeNumber("--rows", 100), 300_000)
    .option(
      "--seed <n>",
      "seed of generated requests and of the drawing",
      wholeNumber("--seed", 0),
      DEFAULT_SEED,
    )
    .option("--patience <n>", "stop after so many trees without a gain", wholeNumber("--patience", 1))
    .option("--set <path=value>", "override a value of an experiment (repeatable)", gather, []);
}

function wholeNumber(option: string, least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isInteger(value) && value >= least) return value;
    throw new UserError("CANOPY_OPTION_VALUE", `${option} ${text}: expected a whole number from ${least} on`);
  };
}

function gather(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
