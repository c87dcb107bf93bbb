import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../errors.ts";
import { monotonicSeconds } from "../profile/measure/clock.ts";
import type { Profile } from "../profile/schema.ts";
import { ServerClient } from "../profile/server/client.ts";
import { PromptSource } from "../profile/server/prompt-source.ts";
import type { RequestRecord } from "../profile/server/records.ts";
import { capacityOf, LONGEST_TOKENS, makeTrace } from "./make-trace.ts";
import {
  type EngineLimits,
  type LoadRecord,
  type RecordedTrace,
  VALIDATION_RECORDS_ID,
  type ValidationRecords,
} from "./records.ts";
import { CAPACITY_REQUESTS, LOADS, type ServeOptions } from "./serve-engine.ts";

/** vLLM's defaults for servers, which a server does not tell. */
const ASSUMED = { blockTokens: 16, tokenBudget: 2048, maxRequests: 256 } as const;
const TIMEOUT_SECONDS = 120;
/** Ids of prompts are below it. */
const VOCABULARY = 30_000;
/** Share of the requests of a load that may fail. */
const MOST_FAILED = 0.05;

/**
 * Replays a trace at each load against a server of the OpenAI API. What it does inside is not told: only times are compared.
 *
 * @throws UserError of {@link ServerClient}; CANOPY_VALIDATION_SERVER where more than 5 % of the requests fail, or the
 *   model's sequences are too short
 */
export async function serveServer(
  url: string,
  wantedModel: string | undefined,
  profile: Profile,
  { requests, seed, signal, onProgress }: ServeOptions,
): Promise<ValidationRecords> {
  const client = new ServerClient(url, TIMEOUT_SECONDS);
  const { id: model, maxModelTokens } = await client.model(wantedModel);
  if (maxModelTokens !== null && maxModelTokens < LONGEST_TOKENS) {
    throw new UserError(
      "CANOPY_VALIDATION_SERVER",
      `${model} takes ${maxModelTokens} tokens: expected ${LONGEST_TOKENS} or more`,
    );
  }
  const limits: EngineLimits = {
    ...ASSUMED,
    // A profile that does not tell the cache: room for all.
    blocks: Math.floor(
      (profile.kvCapacityTokens ?? ASSUMED.maxRequests * LONGEST_TOKENS) / ASSUMED.blockTokens,
    ),
    maxModelTokens: maxModelTokens ?? profile.maxModelTokens,
  };
  const prompts = new PromptSource(`${seed}-${Date.now()}`, VOCABULARY);
  const serve = async (trace: RecordedTrace) => {
    const answers = await replay(client, model, prompts, trace, signal);
    signal.throwIfAborted();
    return servedOf(trace, answers);
  };
  const burst = makeTrace(seed, "capacity", CAPACITY_REQUESTS, Number.POSITIVE_INFINITY);
  const capacity = capacityOf((await serve(burst)).finishNs);
  onProgress(`capacity: ${capacity.toPrecision(3)} requests per second`);
  const loads: LoadRecord[] = [];
  for (const load of LOADS) {
    const requestsPerSecond = load * capacity;
    const trace = makeTrace(seed, `load-${load}`, requests, requestsPerSecond);
    onProgress(`load ${load}: ${requests} requests in about ${Math.ceil(requests / requestsPerSecond)} s`);
    loads.push({ load, requestsPerSecond, ...(await serve(trace)) });
  }
  return {
    schema: VALIDATION_RECORDS_ID,
    measuredAt: new Date().toISOString(),
    target: { kind: "server", model, version: await client.version() },
    limits,
    seed,
    capacityRequestsPerSecond: capacity,
    loads,
    profile,
    host: null,
    powerReason: "the energy of a server is not metered",
  };
}

/** Sends each request when it is due, whatever has become of the others. */
async function replay(
  client: ServerClient,
  model: string,
  prompts: PromptSource,
  { arrivalNs, promptTokens, outputTokens }: RecordedTrace,
  signal: AbortSignal,
): Promise<RequestRecord[]> {
  // A failure that is no load ends the replay.
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const origin = monotonicSeconds() + 0.1;
  const send = async (_: number, i: number) => {
    const prompt = prompts.next(promptTokens[i]);
    const wait = origin + arrivalNs[i] / 1e9 - monotonicSeconds();
    await sleep(Math.max(0, 1e3 * wait), undefined, { signal: either });
    const { record } = await client.complete(model, { prompt, maxTokens: outputTokens[i], signal: either });
    return record;
  };
  try {
    return await Promise.all(Array.from(arrivalNs, send));
  } catch (error) {
    stop.abort();
    throw error;
  }
}

/** The requests that came through, as they were really sent. */
function servedOf(
  { outputTokens }: RecordedTrace,
  answers: readonly RequestRecord[],
): Omit<LoadRecord, "load" | "requestsPerSecond"> {
  const good = answers
    .filter((answer, i) => answer.outcome === "completed" && answer.chunkSeconds.length === outputTokens[i])
    .sort((a, b) => a.sentSeconds - b.sentSeconds);
  const failed = answers.length - good.length;
  if (failed > MOST_FAILED * answers.length) {
    const why = answers.find(({ message }) => message !== "")?.message ?? "not one chunk for each token";
    throw new UserError(
      "CANOPY_VALIDATION_SERVER",
      `${failed} of ${answers.length} requests failed: ${why}`,
      { exitCode: 1 },
    );
  }
  const origin = good[0].sentSeconds;
  const ns = (of: (answer: RequestRecord) => number) =>
    Float64Array.from(good, (answer) => Math.round(1e9 * (of(answer) - origin)));
  return {
    trace: {
      arrivalNs: ns(({ sentSeconds }) => sentSeconds),
      promptTokens: Int32Array.from(good, ({ promptTokens }) => promptTokens),
      outputTokens: Int32Array.from(good, ({ chunkSeconds }) => chunkSeconds.length),
    },
    firstTokenNs: ns(({ chunkSeconds }) => chunkSeconds[0]),
    finishNs: ns(({ chunkSeconds }) => chunkSeconds[chunkSeconds.length - 1]),
    steps: null,
    joules: null,
    host: null,
    failed,
  };
}
