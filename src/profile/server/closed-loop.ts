import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { monotonicSeconds } from "../measure/clock.ts";
import type { ServerClient } from "./client.ts";
import type { PromptSource } from "./prompt-source.ts";
import type { PointRecord, RequestRecord, ServerSettings } from "./records.ts";

/** After a failure the next request of that stream waits 0.25, 0.5, 1 ... 8 s, a quarter more or less. */
const FIRST_WAIT_SECONDS = 0.25;
const LONGEST_WAIT_SECONDS = 8;

/** What all points of a run share. */
export interface Load {
  readonly client: ServerClient;
  readonly model: string;
  readonly prompts: PromptSource;
  readonly settings: ServerSettings;
  /** Ends the work at once; what was measured is then of no use. */
  readonly signal: AbortSignal;
}

/**
 * Closed loop: `concurrency` streams, each of which sends its next request when the last one ended. The outputs of the
 * first round have random lengths, so that streams do not end together. The window begins once every stream had a token
 * and the warm-up is over; at its end what runs is cancelled.
 *
 * @throws UserError as {@link ServerClient.complete}
 */
export async function measureDecode(
  load: Load,
  point: { readonly concurrency: number; readonly promptTokens: number; readonly trial: number },
): Promise<PointRecord> {
  const { client, settings, signal } = load;
  const { concurrency } = point;
  const stop = new AbortController();
  const all = AbortSignal.any([signal, stop.signal]);
  // One for each stream; Node warns from 11 on.
  setMaxListeners(0, all);
  const requests: RequestRecord[] = [];
  let began = 0;
  let allBegan = () => {};
  const everyStreamBegan = new Promise<void>((resolve) => {
    allBegan = resolve;
  });
  const streams = Array.from({ length: concurrency }, () =>
    runStream(load, { ...point, signal: all, requests }, () => {
      if (++began === concurrency) allBegan();
    }),
  );
  // One stream's final error ends all; `Promise.all` hands it on below.
  const failed = Promise.all(streams).catch((error) => {
    stop.abort();
    throw error;
  });
  const work = async (): Promise<
    Omit<PointRecord, "requests" | "kind" | "outputTokens" | keyof typeof point>
  > => {
    const limit = sleep(2e3 * settings.timeoutSeconds, "late", { signal: all });
    if ((await Promise.race([everyStreamBegan, limit])) === "late") {
      return { window: null, metricsBefore: null, metricsAfter: await client.metrics() };
    }
    await sleep(1e3 * settings.warmUpSeconds, undefined, { signal: all });
    const metricsBefore = await client.metrics();
    const fromSeconds = monotonicSeconds();
    await sleep(1e3 * settings.windowSeconds, undefined, { signal: all });
    const toSeconds = monotonicSeconds();
    return { window: { fromSeconds, toSeconds }, metricsBefore, metricsAfter: await client.metrics() };
  };
  try {
    const measured = await Promise.race([
      work(),
      failed.then(() => Promise.reject(new Error("streams ended"))),
    ]);
    return { kind: "decode", ...point, outputTokens: settings.outputTokens, ...measured, requests };
  } finally {
    stop.abort();
    await failed.catch(() => undefined);
  }
}

interface StreamPoint {
  readonly concurrency: number;
  readonly promptTokens: number;
  readonly signal: AbortSignal;
  readonly requests: RequestRecord[];
}

async function runStream(load: Load, point: StreamPoint, onBegan: () => void): Promise<void> {
  const { client, model, prompts, settings } = load;
  const { signal } = point;
  let failures = 0;
  let began = false;
  const onFirstToken = () => {
    if (!began) onBegan();
    began = true;
  };
  for (let round = 0; !signal.aborted; round++) {
    const most = settings.outputTokens;
    // At a concurrency of one nothing can coincide.
    const maxTokens = round === 0 && point.concurrency > 1 ? prompts.length(most) : most;
    const prompt = prompts.next(point.promptTokens);
    const { record, retryAfterSeconds } = await client.complete(model, {
      prompt,
      maxTokens,
      signal,
      onFirstToken,
    });
    point.requests.push(record);
    failures = record.outcome === "completed" ? 0 : failures + 1;
    if (failures === 0 || signal.aborted) continue;
    const wait = Math.min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** (failures - 1));
    const jitter = 0.75 + 0.5 * Math.random();
    await sleep(1e3 * Math.max(retryAfterSeconds ?? 0, wait * jitter), undefined, { signal }).catch(
      () => undefined,
    );
  }
}

/**
 * Prompts of one length one after the other, each with one token of output: its time to the first token is that of a
 * prefill alone. The first two are not counted.
 */
export async function measurePrefill(
  load: Load,
  promptTokens: number,
  leastSeconds: number,
): Promise<PointRecord> {
  const { client, model, prompts, settings, signal } = load;
  const requests: RequestRecord[] = [];
  const metricsBefore = await client.metrics();
  const give = async () => {
    const { record } = await client.complete(model, {
      prompt: prompts.next(promptTokens),
      maxTokens: 1,
      signal,
    });
    return record;
  };
  for (let i = 0; i < 2; i++) requests.push(await give());
  const fromSeconds = monotonicSeconds();
  let failures = 0;
  for (let i = 0; i < settings.prefillRequests || monotonicSeconds() < fromSeconds + leastSeconds; i++) {
    signal.throwIfAborted();
    const record = await give();
    requests.push(record);
    if (record.outcome === "completed") continue;
    if (++failures > settings.prefillRequests) break;
    await sleep(1e3 * FIRST_WAIT_SECONDS * 2 ** Math.min(failures, 5), undefined, { signal });
  }
  return {
    kind: "prefill",
    trial: 0,
    concurrency: 1,
    promptTokens,
    outputTokens: 1,
    window: { fromSeconds, toSeconds: monotonicSeconds() },
    requests,
    metricsBefore,
    metricsAfter: await client.metrics(),
  };
}
