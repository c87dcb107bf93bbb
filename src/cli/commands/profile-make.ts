import type { Command } from "commander";
import { suggestion, UserError } from "../../errors.ts";
import type { Precision } from "../../profile/derive/kernel-tables.ts";
import type { ImportOptions } from "../../profile/import/import-profile.ts";
import type { Profile } from "../../profile/schema.ts";
import { jsonName, wholeNumber } from "../option-values.ts";
import { examples, writeOut } from "../output.ts";

interface DeriveOptions {
  readonly modelShape: string;
  readonly gpu: string;
  readonly tp: number;
  readonly precision: Precision;
  readonly tables?: string;
  readonly out: string;
}

interface ImportFlags {
  readonly out: string;
  readonly model?: string;
  readonly gpu?: string;
  readonly tp?: number;
  readonly engine?: string;
  readonly task?: string;
  readonly precision?: Precision;
  readonly modelShape?: string;
  readonly idleWatts?: number;
}

const PRECISIONS = ["bf16", "fp8", "int8wo", "int4wo"] as const;
const FORMATS = ["vidur", "splitwise-sim", "aiconfigurator", "llm-inference-bench", "mlenergy"] as const;

/** Commands that write a profile from what others measured. */
export function addProfileMakeCommands(group: Command): void {
  group
    .command("derive")
    .description("compose a profile of a model from measured kernels (the tables are not shipped)")
    .requiredOption("--model-shape <file>", "YAML or JSON: name, layers, hidden, heads, … (docs/profiles.md)")
    .requiredOption("--gpu <id>", "a100-40gb, a100-80gb or h100-80gb")
    .option("--tp <n>", "tensor parallel degree: GPUs of one replica", wholeNumber("--tp", 1), 1)
    .option("--precision <word>", `weights: ${PRECISIONS.join(", ")}`, parsePrecision, "bf16")
    .option("--tables <folder>", "the measured tables (default: profiles/ in the folder of reference data)")
    .requiredOption("--out <file.json>", "the profile to write", jsonName)
    .addHelpText(
      "after",
      examples([
        "canopy profile derive --model-shape llama-13b.yaml --gpu h100-80gb --tp 2 --out llama-13b.json",
        "canopy profile derive --model-shape m.yaml --gpu a100-80gb --precision int4wo --tables ./tables --out m.json",
        "canopy data get aiconfigurator-kernels",
      ]),
    )
    .action(derive);

  group
    .command("import")
    .description("make a profile from another project's published measurements")
    .argument("<format>", FORMATS.join(", "))
    .argument("<file...>", "that project's files; docs/profiles.md says which")
    .requiredOption("--out <file.json>", "the profile to write", jsonName)
    .option("--model <name>", "the model, as the files name it, where they have several")
    .option("--gpu <name>", "the GPU, as the files name it, where they have several")
    .option("--tp <n>", "tensor parallel degree, where the files have several", wholeNumber("--tp", 1))
    .option("--engine <name>", "the serving engine, where the files have several")
    .option("--task <name>", "mlenergy: the load that was served, where the files have several")
    .option("--precision <word>", `weights, where several: ${PRECISIONS.join(", ")}`, parsePrecision)
    .option("--model-shape <file>", "the model's shape: needed for kernels, else it fills in what is known")
    .option(
      "--idle-watts <watts>",
      "watts of an idle GPU with the model loaded, which no format has: without it the profile has no power",
      parseWatts,
    )
    .addHelpText(
      "after",
      examples([
        "canopy profile import splitwise-sim perf_model.csv --model llama2-70b --gpu a100-80gb --tp 4 --idle-watts 85 --out s.json",
        "canopy profile import mlenergy chat.csv --gpu H100 --tp 1 --model-shape llama-8b.yaml --out m.json",
      ]),
    )
    .action(importFiles);
}

async function derive(options: DeriveOptions): Promise<void> {
  const { dataRoot } = await import("../../experiment/data-path.ts");
  const { composeProfile } = await import("../../profile/derive/compose-profile.ts");
  const { gpuClass } = await import("../../profile/derive/gpus.ts");
  const { readMeasurements } = await import("../../profile/derive/measurements.ts");
  const { readModelShape } = await import("../../profile/derive/model-shape.ts");
  const { join } = await import("node:path");
  const shape = await readModelShape(options.modelShape);
  const gpu = gpuClass(options.gpu);
  const root = dataRoot();
  const folder = options.tables ?? (root === undefined ? undefined : join(root, "profiles"));
  if (folder === undefined) {
    throw new UserError(
      "CANOPY_DERIVE_TABLES",
      "no folder of measured tables: give --tables FOLDER; `canopy data list` names them, `canopy data get ID` says where one is had",
    );
  }
  const { precision, tp: tensorParallel } = options;
  const measurements = await readMeasurements(folder);
  await writeProfile(composeProfile(measurements, { gpu, shape, tensorParallel, precision }), options.out);
}

async function importFiles(format: string, files: string[], flags: ImportFlags): Promise<void> {
  const { importProfile } = await import("../../profile/import/import-profile.ts");
  const { readModelShape } = await import("../../profile/derive/model-shape.ts");
  const known = FORMATS.find((word) => word === format);
  if (known === undefined) {
    throw new UserError("CANOPY_IMPORT_FORMAT", `no importer "${format}"${suggestion(format, FORMATS)}`);
  }
  const { out, modelShape, gpu, tp, ...rest } = flags;
  const options: ImportOptions = {
    ...rest,
    ...(gpu === undefined ? {} : { hardware: gpu }),
    ...(tp === undefined ? {} : { tensorParallel: tp }),
    ...(modelShape === undefined ? {} : { shape: await readModelShape(modelShape) }),
  };
  await writeProfile(await importProfile(known, files, options), out);
}

/** Checks and writes; says what it made and what is odd about it. */
async function writeProfile(profile: Profile, path: string): Promise<void> {
  const { writeFileAtomically } = await import("../../files.ts");
  const { parseProfile } = await import("../../profile/load.ts");
  const { profileText } = await import("../../profile/profile-text.ts");
  const { warnings } = parseProfile(profile, path);
  await writeFileAtomically(path, profileText(profile));
  const lines = [
    `${path}: ${profile.id}, ${profile.provenance}`,
    ...(profile.power === null ? [`no power: ${profile.powerReason}`] : []),
    ...(profile.notes === undefined ? [] : [profile.notes]),
    ...warnings.map((warning) => `warning: ${warning.path}: ${warning.message}`),
  ];
  await writeOut(`${lines.join("\n")}\n`);
}

function parseWatts(text: string): number {
  const value = Number(text);
  if (text !== "" && Number.isFinite(value) && value >= 0) return value;
  throw new UserError("CANOPY_OPTION_VALUE", `--idle-watts ${text}: expected watts, not negative`);
}

function parsePrecision(text: string): Precision {
  const word = PRECISIONS.find((each) => each === text);
  if (word !== undefined) return word;
  throw new UserError(
    "CANOPY_OPTION_VALUE",
    `--precision ${text} is not known${suggestion(text, PRECISIONS)}`,
  );
}
