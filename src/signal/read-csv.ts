/** Carbon-intensity and price series from CSV files of the usual layouts (docs/signals.md lists them). */
import { basename } from "node:path";
import { type CsvRow, readCsvTable } from "../csv-table.ts";
import { suggestion, UserError } from "../errors.ts";
import { type CsvLayout, findLayout, type LayoutWish } from "./csv-layout.ts";
import { type FillMode, seriesFromPoints } from "./points.ts";
import type { SignalHeader, StepSeries } from "./series.ts";
import { parseTimeStamp, wallClock } from "./time-stamp.ts";

export interface ReadSignalOptions extends LayoutWish {
  /** IANA zone of times without an offset (default UTC). A column called `local…` needs one. */
  readonly timeZone?: string | undefined;
  /** Accept gaps and blank values up to `fillLimitSeconds` (default: they are errors). */
  readonly fill?: FillMode | undefined;
  readonly fillLimitSeconds?: number | undefined;
  readonly provenance?: SignalHeader["provenance"] | undefined;
}

/**
 * Reads one series from a CSV file: Electricity Maps' yearly export, WattTime's, a wide file with a column for each
 * zone, or any file with a time column and a value column. Units, signal and accounting are taken from the layout
 * and from names such as `moer_g_per_kwh` or `price_usd_per_mwh.csv` unless the options say them.
 *
 * @param path the file
 * @throws UserError CANOPY_FILE_MISSING, CANOPY_SIGNAL_EMPTY, CANOPY_SIGNAL_COLUMN, CANOPY_SIGNAL_ZONE, CANOPY_SIGNAL_TIME,
 *   CANOPY_SIGNAL_VALUE, CANOPY_SIGNAL_TIME_ORDER, CANOPY_SIGNAL_DUPLICATE_TIME, CANOPY_SIGNAL_GAP, CANOPY_TIME_ZONE
 * @example
 * await readSignalCsv("DE_2024_hourly.csv", { accounting: "direct" });
 * await readSignalCsv("prices_usd_per_mwh.csv", { zone: "US-MIDA-PJM", fill: "hold" });
 */
export async function readSignalCsv(path: string, options: ReadSignalOptions = {}): Promise<StepSeries> {
  const table = await readCsvTable(path, "signal file", "CANOPY_SIGNAL_EMPTY");
  const layout = findLayout(path, table.columns, options);
  const rows = rowsOfZone(path, table.rows, layout, options.zone);
  const timeName = table.columns[layout.timeColumn];
  if (/local/i.test(timeName) && options.timeZone === undefined) {
    throw new UserError(
      "CANOPY_TIME_ZONE",
      `${path}: column "${timeName}" is in local time; set timeZone, e.g. timeZone: Europe/Dublin`,
    );
  }
  const valueName = table.columns[layout.valueColumn];
  const toUnix = wallClock(options.timeZone ?? "UTC");
  const times: number[] = [];
  const values: number[] = [];
  const lines: number[] = [];
  for (const { line, cells } of rows) {
    const where = `${path}, line ${line}`;
    const value = parseValue(cells[layout.valueColumn] ?? "", `${where}, column "${valueName}"`);
    const text = cells[layout.timeColumn] ?? "";
    const stamp = parseTimeStamp(text);
    if (stamp === undefined) {
      throw new UserError(
        "CANOPY_SIGNAL_TIME",
        `${where}, column "${timeName}": "${text}" is no time; expected 2025-01-31T13:00Z or Unix seconds`,
      );
    }
    const previous = times.at(-1) ?? Number.NEGATIVE_INFINITY;
    const time = stamp.zoned ? stamp.seconds : toUnix(stamp.seconds, previous);
    if (time === undefined) {
      // Files made on a wall clock keep blank rows for the hour that the spring change skips.
      if (Number.isNaN(value)) continue;
      throw new UserError(
        "CANOPY_SIGNAL_TIME",
        `${where}: ${text} does not exist in ${options.timeZone} (the clock was put forward); is the time zone right?`,
      );
    }
    times.push(time);
    values.push(value * layout.factor);
    lines.push(line);
  }
  const zone = zoneName(path, rows, layout, valueName, options);
  const { quantity, unit, signal, accounting } = layout;
  const provenance = options.provenance ?? "published";
  return seriesFromPoints({
    header: { quantity, unit, signal, accounting, zone, source: basename(path), provenance },
    times,
    values,
    where: (i) => `${path}, line ${lines[i]}, column "${valueName}"`,
    fill: options.fill,
    fillLimitSeconds: options.fillLimitSeconds,
  });
}

/** NaN for a blank, `NaN`, `null` or `NA` cell. */
function parseValue(text: string, where: string): number {
  if (/^(|nan|null|na|n\/a|-)$/i.test(text)) return Number.NaN;
  const value = Number(text);
  if (Number.isFinite(value)) return value;
  throw new UserError("CANOPY_SIGNAL_VALUE", `${where}: "${text}" is not a number`);
}

function rowsOfZone(
  path: string,
  rows: readonly CsvRow[],
  layout: CsvLayout,
  zone?: string,
): readonly CsvRow[] {
  const column = layout.zoneColumn;
  if (column === undefined) return rows;
  const zones = [...new Set(rows.map((row) => row.cells[column]))];
  if (zone === undefined && zones.length === 1) return rows;
  const chosen = rows.filter((row) => row.cells[column] === zone);
  if (chosen.length > 0) return chosen;
  const wanted =
    zone === undefined
      ? `several zones; set zone to one of ${zones.slice(0, 12).join(", ")}`
      : `no zone "${zone}"${suggestion(zone, zones)}`;
  throw new UserError("CANOPY_SIGNAL_ZONE", `${path} has ${wanted}`);
}

function zoneName(
  path: string,
  rows: readonly CsvRow[],
  layout: CsvLayout,
  valueName: string,
  options: ReadSignalOptions,
): string {
  if (options.zone !== undefined) return options.zone;
  if (layout.zoneColumn !== undefined) return rows[0].cells[layout.zoneColumn];
  return options.column !== undefined ||
    layout.name !== "generic" ||
    /per_|value|price|carbon/i.test(valueName)
    ? basename(path).replace(/\.csv$/i, "")
    : valueName;
}
