import type { Command } from "commander";
import { UserError } from "../../errors.ts";
import type { ServerRecords } from "../../profile/server/records.ts";
import { interruptible } from "../interruptible.ts";
import { jsonName, wholeNumber } from "../option-values.ts";
import { examples, type FormatOption, withFormat } from "../output.ts";
import { writeProfile } from "../write-profile.ts";

/** Options of `canopy profile server` as commander hands them over. */
interface ServerOptions extends FormatOption {
  readonly url: string;
  readonly precision: string;
  readonly out: string;
  readonly model?: string;
  readonly id?: string;
  readonly gpus: readonly number[];
  readonly gpuName?: string;
  readonly tensorParallel?: number;
  readonly concurrency: readonly number[];
  readonly promptTokens: readonly number[];
  readonly outputTokens: number;
  readonly prefillTokens: readonly number[];
  readonly prefillRequests: number;
  readonly trials: number;
  readonly warmUp: number;
  readonly window: number;
  readonly coolDown: number;
  readonly timeout: number;
  readonly vocabulary: number;
  readonly lockClocks?: number;
}

/** Node's fetch itself gives up on headers and bodies that are silent for longer. */
const MOST_WAIT_SECONDS = 300;

/** Lists hold 1 to 128 streams: what one client process can follow chunk by chunk. */
const MOST_STREAMS = 128;

export function addProfileServerCommand(group: Command): void {
  const command = group
    .command("server")
    .description("measure a running server of the OpenAI API (vLLM and kin) and write its profile")
    .requiredOption("--url <url>", "the server, e.g. http://localhost:8000")
    .requiredOption("--precision <word>", "what the server computes in, e.g. bf16, fp8")
    .requiredOption(
      "--out <file.json>",
      "the profile; its raw records go beside it, as .raw.msgpack",
      jsonName,
    )
    .option("--model <name>", "default: the one model that the server has")
    .option("--id <id>", "id of the profile; default: the file's name without .json")
    .option(
      "--gpus <list>",
      "the server's GPUs, as nvidia-smi counts: sampled if it is here",
      list("--gpus", 0),
      [],
    )
    .option("--gpu-name <name>", "product name of the GPUs, where they are elsewhere")
    .option(
      "--tensor-parallel <n>",
      "default: as many as --gpus, else 1",
      wholeNumber("--tensor-parallel", 1),
    )
    .option(
      "--concurrency <list>",
      "streams at once, 1 to 128",
      list("--concurrency", 1, MOST_STREAMS),
      [1, 2, 4, 8, 16, 32, 64, 128],
    )
    .option(
      "--prompt-tokens <list>",
      "prompts of the decode points: two lengths or more",
      list("--prompt-tokens", 1),
      [128, 1024],
    )
    .option("--output-tokens <n>", "outputs of the decode points", wholeNumber("--output-tokens", 2), 512)
    .option(
      "--prefill-tokens <list>",
      "prompts of the prefill points: two lengths or more",
      list("--prefill-tokens", 1),
      [64, 256, 1024, 2048],
    )
    .option(
      "--prefill-requests <n>",
      "prompts at each prefill point",
      wholeNumber("--prefill-requests", 3),
      10,
    )
    .option("--trials <n>", "windows at each decode point", wholeNumber("--trials", 1), 3)
    .option("--warm-up <s>", "seconds before a window, once all streams run", seconds("--warm-up", 0), 5)
    .option("--window <s>", "seconds of a window", seconds("--window", 0.5), 10)
    .option("--cool-down <s>", "seconds after a window", seconds("--cool-down", 0), 2)
    .option(
      "--timeout <s>",
      "longest wait for a first token, and between two",
      seconds("--timeout", 0.5, MOST_WAIT_SECONDS),
      120,
    )
    .option(
      "--vocabulary <n>",
      "token ids of prompts are below this",
      wholeNumber("--vocabulary", 200),
      30_000,
    )
    .option(
      "--lock-clocks <MHz>",
      "hold the SM clocks of --gpus there (needs root)",
      wholeNumber("--lock-clocks", 1),
    )
    .addHelpText(
      "after",
      examples([
        "canopy profile server --url http://localhost:8000 --precision bf16 --gpus 0,1,2,3 --out h100x4.json",
        "canopy profile server --url http://10.0.0.7:8000 --precision fp8 --gpu-name H100-80GB --concurrency 1,8,64 --out far.json",
      ]),
    );
  withFormat(command).action(profileServer);
}

async function profileServer(options: ServerOptions): Promise<void> {
  const { basename, dirname, join } = await import("node:path");
  for (const [option, values] of [
    ["--prompt-tokens", options.promptTokens],
    ["--prefill-tokens", options.prefillTokens],
  ] as const) {
    if (values.length < 2)
      throw new UserError("CANOPY_OPTION_VALUE", `${option}: expected two lengths or more`);
  }
  const stem = basename(options.out, ".json");
  const id = options.id ?? stem;
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(id)) {
    const where = options.id === undefined ? `--out ${options.out}` : `--id ${id}`;
    const rest = options.id === undefined ? " in its name, or an --id" : "";
    throw new UserError(
      "CANOPY_OPTION_VALUE",
      `${where}: expected letters, digits, dot, dash or underscore${rest}`,
    );
  }
  const { measureServer } = await import("../../profile/server/measure-server.ts");
  const { profileOfRecords } = await import("../../profile/server/profile-of-records.ts");
  const { packRecords } = await import("../../profile/server/records.ts");
  const { writeFileAtomically } = await import("../../files.ts");
  const { existsSync } = await import("node:fs");
  const rawName = `${stem}.raw.msgpack`;
  const rawPath = join(dirname(options.out), rawName);
  if (existsSync(rawPath)) {
    throw new UserError(
      "CANOPY_MEASURE_EXISTS",
      `${rawPath} is there already: measurements are not overwritten: expected another --out`,
    );
  }
  const keep = async (records: ServerRecords) => {
    await writeFileAtomically(rawPath, packRecords(records));
    process.stderr.write(`raw records written to ${rawPath}\n`);
  };
  const left = () =>
    existsSync(rawPath) ? "`canopy profile build` makes a profile of what is done" : "nothing was written";
  const records = await interruptible(left, (signal) =>
    measureServer({
      url: options.url,
      model: options.model,
      signal,
      onProgress: (line) => process.stderr.write(`${line}\n`),
      onCutOff: keep,
      settings: {
        id,
        precision: options.precision,
        tensorParallel: options.tensorParallel ?? Math.max(1, options.gpus.length),
        gpuName: options.gpuName ?? null,
        gpus: options.gpus,
        concurrency: options.concurrency,
        promptTokens: options.promptTokens,
        outputTokens: options.outputTokens,
        prefillTokens: options.prefillTokens,
        prefillRequests: options.prefillRequests,
        trials: options.trials,
        warmUpSeconds: options.warmUp,
        windowSeconds: options.window,
        coolDownSeconds: options.coolDown,
        timeoutSeconds: options.timeout,
        vocabulary: options.vocabulary,
        lockedClockMHz: options.lockClocks ?? null,
      },
    }),
  );
  await keep(records);
  const made = profileOfRecords(records, rawName);
  const dropped = (made.protocol?.["droppedPoints"] ?? []) as readonly string[];
  await writeProfile(
    made,
    options.out,
    options.format,
    dropped.map((problem) => `not measured: ${problem}`),
  );
}

function seconds(option: string, least: number, most = 86_400): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && value >= least && value <= most) return value;
    throw new UserError(
      "CANOPY_OPTION_VALUE",
      `${option} ${text}: expected seconds from ${least} to ${most}`,
    );
  };
}

/** Whole numbers with commas between, each once. */
function list(option: string, least: number, most?: number): (text: string) => number[] {
  const one = wholeNumber(option, least, most);
  return (text) => {
    const values = text.split(",").map((word) => one(word.trim()));
    if (new Set(values).size === values.length) return values;
    throw new UserError("CANOPY_OPTION_VALUE", `${option} ${text}: a number appears twice`);
  };
}
