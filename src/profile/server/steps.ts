import type { PointRecord, RequestRecord } from "./records.ts";

/** One time between two chunks of a stream, as that of a decode step. */
interface Step {
  readonly seconds: number;
  /** When it ended. */
  readonly atSeconds: number;
  /** Tokens that the sequence held before it; the mean over the tokens of a chunk. */
  readonly contextTokens: number;
}

/** What a window of a decode point shows. */
export interface PointSteps {
  /** Of all streams, while all of them decoded and no prompt was being read. */
  readonly steps: readonly Step[];
  /** Most streams that decoded at once in the window. */
  readonly mostDecoding: number;
  /** Share of the window in which all streams decoded and no prompt was being read. */
  readonly pureShare: number;
  /** Tokens of the window, prompts or not beside them. */
  readonly tokens: number;
}

/**
 * The decode steps of a point. A step that also reads a prompt takes longer, so a time between two chunks counts only if
 * it lies within a stretch where all `concurrency` streams were between their first and last token. Those stretches are
 * known from outside: a request reads its prompt from its sending to its first token.
 *
 * Where a chunk carries several tokens (the server's count is above the number of chunks), its time is shared out.
 *
 * @param usualPerChunk tokens of a chunk in requests that were cancelled before the server told its count
 */
export function stepsOf(point: PointRecord, usualPerChunk = usualTokensPerChunk(point.requests)): PointSteps {
  if (point.window === null) return { steps: [], mostDecoding: 0, pureShare: 0, tokens: 0 };
  const { fromSeconds, toSeconds } = point.window;
  const { starts, ends, mostDecoding } = pureStretches(point);
  const steps: Step[] = [];
  let tokens = 0;
  for (const request of point.requests) {
    const { chunkSeconds } = request;
    const perChunk = tokensPerChunk(request, usualPerChunk);
    let stretch = 0;
    for (let i = 0; i < chunkSeconds.length; i++) {
      const at = chunkSeconds[i];
      if (at >= fromSeconds && at < toSeconds) tokens += i === 0 ? 1 : perChunk;
      if (i === 0) continue;
      const before = chunkSeconds[i - 1];
      while (stretch < ends.length && ends[stretch] < at) stretch++;
      if (stretch === ends.length || before < starts[stretch]) continue;
      steps.push({
        seconds: (at - before) / perChunk,
        atSeconds: at,
        contextTokens:
          (request.usage?.promptTokens || request.promptTokens) + i * perChunk - (perChunk - 1) / 2,
      });
    }
  }
  const pure = ends.reduce((sum, end, i) => sum + end - starts[i], 0);
  return { steps, mostDecoding, pureShare: pure / (toSeconds - fromSeconds), tokens };
}

/** Tokens after the first, for each chunk after the first; `usual` where the server did not tell its count. */
export function tokensPerChunk({ usage, chunkSeconds }: RequestRecord, usual = 1): number {
  if (usage === null || chunkSeconds.length < 2 || usage.completionTokens < 2) return usual;
  return (usage.completionTokens - 1) / (chunkSeconds.length - 1);
}

/** Over all requests whose count the server told; 1 where there is none. */
export function usualTokensPerChunk(requests: readonly RequestRecord[]): number {
  let tokens = 0;
  let chunks = 0;
  for (const { usage, chunkSeconds } of requests) {
    if (usage === null || chunkSeconds.length < 2 || usage.completionTokens < 2) continue;
    tokens += usage.completionTokens - 1;
    chunks += chunkSeconds.length - 1;
  }
  return chunks === 0 ? 1 : tokens / chunks;
}

/** Stretches of the window in which every stream decodes, by a sweep over beginnings and ends. */
function pureStretches({ requests, window, concurrency }: PointRecord) {
  const events: { at: number; reading: number; decoding: number }[] = [];
  for (const { sentSeconds, endSeconds, chunkSeconds } of requests) {
    const first = chunkSeconds.length > 0 ? chunkSeconds[0] : endSeconds;
    events.push({ at: sentSeconds, reading: 1, decoding: 0 });
    events.push({ at: first, reading: -1, decoding: chunkSeconds.length > 0 ? 1 : 0 });
    if (chunkSeconds.length > 0) {
      events.push({ at: chunkSeconds[chunkSeconds.length - 1], reading: 0, decoding: -1 });
    }
  }
  events.sort((a, b) => a.at - b.at);
  const from = window?.fromSeconds ?? 0;
  const to = window?.toSeconds ?? 0;
  const starts: number[] = [];
  const ends: number[] = [];
  let reading = 0;
  let decoding = 0;
  let mostDecoding = 0;
  for (let i = 0; i < events.length; i++) {
    reading += events[i].reading;
    decoding += events[i].decoding;
    const start = Math.max(from, events[i].at);
    const end = Math.min(to, events[i + 1]?.at ?? to);
    if (end <= start) continue;
    mostDecoding = Math.max(mostDecoding, decoding);
    if (reading > 0 || decoding !== concurrency) continue;
    starts.push(start);
    ends.push(end);
  }
  return { starts, ends, mostDecoding };
}
