/** Carbon, price and weather of sites over a stretch of time: from reference data, or drawn with its statistics. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { readSignalCsv } from "../signal/read-csv.ts";
import { type StepSeries, type Steps, scaleBy } from "../signal/series.ts";
import { syntheticSeries } from "../signal/synthetic-presets.ts";
import type { SiteFacts } from "./sites.ts";
import { readWeatherTable, syntheticWetBulb, weatherOfZone } from "./weather.ts";

/** What is known of a site from hour to hour, in Unix time. */
export interface SiteSeries {
  /** g/kWh. */
  readonly carbon: StepSeries;
  /** $/kWh. */
  readonly price: StepSeries;
  /** C. */
  readonly wetBulb: Steps;
  readonly wetBulbSource: string;
}

export interface SiteSeriesOptions {
  /** Folder of reference data; without it, and for a file that is not in it, series are synthetic. */
  readonly dataRoot?: string | undefined;
  readonly seed: number | string;
  readonly startSeconds: number;
  readonly endSeconds: number;
  readonly accounting?: "lifecycle" | "direct";
  /** Times the wholesale price; retail tariffs are two to three times that (default 1). */
  readonly priceMultiplier?: number;
  /** Quantile of a zone's year above which prices are cut: scarcity spikes are no tariff (default 0.995). */
  readonly priceQuantile?: number;
}

const CARBON = {
  lifecycle: "carbon-electricitymaps/ci_lca_2024_hourly.csv",
  direct: "carbon-electricitymaps/ci_direct_2024_hourly.csv",
} as const;
const PRICE = "electricity-prices/wholesale_usd_per_mwh_2024_hourly.csv";
const WET_BULB = "weather/wet_bulb_c_stull_2024_hourly.csv";

/**
 * The series of each site, from 2024's files where the folder of reference data has them. Synthetic carbon is always
 * life cycle. Prices are cut at 0 and at a high quantile: a negative price would reward waste.
 *
 * @throws UserError of the readers of signals, e.g. CANOPY_SIGNAL_ZONE for a site on another grid
 */
export async function siteSeries(
  sites: readonly SiteFacts[],
  options: SiteSeriesOptions,
): Promise<SiteSeries[]> {
  const { dataRoot, seed, startSeconds, endSeconds, accounting = "lifecycle" } = options;
  const file = (name: string) => {
    const path = dataRoot === undefined ? undefined : join(dataRoot, name);
    return path !== undefined && existsSync(path) ? path : undefined;
  };
  const carbonFile = file(CARBON[accounting]);
  const priceFile = file(PRICE);
  const weatherFile = file(WET_BULB);
  const weather = weatherFile === undefined ? undefined : await readWeatherTable(weatherFile);
  const drawn = { seed, startSeconds, endSeconds, stepSeconds: 3600 };
  return Promise.all(
    sites.map(async ({ name, zone, wetBulb }): Promise<SiteSeries> => {
      const carbon =
        carbonFile === undefined
          ? syntheticSeries(zone, drawn)
          : await readSignalCsv(carbonFile, { column: zone, zone, accounting, unit: "g/kWh" });
      const price =
        priceFile === undefined
          ? syntheticSeries(`price-${zone}`, drawn)
          : await readSignalCsv(priceFile, { column: zone, zone, fill: "hold" });
      return {
        carbon,
        price: scaleBy(cut(price, options.priceQuantile ?? 0.995), options.priceMultiplier ?? 1),
        ...(weatherFile === undefined || weather === undefined
          ? {
              wetBulb: syntheticWetBulb(wetBulb, seed, name, startSeconds, endSeconds),
              wetBulbSource: `synthetic climate of ${zone}, seed ${seed}`,
            }
          : {
              wetBulb: weatherOfZone(weatherFile, weather, zone),
              wetBulbSource: "wet_bulb_c_stull_2024_hourly.csv",
            }),
      };
    }),
  );
}

/** Prices between 0 and their own quantile. */
function cut(series: StepSeries, quantile: number): StepSeries {
  const sorted = Float64Array.from(series.values).sort();
  const highest = Math.max(0, sorted[Math.floor(quantile * (sorted.length - 1))]);
  return {
    ...series,
    header: { ...series.header, source: `${series.header.source}, cut to 0 and its ${quantile} quantile` },
    values: series.values.map((value) => Math.min(highest, Math.max(0, value))),
  };
}
