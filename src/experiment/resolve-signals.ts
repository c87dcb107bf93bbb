import { createForecast, type Forecast } from "../signal/forecast.ts";
import { isoTime, rescale, type StepSeries, scaleBy, type Track, window } from "../signal/series.ts";
import { syntheticPreset, syntheticSeries } from "../signal/synthetic-presets.ts";
import { canonicalJson } from "./canonical-json.ts";
import type { Experiment } from "./schema.ts";
import type { SeriesChanges, SeriesInput, SharedInputs } from "./shared-inputs.ts";

/** Kept before the start for forecasts by persistence: a day, and the hour of an issue. */
const HISTORY_SECONDS = 2 * 86_400;
/** Kept after the last arrival: what drains, and forecasts up to 96 h ahead. */
const LOOKAHEAD_SECONDS = 5 * 86_400;

/** The stretch of a signal that a run needs. */
export interface RunWindow {
  /** Unix seconds; null where no signal of the experiment has a calendar. */
  readonly start: number | null;
  /** Seconds from the start up to which the signal has to be known. */
  readonly lengthSeconds: number;
}

/**
 * The signal of one region in run time.
 *
 * @throws UserError CANOPY_SIGNAL_RANGE when a series does not cover the run
 */
export function trackOf(input: SeriesInput, shared: Pick<SharedInputs, "series">, run: RunWindow): Track {
  if (input.kind === "constant") {
    return {
      times: Float64Array.of(0),
      values: Float64Array.of(input.value),
      endSeconds: Number.POSITIVE_INFINITY,
    };
  }
  if (input.kind === "steps") {
    return {
      times: Float64Array.from(input.steps, ([time]) => time),
      values: Float64Array.from(input.steps, ([, value]) => value),
      endSeconds: Number.POSITIVE_INFINITY,
    };
  }
  const start = run.start ?? 0;
  const end = start + run.lengthSeconds;
  const series = input.kind === "file" ? shared.series[input.series] : presetSeries(input, start, end);
  const covered = Math.max(end, Math.min(end + LOOKAHEAD_SECONDS, series.endSeconds));
  return window(series, start, covered, HISTORY_SECONDS);
}

const YEAR_LIMIT = 64;
const years = new Map<string, StepSeries>();

/** Whole calendar years of a preset, kept: many runs of one worker start in the same year. */
function presetSeries(
  { preset, seed, stepSeconds, changes }: Extract<SeriesInput, { kind: "preset" }>,
  start: number,
  end: number,
): StepSeries {
  const from = new Date((start - HISTORY_SECONDS) * 1000).getUTCFullYear();
  const to = new Date((end + LOOKAHEAD_SECONDS) * 1000).getUTCFullYear() + 1;
  const key = canonicalJson([preset, seed, stepSeconds, changes, from, to]);
  let series = years.get(key);
  if (series === undefined) {
    const [startSeconds, endSeconds] = [from, to].map((year) => Date.UTC(year, 0, 1) / 1000);
    series = changed(syntheticSeries(preset, { seed, stepSeconds, startSeconds, endSeconds }), changes);
    if (years.size >= YEAR_LIMIT) years.clear();
    years.set(key, series);
  }
  return series;
}

/** The changes that an experiment file asks for: first the range, then the factor. */
export function changed(series: StepSeries, { rescale: range, factor }: SeriesChanges): StepSeries {
  const ranged = range === undefined ? series : rescale(series, range);
  return factor === undefined ? ranged : scaleBy(ranged, factor);
}

/** What a signal is, for the provenance of a result. */
export function describeSeries(
  input: SeriesInput,
  shared: Pick<SharedInputs, "series">,
): Readonly<Record<string, string | number>> {
  switch (input.kind) {
    case "constant":
      return { source: `constant ${input.value}`, provenance: "synthetic" };
    case "steps":
      return { source: `${input.steps.length} steps in the experiment`, provenance: "synthetic" };
    case "preset": {
      const { header, basis } = syntheticPreset(input.preset);
      const { signal, accounting, zone, unit } = header;
      const source = `synthetic ${input.preset}, seed ${input.seed}`;
      return { source, basis, zone, unit, signal, accounting, provenance: "synthetic" };
    }
    case "file": {
      const { header, times, endSeconds } = shared.series[input.series];
      return { ...header, from: isoTime(times[0]), to: isoTime(endSeconds) };
    }
  }
}

/** Forecast carbon intensity by region, time and lead; null for the truth. */
export function forecastOf(
  { forecast }: Experiment["signals"],
  tracks: readonly Track[],
  regions: readonly string[],
): ((region: number, nowSeconds: number, aheadSeconds: number) => number) | null {
  if (forecast === "perfect") return null;
  const forecasts = tracks.map((track, i): Forecast => {
    if (forecast === "persistence") return createForecast(track, { kind: "persistence" });
    const { deviation1h, deviation96h, seed } = forecast.noisy;
    return createForecast(track, {
      kind: "noisy",
      seed,
      zone: regions[i],
      deviation: [deviation1h, deviation96h],
    });
  });
  return (region, now, ahead) => forecasts[region].predict(now, now + ahead);
}

/** A signal that is not known: routers see 0, and no metric is made of it. */
export const UNKNOWN_SIGNAL: Track = {
  times: Float64Array.of(0),
  values: Float64Array.of(0),
  endSeconds: Number.POSITIVE_INFINITY,
};
