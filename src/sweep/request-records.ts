/** One file of the request records of many runs. */
import { createReadStream } from "node:fs";
import { appendFile, mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { createInterface } from "node:readline";
import { UserError } from "../errors.ts";
import type { RunSpec } from "../experiment/run-spec.ts";
import { recordsToParquet } from "../metrics/record-sink.ts";
import { isoTime } from "../signal/series.ts";
import { recordsPathOf } from "./run-plans.ts";

/** Columns that tell the runs apart, after those of a record. */
export const RUN_COLUMNS = { point: "VARCHAR", seed: "BIGINT", start: "VARCHAR" } as const;

const FLUSH_CHARACTERS = 1 << 20;

/** Request records of a command, while its runs write theirs. */
export class RequestRecords {
  /** The file that was asked for, `.csv` or `.parquet`. */
  readonly path: string;
  /** Where each run writes its own. */
  readonly folder: string;

  private constructor(path: string, folder: string) {
    this.path = path;
    this.folder = folder;
  }

  /** @throws UserError CANOPY_OPTION_VALUE for a file that is neither .csv nor .parquet */
  static async create(path: string): Promise<RequestRecords> {
    if (![".csv", ".parquet"].includes(extname(path))) {
      throw new UserError(
        "CANOPY_OPTION_VALUE",
        `--requests-out ${path}: expected a file that ends in .csv or .parquet`,
      );
    }
    const folder = join(dirname(path), `.${basename(path)}.${process.pid}.partial`);
    await mkdir(folder, { recursive: true });
    return new RequestRecords(path, folder);
  }

  /** Puts the records of the runs one after the other and gives the file its name. Runs that failed have none. */
  async assemble(runs: readonly RunSpec[]): Promise<void> {
    const csv = join(this.folder, "all.csv");
    await (await open(csv, "w")).close();
    let first = true;
    for (const run of runs) {
      await this.#append(run, csv, first);
      first = false;
    }
    if (extname(this.path) === ".csv") {
      await rename(csv, this.path);
      return;
    }
    const parquet = join(this.folder, "all.parquet");
    await recordsToParquet(csv, parquet, RUN_COLUMNS);
    await rename(parquet, this.path);
  }

  /** Removes what is not finished. */
  async discard(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  async #append(run: RunSpec, target: string, withHeader: boolean): Promise<void> {
    const suffix = `,${cell(pointText(run))},${run.seed},${run.start === null ? "" : isoTime(run.start)}\n`;
    let text = "";
    let header = true;
    const lines = createInterface({
      input: createReadStream(recordsPathOf(this.folder, run.key)),
      crlfDelay: Number.POSITIVE_INFINITY,
    });
    for await (const line of lines) {
      if (header && !withHeader) {
        header = false;
        continue;
      }
      text += header ? `${line},${Object.keys(RUN_COLUMNS).join(",")}\n` : line + suffix;
      header = false;
      if (text.length >= FLUSH_CHARACTERS) {
        await appendFile(target, text);
        text = "";
      }
    }
    await appendFile(target, text);
  }
}

/** The labels of the run's point, empty where there is one point only. */
function pointText({ labels }: RunSpec): string {
  return Object.entries(labels)
    .map(([label, value]) => `${label}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ");
}

function cell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
