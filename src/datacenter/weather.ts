/** Cooling under the weather of the hour: beyond the paper, whose COP and evaporation are constants of a site. */

import { type CsvTable, readCsvTable } from "../csv-table.ts";
import { UserError } from "../errors.ts";
import { Stream } from "../numeric/random.ts";
import type { Steps } from "../signal/series.ts";
import { parseTimeStamp } from "../signal/time-stamp.ts";
import type { WetBulbClimate } from "./sites.ts";

/** A water-cooled chiller with a cooling tower. All values ours. */
export interface WeatherParameters {
  /** The condenser's temperature above the wet bulb: tower and condenser together, K. */
  readonly approachK: number;
  /** Temperature at which the chiller evaporates, C. */
  readonly evaporatorC: number;
  /** The lift never falls below this, K; it bounds the COP on cold days. */
  readonly minimumLiftK: number;
  /** Share of the heat that the tower gets rid of by evaporation at 15 C, and its growth for each K. */
  readonly evaporationAt15C: number;
  readonly evaporationPerK: number;
}

export const WEATHER: WeatherParameters = {
  approachK: 12,
  evaporatorC: 10,
  minimumLiftK: 6,
  evaporationAt15C: 0.75,
  evaporationPerK: 0.01,
};

/**
 * COP at a wet bulb: that of the design point, times design lift over lift (a fixed share of Carnot's COP).
 *
 * @param designC wet bulb at which the COP is `designCop`
 */
export function copAt(
  wetBulbC: number,
  designCop: number,
  designC: number,
  weather: WeatherParameters = WEATHER,
): number {
  return (designCop * lift(designC, weather)) / lift(wetBulbC, weather);
}

/** Share of the heat that leaves by evaporation, 0.5 to 1; the rest warms air. */
export function evaporationShareAt(wetBulbC: number, weather: WeatherParameters = WEATHER): number {
  const share = weather.evaporationAt15C + weather.evaporationPerK * (wetBulbC - 15);
  return Math.min(1, Math.max(0.5, share));
}

function lift(wetBulbC: number, weather: WeatherParameters): number {
  return Math.max(weather.minimumLiftK, wetBulbC + weather.approachK - weather.evaporatorC);
}

const HOUR = 3600;

/** Hourly wet bulb of a climate, C: its waves of year and day with autocorrelated noise; times in Unix seconds. */
export function syntheticWetBulb(
  climate: WetBulbClimate,
  seed: number | string,
  name: string,
  startSeconds: number,
  endSeconds: number,
): Steps {
  const stream = new Stream(seed, `datacenter/wet-bulb|${name}`);
  const count = Math.ceil((endSeconds - startSeconds) / HOUR);
  const times = new Float64Array(count);
  const values = new Float64Array(count);
  const stay = Math.exp(-1 / climate.noiseHours);
  const jump = Math.sqrt(1 - stay * stay);
  const yearStart = Date.UTC(new Date(startSeconds * 1000).getUTCFullYear(), 0, 1) / 1000;
  let noise = stream.normal();
  for (let i = 0; i < count; i++) {
    times[i] = startSeconds + i * HOUR;
    const day = (times[i] - yearStart) / 86400;
    const hour = (times[i] % 86400) / HOUR;
    values[i] =
      climate.meanC +
      climate.yearAmplitudeC * Math.cos((2 * Math.PI * (day - climate.yearPeakDay)) / 365.25) +
      climate.dayAmplitudeC * Math.cos((2 * Math.PI * (hour - climate.dayPeakHourUtc)) / 24) +
      climate.noiseC * noise;
    noise = stay * noise + jump * stream.normal();
  }
  return { times, values, endSeconds: startSeconds + count * HOUR };
}

/** A wide file of weather: a time column in UTC and a column for each zone. */
export async function readWeatherTable(path: string): Promise<CsvTable> {
  return readCsvTable(path, "weather file", "CANOPY_DATACENTER_SERIES");
}

/**
 * Hourly values of a zone; blanks between values hold the last one, blanks at the ends are dropped.
 *
 * @throws UserError CANOPY_DATACENTER_SERIES for a zone that is not there or a cell that is no number
 */
export function weatherOfZone(path: string, table: CsvTable, zone: string): Steps {
  const at = table.columns.indexOf(zone);
  if (at < 1) {
    throw new UserError(
      "CANOPY_DATACENTER_SERIES",
      `${path}: no column for zone ${zone} (columns: ${table.columns.join(", ")})`,
    );
  }
  const times: number[] = [];
  const values: number[] = [];
  for (const { line, cells } of table.rows) {
    const text = cells[at] ?? "";
    if (text === "") continue;
    const stamp = parseTimeStamp(cells[0]);
    const value = Number(text);
    if (stamp === undefined || !Number.isFinite(value)) {
      throw new UserError(
        "CANOPY_DATACENTER_SERIES",
        `${path}, line ${line}: "${cells[0]}", "${text}"; expected a time in UTC and degrees`,
      );
    }
    times.push(stamp.seconds);
    values.push(value);
  }
  if (times.length === 0) {
    throw new UserError("CANOPY_DATACENTER_SERIES", `${path}: no value for zone ${zone}`);
  }
  return {
    times: Float64Array.from(times),
    values: Float64Array.from(values),
    endSeconds: times[times.length - 1] + HOUR,
  };
}
