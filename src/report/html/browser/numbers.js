/** Numbers for people. */

/**
 * Three significant digits, trailing zeros kept, digits before the point never dropped.
 *
 * @param {number | null | undefined} value
 */
export function shortNumber(value, digits = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const exponent = Number(value.toExponential(digits - 1).split("e")[1]);
  if (exponent < -4 || exponent >= 7) return value.toExponential(digits - 1);
  const text = value.toFixed(Math.max(0, digits - 1 - exponent));
  return exponent >= 4 ? Number(text).toLocaleString("en-US") : text;
}

/** Of a tick: no trailing zeros. */
export function tickText(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e7) return value.toExponential(2).replace(/\.?0+e/, "e");
  return Number(value.toPrecision(6)).toLocaleString("en-US", { maximumSignificantDigits: 6 });
}

/** Seconds as text, in the greatest unit of which they are whole. */
export function clockText(seconds) {
  if (seconds === 0) return "0";
  for (const [unit, length] of Object.entries({ d: 86400, h: 3600, min: 60 })) {
    if (seconds % length === 0) return `${tickText(seconds / length)} ${unit}`;
  }
  return `${tickText(seconds)} s`;
}
