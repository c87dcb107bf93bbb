/**
 * Named synthetic signals. Every number is a statistic of a real series or an assumption said to be one; none is a
 * row of anybody's data.
 */
import { suggestion, UserError } from "../errors.ts";
import type { StepSeries } from "./series.ts";
import { type ShapedModel, type SyntheticModel, synthesise, type TwoStateModel } from "./synthetic.ts";

export interface SyntheticPreset extends SyntheticModel {
  readonly id: string;
  /** What it stands in for, and what of it is measured or assumed. */
  readonly basis: string;
}

/** January to March 2025 (UTC), the window of CEDAR's replay. */
export const CEDAR_WINDOW = { startSeconds: 1735689600, endSeconds: 1743465600 } as const;

export interface SyntheticSeriesOptions {
  readonly seed: number | string;
  /** Unix seconds; default {@link CEDAR_WINDOW}. */
  readonly startSeconds?: number | undefined;
  readonly endSeconds?: number | undefined;
  /** Default 300. */
  readonly stepSeconds?: number | undefined;
}

/**
 * A named synthetic signal.
 *
 * @throws UserError CANOPY_SIGNAL_PRESET for an unknown name
 * @example
 * syntheticSeries("us-east-1", { seed: 1 }); // PJM's average, direct, January to March 2025, every 5 minutes
 */
export function syntheticSeries(id: string, options: SyntheticSeriesOptions): StepSeries {
  return synthesise(syntheticPreset(id), id, { ...CEDAR_WINDOW, ...definedOnly(options) });
}

/** @throws UserError CANOPY_SIGNAL_PRESET for an unknown name */
export function syntheticPreset(id: string): SyntheticPreset {
  const preset = syntheticPresets.find((candidate) => candidate.id === id);
  if (preset !== undefined) return preset;
  const ids = syntheticPresets.map((candidate) => candidate.id);
  throw new UserError("CANOPY_SIGNAL_PRESET", `no synthetic signal "${id}"${suggestion(id, ids)}`);
}

function definedOnly(options: SyntheticSeriesOptions) {
  const { seed, startSeconds, endSeconds, stepSeconds } = options;
  return {
    seed,
    stepSeconds,
    ...(startSeconds === undefined ? {} : { startSeconds }),
    ...(endSeconds === undefined ? {} : { endSeconds }),
  };
}

/** CEDAR's regions, average: the first quarter of 2022, when all three are known at one time. */
const CEDAR: readonly SyntheticPreset[] = [
  {
    id: "us-east-1",
    basis: "PJM, Electricity Maps, direct, January-March 2022: 278/374/465",
    header: average("US-MIDA-PJM", "direct"),
    shape: shaped([278, 374, 465, 0.006, 21.2, 0.016, 1.4, 0.003, 1.3, 0.022, 82, 0.98, 0.113, 97]),
  },
  {
    id: "us-west-2-bpat",
    basis: "BPA's own generation, EIA-930, January-March 2022: 24/49/72; the cleaner reading of Oregon",
    header: average("US-NW-BPAT", "direct"),
    shape: shaped([24, 49, 72, 0.011, 12.2, 0.045, 9.8, 0.004, 5.9, 0.377, 303, 0.96, 0.206, 76]),
  },
  {
    id: "us-west-2-pacw",
    basis: "PacifiCorp West, life cycle, mean of 2023: 212; range, day and noise ASSUMED",
    header: average("US-NW-PACW", "lifecycle"),
    shape: shaped([120, 212, 310, 0.05, 8, 0.03, 2, 0, 0, 0, 0, 0.96, 0.15, 48]),
  },
  {
    id: "us-west-2-pacw-direct",
    basis: "PacifiCorp West, direct, mean of 2023: 164; range, day and noise ASSUMED",
    header: average("US-NW-PACW", "direct"),
    shape: shaped([93, 164, 240, 0.05, 8, 0.03, 2, 0, 0, 0, 0, 0.96, 0.15, 48]),
  },
  {
    id: "eu-west-1",
    basis: "Ireland, EirGrid, direct, January-March 2022: 117/297/539, driven by wind",
    header: average("IE", "direct"),
    shape: shaped([117, 297, 539, 0.018, 2.6, 0.013, 7.7, 0.002, 3, 0.113, 202, 0.88, 0.338, 34]),
  },
  {
    id: "caiso-week",
    basis: "CAISO, Electricity Maps, life cycle, 5-11 August 2024 (CAPS's week): 102/237/340; no season",
    header: average("US-CAL-CISO", "lifecycle"),
    shape: shaped([102, 237, 340, 0.334, 7.3, 0.065, 0.7, 0.056, 3.9, 0, 0, 0.84, 0.082, 10]),
  },
];

/** Marginal: two states with the statistics of WattTime's CAISO_NORTH MOER of June 2023, the only one at hand. */
const MARGINAL: readonly SyntheticPreset[] = [
  {
    id: "caiso-marginal",
    basis: "WattTime MOER CAISO_NORTH, 8 June-8 July 2023: 35/355/463, 19 % of the time curtailed",
    header: marginal("CAISO_NORTH"),
    shape: twoState(424, { centreUtc: 19, reach: 6.5 }),
  },
  {
    id: "us-east-1-marginal",
    basis: "as caiso-marginal with its day at Virginia's sun; upper state 480 g/kWh ASSUMED",
    header: marginal("PJM"),
    shape: twoState(480, { centreUtc: 16, reach: 6.5 }),
  },
  {
    id: "us-west-2-marginal",
    basis:
      "as caiso-marginal, upper state 424 g/kWh: gas of the same interconnection ASSUMED to set Oregon's margin",
    header: marginal("US-NW"),
    shape: twoState(424, { centreUtc: 19, reach: 6.5 }),
  },
  {
    id: "eu-west-1-marginal",
    basis: "as caiso-marginal, curtailed at any hour (wind); upper state 490 g/kWh ASSUMED",
    header: marginal("IE"),
    shape: twoState(490, null),
  },
];

/**
 * One fitted series: min, mean, max; amplitude and UTC peak hour of three harmonics of the day; amplitude and peak
 * day of the year; weekend over weekday; deviation of the rest over the mean and its correlation time in hours.
 */
type Fit = readonly number[];

/** Average, life cycle: fits to Electricity Maps' hourly 2024, g/kWh. */
const ZONES: readonly (readonly [zone: string, Fit])[] = [
  ["US-MIDA-PJM", [266, 392, 522, 0.028, 0.4, 0.02, 0.6, 0.006, 1.7, 0.041, 197, 0.96, 0.099, 55]],
  ["US-CAL-CISO", [51, 226, 423, 0.389, 7.5, 0.103, 1.1, 0.041, 3.6, 0.246, 326, 0.94, 0.208, 17]],
  ["BR-SP", [44, 103, 213, 0.055, 5.9, 0.026, 7.2, 0.006, 6.6, 0.438, 248, 1.03, 0.149, 19]],
  ["DE-LU", [107, 332, 654, 0.163, 22.2, 0.085, 5.4, 0.002, 7.5, 0.172, 340, 0.82, 0.304, 23]],
  ["ZA", [606, 713, 801, 0.039, 23.1, 0.009, 3.9, 0.005, 3.2, 0.022, 191, 0.99, 0.031, 12]],
  ["SG", [438, 485, 499, 0.031, 16.5, 0.014, 10.3, 0.002, 8, 0.001, 334, 1, 0.013, 3]],
  ["KR", [249, 418, 505, 0.042, 14.1, 0.028, 9.5, 0.008, 6.9, 0.014, 308, 0.92, 0.09, 42]],
  ["AU-NSW", [171, 552, 808, 0.314, 14, 0.102, 7.4, 0.01, 2.9, 0.102, 138, 0.99, 0.119, 6]],
  ["US-TEX-ERCO", [136, 367, 580, 0.102, 4.1, 0.087, 0.1, 0.029, 1.9, 0.127, 257, 0.98, 0.212, 16]],
  ["CA-ON", [10, 88, 166, 0.228, 19.8, 0.118, 0.6, 0.022, 2.1, 0.052, 231, 0.83, 0.356, 23]],
  ["CL-SIC", [74, 238, 506, 0.403, 4.5, 0.102, 9.8, 0.063, 0.3, 0.308, 121, 0.97, 0.184, 10]],
  ["JP-TK", [200, 544, 604, 0.15, 14.2, 0.08, 8.3, 0.019, 6.4, 0.013, 299, 0.98, 0.061, 3]],
  ["IN-WE", [641, 738, 787, 0.016, 22.4, 0.006, 2.8, 0.004, 4.9, 0.035, 46, 1, 0.021, 36]],
  ["AU-VIC", [205, 503, 774, 0.201, 15, 0.05, 7.5, 0, 7.7, 0.121, 125, 1.02, 0.152, 9]],
  ["US-NY-NYIS", [182, 293, 393, 0.03, 20.5, 0.024, 0.5, 0.004, 3, 0.1, 235, 0.96, 0.086, 25]],
  ["GB", [36, 163, 384, 0.098, 19.1, 0.148, 6.8, 0.008, 1.5, 0.191, 350, 0.83, 0.388, 25]],
];

/** Wholesale prices: fits to hourly 2024 cut at its 0.5 and 99.5 % quantiles, USD/MWh, not below 0. */
const PRICES: readonly (readonly [zone: string, Fit])[] = [
  ["US-MIDA-PJM", [9, 35.6, 253, 0.32, 20.5, 0.214, 10.8, 0.052, 5, 0.097, 224, 0.85, 0.83, 4]],
  ["US-CAL-CISO", [0, 40.5, 212, 0.255, 4.8, 0.218, 1.9, 0.054, 2, 0.352, 335, 0.91, 0.56, 17]],
  ["BR-SP", [11, 22.3, 127, 0.126, 23.6, 0.074, 9.8, 0.026, 6.1, 0.933, 274, 0.88, 0.88, 33]],
  ["DE-LU", [0, 83.7, 295, 0.187, 20.1, 0.301, 6.2, 0.052, 0.7, 0.218, 304, 0.68, 0.46, 8]],
  ["ZA", [49, 81.4, 346, 0.23, 10.6, 0.347, 5.5, 0.141, 6.9, 0.267, 198, 0.61, 0.48, 2]],
  ["SG", [42, 118.6, 1368, 0.264, 8.8, 0.226, 0.3, 0.098, 1.7, 0.345, 110, 0.75, 0.98, 3]],
  ["KR", [51, 85.3, 126, 0.15, 6.3, 0.074, 0.5, 0.027, 7.6, 0.054, 183, 0.85, 0.14, 8]],
  ["AU-NSW", [0, 110.4, 1720, 0.48, 9.6, 0.441, 8, 0.178, 7.4, 0.168, 177, 0.74, 1.34, 3]],
  ["US-TEX-ERCO", [1, 26.3, 288, 0.462, 0.2, 0.422, 0.4, 0.18, 0.7, 0.104, 207, 0.84, 0.99, 5]],
  ["CA-ON", [0, 22.3, 104, 0.245, 19.9, 0.103, 0.1, 0.032, 5.2, 0.11, 324, 0.86, 0.53, 5]],
  ["CL-SIC", [23, 126.6, 378, 0.506, 4, 0.15, 11.7, 0.152, 0.7, 0.5, 101, 1, 0.41, 6]],
  ["JP-TK", [0, 86.4, 190, 0.159, 10.5, 0.116, 9.8, 0.028, 0.8, 0.2, 257, 0.86, 0.23, 5]],
  ["IN-WE", [10, 51.2, 117, 0.254, 15.7, 0.218, 2.2, 0.039, 2.5, 0.12, 106, 0.85, 0.47, 4]],
  ["US-NY-NYIS", [17, 37.9, 187, 0.203, 21, 0.151, 11.2, 0.053, 5.5, 0.305, 345, 0.9, 0.62, 30]],
  ["FR", [0, 62.4, 184, 0.182, 20, 0.308, 7.1, 0.035, 7.9, 0.489, 333, 0.69, 0.5, 14]],
];

export const syntheticPresets: readonly SyntheticPreset[] = [
  ...CEDAR,
  ...MARGINAL,
  ...ZONES.map(
    ([zone, fit]): SyntheticPreset => ({
      id: zone,
      basis: `${zone}, Electricity Maps, life cycle, 2024: ${fit.slice(0, 3).join("/")}`,
      header: average(zone, "lifecycle"),
      shape: { ...shaped(fit), reference: "year" },
    }),
  ),
  ...PRICES.map(([zone, fit]): SyntheticPreset => {
    const model = shaped(fit.map((number, i) => (i < 3 ? number / 1000 : number)));
    return {
      id: `price-${zone}`,
      basis: `${zone}, wholesale, 2024: ${fit.slice(0, 3).join("/")} USD/MWh; no negative prices, no rarest spikes`,
      header: { quantity: "price", unit: "usd/kWh", signal: "none", accounting: "none", zone },
      shape: { ...model, reference: "year", noise: { ...model.noise, law: "log-normal" } },
    };
  }),
];

function average(zone: string, accounting: "lifecycle" | "direct"): SyntheticModel["header"] {
  return { quantity: "carbon-intensity", unit: "g/kWh", signal: "average", accounting, zone };
}

function marginal(zone: string): SyntheticModel["header"] {
  return { quantity: "carbon-intensity", unit: "g/kWh", signal: "marginal", accounting: "direct", zone };
}

function shaped(fit: Fit): ShapedModel {
  const [min, mean, max, a1, h1, a2, h2, a3, h3, amplitude, peakDay, weekend, deviation, correlationHours] =
    fit;
  return {
    kind: "shaped",
    mean,
    min,
    max,
    reference: "first-quarter",
    daily: [
      [a1, h1],
      [a2, h2],
      [a3, h3],
    ],
    seasonal: [amplitude, peakDay],
    weekend,
    noise: { law: "normal", deviation, correlationHours },
  };
}

function twoState(gasMean: number, hours: TwoStateModel["hours"]): TwoStateModel {
  return {
    kind: "two-state",
    gas: { mean: gasMean, deviation: 14, correlationHours: 5 },
    curtailed: { floor: 35, median: 13, sigma: 1.25, correlationHours: 1.5 },
    max: gasMean + 39,
    curtailedShare: 0.19,
    stayHours: 1.6,
    hours,
  };
}
