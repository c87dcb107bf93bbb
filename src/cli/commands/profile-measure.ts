import type { Command } from "commander";
import { UserError } from "../../errors.ts";
import type { Progress } from "../../profile/measure/measure-host.ts";
import type { PowerModel, Preset } from "../../profile/measure/records.ts";
import { interruptible } from "../interruptible.ts";
import { jsonName, wholeNumber } from "../option-values.ts";
import { examples, type FormatOption, withFormat } from "../output.ts";
import { writeProfile } from "../write-profile.ts";

interface MeasureOptions extends FormatOption {
  readonly backend: "cpu" | "cuda";
  readonly model: string;
  readonly quick?: true;
  readonly publish?: true;
  readonly resume?: true;
  readonly out: string;
  readonly threads?: number;
  readonly device: number;
  readonly layers?: [number, number];
  readonly lockClocks?: number;
  readonly powerModel?: string;
}

/** `canopy profile measure`. */
export function addProfileMeasureCommand(group: Command): void {
  const measure = group
    .command("measure")
    .description("measure this host with the addon's own engine and write its profile")
    .requiredOption("--backend <word>", "cpu or cuda", parseBackend)
    .requiredOption("--model <preset>", "tiny, 1b, llama-3-8b or llama-3-70b; weights are synthetic")
    .requiredOption(
      "--out <file.json>",
      "the profile; its raw records go beside it, as .raw.msgpack",
      jsonName,
    )
    .option("--quick", "a look, under a minute with tiny on two cores")
    .option("--publish", "three trials of up to a minute a point: for figures that others will cite")
    .option("--resume", "go on with a run that was cut off")
    .option(
      "--threads <n>",
      "cpu: default one for each physical core that may be used",
      wholeNumber("--threads", 1),
    )
    .option("--device <n>", "cuda: the device, as CUDA counts", wholeNumber("--device", 0), 0)
    .option("--layers <n1,n2>", "run two depths and extrapolate to the model's own", parseLayers)
    .option(
      "--lock-clocks <MHz>",
      "cuda: hold the SM clock there (needs root)",
      wholeNumber("--lock-clocks", 1),
    )
    .option(
      "--power-model <idle,peak,exponent>",
      "power by formula instead of a meter, marked as modelled: idle + (peak - idle) x utilisation^exponent",
    )
    .addHelpText(
      "after",
      examples([
        "canopy profile measure --backend cpu --model tiny --quick --out my-host.json",
        "canopy profile measure --backend cuda --model llama-3-8b --publish --out h100.json",
        "canopy profile measure --backend cuda --model llama-3-8b --publish --out h100.json --resume",
        "canopy profile measure --backend cpu --model 1b --power-model 60,180,0.7 --out modelled.json",
      ]),
    );
  withFormat(measure).action(measureProfile);
}

async function measureProfile(options: MeasureOptions): Promise<void> {
  const { basename, dirname, join } = await import("node:path");
  if (options.quick && options.publish) {
    throw new UserError("CANOPY_OPTION_VALUE", "--quick and --publish: expected one of them");
  }
  if (options.backend === "cuda" && options.threads !== undefined) {
    throw new UserError("CANOPY_OPTION_VALUE", "--threads is for --backend cpu");
  }
  const powerModel: PowerModel | null =
    options.powerModel === undefined
      ? null
      : (await import("../../profile/measure/power-model.ts")).parsePowerModel(options.powerModel);
  const { requireAddon } = await import("../../native/load-addon.ts");
  const { measureHost } = await import("../../profile/measure/measure-host.ts");
  const { RawFile, readRawFile } = await import("../../profile/measure/raw-file.ts");
  const { checkSameRun, prepareRun } = await import("../../profile/measure/start-run.ts");
  const addon = requireAddon("measuring a profile");
  const stem = basename(options.out, ".json");
  const preset: Preset = options.publish ? "publish" : options.quick ? "quick" : "standard";
  const rawPath = join(dirname(options.out), `${stem}.raw.msgpack`);
  const run = await prepareRun(addon, {
    id: stem,
    backend: options.backend,
    model: options.model,
    preset,
    layers: options.layers,
    threads: options.threads,
    device: options.device,
    lockedClockMHz: options.lockClocks ?? null,
    powerModel,
  });
  try {
    await interruptible(
      () => `the points that are done are in ${rawPath}; --resume does the rest`,
      async (signal) => {
        sayHowBusy(run.header.host.loadAverage);
        const { file, records } = options.resume
          ? await RawFile.resume(rawPath)
          : {
              file: await RawFile.create(rawPath, run.header),
              records: { header: run.header, trials: [], idle: [], engines: [] },
            };
        if (options.resume) checkSameRun(records.header, run.header, rawPath);
        await measureHost(run.bench, file, records, { signal, onProgress: report });
      },
    );
  } finally {
    run.release();
  }
  const { profileOfMeasurements } = await import("../../profile/measure/profile-of-measurements.ts");
  const { profile, warnings } = profileOfMeasurements(await readRawFile(rawPath), `${stem}.raw.msgpack`);
  await writeProfile(
    profile,
    options.out,
    options.format,
    warnings.map((warning) => `warning: ${warning}`),
  );
}

function sayHowBusy(loadAverage: number | null): void {
  if (loadAverage === null || loadAverage < 0.5) return;
  process.stderr.write(
    `this host is busy (load average ${loadAverage.toFixed(1)}): points with others' work are marked\n`,
  );
}

function report({ done, total, secondsLeft, line }: Progress): void {
  const left = secondsLeft < 90 ? `${Math.round(secondsLeft)} s` : `${Math.round(secondsLeft / 60)} min`;
  process.stderr.write(`[${done}/${total}, ${left} left] ${line}\n`);
}

function parseBackend(text: string): "cpu" | "cuda" {
  if (text === "cpu" || text === "cuda") return text;
  throw new UserError("CANOPY_OPTION_VALUE", `--backend ${text}: expected cpu or cuda`);
}

function parseLayers(text: string): [number, number] {
  const match = /^(\d+),(\d+)$/.exec(text.replaceAll(" ", ""));
  if (match !== null) return [Number(match[1]), Number(match[2])];
  throw new UserError("CANOPY_OPTION_VALUE", `--layers ${text}: expected two depths, e.g. 4,8`);
}
