/** Electricity Maps v3: flow-traced average intensity. https://docs.electricitymaps.com */
import { isoTime, type SignalHeader } from "../series.ts";
import type { Dated } from "./cache.ts";
import { type Clock, HttpClient, type Query, systemClock } from "./http.ts";
import {
  checkZone,
  credential,
  historyMaxAge,
  joinPages,
  LIVE_MAX_AGE_SECONDS,
  listField,
  malformed,
  numberField,
  objectField,
  type Point,
  type ProvidedSeries,
  type ProviderOptions,
  pagesOf,
  providedSeries,
  type Reading,
  Requester,
  type SignalProvider,
  timeField,
} from "./provider.ts";

const DAY = 86400;
/** `past-range` gives at most ten days of hours. */
const RANGE_PAGE_SECONDS = 10 * DAY;
const STEP_SECONDS = { "5_minutes": 300, "15_minutes": 900, hourly: 3600 } as const;

export interface ElectricityMapsOptions extends ProviderOptions {
  /** Default `lifecycle`, the provider's. */
  readonly accounting?: "lifecycle" | "direct" | undefined;
  /** Default `hourly`; finer ones depend on the plan. */
  readonly granularity?: keyof typeof STEP_SECONDS | undefined;
}

/**
 * The token is taken from ELECTRICITY_MAPS_TOKEN, the address from ELECTRICITY_MAPS_API_URL if set. The free plan has
 * the latest value and the last 24 h of one zone; longer histories and forecasts need a commercial one.
 */
export class ElectricityMaps implements SignalProvider {
  readonly name = "Electricity Maps";
  readonly #options: ElectricityMapsOptions;
  readonly #clock: Clock;
  readonly #requester: Requester;

  constructor(options: ElectricityMapsOptions = {}) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const environment = options.environment ?? process.env;
    const fallback = "https://api.electricitymaps.com/v3";
    const http = new HttpClient({
      baseUrl: options.baseUrl ?? environment["ELECTRICITY_MAPS_API_URL"] ?? fallback,
      timeoutSeconds: options.timeoutSeconds,
      attempts: options.attempts,
      clock: this.#clock,
    });
    this.#requester = new Requester(this.name, options, (path, query) => {
      const hint = "get one at https://portal.electricitymaps.com";
      const token = credential(environment, "ELECTRICITY_MAPS_TOKEN", this.name, hint);
      return http.getJson(path, query, { "auth-token": token });
    });
  }

  async latest(zone: string): Promise<Reading> {
    const { value, stale, ageSeconds } = await this.#requester.ask(
      "/carbon-intensity/latest",
      this.#query(zone),
      LIVE_MAX_AGE_SECONDS,
      (body) => {
        const point = readPoint(body);
        if (Number.isNaN(point.value)) throw malformed(`carbonIntensity of zone ${zone} is null`);
        return point;
      },
    );
    return { header: this.#header(zone), timeSeconds: value.seconds, value: value.value, stale, ageSeconds };
  }

  /** Within the last 24 h from the free plan's endpoint, else by pages of ten days. */
  async history(zone: string, startSeconds: number, endSeconds: number): Promise<ProvidedSeries> {
    const query = this.#query(zone);
    const now = this.#clock.nowSeconds();
    const pages: Dated<Point[]>[] = [];
    for (const [from, to] of pagesOf(startSeconds, endSeconds, RANGE_PAGE_SECONDS)) {
      if (from >= now - DAY) {
        const path = "/carbon-intensity/history";
        pages.push(await this.#requester.ask(path, query, LIVE_MAX_AGE_SECONDS, readList("history")));
      } else {
        const range = { ...query, start: isoTime(from), end: isoTime(to) };
        const path = "/carbon-intensity/past-range";
        const maxAge = historyMaxAge(to, now);
        pages.push(await this.#requester.ask(path, range, maxAge, readList("data", "history")));
      }
    }
    const step = this.#stepSeconds;
    return providedSeries(this.#header(zone), joinPages(pages), step, this.#options, [
      startSeconds,
      endSeconds,
    ]);
  }

  async forecast(zone: string): Promise<ProvidedSeries> {
    const path = "/carbon-intensity/forecast";
    const query = this.#query(zone);
    const points = await this.#requester.ask(path, query, LIVE_MAX_AGE_SECONDS, readList("forecast"));
    return providedSeries(this.#header(zone), points, this.#stepSeconds, this.#options);
  }

  get #stepSeconds(): number {
    return STEP_SECONDS[this.#options.granularity ?? "hourly"];
  }

  /** Without a zone the provider would answer for the caller's own place. */
  #query(zone: string): Query {
    checkZone(zone, this.name);
    return {
      zone,
      emissionFactorType: this.#options.accounting ?? "lifecycle",
      temporalGranularity: this.#options.granularity ?? "hourly",
      shouldUseFallbackCallerLookup: "false",
    };
  }

  #header(zone: string): SignalHeader {
    return {
      quantity: "carbon-intensity",
      unit: "g/kWh",
      signal: "average",
      accounting: this.#options.accounting ?? "lifecycle",
      zone,
      source: "Electricity Maps",
      provenance: "published",
    };
  }
}

function readPoint(entry: unknown): Point {
  const { datetime, carbonIntensity } = objectField(entry, "the answer");
  return {
    seconds: timeField(datetime, "datetime"),
    value: numberField(carbonIntensity, "carbonIntensity"),
  };
}

/** Reads the list under the first of `names` that the body has. */
function readList(...names: string[]): (body: unknown) => Point[] {
  return (body) => {
    const object = objectField(body, "the answer");
    const name = names.find((candidate) => candidate in object) ?? names[0];
    return listField(object[name], name).map(readPoint);
  };
}
