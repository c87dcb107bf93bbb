/** What becomes of requests: arrival, finish, rejection, return to the router. */
import type { ReturnReason } from "../../src/routers/contract.ts";
import { ARRIVAL } from "./events.ts";
import { keepCache, release } from "./memory.ts";
import type { Job, Replica, Sim } from "./state.ts";

export const SESSION_REJECTED = "earlier step of the session rejected";

/** A call of the router: it sees the latest snapshot first. */
export function tell(sim: Sim, call: () => void): void {
  sim.telemetry.show();
  sim.counts.calls++;
  call();
}

export function scheduleArrival(sim: Sim, job: Job, seconds: number): void {
  sim.events.add(seconds, ARRIVAL, [job.id, 0, 0], () => {
    sim.columns.arrivalSeconds[job.id] = seconds;
    sim.columns.deadlineSeconds[job.id] = seconds + job.sloSeconds;
    sim.lastActivity = seconds;
    job.state = "router";
    sim.held++;
    tell(sim, () => sim.router.arrival(job.id));
  });
}

/** The last token: the request ends at its engine, the next step of its session follows. */
export function finish(sim: Sim, replica: Replica, job: Job): void {
  const { columns } = sim;
  const { site } = replica;
  const { roundTripSeconds, batching, role } = site.endpoint;
  keepCache(sim, replica, job);
  const keepsPlace = batching.policy === "static" && role !== "prefill";
  if (!keepsPlace) release(replica, job);
  job.state = "finished";
  columns.finishedSeconds[job.id] = sim.now;
  columns.e2eSeconds[job.id] = sim.now - columns.arrivalSeconds[job.id] + roundTripSeconds / 2;
  const { answers } = sim.options;
  if (answers !== null) {
    const { difficulty, taskType } = columns;
    const right = answers.correct(job.id, difficulty[job.id], taskType[job.id], site.endpoint.model);
    columns.correct[job.id] = right ? 1 : 0;
  }
  site.totals.finished++;
  site.totals.promptTokens += columns.promptTokens[job.id];
  site.totals.outputTokens += columns.outputTokens[job.id];
  sim.counts.finished++;
  sim.ended++;
  sim.lastEnd = sim.now;
  sim.lastActivity = sim.now;
  sim.telemetry.finished(job);
  sim.sink.finished(job.id);
  const next = sim.jobs[job.id + 1];
  if (next?.dependent) scheduleArrival(sim, next, sim.now + roundTripSeconds / 2 + next.thinkSeconds);
}

/** Refuses a request, and with it the steps of its session that follow. */
export function reject(sim: Sim, job: Job, reason: string): void {
  job.state = "rejected";
  sim.lastEnd = sim.now;
  sim.lastActivity = sim.now;
  sim.counts.rejected++;
  sim.ended++;
  sim.sink.rejected(job.id, reason);
  for (let i = job.id + 1; i < sim.jobs.length && sim.jobs[i].dependent; i++) {
    sim.jobs[i].state = "rejected";
    sim.counts.rejected++;
    sim.ended++;
    sim.sink.rejected(i, SESSION_REJECTED);
  }
}

/** A request that is nowhere any more is with the router again. */
export function comeBack(sim: Sim, job: Job, reason: ReturnReason): void {
  job.state = "router";
  sim.held++;
  const { router } = sim;
  if (router.returned !== undefined) tell(sim, () => router.returned?.(job.id, reason));
}

/** Leaves its endpoint with nothing but the outputs produced. */
export function uproot(job: Job): void {
  job.state = "returning";
  job.replica = null;
  job.site = null;
  job.decodeAt = null;
  job.computed = 0;
  job.blocks = 0;
  job.handedOver = false;
  job.leaving = false;
}
