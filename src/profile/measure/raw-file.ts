import { open, readFile } from "node:fs/promises";
import { Packr } from "msgpackr";
import { UserError } from "../../errors.ts";
import { writeFileAtomically } from "../../files.ts";
import {
  type HeaderRecord,
  MEASURE_RECORDS_ID,
  type MeasureRecord,
  type MeasureRecords,
  trialName,
} from "./records.ts";

/** MessagePack as others read it: values one after another, no shared structures. Typed arrays and NaN survive. */
const packr = new Packr({ moreTypes: true, structuredClone: true, useRecords: false });

/**
 * A file of records to which each finished point is added at once: MessagePack values, the header first. A value that a
 * crash cut short is not there; the next writer takes its place.
 */
export class RawFile {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** @throws UserError CANOPY_MEASURE_EXISTS where the file is there: measurements are not overwritten */
  static async create(path: string, header: HeaderRecord): Promise<RawFile> {
    const there = await readFile(path).catch(() => undefined);
    if (there !== undefined) {
      throw new UserError(
        "CANOPY_MEASURE_EXISTS",
        `${path} is there already: --resume goes on with it, or give another --out`,
      );
    }
    await writeFileAtomically(path, packr.pack(header));
    return new RawFile(path);
  }

  /** Opens a file to go on with; a record that was cut short is removed. @throws as {@link readRawFile} */
  static async resume(path: string): Promise<{ file: RawFile; records: MeasureRecords }> {
    const { records, length, total } = await readValues(path);
    if (length < total) {
      const handle = await open(path, "r+");
      try {
        await handle.truncate(length);
        await handle.sync();
      } finally {
        await handle.close();
      }
    }
    return { file: new RawFile(path), records };
  }

  /** On the disk when it resolves. */
  async append(record: MeasureRecord): Promise<void> {
    const handle = await open(this.path, "a");
    try {
      await handle.writeFile(packr.pack(record));
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}

/**
 * @param path as the user wrote it
 * @throws UserError CANOPY_FILE_MISSING, CANOPY_FILE_UNREADABLE, CANOPY_MEASURE_RAW
 */
export async function readRawFile(path: string): Promise<MeasureRecords> {
  return (await readValues(path)).records;
}

async function readValues(path: string): Promise<{ records: MeasureRecords; length: number; total: number }> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    const code = missing ? "CANOPY_FILE_MISSING" : "CANOPY_FILE_UNREADABLE";
    const why = missing ? "no such file" : (cause as Error).message;
    throw new UserError(code, `raw records ${path}: ${why}`, { cause });
  }
  let values: unknown[];
  let length = bytes.length;
  try {
    values = packr.unpackMultiple(bytes) as unknown[];
  } catch (error) {
    const partial = error as { values?: unknown[]; lastPosition?: number };
    values = partial.values ?? [];
    length = partial.lastPosition ?? 0;
  }
  return { records: recordsOf(values, path), length, total: bytes.length };
}

function recordsOf(values: readonly unknown[], path: string): MeasureRecords {
  const [header, ...rest] = values as MeasureRecord[];
  if (header?.kind !== "header" || header.schema !== MEASURE_RECORDS_ID) {
    const found = (header as { schema?: unknown } | undefined)?.schema;
    const what = typeof found === "string" ? `records of ${found}` : "no records of `canopy profile measure`";
    throw new UserError("CANOPY_MEASURE_RAW", `${path}: ${what}: expected ${MEASURE_RECORDS_ID}`);
  }
  const trials = new Map<string, Extract<MeasureRecord, { trial: number }>>();
  const idle: MeasureRecords["idle"][number][] = [];
  const engines: MeasureRecords["engines"][number][] = [];
  for (const record of rest) {
    switch (record.kind) {
      case "decode":
      case "prefill":
      case "mixed":
        trials.set(trialName(record), record);
        break;
      case "idle":
        idle.push(record);
        break;
      case "engine":
        engines.push(record);
        break;
      default:
        throw new UserError("CANOPY_MEASURE_RAW", `${path}: a record that is none: the file is damaged`);
    }
  }
  return { header, trials: [...trials.values()], idle, engines };
}
