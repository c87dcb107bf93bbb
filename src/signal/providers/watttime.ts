/** WattTime v3: marginal (MOER) or average (AOER) intensity every five minutes. https://docs.watttime.org */
import { LBS_PER_MWH_IN_GRAMS_PER_KWH } from "../csv-layout.ts";
import { isoTime, type SignalHeader } from "../series.ts";
import type { Dated } from "./cache.ts";
import { type Clock, HttpClient, HttpFailure, type Query, systemClock, TokenBucket } from "./http.ts";
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
  SETTLED_MAX_AGE_SECONDS,
  type SignalProvider,
  timeField,
} from "./provider.ts";

const DAY = 86400;
/** The provider's limits of one request. */
const HISTORY_PAGE_SECONDS = 30 * DAY;
const FORECAST_HISTORY_PAGE_SECONDS = DAY;
/** Tokens live for 30 minutes; one is renewed a minute early, so that none expires under way. */
const TOKEN_LIFE_SECONDS = 29 * 60;

export interface WattTimeOptions extends ProviderOptions {
  /** Default `co2_moer`, the marginal one. */
  readonly signalType?: "co2_moer" | "co2_aoer" | undefined;
  /** Reach of `forecast`, 0 to 72; default 24. */
  readonly horizonHours?: number | undefined;
}

/** A forecast as it was issued. */
export interface IssuedForecast {
  readonly issuedSeconds: number;
  readonly series: ProvidedSeries;
}

interface Page {
  readonly points: Point[];
  readonly stepSeconds: number;
}

/**
 * Credentials are taken from WATTTIME_USER and WATTTIME_PASSWORD, the address from WATTTIME_API_URL if set. The free
 * plan has CAISO_NORTH only. Values are turned from lb/MWh into g/kWh.
 */
export class WattTime implements SignalProvider {
  readonly name = "WattTime";
  readonly #options: WattTimeOptions;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #clock: Clock;
  readonly #http: HttpClient;
  readonly #requester: Requester;
  #token: { readonly text: Promise<string>; readonly atSeconds: number } | undefined;

  constructor(options: WattTimeOptions = {}) {
    this.#options = options;
    this.#environment = options.environment ?? process.env;
    this.#clock = options.clock ?? systemClock;
    this.#http = new HttpClient({
      baseUrl: options.baseUrl ?? this.#environment["WATTTIME_API_URL"] ?? "https://api.watttime.org",
      timeoutSeconds: options.timeoutSeconds,
      attempts: options.attempts,
      clock: this.#clock,
      // The limit is 3,000 in a rolling five minutes.
      bucket: new TokenBucket(10, 10, this.#clock),
    });
    this.#requester = new Requester(this.name, options, (path, query) => this.#get(path, query));
  }

  /** The first point of the forecast: unlike the history it always answers, and for now. */
  async latest(region: string): Promise<Reading> {
    const { value, stale, ageSeconds } = await this.#forecastPage(region, 0);
    const { seconds, value: intensity } = value.points[0];
    return { header: this.#header(region), timeSeconds: seconds, value: intensity, stale, ageSeconds };
  }

  async history(region: string, startSeconds: number, endSeconds: number): Promise<ProvidedSeries> {
    checkZone(region, this.name);
    const pages: Dated<Page>[] = [];
    for (const [from, to] of pagesOf(startSeconds, endSeconds, HISTORY_PAGE_SECONDS)) {
      const query = { ...this.#query(region), ...inclusive(from, to) };
      pages.push(await this.#requester.ask("/v3/historical", query, this.#maxAge(to), readPage));
    }
    const points = joinPages(pages.map((page) => ({ ...page, value: page.value.points })));
    const step = pages[0].value.stepSeconds;
    return providedSeries(this.#header(region), points, step, this.#options, [startSeconds, endSeconds]);
  }

  async forecast(region: string): Promise<ProvidedSeries> {
    const page = await this.#forecastPage(region, this.#options.horizonHours ?? 24);
    const points = { ...page, value: page.value.points };
    return providedSeries(this.#header(region), points, page.value.stepSeconds, this.#options);
  }

  /** The forecasts issued from `startSeconds` up to but not including `endSeconds`, to measure their error. */
  async forecastHistory(region: string, startSeconds: number, endSeconds: number): Promise<IssuedForecast[]> {
    checkZone(region, this.name);
    const forecasts: IssuedForecast[] = [];
    const horizon = { horizon_hours: this.#options.horizonHours ?? 24 };
    for (const [from, to] of pagesOf(startSeconds, endSeconds, FORECAST_HISTORY_PAGE_SECONDS)) {
      const query = { ...this.#query(region), ...horizon, ...inclusive(from, to) };
      const path = "/v3/forecast/historical";
      const { value, stale, ageSeconds } = await this.#requester.ask(
        path,
        query,
        this.#maxAge(to),
        readIssues,
      );
      for (const { issuedSeconds, page } of value) {
        const points = { value: page.points, stale, ageSeconds };
        const series = providedSeries(this.#header(region), points, page.stepSeconds, this.#options);
        forecasts.push({ issuedSeconds, series });
      }
    }
    return forecasts;
  }

  /** The provider's region of a place. */
  async region(latitude: number, longitude: number): Promise<string> {
    const query = { latitude, longitude, signal_type: this.#signalType };
    const { value } = await this.#requester.ask(
      "/v3/region-from-loc",
      query,
      SETTLED_MAX_AGE_SECONDS,
      (body) => {
        const region = objectField(body, "the answer")["region"];
        if (typeof region !== "string") throw malformed("region is no string");
        return region;
      },
    );
    return value;
  }

  get #signalType(): "co2_moer" | "co2_aoer" {
    return this.#options.signalType ?? "co2_moer";
  }

  #maxAge(endSeconds: number): number {
    return historyMaxAge(endSeconds, this.#clock.nowSeconds());
  }

  #header(region: string): SignalHeader {
    return {
      quantity: "carbon-intensity",
      unit: "g/kWh",
      signal: this.#signalType === "co2_moer" ? "marginal" : "average",
      accounting: "direct",
      zone: region,
      source: `WattTime ${this.#signalType}`,
      provenance: "published",
    };
  }

  #query(region: string): Query {
    return { region, signal_type: this.#signalType };
  }

  #forecastPage(region: string, horizonHours: number): Promise<Dated<Page>> {
    checkZone(region, this.name);
    const query = { ...this.#query(region), horizon_hours: horizonHours };
    return this.#requester.ask("/v3/forecast", query, LIVE_MAX_AGE_SECONDS, (body) => {
      const page = readPage(body);
      if (page.points.length === 0 || Number.isNaN(page.points[0].value)) {
        throw malformed("the forecast has no first point");
      }
      return page;
    });
  }

  /** A token may expire or be withdrawn early, and 403 can mean that too: so one new login, then the answer stands. */
  async #get(path: string, query: Query): Promise<unknown> {
    const token = this.#currentToken();
    try {
      return await this.#http.getJson(path, query, { authorization: `Bearer ${await token}` });
    } catch (error) {
      if (!(error instanceof HttpFailure) || (error.status !== 401 && error.status !== 403)) throw error;
      if (this.#token?.text === token) this.#token = undefined;
      return await this.#http.getJson(path, query, { authorization: `Bearer ${await this.#currentToken()}` });
    }
  }

  /** One login serves all requests that come while it is under way. */
  #currentToken(): Promise<string> {
    const now = this.#clock.nowSeconds();
    if (this.#token === undefined || now - this.#token.atSeconds >= TOKEN_LIFE_SECONDS) {
      const text = this.#login();
      text.catch(() => {
        if (this.#token?.text === text) this.#token = undefined;
      });
      this.#token = { text, atSeconds: now };
    }
    return this.#token.text;
  }

  async #login(): Promise<string> {
    const hint = "register at https://watttime.org and set WATTTIME_USER and WATTTIME_PASSWORD";
    const user = credential(this.#environment, "WATTTIME_USER", this.name, hint);
    const password = credential(this.#environment, "WATTTIME_PASSWORD", this.name, hint);
    const basic = Buffer.from(`${user}:${password}`).toString("base64");
    try {
      const body = await this.#http.getJson("/login", {}, { authorization: `Basic ${basic}` });
      const token = objectField(body, "the login's answer")["token"];
      if (typeof token !== "string") throw malformed("the login's answer has no token");
      return token;
    } catch (error) {
      // A login refused with 403 is about the password, not about a region.
      if (error instanceof HttpFailure && error.status === 403) {
        throw new HttpFailure("status", error.message, { status: 401, cause: error });
      }
      throw error;
    }
  }
}

function readPage(body: unknown): Page {
  const { data, meta } = objectField(body, "the answer");
  return { ...readMeta(meta).page, points: readPoints(data, readMeta(meta).factor) };
}

function readIssues(body: unknown): { issuedSeconds: number; page: Page }[] {
  const { data, meta } = objectField(body, "the answer");
  const { factor, page } = readMeta(meta);
  return listField(data, "data").map((entry) => {
    const { generated_at, forecast } = objectField(entry, "data[]");
    const points = readPoints(forecast, factor);
    return { issuedSeconds: timeField(generated_at, "generated_at"), page: { ...page, points } };
  });
}

function readMeta(meta: unknown): { factor: number; page: { stepSeconds: number } } {
  const { units, data_point_period_seconds: step } = objectField(meta, "meta");
  if (units !== "lbs_co2_per_mwh") throw malformed(`units are ${JSON.stringify(units)}, not lbs_co2_per_mwh`);
  if (typeof step !== "number" || !(step > 0))
    throw malformed("data_point_period_seconds is no positive number");
  return { factor: LBS_PER_MWH_IN_GRAMS_PER_KWH, page: { stepSeconds: step } };
}

function readPoints(data: unknown, factor: number): Point[] {
  return listField(data, "data").map((entry) => {
    const { point_time, value } = objectField(entry, "data[]");
    return { seconds: timeField(point_time, "point_time"), value: numberField(value, "value") * factor };
  });
}

/** Both ends of a WattTime range belong to it: one second less leaves out the next page's first point. */
function inclusive(from: number, to: number): Query {
  return { start: isoTime(from), end: isoTime(to - 1) };
}
