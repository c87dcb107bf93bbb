/** Which column of a signal file holds the time, the zone and the value, and what the value is. */
import { basename } from "node:path";
import { suggestion, UserError } from "../errors.ts";
import type { SignalHeader } from "./series.ts";

/** Units a file may be in. */
export type SignalFileUnit = "g/kWh" | "kg/MWh" | "lbs/MWh" | "usd/kWh" | "usd/MWh";

/** Pounds per megawatt hour to grams per kilowatt hour: 453.59237 g a pound over 1000 kWh. */
export const LBS_PER_MWH_IN_GRAMS_PER_KWH = 0.45359237;

const TO_HEADER_UNIT: Record<SignalFileUnit, number> = {
  "g/kWh": 1,
  "kg/MWh": 1,
  "lbs/MWh": LBS_PER_MWH_IN_GRAMS_PER_KWH,
  "usd/kWh": 1,
  "usd/MWh": 0.001,
};

export interface LayoutWish {
  readonly column?: string | undefined;
  readonly zone?: string | undefined;
  readonly signal?: "average" | "marginal" | undefined;
  readonly accounting?: "lifecycle" | "direct" | undefined;
  readonly unit?: SignalFileUnit | undefined;
}

export interface CsvLayout extends Pick<SignalHeader, "quantity" | "unit" | "signal" | "accounting"> {
  readonly name: "electricity-maps" | "watttime" | "generic";
  readonly timeColumn: number;
  readonly valueColumn: number;
  /** The column that names the row's zone, where the file has one. */
  readonly zoneColumn: number | undefined;
  /** Multiplies a cell to give the header's unit. */
  readonly factor: number;
}

const TIME_NAME =
  /^(utc[ _]?time|date[ _]?time|time([ _]?stamp)?|point_time|local_time|start|date|unix|period)(\b|_)/i;
const EM_VALUE = /^carbon intensity gco(?:2|₂)eq\/kwh \((direct|lca|life cycle)\)$/i;
const EM_ZONE = /^zone id$/i;

/** @throws UserError CANOPY_SIGNAL_COLUMN when the time or the value column cannot be told */
export function findLayout(path: string, columns: readonly string[], wish: LayoutWish): CsvLayout {
  const timeColumn = columns.findIndex((name) => TIME_NAME.test(name));
  if (timeColumn < 0) {
    throw new UserError(
      "CANOPY_SIGNAL_COLUMN",
      `${path}, line 1: no time column among ${columns.join(", ")}; ` +
        "name one datetime, time, timestamp or point_time, alone or with a suffix such as _utc",
    );
  }
  const zone = columns.findIndex((name) => EM_ZONE.test(name));
  const electricityMaps = columns.some((name) => EM_VALUE.test(name));
  const watttime = !electricityMaps && /^point_time/i.test(columns[timeColumn]);
  const valueColumn = findValueColumn(path, columns, timeColumn, wish);
  const value = columns[valueColumn];
  // A name says what it holds: "moer_g_per_kwh", "wholesale_usd_per_mwh_2024.csv", "ci_lca_2024.csv".
  const hints = `${value} ${basename(path)}`;
  const emFactors = EM_VALUE.exec(value)?.[1].toLowerCase();
  const unit = wish.unit ?? unitFromName(hints) ?? (watttime ? "lbs/MWh" : "g/kWh");
  const price = unit.startsWith("usd");
  const marginal = watttime ? !/aoer/i.test(hints) : /marginal|moer/i.test(hints);
  return {
    name: electricityMaps ? "electricity-maps" : watttime ? "watttime" : "generic",
    timeColumn,
    valueColumn,
    zoneColumn: zone < 0 ? undefined : zone,
    factor: TO_HEADER_UNIT[unit],
    quantity: price ? "price" : "carbon-intensity",
    unit: price ? "usd/kWh" : "g/kWh",
    signal: price ? "none" : (wish.signal ?? (marginal ? "marginal" : "average")),
    accounting: price ? "none" : (wish.accounting ?? accountingFromName(emFactors ?? hints, watttime)),
  };
}

function findValueColumn(path: string, columns: readonly string[], time: number, wish: LayoutWish): number {
  if (wish.column !== undefined) {
    const index = columns.indexOf(wish.column);
    if (index >= 0) return index;
    throw new UserError(
      "CANOPY_SIGNAL_COLUMN",
      `${path}: no column "${wish.column}"${suggestion(
        wish.column,
        columns.filter((_, i) => i !== time),
      )}`,
    );
  }
  const factors = wish.accounting === "direct" ? /direct/i : /lca|life cycle/i;
  const electricityMaps = columns.findIndex((name) => EM_VALUE.test(name) && factors.test(name));
  if (electricityMaps >= 0) return electricityMaps;
  const named = columns.findIndex((name, i) => i !== time && (name === wish.zone || name === "value"));
  if (named >= 0) return named;
  const others = columns.flatMap((_, i) => (i === time ? [] : [i]));
  if (others.length === 1 && wish.zone === undefined) return others[0];
  if (others.length === 1 && !looksLikeZone(columns[others[0]])) return others[0];
  const wanted = wish.zone === undefined ? "set zone or column" : `none is zone "${wish.zone}"`;
  const names = others.map((i) => columns[i]);
  throw new UserError(
    "CANOPY_SIGNAL_COLUMN",
    `${path} has the value columns ${names.slice(0, 30).join(", ")}: ${wanted}` +
      (wish.zone === undefined ? "" : suggestion(wish.zone, names)),
  );
}

/** A wide file's column is headed by a zone such as `DE`, `US-CAL-CISO`; a single-zone file's by a quantity. */
function looksLikeZone(name: string): boolean {
  return /^[A-Z]{2}(-[A-Z0-9]+)*$/.test(name);
}

function unitFromName(text: string): SignalFileUnit | undefined {
  if (/usd_per_mwh|\$\/mwh|usd\/mwh/i.test(text)) return "usd/MWh";
  if (/usd_per_kwh|\$\/kwh|usd\/kwh/i.test(text)) return "usd/kWh";
  if (/lbs?(_co2e?)?_per_mwh|lbs?\/mwh/i.test(text)) return "lbs/MWh";
  if (/kg(_co2e?)?_per_mwh|kg\/mwh/i.test(text)) return "kg/MWh";
  if (/g(_co2e?)?_per_kwh|g(co[2₂](eq)?)?\/kwh/i.test(text)) return "g/kWh";
  return undefined;
}

function accountingFromName(text: string, watttime: boolean): SignalHeader["accounting"] {
  if (/(^|[^a-z])(lca|life[ _-]?cycle)/i.test(text)) return "lifecycle";
  return watttime || /(^|[^a-z])direct/i.test(text) ? "direct" : "none";
}
