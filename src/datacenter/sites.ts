/** Places for datacentres: where they are, on which grid, and what is known of water and weather there. */
import type { Place } from "./network.ts";

export interface SiteFacts extends Place {
  /** Zone of the grid, as Electricity Maps' users name it; series of carbon, price and weather go by it. */
  readonly zone: string;
  /** Coefficient of performance of the cooling: 5 at a mean wet bulb of 7 C, 3 at 25 C, linear (range: paper's). */
  readonly cop: number;
  /** Grid water, L/kWh: medians of Macknick et al. 2012 by technology, over the zone's mix of 2024 (2023: Texas). */
  readonly waterLitresPerKwh: number;
  /** The same with the paper's 67 L for hydropower (Macknick: 17) and 0.2 L for wind (0). */
  readonly paperWaterLitresPerKwh: number;
  /** Wet bulb, C: what a synthetic series is drawn from and what the cooling was designed for. */
  readonly wetBulb: WetBulbClimate;
}

/** Fit to hourly 2024 (Open-Meteo, by Stull's formula): mean, a wave of the year, one of the day, and noise. */
export interface WetBulbClimate {
  readonly meanC: number;
  readonly yearAmplitudeC: number;
  readonly yearPeakDay: number;
  readonly dayAmplitudeC: number;
  readonly dayPeakHourUtc: number;
  readonly noiseC: number;
  readonly noiseHours: number;
}

/** Twelve sites, the most diverse first: the first 4, 6, 8, 10 or 12 of them are the paper's sweep. */
export const SITES: readonly SiteFacts[] = [
  site("ashburn", "US-MIDA-PJM", 39.04, -77.49, [1.75, 2.76], [10.1, 10.7, 203, 1.8, 19.5, 4.2, 46]),
  site("san-jose", "US-CAL-CISO", 37.34, -121.89, [2.88, 9.3], [11.7, 3.7, 213, 2.3, 22.8, 2.3, 31]),
  site("sao-paulo", "BR-SP", -23.55, -46.63, [13.4, 52.7], [17.4, 3.4, 26, 1.7, 18, 2, 31]),
  site("frankfurt", "DE-LU", 50.11, 8.68, [2.38, 6.08], [9.3, 7.5, 200, 1.6, 13.8, 3.4, 52]),
  site("johannesburg", "ZA", -26.2, 28.05, [2.1, 2.38], [10.4, 5.9, 16, 2.4, 12.1, 2.3, 28]),
  site("singapore", "SG", 1.35, 103.82, [1.06, 1.07], [25, 0.5, 160, 0.5, 7.5, 0.7, 15]),
  site("seoul", "KR", 37.57, 126.98, [1.83, 2.15], [10.3, 14.1, 207, 1.9, 6.1, 3.4, 45]),
  site("sydney", "AU-NSW", -33.87, 151.21, [1.82, 3.74], [14.5, 5.7, 19, 1.7, 4.9, 2.3, 24]),
  site("dallas", "US-TEX-ERCO", 32.78, -96.8, [0.94, 1.03], [15.9, 8.9, 197, 1.8, 21.2, 4.3, 51]),
  site("toronto", "CA-ON", 43.65, -79.38, [5.3, 17.4], [7.3, 11.1, 208, 1.7, 19.6, 4, 46]),
  site("santiago", "CL-SIC", -33.45, -70.67, [8.1, 31.9], [10.8, 4.5, 13, 2.6, 19.4, 2.2, 30]),
  site("tokyo", "JP-TK", 35.68, 139.69, [2.28, 5.14], [13.8, 11.9, 212, 1.5, 6.3, 2.9, 36]),
];

function site(
  name: string,
  zone: string,
  latitude: number,
  longitude: number,
  [waterLitresPerKwh, paperWaterLitresPerKwh]: readonly number[],
  climate: readonly number[],
): SiteFacts {
  const [meanC, yearAmplitudeC, yearPeakDay, dayAmplitudeC, dayPeakHourUtc, noiseC, noiseHours] = climate;
  const cop = Math.min(5, Math.max(3, 5 - (meanC - 7) / 9));
  const wetBulb = {
    meanC,
    yearAmplitudeC,
    yearPeakDay,
    dayAmplitudeC,
    dayPeakHourUtc,
    noiseC,
    noiseHours,
  };
  return { name, zone, latitude, longitude, cop, waterLitresPerKwh, paperWaterLitresPerKwh, wetBulb };
}
