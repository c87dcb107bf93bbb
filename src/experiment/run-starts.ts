import { CEDAR_WINDOW } from "../signal/synthetic-presets.ts";
import type { Experiment } from "./schema.ts";
import { parseInstant } from "./schema-parts.ts";
import type { SeriesInput, SharedInputs } from "./shared-inputs.ts";

const DAY = 86_400;
const HOUR = 3600;

/**
 * Times of the signals at which the runs of a point begin, in Unix seconds. Without `starts`: where the series of
 * files have all begun, or the start of CEDAR's window where all series are synthetic; one null where no signal has
 * a calendar.
 */
export function startsOf(
  { starts }: Experiment,
  signals: readonly SeriesInput[],
  series: SharedInputs["series"],
): (number | null)[] {
  if (Array.isArray(starts)) return starts.map(instant);
  if (starts !== undefined) {
    return ensemble(instant(starts.from), instant(starts.to), starts.days, starts.hoursPerDay);
  }
  const begins = signals.flatMap((input) => (input.kind === "file" ? [series[input.series].times[0]] : []));
  if (begins.length > 0) return [Math.max(...begins)];
  return [signals.some((input) => input.kind === "preset") ? CEDAR_WINDOW.startSeconds : null];
}

/**
 * Days spread evenly over [from, to) and hours spread evenly over each; the hours move on from day to day, so that
 * twelve days with one hour each see every second hour of the day, and 24 hours see all.
 */
export function ensemble(from: number, to: number, days: number, hoursPerDay: number): number[] {
  const total = Math.floor((to - from) / DAY);
  const starts: number[] = [];
  for (let d = 0; d < days; d++) {
    const day = from + Math.floor(((d + 0.5) * total) / days) * DAY;
    for (let h = 0; h < hoursPerDay; h++) {
      starts.push(day + Math.floor(((h + d / days) * 24) / hoursPerDay) * HOUR);
    }
  }
  return starts;
}

function instant(text: string): number {
  return parseInstant(text) ?? Number.NaN;
}
