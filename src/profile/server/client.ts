import { suggestion, UserError } from "../../errors.ts";
import { monotonicSeconds } from "../measure/clock.ts";
import { EventStreamParser } from "./event-stream.ts";
import { parseServerMetrics, type ServerMetrics } from "./metrics.ts";
import type { Outcome, RequestRecord } from "./records.ts";

/** A request that the server will refuse again: ours or the user's mistake, not load. */
const FINAL = new Set([400, 401, 403, 404, 405, 413, 415, 422]);

/** Retry-After is obeyed up to this long. */
const LONGEST_WAIT_SECONDS = 30;

export interface CompletionRequest {
  readonly prompt: readonly number[];
  readonly maxTokens: number;
  readonly signal: AbortSignal;
  /** Called at the first token. */
  readonly onFirstToken?: () => void;
}

/** A record, and how long the server asks to wait before the next request. */
export interface Answer {
  readonly record: RequestRecord;
  readonly retryAfterSeconds: number | undefined;
}

/** Talks to one OpenAI-compatible server. A key in OPENAI_API_KEY goes along. */
export class ServerClient {
  readonly #base: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #timeoutSeconds: number;

  /**
   * @param url with or without /v1
   * @param timeoutSeconds longest wait for the first token, and between two chunks
   * @throws UserError CANOPY_OPTION_VALUE where `url` is no http address
   */
  constructor(url: string, timeoutSeconds: number) {
    if (!URL.canParse(url) || !/^https?:/.test(url)) {
      throw new UserError("CANOPY_OPTION_VALUE", `--url ${url}: expected e.g. http://localhost:8000`);
    }
    const parsed = new URL(url);
    this.#base = `${parsed.origin}${parsed.pathname}`.replace(/\/+$/, "").replace(/\/v1$/, "");
    const key = process.env.OPENAI_API_KEY;
    this.#headers = key ? { authorization: `Bearer ${key}` } : {};
    this.#timeoutSeconds = timeoutSeconds;
  }

  /** Without user, password and query. */
  get url(): string {
    return this.#base;
  }

  /**
   * The model to ask for, and its longest sequence where the server tells (vLLM does).
   *
   * @throws UserError CANOPY_SERVER_UNREACHABLE, CANOPY_SERVER_REFUSED, CANOPY_SERVER_MODEL
   */
  async model(wanted: string | undefined): Promise<{ id: string; maxModelTokens: number | null }> {
    const response = await this.#get("/v1/models");
    if (response === undefined) {
      throw new UserError(
        "CANOPY_SERVER_UNREACHABLE",
        `${this.#base} does not answer: expected a server of the OpenAI API there`,
        { exitCode: 1 },
      );
    }
    if (!response.ok) {
      this.#refused(response.status, await response.text().catch(() => ""), "/v1/models");
    }
    const body = (await response.json().catch(() => undefined)) as
      | { data?: { id?: unknown; max_model_len?: unknown }[] }
      | undefined;
    const models = (body?.data ?? []).filter((entry) => typeof entry.id === "string");
    const ids = models.map(({ id }) => id as string);
    const id = wanted ?? (ids.length === 1 ? ids[0] : undefined);
    const found = models.find((entry) => entry.id === id);
    if (found === undefined) {
      const what =
        wanted === undefined
          ? `serves ${ids.length === 0 ? "no model" : `several models (${ids.join(", ")})`}: expected one, or --model`
          : `has no model "${wanted}"${suggestion(wanted, ids)}`;
      throw new UserError("CANOPY_SERVER_MODEL", `${this.#base} ${what}`);
    }
    const longest = found.max_model_len;
    return {
      id: found.id as string,
      maxModelTokens: typeof longest === "number" && longest > 0 ? Math.floor(longest) : null,
    };
  }

  /** Answer of /version; null where there is none. */
  async version(): Promise<string | null> {
    const response = await this.#get("/version");
    const body = (await response?.json().catch(() => undefined)) as { version?: unknown } | undefined;
    return response?.ok && typeof body?.version === "string" && body.version !== "" ? body.version : null;
  }

  /** Null where the server has no /metrics. */
  async metrics(): Promise<ServerMetrics | null> {
    const response = await this.#get("/metrics");
    if (!response?.ok) return null;
    const text = await response.text().catch(() => "");
    return text.includes("# ") ? parseServerMetrics(text, monotonicSeconds()) : null;
  }

  /**
   * One streamed completion. What load can do to a request (time-outs, 429 and 5xx, broken streams) is an outcome.
   *
   * @throws UserError CANOPY_SERVER_REFUSED for what the server will refuse again, CANOPY_SERVER_STREAM for an answer that
   *   is no stream of completions
   */
  async complete(model: string, request: CompletionRequest): Promise<Answer> {
    const stop = new AbortController();
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      stop.abort();
    }, this.#timeoutSeconds * 1e3);
    const cancel = () => stop.abort();
    request.signal.addEventListener("abort", cancel);
    const sentSeconds = monotonicSeconds();
    const reading = new CompletionReading(request.onFirstToken);
    let status = 0;
    let retryAfterSeconds: number | undefined;
    let outcome: Outcome;
    let message = "";
    try {
      const response = await fetch(`${this.#base}/v1/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", accept: "text/event-stream", ...this.#headers },
        body: JSON.stringify({
          model,
          prompt: request.prompt,
          max_tokens: request.maxTokens,
          temperature: 0,
          ignore_eos: true,
          stream: true,
          stream_options: { include_usage: true },
        }),
        signal: stop.signal,
      });
      status = response.status;
      if (!response.ok) {
        const text = await response.text();
        if (FINAL.has(status)) this.#refused(status, text, "/v1/completions");
        retryAfterSeconds = secondsOf(response.headers.get("retry-after"));
        message = `status ${status}: ${errorText(text)}`;
        outcome = "busy";
      } else {
        const type = response.headers.get("content-type") ?? "";
        if (!type.includes("text/event-stream") || response.body === null) {
          stop.abort();
          throw new UserError(
            "CANOPY_SERVER_STREAM",
            `${this.#base}/v1/completions answers ${type || "without a type"}: expected text/event-stream`,
            { exitCode: 1 },
          );
        }
        for await (const bytes of response.body) {
          timer.refresh();
          reading.push(bytes, monotonicSeconds());
        }
        outcome = reading.ended ? "completed" : "dropped";
        if (!reading.ended) message = reading.error ?? "the stream broke off";
      }
    } catch (error) {
      if (error instanceof UserError) throw error;
      outcome = timedOut ? "timeout" : request.signal.aborted ? "cancelled" : "dropped";
      message = timedOut ? `nothing for ${this.#timeoutSeconds} s` : reasonOf(error);
    } finally {
      clearTimeout(timer);
      request.signal.removeEventListener("abort", cancel);
    }
    const record: RequestRecord = {
      sentSeconds,
      endSeconds: monotonicSeconds(),
      promptTokens: request.prompt.length,
      maxTokens: request.maxTokens,
      outcome,
      status,
      chunkSeconds: reading.chunks(),
      usage: reading.usage,
      message: outcome === "completed" || outcome === "cancelled" ? "" : message,
    };
    return { record, retryAfterSeconds };
  }

  async #get(path: string): Promise<Response | undefined> {
    const signal = AbortSignal.timeout(Math.min(this.#timeoutSeconds, 10) * 1e3);
    return fetch(`${this.#base}${path}`, { headers: this.#headers, signal }).catch(() => undefined);
  }

  #refused(status: number, text: string, path: string): never {
    const hint = status === 401 || status === 403 ? "; a key goes into OPENAI_API_KEY" : "";
    throw new UserError(
      "CANOPY_SERVER_REFUSED",
      `${this.#base}${path} answers ${status}: ${errorText(text)}${hint}`,
      { exitCode: 1 },
    );
  }
}

/** Makes sense of the messages of one completion as they arrive. */
class CompletionReading {
  readonly #parser = new EventStreamParser();
  readonly #onFirstToken: (() => void) | undefined;
  readonly #seconds: number[] = [];
  #lastIsEmptyEnd = false;
  #finished = false;
  #done = false;
  usage: RequestRecord["usage"] = null;
  error: string | undefined;

  constructor(onFirstToken: (() => void) | undefined) {
    this.#onFirstToken = onFirstToken;
  }

  /** The stream said that it is at its end; one that just stops was dropped. */
  get ended(): boolean {
    return this.error === undefined && (this.#done || this.#finished);
  }

  push(bytes: Uint8Array, atSeconds: number): void {
    for (const data of this.#parser.push(bytes)) {
      if (data === "[DONE]") {
        this.#done = true;
        continue;
      }
      let message: CompletionMessage;
      try {
        message = JSON.parse(data);
      } catch {
        this.error = `a message that is no JSON: ${oneLine(data)}`;
        continue;
      }
      if (message.error != null) this.error = errorText(JSON.stringify(message));
      if (message.usage != null) {
        this.usage = {
          promptTokens: message.usage.prompt_tokens ?? 0,
          completionTokens: message.usage.completion_tokens ?? 0,
        };
      }
      const [choice] = message.choices ?? [];
      // The message with the usage has no choice and carries no token.
      if (choice === undefined) continue;
      this.#seconds.push(atSeconds);
      if (this.#seconds.length === 1) this.#onFirstToken?.();
      if (choice.finish_reason != null) this.#finished = true;
      // A token may well be an empty text; only the count tells (chunks).
      this.#lastIsEmptyEnd = choice.finish_reason != null && !choice.text;
    }
  }

  /** Some servers send the reason of the end in a chunk of its own, which is no token. */
  chunks(): Float64Array {
    const surplus =
      this.#lastIsEmptyEnd && this.usage !== null && this.#seconds.length > this.usage.completionTokens;
    return Float64Array.from(surplus ? this.#seconds.slice(0, -1) : this.#seconds);
  }
}

interface CompletionMessage {
  readonly choices?: readonly { readonly text?: string; readonly finish_reason?: string | null }[];
  readonly usage?: { readonly prompt_tokens?: number; readonly completion_tokens?: number } | null;
  readonly error?: unknown;
}

function secondsOf(header: string | null): number | undefined {
  const seconds = Number(header);
  if (header === null || !Number.isFinite(seconds) || seconds < 0) return undefined;
  return Math.min(seconds, LONGEST_WAIT_SECONDS);
}

/** The message of an error's body, in the forms that servers give it, else the body itself. */
function errorText(body: string): string {
  try {
    const { error, message, detail } = JSON.parse(body);
    const text = error?.message ?? error ?? message ?? detail;
    return oneLine(typeof text === "string" ? text : body);
  } catch {
    return oneLine(body);
  }
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim().slice(0, 200);
}

function reasonOf(error: unknown): string {
  const { cause, message } = error as Error;
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}
