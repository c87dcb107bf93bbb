/** Numbers and times straight from the bytes of a text file: no string is made for a well-formed field. */

const POWERS = Float64Array.from({ length: 23 }, (_, i) => 10 ** i);
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/**
 * The decimal number in bytes[start, end), equal to `Number` of the text; NaN if it is none (`nan`, `inf` and
 * an empty field are none). Spaces around it are ignored.
 */
export function parseDecimal(bytes: Uint8Array, start: number, end: number): number {
  let i = start;
  while (i < end && bytes[i] === 32) i++;
  let stop = end;
  while (stop > i && bytes[stop - 1] === 32) stop--;
  const negative = bytes[i] === 45 && i < stop;
  const first = negative ? i + 1 : i;
  let mantissa = 0;
  let digits = 0;
  let point = -1;
  for (i = first; i < stop; i++) {
    const byte = bytes[i];
    if (byte >= 48 && byte <= 57) {
      mantissa = mantissa * 10 + (byte - 48);
      digits++;
    } else if (byte === 46 && point < 0) point = i;
    else return parseSlowly(bytes, start, end);
  }
  // Up to 15 digits and a power up to 10^22 are exact in a double, so the quotient is correctly rounded.
  if (digits === 0 || digits > 15) return parseSlowly(bytes, start, end);
  const value = point < 0 ? mantissa : mantissa / POWERS[stop - point - 1];
  return negative ? -value : value;
}

function parseSlowly(bytes: Uint8Array, start: number, end: number): number {
  const text = latin1(bytes, start, end).trim();
  return DECIMAL.test(text) ? Number(text) : Number.NaN;
}

export function latin1(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i]);
  return text;
}

/**
 * A calendar time, e.g. `2023-11-16 18:17:03.9799600` or `2024-05-10T00:00:00.009930+00:00`. Without an offset it
 * is taken as UTC. Whole seconds and fraction are kept apart: together they would lose digits.
 */
export class TimeStamp {
  /** Seconds since 1970-01-01 UTC, whole. */
  seconds = 0;
  /** In [0, 1). */
  fraction = 0;

  /** Reads bytes[start, end); false if they are no time. */
  parse(bytes: Uint8Array, start: number, end: number): boolean {
    while (start < end && bytes[start] === 32) start++;
    while (end > start && bytes[end - 1] === 32) end--;
    if (end - start < 19) return false;
    const year = digits(bytes, start, 4);
    const month = digits(bytes, start + 5, 2);
    const day = digits(bytes, start + 8, 2);
    const hour = digits(bytes, start + 11, 2);
    const minute = digits(bytes, start + 14, 2);
    const second = digits(bytes, start + 17, 2);
    const between = bytes[start + 10];
    const marks =
      bytes[start + 4] === 45 &&
      bytes[start + 7] === 45 &&
      (between === 32 || between === 84) &&
      bytes[start + 13] === 58 &&
      bytes[start + 16] === 58;
    if (!marks || year < 0 || month < 1 || month > 12 || day < 1 || day > 31) return false;
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return false;
    let at = start + 19;
    this.fraction = 0;
    if (at < end && bytes[at] === 46) {
      let stop = at + 1;
      while (stop < end && bytes[stop] >= 48 && bytes[stop] <= 57) stop++;
      const fraction = parseDecimal(bytes, at, stop);
      if (Number.isNaN(fraction)) return false;
      this.fraction = fraction;
      at = stop;
    }
    const offset = zoneSeconds(bytes, at, end);
    this.seconds = daysFromCivil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    return !Number.isNaN(offset);
  }
}

/** The number written with exactly `count` digits at `at`, or -1. */
function digits(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let i = at; i < at + count; i++) {
    const digit = bytes[i] - 48;
    if (!(digit >= 0 && digit <= 9)) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** Seconds east of UTC of `Z`, `+hh:mm`, `+hhmm` or nothing; NaN for anything else. */
function zoneSeconds(bytes: Uint8Array, start: number, end: number): number {
  if (start === end || (end - start === 1 && bytes[start] === 90)) return 0;
  const sign = bytes[start] === 43 ? 1 : bytes[start] === 45 ? -1 : Number.NaN;
  const minutesAt = end - start === 6 && bytes[start + 3] === 58 ? start + 4 : start + 3;
  const length = end - start;
  if (length !== 3 && minutesAt + 2 !== end) return Number.NaN;
  const hours = digits(bytes, start + 1, 2);
  const minutes = length === 3 ? 0 : digits(bytes, minutesAt, 2);
  return hours < 0 || minutes < 0 ? Number.NaN : sign * (hours * 3600 + minutes * 60);
}

/** Days from 1970-01-01 in the Gregorian calendar (H. Hinnant, "chrono-compatible low-level date algorithms"). */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return (
    era * 146_097 +
    yearOfEra * 365 +
    Math.floor(yearOfEra / 4) -
    Math.floor(yearOfEra / 100) +
    dayOfYear -
    719_468
  );
}
