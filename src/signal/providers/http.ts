/** JSON over HTTP for signal providers: time limits, retries, and a limit on the rate of requests. */
import { UserError } from "../../errors.ts";

/** The clock that waits and ages are taken from. */
export interface Clock {
  nowSeconds(): number;
  sleep(seconds: number): Promise<void>;
}

export const systemClock: Clock = {
  nowSeconds: () => Date.now() / 1000,
  sleep: (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000)),
};

/** Why a request brought no JSON. */
export class HttpFailure extends Error {
  readonly kind: "status" | "timeout" | "network" | "body";
  /** HTTP status for `status`, else 0. */
  readonly status: number;
  /** What the answer's Retry-After asks for. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    kind: HttpFailure["kind"],
    message: string,
    detail: { status?: number; retryAfterSeconds?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause: detail.cause });
    this.name = "HttpFailure";
    this.kind = kind;
    this.status = detail.status ?? 0;
    this.retryAfterSeconds = detail.retryAfterSeconds;
  }

  /** Whether the fault is the provider's or the network's and may pass. */
  get passing(): boolean {
    return this.kind !== "status" || this.status === 429 || this.status >= 500;
  }
}

/** Lets `ratePerSecond` requests through on average and at most `burst` at once. */
export class TokenBucket {
  readonly #ratePerSecond: number;
  readonly #burst: number;
  readonly #clock: Clock;
  #tokens: number;
  #atSeconds: number;

  constructor(ratePerSecond: number, burst: number, clock: Clock = systemClock) {
    this.#ratePerSecond = ratePerSecond;
    this.#burst = burst;
    this.#clock = clock;
    this.#tokens = burst;
    this.#atSeconds = clock.nowSeconds();
  }

  /** Takes one token, after waiting for it if need be; waiting callers are served in order. */
  async take(): Promise<void> {
    const now = this.#clock.nowSeconds();
    const gained = Math.max(0, now - this.#atSeconds) * this.#ratePerSecond;
    this.#tokens = Math.min(this.#burst, this.#tokens + gained) - 1;
    this.#atSeconds = now;
    if (this.#tokens < 0) await this.#clock.sleep(-this.#tokens / this.#ratePerSecond);
  }
}

export interface HttpOptions {
  readonly baseUrl: string;
  /** Time limit of one attempt, answer included; default 60. */
  readonly timeoutSeconds?: number | undefined;
  /** Default 4: one and three more after 429, 500, 502, 503, 504, a time-out or a broken connection. */
  readonly attempts?: number | undefined;
  /** Wait before the second attempt; doubles each time, with jitter; default 1. */
  readonly backoffSeconds?: number | undefined;
  /** A Retry-After beyond this is not waited for; default 60. */
  readonly longestWaitSeconds?: number | undefined;
  readonly bucket?: TokenBucket | undefined;
  readonly clock?: Clock | undefined;
}

export type Query = Readonly<Record<string, string | number>>;

export class HttpClient {
  readonly #options: HttpOptions;
  readonly #clock: Clock;

  /** @throws UserError CANOPY_PROVIDER_URL for an address that is none */
  constructor(options: HttpOptions) {
    if (!URL.canParse(options.baseUrl)) {
      throw new UserError(
        "CANOPY_PROVIDER_URL",
        `"${options.baseUrl}" is no address; expected one such as https://api.example.org`,
      );
    }
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** @throws HttpFailure after the last attempt */
  async getJson(path: string, query: Query, headers: Readonly<Record<string, string>>): Promise<unknown> {
    const { attempts = 4, backoffSeconds = 1, longestWaitSeconds = 60 } = this.#options;
    for (let attempt = 1; ; attempt++) {
      await this.#options.bucket?.take();
      const answer = await this.#attempt(path, query, headers);
      if (!(answer instanceof HttpFailure)) return answer.body;
      const asked = answer.retryAfterSeconds;
      if (!isWorthRetrying(answer) || attempt >= attempts || (asked ?? 0) > longestWaitSeconds) throw answer;
      // Half fixed, half random, so that clients that failed together do not come back together.
      const backoff = backoffSeconds * 2 ** (attempt - 1) * (0.5 + Math.random() / 2);
      await this.#clock.sleep(asked ?? backoff);
    }
  }

  async #attempt(
    path: string,
    query: Query,
    headers: Readonly<Record<string, string>>,
  ): Promise<{ body: unknown } | HttpFailure> {
    const { baseUrl, timeoutSeconds = 60 } = this.#options;
    const url = new URL(`${baseUrl.replace(/\/+$/, "")}${path}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
    const place = `${url.host}${url.pathname}`;
    try {
      const signal = AbortSignal.timeout(timeoutSeconds * 1000);
      const response = await fetch(url, { headers: { accept: "application/json", ...headers }, signal });
      const text = await response.text();
      if (response.ok) return parseJson(text, place);
      const said = messageOf(text);
      return new HttpFailure(
        "status",
        `${place} answered ${response.status}${said === "" ? "" : ` (${said})`}`,
        {
          status: response.status,
          retryAfterSeconds: parseRetryAfter(response.headers.get("retry-after"), this.#clock.nowSeconds()),
        },
      );
    } catch (cause) {
      if ((cause as Error).name === "TimeoutError") {
        return new HttpFailure("timeout", `${place} did not answer within ${timeoutSeconds} s`, { cause });
      }
      const reason = ((cause as Error).cause as Error | undefined)?.message ?? (cause as Error).message;
      return new HttpFailure("network", `${place} cannot be reached: ${reason}`, { cause });
    }
  }
}

function isWorthRetrying(failure: HttpFailure): boolean {
  if (failure.kind === "status") return [429, 500, 502, 503, 504].includes(failure.status);
  return failure.kind !== "body";
}

/** Seconds to wait, from a number or an HTTP date. */
function parseRetryAfter(header: string | null, nowSeconds: number): number | undefined {
  if (header === null) return undefined;
  const seconds = /^\d+$/.test(header) ? Number(header) : Date.parse(header) / 1000 - nowSeconds;
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds);
}

function parseJson(text: string, place: string): { body: unknown } | HttpFailure {
  try {
    return { body: JSON.parse(text) };
  } catch (cause) {
    return new HttpFailure("body", `${place} answered with something other than JSON`, { cause });
  }
}

/** The sentence in an error body, if it has one. */
function messageOf(text: string): string {
  try {
    const body = JSON.parse(text) as Record<string, unknown>;
    const said = body["message"] ?? body["error"] ?? body["detail"];
    return typeof said === "string" ? said.replaceAll(/\s+/g, " ").slice(0, 160) : "";
  } catch {
    return "";
  }
}
