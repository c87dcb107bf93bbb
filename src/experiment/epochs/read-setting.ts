/** Opens the files that the setting of a point names: requests, and what is known of its sites from hour to hour. */
import {
  type ArrivalShape,
  arrivalsOfTrace,
  readBurstGptShape,
  sliceArrivals,
  syntheticShape,
  type TraceArrivals,
} from "../../datacenter/arrivals.ts";
import { NODE_TYPES } from "../../datacenter/node-types.ts";
import { EPOCH_SECONDS, evenNodes } from "../../datacenter/setting.ts";
import { type SiteSeries, siteSeries } from "../../datacenter/site-series.ts";
import { SITES, type SiteFacts } from "../../datacenter/sites.ts";
import { UserError } from "../../errors.ts";
import type { StepSeries, Steps } from "../../signal/series.ts";
import { readTrace } from "../../workload/read/read-trace.ts";
import { hashOfJson } from "../canonical-json.ts";
import { inputPath } from "../data-path.ts";
import type { ExperimentPoint } from "../load.ts";
import { at, directoryOf, type InputTables, noReferenceData, once, readSource } from "../read-inputs.ts";
import { describeSeries, trackOf } from "../resolve-signals.ts";
import { parseInstant } from "../schema-parts.ts";
import type { EpochPointInputs } from "./epoch-inputs.ts";
import type { EpochExperiment, SiteConfig } from "./epoch-schema.ts";

type Point = ExperimentPoint<EpochExperiment>;

/** BurstGPT's word for the model that the large one stands for. */
const LARGE_MODEL = "GPT-4";
const DAY_EPOCHS = 86_400 / EPOCH_SECONDS;

/**
 * The inputs of a point.
 *
 * @throws UserError with the place in the experiment file: traces, series, sites
 */
export async function readSetting(point: Point, tables: InputTables): Promise<EpochPointInputs> {
  const { experiment } = point;
  const { setting } = experiment;
  const notes: string[] = [];
  const starts = experiment.starts.map((text) => parseInstant(text) as number);
  const configs = siteConfigs(experiment);
  const sites = configs.map(factsOf);
  const nodes = configs.map(({ nodes: given }) =>
    Array.isArray(given) ? given : evenNodes(given ?? setting.nodesPerSite, NODE_TYPES.length),
  );
  const requests = await at(point, ["setting", "requests"], () => readRequests(point, tables, notes));
  const series = await readSeries(point, configs, sites, starts, tables, notes);
  return { experiment, sites, nodes, requests, series, starts, notes };
}

function siteConfigs({ sites }: EpochExperiment): readonly SiteConfig[] {
  return typeof sites === "number" ? SITES.slice(0, sites).map(({ name }) => ({ site: name })) : sites;
}

/** COP of a site of the user's that gives none: the middle of the paper's range. */
const MIDDLE_COP = 4;

function factsOf(config: SiteConfig): SiteFacts {
  const { site, zone, latitude, longitude, cop, waterLPerKwh, wetBulbC } = config;
  const known = SITES.find(({ name }) => name === site);
  const climate =
    wetBulbC === undefined && known !== undefined
      ? known.wetBulb
      : {
          meanC: wetBulbC ?? 0,
          yearAmplitudeC: 0,
          yearPeakDay: 0,
          dayAmplitudeC: 0,
          dayPeakHourUtc: 0,
          noiseC: 0,
          noiseHours: 1,
        };
  return {
    name: site,
    zone: zone ?? known?.zone ?? site,
    latitude: latitude ?? known?.latitude ?? 0,
    longitude: longitude ?? known?.longitude ?? 0,
    cop: cop ?? known?.cop ?? MIDDLE_COP,
    waterLitresPerKwh: waterLPerKwh ?? known?.waterLitresPerKwh ?? 0,
    paperWaterLitresPerKwh: waterLPerKwh ?? known?.paperWaterLitresPerKwh ?? 0,
    wetBulb: climate,
  };
}

async function readRequests(
  point: Point,
  tables: InputTables,
  notes: string[],
): Promise<ArrivalShape | TraceArrivals> {
  const { requests, standInSeed } = point.experiment.setting;
  if (typeof requests === "object") {
    const { trace, firstDay, days } = requests;
    const file = inputPath(trace, directoryOf(point, ["setting", "requests", "trace"]), tables.dataRoot);
    if (file === undefined) throw noReferenceData(trace);
    const all = arrivalsOfTrace(await readTrace(file, { largeModels: [LARGE_MODEL] }), EPOCH_SECONDS);
    const without = all.mix.indexOf(0);
    if (without >= 0) {
      throw new UserError(
        "CANOPY_ARRIVALS_FILE",
        `${trace}: no request is of ${without === 0 ? `another model than ${LARGE_MODEL}` : LARGE_MODEL}, expected some of both`,
      );
    }
    const [from, to] = [firstDay, firstDay + days].map((day) => day * DAY_EPOCHS);
    if (to > all.epochs) {
      throw new UserError(
        "CANOPY_ARRIVALS_FILE",
        `${trace}: days ${firstDay} to ${firstDay + days - 1} are asked for, but it has ${Math.floor(all.epochs / DAY_EPOCHS)} whole days from day 0`,
      );
    }
    return {
      ...all,
      ...sliceArrivals(all, from, to),
      source: `${trace}, days ${firstDay} to ${firstDay + days - 1}`,
    };
  }
  if (requests === "auto" && tables.dataRoot !== undefined) return readBurstGptShape(tables.dataRoot);
  if (requests === "auto")
    notes.push("requests: no reference data here, a shape of the same statistics stands in");
  return syntheticShape(standInSeed);
}

async function readSeries(
  point: Point,
  configs: readonly SiteConfig[],
  sites: readonly SiteFacts[],
  starts: readonly number[],
  tables: InputTables,
  notes: string[],
): Promise<Partial<SiteSeries>[][]> {
  const { setting } = point.experiment;
  const root = setting.signals === "synthetic" ? undefined : tables.dataRoot;
  const seconds = setting.epochs * EPOCH_SECONDS;
  const span = {
    dataRoot: root,
    seed: setting.standInSeed,
    startSeconds: Math.min(...starts),
    endSeconds: Math.max(...starts) + seconds,
  };
  // What a zone is known by: a site of the user's without one brings its own series.
  const zoned = sites.filter((_, i) => isZoned(configs[i]));
  const read = await at(point, ["sites"], () =>
    once(zoneReadings(tables), hashOfJson([span, zoned]), () => siteSeries(zoned, span)),
  );
  if (setting.signals === "auto" && root === undefined && zoned.length > 0) {
    notes.push("signals: no reference data here, synthetic series of the same grids stand in");
  }
  const own = await Promise.all(
    configs.map(async (config, i) => {
      const source = async (which: "carbon" | "price") => {
        const given = config[which];
        if (given === undefined) return undefined;
        const path = ["sites", i, which];
        return at(point, path, () => readSource(point, path, given, tables, notes));
      };
      return { carbon: await source("carbon"), price: await source("price") };
    }),
  );
  return starts.map((start) =>
    configs.map((config, i): Partial<SiteSeries> => {
      const known = isZoned(config) ? read[zoned.indexOf(sites[i])] : undefined;
      const given = (which: "carbon" | "price"): StepSeries | undefined => {
        const input = own[i][which];
        if (input === undefined) return known === undefined ? undefined : cutTo(known[which], start, seconds);
        const track = trackOf(input, tables, { start, lengthSeconds: seconds });
        const description = describeSeries(input, tables);
        return {
          header: {
            quantity: which === "carbon" ? "carbon-intensity" : "price",
            unit: which === "carbon" ? "g/kWh" : "usd/kWh",
            signal: "average",
            accounting: "none",
            zone: sites[i].zone,
            provenance: "synthetic",
            ...(description as Partial<StepSeries["header"]>),
            source: String(description["source"]),
          },
          times: track.times.map((time) => time + start),
          values: track.values,
          endSeconds: track.endSeconds + start,
        };
      };
      const [carbon, price] = [given("carbon"), given("price")];
      const wetBulb =
        known?.wetBulb ??
        (config.wetBulbC === undefined
          ? undefined
          : {
              times: Float64Array.of(start),
              values: Float64Array.of(config.wetBulbC),
              endSeconds: start + seconds,
            });
      return {
        ...(carbon === undefined ? {} : { carbon }),
        ...(price === undefined ? {} : { price }),
        ...(wetBulb === undefined ? {} : { wetBulb: cutTo(wetBulb, start, seconds) }),
        wetBulbSource: known?.wetBulbSource ?? `constant ${config.wetBulbC} C`,
      };
    }),
  );
}

function isZoned({ site, zone }: SiteConfig): boolean {
  return zone !== undefined || SITES.some(({ name }) => name === site);
}

/** The steps that a horizon sees, so that a point is named by them and not by the rest of the year. */
function cutTo<Series extends Steps>(series: Series, start: number, seconds: number): Series {
  const { times, values } = series;
  // Whole where it does not cover the horizon, so that the message can say what it does cover.
  if (times[0] > start || series.endSeconds < start + seconds) return series;
  let from = 0;
  while (from + 1 < times.length && times[from + 1] <= start) from++;
  let to = from + 1;
  while (to < times.length && times[to] < start + seconds) to++;
  return {
    ...series,
    times: times.slice(from, to),
    values: values.slice(from, to),
    endSeconds: to < times.length ? times[to] : series.endSeconds,
  };
}

const readings = new WeakMap<InputTables, Map<string, Promise<SiteSeries[]>>>();

/** Series of zones that were read for a plan, by what was asked for: points mostly ask for the same. */
function zoneReadings(tables: InputTables): Map<string, Promise<SiteSeries[]>> {
  const known = readings.get(tables) ?? new Map<string, Promise<SiteSeries[]>>();
  readings.set(tables, known);
  return known;
}
