/** Time stamps of data files: ISO 8601 in its common spellings, Unix seconds or milliseconds, wall-clock times. */
import { UserError } from "../errors.ts";

const ISO =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?)? ?(Z|UTC|[+-]\d{2}(?::?\d{2})?)?$/;

/** A stamp read: seconds since 1970, and whether they are of a wall clock whose offset is still to be found. */
export interface TimeStamp {
  readonly seconds: number;
  readonly zoned: boolean;
}

/** Reads one stamp, or undefined when it is none. Numbers above 1e11 are milliseconds. */
export function parseTimeStamp(text: string): TimeStamp | undefined {
  if (/^\d{8,14}(\.\d+)?$/.test(text)) {
    const number = Number(text);
    return { seconds: number > 1e11 ? number / 1000 : number, zoned: true };
  }
  const match = ISO.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour = "0", minute = "0", second = "0", zone] = match;
  const millis = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute));
  const date = new Date(millis);
  if (date.getUTCDate() !== Number(day) || date.getUTCHours() !== Number(hour)) return undefined;
  const seconds = millis / 1000 + Number(second);
  if (zone === undefined) return { seconds, zoned: false };
  return { seconds: seconds - offsetSeconds(zone), zoned: true };
}

function offsetSeconds(zone: string): number {
  if (zone === "Z" || zone === "UTC") return 0;
  const sign = zone.startsWith("-") ? -1 : 1;
  return sign * (Number(zone.slice(1, 3)) * 3600 + Number(zone.slice(3).replace(":", "") || 0) * 60);
}

/**
 * Turns wall-clock seconds of a place into Unix seconds, or undefined for a time that the clock skipped. Of the
 * two meanings of a repeated hour it takes the earlier that comes after `previous`.
 *
 * @param timeZone IANA name, e.g. `Europe/Dublin`
 * @throws UserError CANOPY_TIME_ZONE for an unknown name
 */
export function wallClock(timeZone: string): (wallSeconds: number, previous: number) => number | undefined {
  const offsetAt = zoneOffset(timeZone);
  return (wall, previous) => {
    const before = wall - offsetAt(wall - 86400);
    const after = wall - offsetAt(wall + 86400);
    const valid = [Math.min(before, after), Math.max(before, after)].filter((t) => t + offsetAt(t) === wall);
    return valid.find((t) => t > previous) ?? valid[0];
  };
}

function zoneOffset(timeZone: string): (unixSeconds: number) => number {
  const format = zoneFormat(timeZone);
  const known = new Map<number, number>();
  // Offsets change on quarters of an hour only, so one look-up serves fifteen minutes.
  const quarterOffset = (quarter: number): number => {
    let offset = known.get(quarter);
    if (offset === undefined) {
      const parts: Record<string, number> = {};
      for (const { type, value } of format.formatToParts(quarter * 900_000)) parts[type] = Number(value);
      const { year, month, day, hour, minute, second } = parts;
      offset = Date.UTC(year, month - 1, day, hour, minute, second) / 1000 - quarter * 900;
      known.set(quarter, offset);
    }
    return offset;
  };
  return (seconds) => {
    const day = Math.floor(seconds / 86400) * 96;
    const offset = quarterOffset(day);
    return offset === quarterOffset(day + 96) ? offset : quarterOffset(Math.floor(seconds / 900));
  };
}

function zoneFormat(timeZone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat("en-US", {
      timeZone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  } catch (cause) {
    throw new UserError(
      "CANOPY_TIME_ZONE",
      `unknown time zone "${timeZone}" (expected a name such as Europe/Dublin or America/New_York)`,
      { cause },
    );
  }
}
