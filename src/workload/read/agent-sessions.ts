import { Stream } from "../../numeric/random.ts";
import { expectPositive } from "../check.ts";
import type { Trace } from "../trace.ts";
import type { CsvTable } from "./csv.ts";
import {
  badValue,
  type ReadOptions,
  readNotNegative,
  readTokens,
  requireColumn,
  SessionNumbers,
  TraceBuilder,
} from "./trace-builder.ts";

export const AGENT_SESSION_COLUMNS = [
  "session",
  "agent",
  "seq",
  "t_s",
  "input_tokens",
  "output_tokens",
  "cached_prefix_tokens",
  "think_time_s",
] as const;

export interface AgentSessionOptions extends ReadOptions {
  /** Sessions started per second, a Poisson process: the file has times within sessions only. Default 0.1. */
  readonly sessionsPerSecond?: number;
  /** Seed of the session starts; default 1. */
  readonly seed?: number | string;
  /** `main` (default) leaves out the agents that a session starts by itself; `all` makes them sessions too. */
  readonly agents?: "main" | "all";
  /** Steps arrive a think time after the step before (default), or with false at their recorded times. */
  readonly dependent?: boolean;
  /** Names in the `model` column whose requests need a large model; default none. */
  readonly largeModels?: readonly string[];
}

interface Step {
  readonly line: number;
  readonly timeSeconds: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly prefixTokens: number;
  readonly thinkSeconds: number;
  readonly needsLarge: boolean;
}

/** The steps of one agent. */
interface Chain {
  readonly session: number;
  /** Seconds from the start of the session to the chain's own time 0. */
  readonly offsetSeconds: number;
  readonly steps: Step[];
}

/**
 * Sessions of coding agents, one row a call: `session, agent, seq, t_s` (seconds from the start of the session, for
 * other agents than `main` from their own start), `input_tokens` (whole context), `output_tokens`,
 * `cached_prefix_tokens, think_time_s` and optionally `model, api_time_s`. An agent whose `seq` returns to 0 is a
 * new one. A missing think time is the gap to the step before less its `api_time_s`, and is counted.
 */
export async function readAgentSessions(table: CsvTable, options: AgentSessionOptions): Promise<Trace> {
  const rate = options.sessionsPerSecond ?? 0.1;
  expectPositive(rate, "sessionsPerSecond");
  const builder = new TraceBuilder(table, options, ["session", "step", "thinkSeconds", "prefixTokens"]);
  const chains = await readChains(table, options, builder);
  const starts = new Map<number, number>();
  const stream = new Stream(options.seed ?? 1, "trace/session-starts");
  let now = 0;
  let extra = 0;
  for (const chain of chains) {
    let start = starts.get(chain.session);
    // The chain of a session's first appearance keeps its number; agents started by it get numbers of their own.
    const own = start === undefined ? chain.session : 2 ** 51 + extra++;
    if (start === undefined) {
      now += stream.exponential() / rate;
      start = now;
      starts.set(chain.session, start);
    }
    addChain(builder, chain, own, start + chain.offsetSeconds, options.dependent ?? true);
  }
  return builder.finish({}, { countOrder: false });
}

function addChain(
  builder: TraceBuilder,
  chain: Chain,
  session: number,
  start: number,
  dependent: boolean,
): void {
  let step = 0;
  for (const row of chain.steps) {
    const arrivalSeconds = dependent && step > 0 ? Number.NaN : start + row.timeSeconds;
    const at = builder.add(arrivalSeconds, row.promptTokens, row.outputTokens, row.line);
    if (at < 0) continue;
    const { columns } = builder;
    columns.needsLarge[at] = row.needsLarge ? 1 : 0;
    (columns.session as Float64Array)[at] = session;
    (columns.step as Int32Array)[at] = step;
    (columns.thinkSeconds as Float64Array)[at] = step === 0 ? 0 : row.thinkSeconds;
    (columns.prefixTokens as Int32Array)[at] = step === 0 ? 0 : row.prefixTokens;
    step++;
  }
}

async function readChains(
  table: CsvTable,
  options: AgentSessionOptions,
  builder: TraceBuilder,
): Promise<Chain[]> {
  const [session, agent, seq, time, input, output, cached, think] = AGENT_SESSION_COLUMNS.map((name) =>
    requireColumn(table, name),
  );
  const model = table.columns.indexOf("model");
  const apiTime = table.columns.indexOf("api_time_s");
  const large = new Set(options.largeModels ?? []);
  const sessions = new SessionNumbers();
  const chains: Chain[] = [];
  const open = new Map<string, Chain>();
  /** Recorded time of the last `main` step of each session: when an agent that it starts begins. */
  const mainTime = new Map<number, number>();
  const apiSeconds = new Map<Chain, number>();
  await table.each((row) => {
    builder.rowsRead++;
    const number = sessions.of(row, session);
    const name = row.text(agent);
    const timeSeconds = readNotNegative(table, row, time, "a number of seconds");
    if (name === "main") mainTime.set(number, timeSeconds);
    else if ((options.agents ?? "main") === "main") {
      builder.count("droppedSubAgents");
      return;
    }
    const key = `${number} ${name}`;
    let chain = open.get(key);
    if (chain === undefined || readTokens(table, row, seq) === 0) {
      chain = {
        session: number,
        offsetSeconds: name === "main" ? 0 : (mainTime.get(number) ?? 0),
        steps: [],
      };
      open.set(key, chain);
      chains.push(chain);
    }
    const promptTokens = readTokens(table, row, input);
    const prefixTokens = readTokens(table, row, cached);
    if (prefixTokens > promptTokens)
      throw badValue(table, row, cached, `at most input_tokens (${promptTokens})`);
    const before = chain.steps.at(-1);
    let thinkSeconds: number;
    if (row.isEmpty(think)) {
      builder.count("thinkDerived");
      const gap = before === undefined ? 0 : timeSeconds - before.timeSeconds;
      thinkSeconds = Math.max(0, gap - (apiSeconds.get(chain) ?? 0));
    } else thinkSeconds = readNotNegative(table, row, think, "a number of seconds");
    if (apiTime >= 0)
      apiSeconds.set(
        chain,
        row.isEmpty(apiTime) ? 0 : readNotNegative(table, row, apiTime, "a number of seconds"),
      );
    chain.steps.push({
      line: row.line,
      timeSeconds,
      promptTokens,
      outputTokens: readTokens(table, row, output),
      prefixTokens,
      thinkSeconds,
      needsLarge: model >= 0 && large.size > 0 && large.has(row.text(model)),
    });
  });
  return chains;
}
