import {
  type ArrivalShape,
  type Arrivals,
  BURSTGPT_TOKENS,
  drawArrivals,
  readBurstGptShape,
  sliceArrivals,
  syntheticShape,
} from "./arrivals.ts";
import { type ConditionTable, makeConditions } from "./conditions.ts";
import { NODE_TYPES } from "./node-types.ts";
import { scaleToPeak } from "./scaling.ts";
import { type SiteSeries, siteSeries } from "./site-series.ts";
import { SITES, type SiteFacts } from "./sites.ts";
import type { WeatherParameters } from "./weather.ts";
import { type DatacenterWorld, expectValue, makeWorld, type WorldOptions } from "./world.ts";

/** MARLIN's experiment: sites, a day of a fortnight's requests, and the world outside at that time. */
export interface Setting {
  readonly world: DatacenterWorld;
  /** The whole fortnight, scaled: the first figure. */
  readonly fortnight: Arrivals;
  /** What is run: `history` epochs for the forecast, then the horizon. */
  readonly arrivals: Arrivals;
  readonly history: number;
  readonly conditions: ConditionTable;
  /** By which counts were multiplied. */
  readonly factor: number;
  /** Of the fortnight: where the horizon begins, and its busiest epoch. */
  readonly firstEpoch: number;
  readonly peakEpoch: number;
}

export interface SettingOptions {
  /** The first 4 to 12 of {@link SITES} (default 8). */
  readonly sites?: number;
  readonly nodesPerSite?: number;
  readonly seed: number | string;
  /** Folder of reference data; without it everything is synthetic. */
  readonly dataRoot?: string | undefined;
  /** Start of the horizon in the series of carbon, price and weather, Unix seconds (default 1 July 2024). */
  readonly startSeconds?: number;
  /** Epochs of the horizon (default 96: a day). */
  readonly epochs?: number;
  /** Epochs before it for the forecast, as far as there are any (default 96). */
  readonly history?: number;
  /** First epoch of the fortnight's horizon (default: midnight before the busiest epoch). */
  readonly firstEpoch?: number;
  /** Shares of requests by model: the 7B in the place of GPT-3.5, the 70B of GPT-4 (default 0.8 and 0.2, ours). */
  readonly mix?: readonly number[];
  /** Utilisation of the busiest epoch (default 0.95). */
  readonly peak?: number;
  readonly weather?: WeatherParameters | boolean;
  readonly waterFactors?: "macknick" | "paper";
  /** Further options of the world. */
  readonly world?: Partial<WorldOptions>;
}

export const EPOCH_SECONDS = 900;
const EPOCHS_PER_DAY = 96;
/** The 7B in the place of GPT-3.5, the 70B of GPT-4. */
const DEFAULT_MIX: readonly number[] = [0.8, 0.2];
const DEFAULT_START = Date.UTC(2024, 6, 1) / 1000;

/** What a setting is made of once its files are read. */
export interface SettingInputs {
  readonly sites: readonly SiteFacts[];
  /** Nodes of each type by site; default: {@link SettingOptions.nodesPerSite} in equal shares of the types. */
  readonly nodes?: readonly (readonly number[])[];
  /** A shape to draw counts from, or counts to be scaled. */
  readonly requests: ArrivalShape | Arrivals;
  /** By site; carbon and price have to be there, the wet bulb under weather. */
  readonly series: readonly Partial<SiteSeries>[];
}

/**
 * @throws UserError CANOPY_DATACENTER_VALUE for a number of sites or a horizon that there is not, and what reading the
 *   files throws
 */
export async function makeSetting(options: SettingOptions): Promise<Setting> {
  const { sites: count = 8, seed, dataRoot, epochs = EPOCHS_PER_DAY } = options;
  const sites = firstSites(count);
  const requests = dataRoot === undefined ? syntheticShape(seed) : await readBurstGptShape(dataRoot);
  const startSeconds = options.startSeconds ?? DEFAULT_START;
  const endSeconds = startSeconds + epochs * EPOCH_SECONDS;
  const series = await siteSeries(sites, { dataRoot, seed, startSeconds, endSeconds });
  return settingFrom({ sites, requests, series }, options);
}

/** The first `count` of {@link SITES}. @throws UserError CANOPY_DATACENTER_VALUE */
export function firstSites(count: number): readonly SiteFacts[] {
  expectValue(
    Number.isInteger(count) && count >= 1 && count <= SITES.length,
    "sites",
    `1 to ${SITES.length}`,
    count,
  );
  return SITES.slice(0, count);
}

/**
 * {@link makeSetting} with files that are read already.
 *
 * @throws UserError CANOPY_DATACENTER_VALUE, CANOPY_DATACENTER_MODEL, CANOPY_DATACENTER_SERIES, CANOPY_ARRIVALS_EMPTY
 */
export function settingFrom(
  inputs: SettingInputs,
  options: Omit<SettingOptions, "sites" | "dataRoot">,
): Setting {
  const { sites, requests, series } = inputs;
  const { seed, epochs = EPOCHS_PER_DAY, mix = DEFAULT_MIX } = options;
  const even = evenNodes(options.nodesPerSite ?? 1000, (options.world?.nodeTypes ?? NODE_TYPES).length);
  const world = makeWorld({
    sites: sites.map((site, d) => ({ ...site, nodes: inputs.nodes?.[d] ?? even })),
    mix,
    promptTokens: mix.map(() => BURSTGPT_TOKENS.prompt),
    outputTokens: mix.map(() => BURSTGPT_TOKENS.output),
    ...options.world,
  });
  const counts = "counts" in requests ? requests : drawArrivals(requests, mix, seed, EPOCH_SECONDS);
  const { arrivals, factor, peakEpoch } = scaleToPeak(world, counts, options.peak);
  const midnight = Math.floor(peakEpoch / EPOCHS_PER_DAY) * EPOCHS_PER_DAY;
  const firstEpoch = options.firstEpoch ?? Math.min(midnight, Math.max(0, arrivals.epochs - epochs));
  expectValue(
    firstEpoch >= 0 && firstEpoch + epochs <= arrivals.epochs,
    "firstEpoch and epochs",
    `a horizon within ${arrivals.epochs} epochs`,
    `${firstEpoch} and ${epochs}`,
  );
  const history = Math.min(options.history ?? EPOCHS_PER_DAY, firstEpoch);
  return {
    world,
    fortnight: arrivals,
    arrivals: sliceArrivals(arrivals, firstEpoch - history, firstEpoch + epochs),
    history,
    conditions: makeConditions(sites, series, {
      startSeconds: options.startSeconds ?? DEFAULT_START,
      epochs,
      epochSeconds: EPOCH_SECONDS,
      weather: options.weather ?? false,
      waterFactors: options.waterFactors ?? "macknick",
    }),
    factor,
    firstEpoch,
    peakEpoch,
  };
}

/** `total` nodes in equal shares of the types, the first ones taking what is over. */
export function evenNodes(total: number, types: number): number[] {
  const share = Math.floor(total / types);
  return Array.from({ length: types }, (_, k) => share + (k < total - share * types ? 1 : 0));
}
