/** What live signal providers have in common: the interface, the reading of answers, the wording of failures. */
import { UserError } from "../../errors.ts";
import { type FillMode, seriesFromPoints } from "../points.ts";
import { isoTime, type SignalHeader, type StepSeries } from "../series.ts";
import { parseTimeStamp } from "../time-stamp.ts";
import { type Dated, ResponseCache } from "./cache.ts";
import { type Clock, HttpFailure, type Query } from "./http.ts";

/** How fresh an answer is: `stale` when the provider failed and its last good answer is given, with its age. */
export interface Freshness {
  readonly stale: boolean;
  readonly ageSeconds: number;
}

/** One value. */
export interface Reading extends Freshness {
  readonly header: SignalHeader;
  /** Start of the interval that the value is for, Unix seconds. */
  readonly timeSeconds: number;
  /** In the header's unit. */
  readonly value: number;
}

export type ProvidedSeries = StepSeries & Freshness;

/** A live source of a signal. Times are Unix seconds; zones are the provider's own names. */
export interface SignalProvider {
  readonly name: string;
  /** The value that holds now. */
  latest(zone: string): Promise<Reading>;
  /** From `startSeconds` up to but not including `endSeconds`, in as many requests as the provider's limits ask. */
  history(zone: string, startSeconds: number, endSeconds: number): Promise<ProvidedSeries>;
  /** From now on, as far as the plan reaches. */
  forecast(zone: string): Promise<ProvidedSeries>;
}

export interface ProviderOptions {
  /** Default: the provider's address, or the environment's. */
  readonly baseUrl?: string | undefined;
  /** Where answers are kept; none: nothing is kept and a failure is an error. */
  readonly cacheDirectory?: string | undefined;
  /** Gaps in histories and forecasts up to this long are held over; default 6 h. */
  readonly fillLimitSeconds?: number | undefined;
  readonly timeoutSeconds?: number | undefined;
  readonly attempts?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly environment?: NodeJS.ProcessEnv | undefined;
}

export interface Point {
  readonly seconds: number;
  readonly value: number;
}

/** Answers younger than this are taken from the cache: a signal's step, and a day for what is past and rarely revised. */
export const LIVE_MAX_AGE_SECONDS = 300;
export const SETTLED_MAX_AGE_SECONDS = 86400;

/** How long an answer about the time up to `endSeconds` is good for; the last day is still being filled in. */
export function historyMaxAge(endSeconds: number, nowSeconds: number): number {
  return endSeconds < nowSeconds - 86400 ? SETTLED_MAX_AGE_SECONDS : LIVE_MAX_AGE_SECONDS;
}

/**
 * The range cut into pieces of at most `pageSeconds`.
 *
 * @throws UserError CANOPY_SIGNAL_RANGE for an empty range
 */
export function pagesOf(start: number, end: number, pageSeconds: number): [from: number, to: number][] {
  if (!(end > start)) {
    throw new UserError(
      "CANOPY_SIGNAL_RANGE",
      `a history from ${isoTime(start)} to ${isoTime(end)} is empty`,
    );
  }
  const pages: [number, number][] = [];
  for (let from = start; from < end; from += pageSeconds)
    pages.push([from, Math.min(from + pageSeconds, end)]);
  return pages;
}

/** Asks through the cache, if there is one, and turns failures into messages for the user. */
export class Requester {
  readonly #provider: string;
  readonly #cache: ResponseCache | undefined;
  readonly #get: (path: string, query: Query) => Promise<unknown>;

  constructor(
    provider: string,
    options: ProviderOptions,
    get: (path: string, query: Query) => Promise<unknown>,
  ) {
    this.#provider = provider;
    this.#get = get;
    this.#cache =
      options.cacheDirectory === undefined
        ? undefined
        : new ResponseCache(options.cacheDirectory, options.clock);
  }

  /** @throws UserError CANOPY_PROVIDER_… */
  async ask<T>(
    path: string,
    query: Query,
    maxAgeSeconds: number,
    read: (body: unknown) => T,
  ): Promise<Dated<T>> {
    const key = `${this.#provider} ${path}?${new URLSearchParams(
      Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]),
    )}`;
    try {
      if (this.#cache !== undefined) {
        return await this.#cache.fetch(key, maxAgeSeconds, () => this.#get(path, query), read);
      }
      return { value: read(await this.#get(path, query)), stale: false, ageSeconds: 0 };
    } catch (error) {
      throw error instanceof HttpFailure ? explain(error, this.#provider, query) : error;
    }
  }
}

/** Joins answers in pages: as stale and as old as the worst of them. */
export function joinPages<T>(pages: readonly Dated<readonly T[]>[]): Dated<T[]> {
  return {
    value: pages.flatMap((page) => page.value),
    stale: pages.some((page) => page.stale),
    ageSeconds: Math.max(...pages.map((page) => page.ageSeconds)),
  };
}

/**
 * A series of the points within [`startSeconds`, `endSeconds`): sorted, doubles dropped, nulls (NaN) held over.
 *
 * @throws UserError CANOPY_PROVIDER_EMPTY, CANOPY_SIGNAL_GAP
 */
export function providedSeries(
  header: SignalHeader,
  points: Dated<readonly Point[]>,
  stepSeconds: number | undefined,
  options: ProviderOptions,
  [startSeconds, endSeconds]: readonly [number, number] = [
    Number.NEGATIVE_INFINITY,
    Number.POSITIVE_INFINITY,
  ],
): ProvidedSeries {
  const byTime = new Map<number, number>();
  for (const { seconds, value } of points.value) {
    if (seconds >= startSeconds && seconds < endSeconds) byTime.set(seconds, value);
  }
  const times = [...byTime.keys()].sort((a, b) => a - b);
  const values = times.map((t) => byTime.get(t) as number);
  if (values.every((value) => Number.isNaN(value))) {
    const span = Number.isFinite(startSeconds)
      ? ` from ${isoTime(startSeconds)} to ${isoTime(endSeconds)}`
      : "";
    throw new UserError(
      "CANOPY_PROVIDER_EMPTY",
      `${header.source} has no value for zone ${header.zone}${span}`,
      { exitCode: 1 },
    );
  }
  const fill: FillMode = "hold";
  const series = seriesFromPoints({
    header,
    times,
    values,
    where: (i) => `${header.source}, zone ${header.zone}, ${isoTime(times[i])}`,
    fill,
    fillLimitSeconds: options.fillLimitSeconds,
    stepSeconds,
  });
  return { ...series, stale: points.stale, ageSeconds: points.ageSeconds };
}

/** The Unix seconds of an answer's time field. */
export function timeField(value: unknown, name: string): number {
  const stamp = typeof value === "string" ? parseTimeStamp(value) : undefined;
  if (stamp === undefined) throw malformed(`${name} is ${JSON.stringify(value)}, not a time`);
  return stamp.seconds;
}

/** A number, or NaN for null. */
export function numberField(value: unknown, name: string): number {
  if (value === null) return Number.NaN;
  if (typeof value !== "number") throw malformed(`${name} is ${JSON.stringify(value)}, not a number`);
  return value;
}

export function objectField(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw malformed(`${name} is no object`);
  return value as Record<string, unknown>;
}

export function listField(value: unknown, name: string): unknown[] {
  if (!Array.isArray(value)) throw malformed(`${name} is no list`);
  return value;
}

export function malformed(what: string): HttpFailure {
  return new HttpFailure("body", `the answer is not of the documented form: ${what}`);
}

/** @throws UserError CANOPY_PROVIDER_CREDENTIALS when the variable is not set */
export function credential(
  environment: NodeJS.ProcessEnv,
  name: string,
  provider: string,
  get: string,
): string {
  const value = environment[name];
  if (value !== undefined && value !== "") return value;
  throw new UserError("CANOPY_PROVIDER_CREDENTIALS", `${provider} needs ${name} in the environment: ${get}`);
}

/** @throws UserError CANOPY_PROVIDER_ZONE for an empty zone: some providers would answer for the caller's own place */
export function checkZone(zone: string, provider: string): void {
  if (zone.trim() === "") {
    throw new UserError("CANOPY_PROVIDER_ZONE", `${provider}: the zone is empty; name one, e.g. US-CAL-CISO`);
  }
}

/** The provider's failure in the user's terms; the user's own mistakes leave with 2, the rest with 1. */
function explain(failure: HttpFailure, provider: string, query: Query): UserError {
  const zone = query["zone"] ?? query["region"];
  const about = zone === undefined ? "this request" : `zone ${zone}`;
  const error = (code: string, message: string, exitCode: number) =>
    new UserError(code, `${provider}: ${message}`, { cause: failure, exitCode });
  const why = failure.message;
  if (failure.kind === "timeout") return error("CANOPY_PROVIDER_TIMEOUT", why, 1);
  if (failure.kind === "network") return error("CANOPY_PROVIDER_UNREACHABLE", why, 1);
  if (failure.kind === "body") return error("CANOPY_PROVIDER_BODY", why, 1);
  switch (failure.status) {
    case 401:
      return error(
        "CANOPY_PROVIDER_UNAUTHORISED",
        `the credentials are refused; check the environment: ${why}`,
        2,
      );
    case 403:
      return error("CANOPY_PROVIDER_PLAN", `${about} is not in the account's plan: ${why}`, 2);
    case 400:
    case 404:
    case 422:
      return error("CANOPY_PROVIDER_ZONE", `${about} is unknown or cannot be had so: ${why}`, 2);
    case 429: {
      const wait = failure.retryAfterSeconds;
      const when = wait === undefined ? "later" : `in ${Math.ceil(wait)} s`;
      return error("CANOPY_PROVIDER_RATE_LIMIT", `too many requests, try again ${when}: ${why}`, 1);
    }
    default:
      return error("CANOPY_PROVIDER_FAILED", why, 1);
  }
}
