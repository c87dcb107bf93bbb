import type { Command } from "commander";
import { UserError } from "../../errors.ts";
import type { Profile } from "../../profile/schema.ts";
import type { ValidationRecords } from "../../validation/records.ts";
import { interruptible } from "../interruptible.ts";
import { examples, type FormatOption, print, withFormat } from "../output.ts";
import { ExitWith } from "../print-error.ts";

interface ValidateOptions extends FormatOption {
  readonly backend?: "cpu" | "cuda";
  readonly url?: string;
  readonly replay?: string;
  readonly model?: string;
  readonly profile?: string;
  readonly requests: number;
  readonly seed: string;
  readonly threads?: number;
  readonly device: number;
  readonly out?: string;
}

/** What was served, and the raw records of a profile that was measured for it. */
interface Served {
  readonly records: ValidationRecords;
  readonly profileRaw: { readonly name: string; readonly bytes: Uint8Array } | null;
}

export function addValidateCommand(program: Command): void {
  const command = program
    .command("validate")
    .description("check the simulator against a running engine: the same steps, and how well it predicts")
    .option("--backend <word>", "Canopy's own engine on cpu or cuda serves the traces", parseBackend)
    .option("--url <url>", "a server of the OpenAI API serves them; needs --profile")
    .option("--replay <raw.msgpack>", "no engine: both comparisons again from the raw records of a run")
    .option("--model <name>", "engine: tiny (default), 1b, llama-3-8b; server: the model to ask for")
    .option("--profile <file>", "predict from this profile, id or file; default: one measured here first")
    .option("--requests <n>", "requests at each of the three loads", whole("--requests", 20), 300)
    .option("--seed <word>", "of arrivals and lengths", "1")
    .option(
      "--threads <n>",
      "cpu: default one for each physical core that may be used",
      whole("--threads", 1),
    )
    .option("--device <n>", "cuda: the device, as CUDA counts", whole("--device", 0), 0)
    .option("--out <dir>", "write tables, validation.json, raw records, profile and manifest there")
    .addHelpText(
      "after",
      examples([
        "canopy validate --backend cpu --out results/validation",
        "canopy validate --backend cuda --model llama-3-8b --profile h100.json",
        "canopy validate --url http://localhost:8000 --profile h100x4.json",
        "canopy validate --replay results/validation/validation.raw.msgpack --format markdown",
      ]),
    )
    .addHelpText(
      "after",
      "\nExit codes: 0; 1 where a step of the simulator differs from the engine's; 2 for wrong options.\n",
    );
  withFormat(command).action(validate);
}

async function validate(options: ValidateOptions): Promise<void> {
  const startedAt = new Date();
  const { records, profileRaw } = await recordsOf(options);
  const { schedulerAgrees, validationOf } = await import("../../validation/result.ts");
  const { validationTables } = await import("../../validation/tables.ts");
  const result = validationOf(records);
  if (options.out !== undefined) {
    const { writeValidation } = await import("../../validation/write-validation.ts");
    const command = ["canopy", ...process.argv.slice(2)];
    const origin = { command, startedAt, endedAt: new Date(), profileRaw };
    const files = await writeValidation(options.out, records, result, origin);
    process.stderr.write(`${files.length} files written to ${options.out}\n`);
  }
  await print(options.format, {
    tables: validationTables(result),
    json: result as typeof result & Record<string, unknown>,
  });
  if (schedulerAgrees(result) === false) throw new ExitWith(1);
}

async function recordsOf(options: ValidateOptions): Promise<Served> {
  const { backend, url, replay } = options;
  if ([backend, url, replay].filter((way) => way !== undefined).length !== 1) {
    throw new UserError(
      "CANOPY_OPTION_VALUE",
      "expected one of --backend cpu, --backend cuda, --url, --replay",
    );
  }
  if (replay !== undefined) {
    const { readValidation } = await import("../../validation/records.ts");
    return { records: await readValidation(replay), profileRaw: null };
  }
  if (url !== undefined && options.profile === undefined) {
    throw new UserError(
      "CANOPY_OPTION_VALUE",
      "--url needs --profile: expected the server's, as canopy profile server writes it",
    );
  }
  const profile = options.profile === undefined ? undefined : await profileNamed(options.profile);
  return interruptible(
    () => "nothing was written",
    async (signal) => {
      const serving = {
        requests: options.requests,
        seed: options.seed,
        signal,
        onProgress: (line: string) => process.stderr.write(`${line}\n`),
      };
      if (url !== undefined && profile !== undefined) {
        const { serveServer } = await import("../../validation/serve-server.ts");
        return { records: await serveServer(url, options.model, profile, serving), profileRaw: null };
      }
      const { requireAddon } = await import("../../native/load-addon.ts");
      const { prepareRun } = await import("../../profile/measure/start-run.ts");
      const { serveEngine } = await import("../../validation/serve-engine.ts");
      const addon = requireAddon("validating against Canopy's own engine");
      const run = await prepareRun(addon, {
        id: `validation-${backend}`,
        backend: backend ?? "cpu",
        model: options.model ?? "tiny",
        preset: "validation",
        layers: undefined,
        threads: options.threads,
        device: options.device,
        lockedClockMHz: null,
        powerModel: null,
      });
      try {
        const { measureForValidation } = await import("../../validation/measure-profile.ts");
        const measured =
          profile === undefined ? await measureForValidation(run, signal, serving.onProgress) : undefined;
        const used = (profile ?? measured?.profile) as Profile;
        const records = await serveEngine(addon, run, used, options.device, serving);
        return { records, profileRaw: measured?.raw ?? null };
      } finally {
        run.release();
      }
    },
  );
}

async function profileNamed(name: string): Promise<Profile> {
  const { resolveProfile } = await import("../../profile/load.ts");
  return (await resolveProfile(name)).profile;
}

function parseBackend(text: string): "cpu" | "cuda" {
  if (text === "cpu" || text === "cuda") return text;
  throw new UserError("CANOPY_OPTION_VALUE", `--backend ${text}: expected cpu or cuda`);
}

function whole(option: string, least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= 100_000) return value;
    throw new UserError("CANOPY_OPTION_VALUE", `${option} ${text}: expected a whole number from ${least} on`);
  };
}
