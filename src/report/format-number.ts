import type { Column } from "./table.ts";

/**
 * A number with the given significant digits, trailing zeros kept: 0.00189, 1.58, 95.7, 1366 (digits before
 * the point are never dropped). Scientific notation, as `1.23e-5`, only below 1e-4 and from 1e6 on.
 */
export function formatSignificant(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return formatNonFinite(value);
  if (value === 0) return "0";
  const [mantissa, exponentText] = value.toExponential(digits - 1).split("e");
  const exponent = Number(exponentText);
  if (exponent >= -4) {
    const plain = value.toFixed(Math.max(0, digits - 1 - exponent));
    if (Math.abs(Number(plain)) < 1e6) return plain;
  }
  return `${mantissa}e${exponent}`;
}

/** The text of a number in a column, by the column's `format` and `digits`. */
export function formatInColumn(value: number, column: Column): string {
  if (typeof column.format === "function") return column.format(value);
  if (!Number.isFinite(value)) return formatNonFinite(value);
  if (column.format === "integer") return withoutNegativeZero(value.toFixed(0));
  if (column.format === "fixed") return withoutNegativeZero(value.toFixed(column.digits ?? 2));
  return formatSignificant(value, column.digits);
}

/**
 * The bounds of an interval, to the decimals of the value that they enclose where that is written plainly.
 *
 * @param value the value as in its cell; bounds beside a text or a missing value are written on their own
 */
export function formatInterval(
  bounds: readonly [number, number],
  value: number | string | null,
  column: Column,
): readonly [string, string] {
  const own = [formatInColumn(bounds[0], column), formatInColumn(bounds[1], column)] as const;
  const bySignificance = column.format === undefined || column.format === "significant";
  if (typeof value !== "number" || value === 0 || !bySignificance || !bounds.every(Number.isFinite))
    return own;
  const text = formatInColumn(value, column);
  if (!/^-?[\d.]+$/.test(text) || bounds.some((bound) => Math.abs(bound) >= 1e6)) return own;
  const decimals = text.split(".")[1]?.length ?? 0;
  return [withoutNegativeZero(bounds[0].toFixed(decimals)), withoutNegativeZero(bounds[1].toFixed(decimals))];
}

/** Short text of a tick or label: at most `digits` significant digits, no trailing zeros. */
export function formatShort(value: number, digits = 3): string {
  const text = formatSignificant(value, digits);
  const [mantissa, exponent] = text.split("e");
  const short = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
  return exponent === undefined ? short : `${short}e${exponent}`;
}

function formatNonFinite(value: number): string {
  return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "-∞";
}

function withoutNegativeZero(text: string): string {
  return /^-0(\.0*)?$/.test(text) ? text.slice(1) : text;
}
