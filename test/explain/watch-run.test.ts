import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { staysOf } from "../../src/explain/trace-spans.ts";
import type { WatchedRequest } from "../../src/explain/watched-request.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { planOf, recordsOf, watchAll } from "./pressed.ts";

const folder = temporaryFolder("explain");
const POOLS = "{ lp: [a-0], cp: [a-1], bp: [b] }";

const ROUTERS: readonly [string, string][] = [
  ["round-robin", "round-robin"],
  ["least-loaded", "least-loaded"],
  ["cedar-heuristic", "cedar-heuristic"],
  ["edf", "edf"],
  ["carbon-aware", "carbon-aware"],
  ["caps-no-predictor", `{ router: caps-no-predictor, pools: ${POOLS} }`],
  ["helix", "helix"],
  ["greedy-carbon", "{ router: greedy-carbon, epochSeconds: 2 }"],
];

describe("watching a run", () => {
  test.each(ROUTERS)("%s: changes nothing, and knows what the records say", async (_, router) => {
    const plan = await planOf([`routers=[${router}]`]);
    const [run] = plan.runs;
    const { requests, totals } = await watchAll(plan, run);
    const records = await recordsOf(plan, run, folder);
    expect(requests).toHaveLength(totals.requests);
    expect(requests.map(asRecord)).toEqual(records.map((record) => pick(record)));
    expect(requests.flatMap(faultsOf)).toEqual([]);
  });

  test("requests are preempted by engines, lost with an endpoint and refused", async () => {
    const plan = await planOf(["routers=[round-robin]", "fleet.1.replicas=2"]);
    const first = await watchAll(plan, plan.runs[0]);
    const events = first.requests.flatMap(({ timeline }) => timeline.map(({ event }) => event));
    expect(events).toContain("preempted by the engine");
    expect(events).toContain("returned to the router");
    const kinds = first.requests.flatMap(({ decisions }) => decisions.map(({ kind }) => kind));
    expect(kinds).toContain("refused");
  });

  test("holding on purpose is said once, from the beginning to the release or the placement", async () => {
    writeFileSync(join(folder, "holder.ts"), HOLDER);
    const plan = await planOf([`routers=["${join(folder, "holder.ts")}"]`, "faults=[]"]);
    const { requests } = await watchAll(plan, plan.runs[0]);
    const held = requests.filter(({ heldSeconds }) => heldSeconds > 0);
    expect(held.length).toBeGreaterThan(50);
    for (const { tier, decisions, timeline, heldSeconds } of held) {
      expect(tier).toBe("bronze");
      expect(decisions.map(({ kind }) => kind)).toEqual(["held", "released", "placed"]);
      expect(decisions[2].reason).toBe("cleaner now");
      const [arrived, hold, release] = timeline;
      expect([arrived.event, hold.event, release.event]).toEqual(["arrived", "held on purpose", "released"]);
      expect(release.atSeconds - hold.atSeconds).toBeCloseTo(heldSeconds, 9);
      expect(staysOf({ timeline, decisions } as WatchedRequest)[0].phases).toEqual([
        { name: "held on purpose", fromSeconds: hold.atSeconds, toSeconds: release.atSeconds },
      ]);
    }
  });

  test("a request split over a prefill and a decode endpoint stays at both, the transfer between", async () => {
    const plan = await planOf([
      "routers=[splitwise]",
      "fleet.0.role=prefill",
      "fleet.1.role=decode",
      "fleet.1.replicas=4",
      "fleet.1.maxOutstanding=100",
      "faults=[]",
      "kvTransfer.latencyMs=20",
    ]);
    const { requests } = await watchAll(plan, plan.runs[0]);
    const split = requests.filter(({ outputTokens, status }) => outputTokens > 1 && status === "finished");
    expect(split.length).toBeGreaterThan(100);
    for (const request of split) {
      const [placed] = request.decisions;
      expect([placed.endpoint, placed.decodeAt]).toEqual([expect.stringMatching(/^a-/), "b"]);
      const stays = staysOf(request).filter(({ endpoint }) => endpoint !== null);
      expect(stays[0].phases.map(({ name }) => name).slice(0, 2)).toEqual(["queued", "prefill"]);
      expect(stays[1].endpoint).toBe("b");
      expect(stays[1].phases[0].name).toBe("KV transfer");
      expect(stays[1].phases.at(-1)?.name).toBe("decode");
    }
  });

  test("later steps of a session that is rejected are known without having arrived", async () => {
    const plan = await planOf([
      "workload={ arrival: { ratePerS: 5 }, sessions: { count: 20, steps: { dist: constant, value: 3 }, firstContext: { dist: constant, value: 300 }, prompt: { dist: constant, value: 50 }, output: { dist: constant, value: 20 }, thinkS: { dist: constant, value: 1 } } }",
      "fleet.*.overlong=reject",
      "fleet.*.maxModelTokens=400",
      "routers=[least-loaded]",
    ]);
    const { requests, totals } = await watchAll(plan, plan.runs[0]);
    expect(totals.rejected).toBeGreaterThan(0);
    expect(requests).toHaveLength(totals.requests);
    const rejected = requests.filter(({ status }) => status === "rejected");
    expect(rejected).toHaveLength(totals.rejected);
    for (const { reason, decisions, arrivalSeconds } of rejected) {
      expect(decisions.at(-1)).toMatchObject({ kind: "rejected", reason });
      expect(arrivalSeconds === null).toBe(reason === "earlier step of the session rejected");
    }
  });
});

/** Holds the second tier until second 3 and says so at every tick. */
const HOLDER = `import { defineRouter, z } from "canopy-bench";
export default defineRouter({ id: "holder", summary: "waits", family: "user", group: "user", status: "ours", source: "here",
  parameters: z.strictObject({}), create: () => { let world, host; const held = []; return {
    start(w, h) { world = w; host = h; h.every(0, 0.1, true); },
    arrival(r) {
      if (world.requests.tier[r] === 0 || host.now >= 3) host.place(r, 0);
      else { held.push(r); host.hold(r); }
    },
    timer() {
      if (host.now < 3) for (const r of held) host.hold(r);
      else for (const r of held.splice(0)) { host.release(r); host.explain(r, "cleaner now"); host.place(r, 0); }
    } }; } });
`;

const COLUMNS = [
  "request_id",
  "endpoint",
  "arrival_s",
  "dispatched_s",
  "held_s",
  "started_s",
  "first_token_s",
  "finished_s",
  "prompt_tokens",
  "output_tokens",
  "tier",
  "status",
  "preemptions",
  "ttft_s",
  "e2e_s",
  "slo_met",
  "energy_j",
  "cost_usd",
  "carbon_g",
  "tenant",
] as const;

function pick(record: Readonly<Record<string, string>>): string[] {
  return COLUMNS.map((name) => record[name]);
}

function asRecord(request: WatchedRequest): string[] {
  const text = (value: number | null) => (value === null ? "" : String(value));
  const last = request.timeline.findLast(({ event }) => event === "finished" || event === "placed");
  return [
    text(request.id),
    last?.endpoint ?? "",
    text(request.arrivalSeconds),
    text(request.dispatchedSeconds),
    text(request.heldSeconds),
    text(request.startedSeconds),
    text(request.firstTokenSeconds),
    text(request.finishedSeconds),
    text(request.promptTokens),
    text(request.producedTokens),
    request.tier,
    request.status,
    text(request.preemptions),
    text(request.ttftSeconds),
    text(request.e2eSeconds),
    String(request.objectiveMet),
    text(request.energyJoules),
    text(request.costUsd),
    text(request.carbonGrams),
    text(request.tenant),
  ];
}

/** What is wrong with a timeline: from arrival to end in order of time, every stay without gaps inside. */
function faultsOf(request: WatchedRequest): string[] {
  const { id, timeline, preemptions, status, decisions } = request;
  const faults: string[] = [];
  const check = (holds: boolean, what: string) => {
    if (!holds) faults.push(`request ${id}: ${what}`);
  };
  const times = timeline.map(({ atSeconds }) => atSeconds);
  check(
    times.every((time, i) => i === 0 || time >= times[i - 1]),
    "in order of time",
  );
  check(timeline[0].event === "arrived", "arrives first");
  check(timeline.at(-1)?.event === (status === "finished" ? "finished" : status), "ends last");
  const displaced = timeline.filter(({ event }) => event === "preempted by the engine").length;
  const takenBack = timeline.filter(({ note }) => note === "preempted").length;
  check(displaced + takenBack === preemptions, "preempted as often as it says");
  const stays = staysOf(request);
  check(stays[0].fromSeconds === times[0] && stays.at(-1)?.toSeconds === times.at(-1), "stays somewhere");
  for (const [i, stay] of stays.entries()) {
    check(i === 0 || stay.fromSeconds === stays[i - 1].toSeconds, "no gap between stays");
    if (stay.endpoint === null) continue;
    const { phases } = stay;
    check(phases[0].fromSeconds === stay.fromSeconds, "a phase from the beginning");
    check(phases.at(-1)?.toSeconds === stay.toSeconds, "a phase to the end");
    for (const [p, phase] of phases.entries()) {
      check(phase.toSeconds >= phase.fromSeconds, "a phase that lasts");
      check(p === 0 || phase.fromSeconds === phases[p - 1].toSeconds, "no gap between phases");
    }
  }
  const placements = decisions.filter(({ kind }) => kind === "placed");
  check(placements.length === timeline.filter(({ event }) => event === "placed").length, "placed as decided");
  for (const { reason, scores, endpoint } of placements) {
    check(/\w/.test(reason ?? ""), "a reason");
    check(scores === null || scores.length === 3, "a score for each endpoint");
    check(/^(a-0|a-1|b)$/.test(endpoint ?? ""), "an endpoint of the fleet");
  }
  return faults;
}
