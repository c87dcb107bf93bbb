/** What the world outside is like in every epoch: columns that a state is filled from. */
import { UserError } from "../errors.ts";
import { isoTime, meanOver, type Steps } from "../signal/series.ts";
import type { EpochState } from "./epoch-state.ts";
import type { SiteSeries } from "./site-series.ts";
import type { SiteFacts } from "./sites.ts";
import { copAt, evaporationShareAt, WEATHER, type WeatherParameters } from "./weather.ts";

/** Index epoch * sites + site. */
export interface ConditionTable {
  readonly epochs: number;
  readonly sites: number;
  readonly carbonKgPerKwh: Float64Array;
  readonly usdPerKwh: Float64Array;
  readonly waterLPerKwh: Float64Array;
  readonly cop: Float64Array;
  readonly evaporation: Float64Array;
  readonly availability: Float64Array;
  /** A line for each site, for tables. */
  readonly sources: readonly string[];
}

export interface ConditionOptions {
  /** Unix seconds. */
  readonly startSeconds: number;
  readonly epochs: number;
  readonly epochSeconds?: number;
  /** COP and evaporation follow the wet bulb; without it they are the site's constants, as in the paper. */
  readonly weather?: WeatherParameters | boolean;
  /** Water of the grid's technologies: medians of Macknick et al. (default), or with the paper's hydropower and wind. */
  readonly waterFactors?: "macknick" | "paper";
}

/**
 * Means of the series over each epoch.
 *
 * @throws UserError CANOPY_DATACENTER_SERIES for a site without carbon or price, or with a series that does not cover
 *   the epochs
 */
export function makeConditions(
  sites: readonly SiteFacts[],
  series: readonly Partial<SiteSeries>[],
  options: ConditionOptions,
): ConditionTable {
  const { startSeconds, epochs, epochSeconds = 900, weather = false } = options;
  const count = sites.length;
  const column = () => new Float64Array(epochs * count);
  const table = {
    epochs,
    sites: count,
    carbonKgPerKwh: column(),
    usdPerKwh: column(),
    waterLPerKwh: column(),
    cop: column(),
    evaporation: column().fill(1),
    availability: column().fill(1),
  };
  const endSeconds = startSeconds + epochs * epochSeconds;
  const parameters = weather === true ? WEATHER : weather;
  const sources = sites.map((site, d) => {
    const own = series[d] ?? {};
    const carbon = covering(own.carbon, site, "carbon intensity", startSeconds, endSeconds);
    const price = covering(own.price, site, "price", startSeconds, endSeconds);
    const wetBulb =
      parameters === false ? undefined : covering(own.wetBulb, site, "wet bulb", startSeconds, endSeconds);
    for (let e = 0; e < epochs; e++) {
      const from = startSeconds + e * epochSeconds;
      const at = e * count + d;
      table.carbonKgPerKwh[at] = meanOver(carbon, from, from + epochSeconds) / 1000;
      table.usdPerKwh[at] = meanOver(price, from, from + epochSeconds);
      table.waterLPerKwh[at] =
        options.waterFactors === "paper" ? site.paperWaterLitresPerKwh : site.waterLitresPerKwh;
      table.cop[at] = site.cop;
      if (wetBulb === undefined || parameters === false) continue;
      const degrees = meanOver(wetBulb, from, from + epochSeconds);
      table.cop[at] = copAt(degrees, site.cop, site.wetBulb.meanC, parameters);
      table.evaporation[at] = evaporationShareAt(degrees, parameters);
    }
    const weatherSource = wetBulb === undefined ? "" : `; ${own.wetBulbSource ?? "wet bulb given"}`;
    return `${site.name}: ${own.carbon?.header.source}; ${own.price?.header.source}${weatherSource}`;
  });
  return { ...table, sources };
}

/** Writes an epoch of the table into a state. */
export function setConditions(table: ConditionTable, epoch: number, state: EpochState): void {
  const from = epoch * table.sites;
  for (let d = 0; d < table.sites; d++) {
    state.carbonKgPerKwh[d] = table.carbonKgPerKwh[from + d];
    state.usdPerKwh[d] = table.usdPerKwh[from + d];
    state.waterLPerKwh[d] = table.waterLPerKwh[from + d];
    state.cop[d] = table.cop[from + d];
    state.evaporation[d] = table.evaporation[from + d];
    state.availability[d] = table.availability[from + d];
  }
}

function covering(
  series: Steps | undefined,
  site: SiteFacts,
  what: string,
  startSeconds: number,
  endSeconds: number,
): Steps {
  if (series === undefined) {
    throw new UserError(
      "CANOPY_DATACENTER_SERIES",
      `site ${site.name} (${site.zone}) has no ${what}: expected a series for every site`,
    );
  }
  if (series.times[0] > startSeconds || series.endSeconds < endSeconds) {
    throw new UserError(
      "CANOPY_DATACENTER_SERIES",
      `site ${site.name} (${site.zone}): its ${what} covers ${isoTime(series.times[0])} to ${isoTime(series.endSeconds)}, ` +
        `but ${isoTime(startSeconds)} to ${isoTime(endSeconds)} is asked for: move the start or shorten the run`,
    );
  }
  return series;
}
