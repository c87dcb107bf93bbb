/** A run as a trace in the Trace Event Format, which Perfetto (ui.perfetto.dev) and chrome://tracing open. */
import type { Fleet } from "../fleet/fleet.ts";
import type { PowerBuckets } from "../metrics/power-buckets.ts";
import { type Stay, staysOf } from "./trace-spans.ts";
import type { WatchedRequest } from "./watched-request.ts";

/** One event. Times are microseconds from the start of the run. */
export interface TraceEvent {
  readonly name: string;
  /** `M` metadata, `b`/`e`/`n` begin, end and instant of something asynchronous, `C` counters. */
  readonly ph: "M" | "b" | "e" | "n" | "C";
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly cat?: string;
  readonly id?: string;
  readonly args?: Readonly<Record<string, string | number | boolean | null>>;
}

export interface TraceContent {
  readonly fleet: Fleet;
  readonly router: string;
  readonly fromSeconds: number;
  readonly toSeconds: number;
  /** Every request that is in the system at some time of the window. */
  readonly requests: readonly WatchedRequest[];
  readonly power: PowerBuckets;
  /** Whether the experiment knows the carbon intensity. */
  readonly hasCarbon: boolean;
}

const ROUTER_PID = 1;
/** Regions have the numbers after it. */
const FIRST_REGION_PID = 2;
/** Order of events of one time: what ends does so before what begins, inner ends first, inner beginnings last. */
const ORDER = { innerEnd: 0, outerEnd: 1, instant: 2, outerBegin: 3, innerBegin: 4 } as const;

interface Ordered {
  readonly order: number;
  readonly event: TraceEvent & { readonly ts: number };
}

/**
 * The events of a window: a process for the router and for each region, a thread for each endpoint and replica. A stay of
 * a request at an endpoint is an asynchronous span named after its replica, with spans for its phases inside; counters
 * are outstanding requests and power of each endpoint and the carbon intensity of each region.
 *
 * Metadata first, then in order of time; spans are cut at the ends of the window.
 */
export function traceEvents(content: TraceContent): TraceEvent[] {
  const { fleet, requests, router } = content;
  const threads = threadsOf(fleet);
  const events: Ordered[] = [];
  for (const request of requests) {
    for (const [i, stay] of staysOf(request).entries()) addStay(events, request, stay, i, content, threads);
  }
  addOutstanding(events, content, threads);
  addPower(events, content, threads);
  if (content.hasCarbon) addCarbon(events, content);
  events.sort((a, b) => a.event.ts - b.event.ts || a.order - b.order);
  return [
    metadata("process_name", ROUTER_PID, ROUTER_PID, `router ${router}`),
    metadata("thread_name", ROUTER_PID, ROUTER_PID, "requests it holds"),
    ...fleet.regions.flatMap(({ name }, i) => {
      const pid = FIRST_REGION_PID + i;
      return [metadata("process_name", pid, pid, name), metadata("thread_name", pid, pid, "signals")];
    }),
    ...threads.all.map(({ pid, tid, name }) => metadata("thread_name", pid, tid, name)),
    ...events.map(({ event }) => event),
  ];
}

interface Thread {
  readonly pid: number;
  readonly tid: number;
  readonly name: string;
}

/**
 * Threads of an endpoint: one for what waits there and never runs, then its replicas. Perfetto knows a thread by its
 * number alone, so that none stands in two processes; that of its process is the process's first thread.
 */
function threadsOf(fleet: Fleet): {
  all: Thread[];
  of: (endpoint: string, replica: number | null) => Thread;
} {
  const all: Thread[] = [];
  const first = new Map<string, number>();
  const firstTid = FIRST_REGION_PID + fleet.regions.length;
  for (const { name, region, replicas, maxReplicas } of fleet.endpoints) {
    first.set(name, all.length);
    const pid = FIRST_REGION_PID + region;
    const count = Math.max(replicas, maxReplicas);
    const names = [name, ...Array.from({ length: count }, (_, r) => `${name} / replica ${r}`)];
    for (const own of names) all.push({ pid, tid: firstTid + all.length, name: own });
  }
  return {
    all,
    of: (endpoint, replica) => all[(first.get(endpoint) as number) + (replica === null ? 0 : 1 + replica)],
  };
}

type Threads = ReturnType<typeof threadsOf>;

function addStay(
  events: Ordered[],
  request: WatchedRequest,
  stay: Stay,
  place: number,
  { fromSeconds, toSeconds }: TraceContent,
  threads: Threads,
): void {
  const thread =
    stay.endpoint === null
      ? { pid: ROUTER_PID, tid: ROUTER_PID, name: "at the router" }
      : threads.of(stay.endpoint, stay.replica);
  const common = { cat: "request", id: `${request.id}.${place}`, pid: thread.pid, tid: thread.tid };
  const clip = (seconds: number) => microseconds(Math.min(toSeconds, Math.max(fromSeconds, seconds)));
  const span = (
    name: string,
    from: number,
    to: number,
    inner: boolean,
    args?: TraceEvent["args"],
  ): boolean => {
    const [begin, end] = [clip(from), clip(to)];
    // Also what lies outside the window, or is shorter than a nanosecond.
    if (!(end > begin)) return false;
    events.push({
      order: inner ? ORDER.innerBegin : ORDER.outerBegin,
      event: { ...common, name, ph: "b", ts: begin, ...(args === undefined ? {} : { args }) },
    });
    events.push({
      order: inner ? ORDER.innerEnd : ORDER.outerEnd,
      event: { ...common, name, ph: "e", ts: end },
    });
    return true;
  };
  const args = {
    request: request.id,
    tier: request.tier,
    prompt_tokens: request.promptTokens,
    output_tokens: request.outputTokens,
    status: request.status,
    objective_met: request.objectiveMet,
    ...(stay.reason === null ? {} : { reason: stay.reason }),
  };
  if (!span(thread.name, stay.fromSeconds, stay.toSeconds, false, args)) return;
  for (const phase of stay.phases)
    span(phase.name, phase.fromSeconds, phase.toSeconds, true, { request: request.id });
  for (const at of stay.displacedSeconds) {
    if (at < fromSeconds || at > toSeconds) continue;
    const event = { ...common, name: "preempted by the engine", ph: "n" as const, ts: microseconds(at) };
    events.push({ order: ORDER.instant, event });
  }
}

function addOutstanding(
  events: Ordered[],
  { fromSeconds, toSeconds, ...content }: TraceContent,
  threads: Threads,
): void {
  const changes = new Map<string, { at: number; by: number }[]>();
  for (const { name } of content.fleet.endpoints) changes.set(name, []);
  for (const request of content.requests) {
    for (const stay of staysOf(request)) {
      if (stay.endpoint === null) continue;
      const own = changes.get(stay.endpoint);
      own?.push({ at: Math.max(fromSeconds, stay.fromSeconds), by: 1 }, { at: stay.toSeconds, by: -1 });
    }
  }
  for (const [name, own] of changes) {
    const thread = threads.of(name, null);
    own.sort((a, b) => a.at - b.at);
    let outstanding = 0;
    if (own[0]?.at !== fromSeconds)
      counter(events, thread, `${name} outstanding`, fromSeconds, "requests", 0);
    for (const [i, { at, by }] of own.entries()) {
      outstanding += by;
      if (at > toSeconds) break;
      if (own[i + 1]?.at !== at) counter(events, thread, `${name} outstanding`, at, "requests", outstanding);
    }
  }
}

function addPower(events: Ordered[], { fleet, power, toSeconds }: TraceContent, threads: Threads): void {
  for (const [e, { name, law }] of fleet.endpoints.entries()) {
    if (Number.isNaN(law.idleWatts)) continue;
    for (const { atSeconds, watts } of power.series(e, toSeconds)) {
      counter(events, threads.of(name, null), `${name} power`, atSeconds, "W", watts);
    }
  }
}

function addCarbon(events: Ordered[], { fleet, fromSeconds, toSeconds }: TraceContent): void {
  for (const [i, { carbon }] of fleet.regions.entries()) {
    const thread = { pid: FIRST_REGION_PID + i, tid: FIRST_REGION_PID + i, name: "" };
    const first = Math.max(
      0,
      carbon.times.findLastIndex((time) => time <= fromSeconds),
    );
    for (let k = first; k < carbon.times.length && (k === first || carbon.times[k] <= toSeconds); k++) {
      const at = Math.max(fromSeconds, carbon.times[k]);
      counter(events, thread, "carbon intensity", at, "g/kWh", carbon.values[k]);
    }
  }
}

function counter(
  events: Ordered[],
  { pid, tid }: Thread,
  name: string,
  atSeconds: number,
  unit: string,
  value: number,
): void {
  events.push({
    order: ORDER.instant,
    event: {
      name,
      ph: "C",
      pid,
      tid,
      ts: microseconds(atSeconds),
      args: { [unit]: Number(value.toPrecision(7)) },
    },
  });
}

function metadata(name: string, pid: number, tid: number, value: string): TraceEvent {
  return { name, ph: "M", pid, tid, args: { name: value } };
}

/** Whole nanoseconds. */
function microseconds(seconds: number): number {
  return Math.round(seconds * 1e9) / 1e3;
}
