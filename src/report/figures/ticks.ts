import { formatShort } from "../format-number.ts";

export type ScaleKind = "linear" | "log";

/** The extent of an axis and where it is labelled. */
export interface ResolvedAxis {
  readonly kind: ScaleKind;
  readonly domain: readonly [number, number];
  readonly ticks: readonly { readonly value: number; readonly label: string }[];
}

export interface ExtentOptions {
  readonly kind?: ScaleKind;
  /** Fixed ends; otherwise the data's extent with a margin. */
  readonly domain?: readonly [number, number] | undefined;
  /** Makes 0 an end of a linear axis. */
  readonly fromZero?: boolean;
  /** Labels that the axis has room for. */
  readonly count?: number;
  readonly format?: ((value: number) => string) | undefined;
  readonly tickStep?: number | undefined;
}

/**
 * The axis for the given values: ticks at 1, 2, 5 times powers of ten (on a log axis at powers of ten alone
 * when those are many). Values that are not finite, and on a log axis not positive, do not count.
 */
export function resolveAxis(values: Iterable<number>, options: ExtentOptions = {}): ResolvedAxis {
  const kind = options.kind ?? "linear";
  const count = options.count ?? 6;
  const domain = options.domain ?? paddedExtent(values, kind, options.fromZero ?? false);
  const places = kind === "log" ? logTicks(domain, count) : linearTicks(domain, count, options.tickStep);
  const step = places.length > 1 ? Math.abs(places[1] - places[0]) : Math.abs(places[0] ?? 1);
  const format = options.format ?? (kind === "log" ? (v: number) => formatShort(v) : linearFormat(step));
  return { kind, domain, ticks: places.map((value) => ({ value, label: format(value) })) };
}

function paddedExtent(values: Iterable<number>, kind: ScaleKind, fromZero: boolean): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (!Number.isFinite(value) || (kind === "log" && value <= 0)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return kind === "log" ? [0.1, 10] : [0, 1];
  if (kind === "log") {
    const factor = Math.max(1.15, (high / low) ** 0.06);
    return [low / factor, high * factor];
  }
  if (fromZero) {
    low = Math.min(0, low);
    high = Math.max(0, high);
  }
  const magnitude = Math.max(Math.abs(low), Math.abs(high));
  // Values that differ by rounding only are one value: ticks between them would not be told apart.
  const span =
    high - low > 1e-9 * magnitude && magnitude > 1e-300 ? high - low : magnitude > 1e-300 ? magnitude : 1;
  return [fromZero && low === 0 ? 0 : low - 0.06 * span, fromZero && high === 0 ? 0 : high + 0.06 * span];
}

function linearTicks([low, high]: readonly [number, number], count: number, fixed?: number): number[] {
  const step = fixed ?? niceStep((high - low) / count);
  const ticks: number[] = [];
  const slack = step * 1e-9;
  for (let i = Math.ceil((low - slack) / step); i * step <= high + slack; i++) {
    ticks.push(Number((i * step).toPrecision(12)));
  }
  return ticks;
}

/** The smallest of 1, 2, 5 times a power of ten that is not below `raw`. */
function niceStep(raw: number): number {
  const power = 10 ** Math.floor(Math.log10(raw));
  const factor = [1, 2, 5, 10].find((f) => f * power >= raw * (1 - 1e-9)) ?? 10;
  return factor * power;
}

function logTicks([low, high]: readonly [number, number], count: number): number[] {
  const inside = (factors: readonly number[], every: number): number[] => {
    const ticks: number[] = [];
    for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++) {
      if (e % every !== 0) continue;
      for (const factor of factors) {
        const value = Number(`${factor}e${e}`);
        if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)) ticks.push(value);
      }
    }
    return ticks;
  };
  const dense = inside([1, 2, 3, 5, 7], 1);
  if (dense.length <= count) return dense.length >= 2 ? dense : linearTicks([low, high], count);
  for (const factors of [[1, 2, 5], [1, 3], [1]]) {
    const ticks = inside(factors, 1);
    if (ticks.length <= count && ticks.length >= 2) return ticks;
  }
  for (let every = 2; ; every++) {
    const ticks = inside([1], every);
    if (ticks.length <= count) return ticks;
  }
}

/** All ticks with the decimals of their step: 0.0, 0.5, 1.0. */
function linearFormat(step: number): (value: number) => string {
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return (value) => {
    const size = Math.abs(value);
    if (size >= 1e6 || decimals > 5) return formatShort(value, 4);
    return value.toFixed(decimals).replace(/^-(0(\.0*)?)$/, "$1");
  };
}
