/** Agents: sessions of dependent steps, and the prefixes that they find again. */
import { describe, expect, it } from "vitest";
import type { Router } from "../../src/routers/contract.ts";
import { createRouter, findRouter } from "../../src/routers/registry.ts";
import type { RunTotals } from "../../src/simulator/options.ts";
import { simulate } from "../../src/simulator/simulate.ts";
import { SessionWorkload } from "../../src/workload/sessions.ts";
import { materialize, type Trace } from "../../src/workload/trace.ts";
import {
  affineLaw,
  type EndpointParts,
  fleetOf,
  optionsOf,
  routerOf,
  runParts,
  type TraceRow,
} from "../oracle/build.ts";
import { ColumnSink, ENDED } from "./column-sink.ts";

const BLOCK_TOKENS = 16;
const PREFILL_SECONDS = 1 / 2 ** 16;
const DECODE_SECONDS = 1 / 2 ** 10;
/** Busy time tells the prompt tokens computed: an iteration costs its tokens and nothing else, without rounding. */
const tokenLaw = affineLaw({
  baseSeconds: 0,
  perPromptTokenSeconds: PREFILL_SECONDS,
  perSequenceSeconds: DECODE_SECONDS,
  perContextTokenSeconds: 0,
});

function agents(seed: number, parts: { readonly sessions?: number; readonly rate?: number } = {}): Trace {
  return materialize(
    new SessionWorkload({
      seed,
      sessions: parts.sessions ?? 60,
      arrival: { process: "poisson", ratePerSecond: parts.rate ?? 5 },
      steps: { dist: "uniform", min: 1, max: 12 },
      firstContext: { dist: "uniform", min: 10, max: 400 },
      prompt: { dist: "uniform", min: 1, max: 60 },
      output: { dist: "uniform", min: 1, max: 50 },
      think: {
        dist: "mixture",
        parts: [
          { share: 0.3, of: { dist: "constant", value: 0 } },
          { share: 0.7, of: { dist: "uniform", min: 0, max: 3 } },
        ],
      },
      maxContextTokens: 1500,
    }),
  );
}

const column = (trace: Trace, name: "session" | "step" | "thinkSeconds" | "prefixTokens") =>
  trace.columns[name] as ArrayLike<number>;

/** Steps that follow another. */
function dependentSteps(trace: Trace): number[] {
  const step = column(trace, "step");
  return Array.from({ length: trace.requests }, (_, i) => i).filter((i) => step[i] > 0);
}

function registered(id: string): Router {
  return createRouter(findRouter(id), {}, "test").router as Router;
}

function runAgents(trace: Trace, endpoints: readonly EndpointParts[], router: Router) {
  const sink = new ColumnSink(trace.requests);
  const totals = simulate(optionsOf({ fleet: fleetOf({ endpoints }), workload: trace, router }), sink);
  return { sink, totals };
}

/** Prompt tokens that a run under the token law computed. */
function prefilledTokens(sink: ColumnSink, totals: RunTotals): number {
  const decoded = sink.sum("producedTokens") - sink.ended.length;
  const busySeconds = totals.endpoints.reduce((sum, endpoint) => sum + endpoint.busySeconds, 0);
  // Batches begin at arrivals, which are no whole multiples: their lengths are rounded.
  const exact = (busySeconds - decoded * DECODE_SECONDS) / PREFILL_SECONDS;
  expect(Math.abs(exact - Math.round(exact))).toBeLessThan(1e-6);
  return Math.round(exact);
}

describe("dependent steps", () => {
  const endpoints: EndpointParts[] = [
    { roundTripSeconds: 0.08, batching: { prefixReuse: true, kvBlocks: 400, maxRequests: 6 } },
    { roundTripSeconds: 0.013, replicas: 2, batching: { prefixReuse: true, kvBlocks: 200 } },
    { maxOutstanding: 3 },
  ];

  it.each(["round-robin", "least-loaded", "prefix-affinity"])(
    "%s: each step arrives when the one before is back and thought about, and none is lost",
    (id) => {
      const trace = agents(7);
      const { sink, totals } = runAgents(trace, endpoints, registered(id));
      expect(totals).toMatchObject({ requests: trace.requests, finished: trace.requests, rejected: 0 });
      expect(sink.ended.every((how) => how === ENDED.finished)).toBe(true);
      const arrived = sink.column("arrivalSeconds");
      const finished = sink.column("finishedSeconds");
      const at = sink.column("endpoint");
      const think = column(trace, "thinkSeconds");
      const dependent = dependentSteps(trace);
      expect(dependent.length).toBeGreaterThan(200);
      for (const i of dependent) {
        const back = (endpoints[at[i - 1]].roundTripSeconds ?? 0) / 2;
        expect(arrived[i]).toBe(finished[i - 1] + back + think[i]);
      }
      expect(sink.column("session")).toEqual(Float64Array.from(column(trace, "session")));
      expect(sink.column("producedTokens")).toEqual(Float64Array.from(trace.columns.outputTokens));
      expect(totals.endpoints.reduce((sum, e) => sum + e.placed, 0)).toBe(trace.requests);
      expect(totals.endpoints.every((e) => e.finished === e.placed && e.placed > 0)).toBe(true);
    },
  );

  it("a session that stays is served where its prefix is", () => {
    const trace = agents(3, { sessions: 40, rate: 1 });
    const prefixes = { batching: { prefixReuse: true } };
    const computed = (id: string) => {
      const fleet = [prefixes, prefixes, prefixes].map((parts) => ({ law: tokenLaw, ...parts }));
      const { sink, totals } = runAgents(trace, fleet, registered(id));
      const moved = dependentSteps(trace).filter(
        (i) => sink.column("endpoint")[i] !== sink.column("endpoint")[i - 1],
      );
      return { moved: moved.length, prefilled: prefilledTokens(sink, totals) };
    };
    const staying = computed("prefix-affinity");
    const cycling = computed("round-robin");
    expect(staying.moved).toBe(0);
    expect(cycling.moved).toBeGreaterThan(100);
    expect(staying.prefilled).toBeLessThan(0.7 * cycling.prefilled);
  });
});

describe("prefix reuse", () => {
  /** Prompt tokens computed and outputs produced by a run on one replica. */
  function tokensOf(trace: Trace, batching: EndpointParts["batching"]) {
    const { sink, totals } = runAgents(
      trace,
      [{ law: tokenLaw, batching: batching ?? {} }],
      registered("round-robin"),
    );
    const { preemptions } = totals.endpoints[0];
    return { prefilled: prefilledTokens(sink, totals), outputs: sink.column("producedTokens"), preemptions };
  }

  it("by hand: full blocks of the context so far, and of the prompt but its last token, are spared", () => {
    const rows: TraceRow[] = [
      { arrival: 0, prompt: 40, output: 9, session: 0 },
      // 48 tokens computed in the step before: 3 blocks. The prefix of 49 has 3, the prompt of 70 has 4.
      { prompt: 70, output: 11, session: 0, step: 1, think: 1, prefix: 49 },
      // 80 tokens computed: 5 blocks. The prefix of 81 has 5; the prompt of 81 without its last token has 5.
      { prompt: 81, output: 1, session: 0, step: 2, think: 1, prefix: 81 },
      // 81 computed: 5 blocks. A compacted context shares 30 tokens: 1 block.
      { prompt: 200, output: 1, session: 0, step: 3, think: 1, prefix: 30 },
      // Nothing shared.
      { prompt: 64, output: 1, session: 0, step: 4, think: 1, prefix: 0 },
      // 64 computed: 4 blocks; of a prompt of 64 the last block is computed for its last token.
      { prompt: 64, output: 1, session: 0, step: 5, think: 1, prefix: 64 },
    ];
    const computed = (prefixReuse: boolean) => {
      const { sink, totals } = runParts(simulate, {
        endpoints: [{ law: tokenLaw, batching: { prefixReuse } }],
        rows,
      });
      expect(rows.map((row, i) => sink.row(i).producedTokens - row.output)).toEqual(rows.map(() => 0));
      const decoded = rows.reduce((sum, { output }) => sum + output - 1, 0);
      return (totals.endpoints[0].busySeconds - decoded * DECODE_SECONDS) / PREFILL_SECONDS;
    };
    expect(computed(false)).toBe(40 + 70 + 81 + 200 + 64 + 64);
    expect(computed(true)).toBe(40 + (70 - 48) + (81 - 80) + (200 - 16) + 64 + (64 - 48));
  });

  it.each([11, 12, 13])("agents of seed %i: with room for all, exactly these blocks are spared", (seed) => {
    const trace = agents(seed);
    const { promptTokens, outputTokens } = trace.columns;
    const prefix = column(trace, "prefixTokens");
    let blocks = 0;
    for (const i of dependentSteps(trace)) {
      const kept = Math.floor((promptTokens[i - 1] + outputTokens[i - 1] - 1) / BLOCK_TOKENS);
      const shared = Math.floor(prefix[i] / BLOCK_TOKENS);
      blocks += Math.min(kept, shared, Math.floor((promptTokens[i] - 1) / BLOCK_TOKENS));
    }
    expect(blocks).toBeGreaterThan(1000);
    const without = tokensOf(trace, {});
    const reuse = tokensOf(trace, { prefixReuse: true });
    expect(without.prefilled).toBe(promptTokens.reduce((sum, tokens) => sum + tokens, 0));
    expect(reuse.prefilled).toBe(without.prefilled - blocks * BLOCK_TOKENS);
    expect(reuse.outputs).toEqual(without.outputs);
  });

  it("the tighter the memory, the less is spared, and never an output", () => {
    const trace = agents(14, { rate: 20 });
    const without = tokensOf(trace, { kvBlocks: 100_000 });
    const reuse = [100_000, 1000, 500].map((kvBlocks) => tokensOf(trace, { prefixReuse: true, kvBlocks }));
    for (const { outputs } of reuse) expect(outputs).toEqual(without.outputs);
    expect(reuse.map(({ preemptions }) => preemptions)).toEqual([0, 0, 0]);
    expect(reuse[0].prefilled).toBeLessThan(reuse[1].prefilled);
    expect(reuse[1].prefilled).toBeLessThan(reuse[2].prefilled);
    expect(reuse[2].prefilled).toBeLessThan(without.prefilled);
  });
});

describe("a step that is rejected ends its session", () => {
  const LATER = "earlier step of the session rejected";
  /** Two sessions of three steps, one long in its second step, and a lone request. */
  const rows: TraceRow[] = [
    { arrival: 0, prompt: 10, output: 2, session: 0 },
    { prompt: 90, output: 5, session: 0, step: 1, think: 1 },
    { prompt: 10, output: 2, session: 0, step: 2, think: 1 },
    { arrival: 0.5, prompt: 10, output: 2, session: 1 },
    { prompt: 12, output: 2, session: 1, step: 1, think: 1 },
    { prompt: 14, output: 2, session: 1, step: 2, think: 1 },
    { arrival: 0.75, prompt: 10, output: 2 },
  ];
  const statuses = (run: ReturnType<typeof runParts>) =>
    rows.map((_, i) => [run.sink.row(i).status, run.sink.row(i).reason]);
  const done = ["finished", null];

  it("by the endpoint, which it does not fit", () => {
    const run = runParts(simulate, { endpoints: [{ maxModelTokens: 64, overlong: "reject" }], rows });
    expect(statuses(run)).toEqual([
      done,
      ["rejected", "prompt + output of 95 tokens exceeds the limit of 64 tokens"],
      ["rejected", LATER],
      done,
      done,
      done,
      done,
    ]);
    expect(run.sink.row(2).arrivalSeconds).toBeNaN();
    expect(run.totals).toMatchObject({ requests: 7, finished: 5, rejected: 2, unfinished: 0 });
  });

  it.each([0, 1, 2])("by the router, in step %i", (step) => {
    const run = runParts(simulate, {
      rows,
      router: routerOf((gateway) => ({
        arrival(request) {
          const { requests } = gateway.world;
          if (requests.session[request] === 1 && requests.step[request] === step) {
            gateway.host.reject(request, "no");
          } else {
            gateway.host.place(request, 0);
          }
        },
      })),
    });
    const second = [0, 1, 2].map((i) => (i < step ? done : ["rejected", i === step ? "no" : LATER]));
    expect(statuses(run)).toEqual([done, done, done, ...second, done]);
  });

  it("after a loss with its endpoint, when the router gives up", () => {
    const run = runParts(simulate, {
      endpoints: [{}, {}],
      faults: [{ atSeconds: 1.02, endpoint: 0, kind: "down" }],
      rows,
      router: routerOf((gateway) => ({
        arrival: (request) =>
          gateway.host.place(request, gateway.world.requests.session[request] === 0 ? 0 : 1),
        returned: (request) => gateway.host.reject(request, "gave up"),
      })),
    });
    // The second step of session 0 arrives 1 s after the first's end, and is in its prefill when the endpoint dies.
    expect(run.sink.row(1).arrivalSeconds).toBeLessThan(1.02);
    expect(statuses(run)).toEqual([
      done,
      ["rejected", "gave up"],
      ["rejected", LATER],
      done,
      done,
      done,
      done,
    ]);
    expect(run.sink.row(1).energyJoules).toBeGreaterThan(0);
  });
});
