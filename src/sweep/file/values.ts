/** The values that axes of a sweep take: lists, ranges, and points drawn at random. */
import type { PlainValue } from "../../experiment/located-tree.ts";
import { Stream } from "../../numeric/random.ts";
import type { IntervalConfig, RangeConfig, SampleConfig } from "./sweep-schema.ts";

/** Digits that values are rounded to, so that 0.1 + 0.2 is written 0.3. */
const DIGITS = 12;

/** Values of a range, and points of a sample or a whole sweep: more are a slip of the pen. */
const MOST_VALUES = 100_000;
export const MOST_POINTS = 1_000_000;

/** What keeps a range from having values; undefined where nothing does. */
export function rangeProblem(range: RangeConfig | IntervalConfig): string | undefined {
  const { from, to, scale, whole } = range;
  if (!(from < to)) return `goes from ${from} to ${to}, expected to above from`;
  if (scale === "log" && from <= 0) return `begins at ${from}, expected more than 0 on a log scale`;
  if (whole && Math.ceil(from) > Math.floor(to)) {
    return `goes from ${from} to ${to}, expected a whole number between them`;
  }
  if (!("count" in range || "step" in range)) return undefined;
  const { count, step } = range;
  if (count !== undefined && step !== undefined) return "has both count and step, expected one of them";
  if (step !== undefined && scale === "log") return "has a step on a log scale, expected count";
  if (count === 1) return "has one value only, expected a count of at least 2";
  const values = count ?? Math.floor((to - from) / (step ?? 1)) + 1;
  if (values > MOST_VALUES) return `has ${values} values, expected at most ${MOST_VALUES}`;
  return undefined;
}

/** The values of a range in ascending order, both ends among them where the step allows. */
export function rangeValues({ from, to, scale, whole, count, step }: RangeConfig): number[] {
  const values: number[] = [];
  if (step !== undefined) {
    // A hair more, so that rounding does not cost the end.
    const steps = Math.floor((to - from) / step + 1e-9);
    for (let i = 0; i <= steps; i++) values.push(tidy(from + i * step, { from, to, whole }));
  } else {
    const last = (count ?? 2) - 1;
    for (let i = 0; i <= last; i++) values.push(between(from, to, i / last, scale, whole));
  }
  return [...new Set(values)];
}

/**
 * The points of a sample: by point, then axis, in the order of the file. An axis draws from a stream named by its path,
 * so that another one added or removed leaves its values as they are.
 */
export function samplePoints({ method, count, seed, axes }: SampleConfig): PlainValue[][] {
  const columns = Object.entries(axes).map(([path, axis]) => {
    const stream = new Stream(seed, `sweep over ${path}`);
    const shares = method === "random" ? randomShares(count, stream) : stratifiedShares(count, stream);
    return shares.map((share) => valueAt(axis as PlainValue[] | IntervalConfig, share));
  });
  return Array.from({ length: count }, (_, i) => columns.map((column) => column[i]));
}

function randomShares(count: number, stream: Stream): number[] {
  return Array.from({ length: count }, () => stream.uniform());
}

/** One share in each of `count` equal parts of [0, 1), in random order (McKay, Beckman, Conover 1979). */
function stratifiedShares(count: number, stream: Stream): number[] {
  const parts = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = stream.below(i + 1);
    [parts[i], parts[j]] = [parts[j], parts[i]];
  }
  return parts.map((part) => Math.min((part + stream.uniform()) / count, 1 - Number.EPSILON));
}

function valueAt(axis: PlainValue[] | IntervalConfig, share: number): PlainValue {
  if (Array.isArray(axis)) return axis[Math.floor(share * axis.length)];
  const { from, to, scale, whole } = axis;
  // Whole numbers: each gets the same room, also the ends.
  return whole && scale === "linear"
    ? Math.ceil(from) + Math.floor(share * (Math.floor(to) - Math.ceil(from) + 1))
    : between(from, to, share, scale, whole);
}

function between(
  from: number,
  to: number,
  share: number,
  scale: RangeConfig["scale"],
  whole: boolean,
): number {
  const ends = { from, to, whole };
  if (share === 0) return tidy(from, ends);
  if (share === 1) return tidy(to, ends);
  return tidy(scale === "log" ? from * (to / from) ** share : from + (to - from) * share, ends);
}

/** Rounded; whole numbers stay between the ends, which need not be whole themselves. */
function tidy(value: number, { from, to, whole }: Pick<RangeConfig, "from" | "to" | "whole">): number {
  return whole
    ? Math.min(Math.max(Math.round(value), Math.ceil(from)), Math.floor(to))
    : Number(value.toPrecision(DIGITS));
}
