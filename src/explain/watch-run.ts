import { type ResolvedRun, resolveRun } from "../experiment/resolve.ts";
import type { RunSpec } from "../experiment/run-spec.ts";
import type { SharedInputs } from "../experiment/shared-inputs.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { ReturnReason, Router, RouterHost, World } from "../routers/contract.ts";
import type { RecordColumns, RecordSink, ReplicaWatcher, RunTotals } from "../simulator/options.ts";
import { simulate } from "../simulator/simulate.ts";
import { allowedHoldSeconds } from "../workload/requests.ts";
import { dispatchLatency } from "../workload/service-clock.ts";
import type { Decision, TimelineEvent, WatchedRequest } from "./watched-request.ts";

export interface WatchOptions {
  /** Whether a request is watched, asked when it arrives. */
  readonly wants: (id: number, arrivalSeconds: number) => boolean;
  /** Takes a watched request as it ends. */
  readonly ended: (request: WatchedRequest) => void;
  /** Takes the power of an endpoint's GPUs over a stretch of time; default: nobody is told. */
  readonly power?: (endpoint: number, fromSeconds: number, toSeconds: number, watts: number) => void;
}

export interface WatchedRun {
  readonly totals: RunTotals;
  readonly fleet: Fleet;
}

/**
 * Simulates a run again and keeps what happens to some of its requests. Watching changes nothing: the router meets the
 * host it always meets, and is told that reasons are kept.
 *
 * @throws as `executeRun`
 */
export async function watchRun(
  spec: RunSpec,
  shared: SharedInputs,
  options: WatchOptions,
): Promise<WatchedRun> {
  const run = await resolveRun(spec, shared);
  const { router, fleet } = run.options;
  const watch = new RequestWatch(run, options);
  try {
    const totals = simulate(
      { ...run.options, router: watch.router(router), watch: (e, r) => watch.replica(e, r) },
      watch,
    );
    return { totals, fleet };
  } finally {
    await router.stop?.();
  }
}

/** A request on its way. */
interface InFlight {
  readonly id: number;
  readonly needsLarge: boolean;
  readonly step: number;
  readonly turns: number;
  readonly prefixTokens: number;
  readonly decisions: Decision[];
  readonly timeline: TimelineEvent[];
  /** What the router has explained before it placed the request. */
  reason: Pick<Decision, "reason" | "scores"> | null;
}

const NO_PLACE = { endpoint: null, decodeAt: null } as const;
const NO_REASON = { reason: null, scores: null } as const;
const NOWHERE = { endpoint: null, replica: null, note: null } as const;

/** Listens at the router, at its host, at the replicas and where requests end. */
class RequestWatch implements RecordSink {
  readonly #run: ResolvedRun;
  readonly #options: WatchOptions;
  readonly #names: readonly string[];
  /** By number of the request while it lives. */
  readonly #requests = new Map<number, InFlight>();
  #columns!: RecordColumns;
  #world!: World;
  #host!: RouterHost;

  constructor(run: ResolvedRun, options: WatchOptions) {
    this.#run = run;
    this.#options = options;
    this.#names = run.options.fleet.endpoints.map(({ name }) => name);
  }

  begin(columns: RecordColumns): void {
    this.#columns = columns;
  }

  /** The router with an ear at what it is told. */
  router(router: Router): Router {
    return overlaid(router, {
      start: (world: World, host: RouterHost) => {
        this.#world = world;
        this.#host = host;
        router.start(world, this.#listening(host));
      },
      arrival: (request: number) => {
        this.#arrived(request);
        router.arrival(request);
      },
      returned: (request: number, reason: ReturnReason) => {
        const own = this.#requests.get(request);
        own?.timeline.push({ ...NOWHERE, ...this.#now(), event: "returned to the router", note: reason });
        router.returned?.(request, reason);
      },
    });
  }

  replica(endpoint: number, replica: number): ReplicaWatcher {
    const place = { endpoint: this.#names[endpoint], replica, note: null };
    const heard = (event: TimelineEvent["event"]) => (request: number, atSeconds: number) => {
      this.#requests.get(request)?.timeline.push({ ...place, atSeconds, event });
    };
    const { power } = this.#options;
    return {
      admitted: heard("prefill starts"),
      prefilled: heard("prompt computed"),
      displaced: heard("preempted by the engine"),
      power:
        power === undefined
          ? () => undefined
          : (fromSeconds, toSeconds, watts) => power(endpoint, fromSeconds, toSeconds, watts),
      host: () => undefined,
    };
  }

  placed(): void {}

  weights(): void {}

  finished(request: number): void {
    this.#ended(request, "finished", null);
  }

  rejected(request: number, reason: string): void {
    this.#ended(request, "rejected", reason);
  }

  unfinished(request: number): void {
    this.#ended(request, "unfinished", null);
  }

  #now(): { atSeconds: number } {
    return { atSeconds: this.#host.now };
  }

  #arrived(request: number): void {
    const { id, arrivalSeconds } = this.#columns;
    if (!this.#options.wants(id[request], arrivalSeconds[request])) return;
    const { needsLarge, step, turns, prefixTokens } = this.#world.requests;
    this.#requests.set(request, {
      id: id[request],
      needsLarge: needsLarge[request] === 1,
      step: step[request],
      turns: turns[request],
      prefixTokens: prefixTokens[request],
      decisions: [],
      timeline: [{ ...NOWHERE, ...this.#now(), event: "arrived" }],
      reason: null,
    });
  }

  /** The host with an ear at what the router asks of it. */
  #listening(host: RouterHost): RouterHost {
    const decided = (request: number, kind: Decision["kind"]) => {
      this.#requests.get(request)?.decisions.push({ ...NO_PLACE, ...NO_REASON, ...this.#now(), kind });
    };
    return overlaid(host, {
      explaining: true,
      place: (request: number, endpoint: number, decodeAt = -1, priority = 0) => {
        const own = this.#requests.get(request);
        const known = own?.decisions.length ?? 0;
        const accepted = host.place(request, endpoint, decodeAt, priority);
        // A request that fits nowhere is rejected by its placement: it has ended.
        if (own === undefined || own.decisions.length > known) return accepted;
        const decodes = decodeAt === -1 || decodeAt === endpoint ? null : this.#names[decodeAt];
        const place = { endpoint: this.#names[endpoint], decodeAt: decodes };
        const kind = accepted ? "placed" : "refused";
        own.decisions.push({ ...place, ...(own.reason ?? NO_REASON), ...this.#now(), kind });
        if (accepted) {
          own.timeline.push({ ...NOWHERE, ...this.#now(), event: "placed", endpoint: this.#names[endpoint] });
          own.reason = null;
        }
        return accepted;
      },
      hold: (request: number) => {
        const own = this.#requests.get(request);
        // A router says so at every tick: the first time counts.
        if (own !== undefined && own.decisions.findLast(isHold)?.kind !== "held") {
          decided(request, "held");
          own.timeline.push({ ...NOWHERE, ...this.#now(), event: "held on purpose" });
        }
        host.hold(request);
      },
      release: (request: number) => {
        const own = this.#requests.get(request);
        if (own !== undefined && own.decisions.findLast(isHold)?.kind === "held") {
          decided(request, "released");
          own.timeline.push({ ...NOWHERE, ...this.#now(), event: "released" });
        }
        host.release(request);
      },
      preempt: (request: number) => {
        decided(request, "taken back");
        host.preempt(request);
      },
      explain: (request: number, reason: string, scores?: Float64Array) => {
        const own = this.#requests.get(request);
        if (own === undefined) return;
        const why = {
          reason,
          scores:
            scores === undefined ? null : Array.from(scores, (score) => (Number.isNaN(score) ? null : score)),
        };
        const last = own.decisions.at(-1);
        const isOfPlacement =
          last?.kind === "placed" && last.reason === null && last.atSeconds === this.#host.now;
        if (isOfPlacement) own.decisions[own.decisions.length - 1] = { ...last, ...why };
        else own.reason = why;
      },
    });
  }

  #ended(request: number, status: WatchedRequest["status"], reason: string | null): void {
    const c = this.#columns;
    const own = this.#requests.get(request);
    const isKnown =
      own !== undefined || (status === "rejected" && this.#options.wants(c.id[request], Number.NaN));
    if (!isKnown) return;
    this.#requests.delete(request);
    const { decisions = [], timeline = [] } = own ?? {};
    const endpoint = c.endpoint[request] < 0 ? null : this.#names[c.endpoint[request]];
    if (own?.reason != null) decisions.push({ ...NO_PLACE, ...own.reason, ...this.#now(), kind: "noted" });
    if (status === "rejected") {
      decisions.push({ ...NO_PLACE, ...NO_REASON, ...this.#now(), kind: "rejected", reason });
      timeline.push({ ...NOWHERE, ...this.#now(), event: "rejected", note: reason });
    }
    if (!Number.isNaN(c.firstTokenSeconds[request])) {
      timeline.push({ ...NOWHERE, atSeconds: c.firstTokenSeconds[request], event: "first token", endpoint });
    }
    if (status === "finished") {
      timeline.push({ ...NOWHERE, atSeconds: c.finishedSeconds[request], event: "finished", endpoint });
    }
    if (status === "unfinished") {
      timeline.push({ ...NOWHERE, ...this.#now(), event: "cut at the horizon", endpoint });
    }
    this.#options.ended(this.#factsOf(request, status, reason, own, decisions, sorted(timeline)));
  }

  #factsOf(
    r: number,
    status: WatchedRequest["status"],
    reason: string | null,
    own: InFlight | undefined,
    decisions: readonly Decision[],
    timeline: readonly TimelineEvent[],
  ): WatchedRequest {
    const c = this.#columns;
    const { workload, latency, clock, answers } = this.#run.options;
    const { unknown } = this.#run.metrics;
    const tier = workload.tiers[c.tier[r]];
    const seconds = latency === "ttft" ? c.ttftSeconds[r] : c.e2eSeconds[r];
    const counted =
      clock === "arrival" ? seconds : dispatchLatency(seconds, c.heldSeconds[r], allowedHoldSeconds(tier));
    const isFinished = status === "finished";
    return {
      id: c.id[r],
      status,
      reason,
      tier: tier.name,
      objectiveSeconds: Number.isFinite(tier.sloSeconds) ? tier.sloSeconds : null,
      deferrable: tier.deferrable,
      promptTokens: c.promptTokens[r],
      outputTokens: c.outputTokens[r],
      producedTokens: c.producedTokens[r],
      taskType: workload.taskTypes.length > 1 ? workload.taskTypes[c.taskType[r]] : null,
      tenant: c.tenant[r] < 0 ? null : c.tenant[r],
      session: c.session[r] < 0 ? null : c.session[r],
      step: own === undefined || c.session[r] < 0 ? null : own.step,
      turns: own === undefined || own.turns <= 1 ? null : own.turns,
      prefixTokens: own === undefined || own.prefixTokens === 0 ? null : own.prefixTokens,
      needsLarge: own?.needsLarge ?? null,
      arrivalSeconds: own === undefined ? null : known(c.arrivalSeconds[r]),
      dispatchedSeconds: known(c.dispatchedSeconds[r]),
      heldSeconds: c.heldSeconds[r],
      startedSeconds: known(c.startedSeconds[r]),
      firstTokenSeconds: known(c.firstTokenSeconds[r]),
      finishedSeconds: known(c.finishedSeconds[r]),
      ttftSeconds: known(c.ttftSeconds[r]),
      e2eSeconds: known(c.e2eSeconds[r]),
      countedSeconds: known(counted),
      objectiveMet: isFinished && counted <= tier.sloSeconds,
      preemptions: c.preemptions[r],
      energyJoules: known(c.energyJoules[r]),
      costUsd: unknown.price === undefined ? known(c.costUsd[r]) : null,
      carbonGrams: unknown.carbon === undefined ? known(c.carbonGrams[r]) : null,
      waterLitres: unknown.water === undefined ? known(c.waterLitres[r]) : null,
      correct: answers === null || c.correct[r] > 1 ? null : c.correct[r] === 1,
      predictedAccuracy: known(c.predictedAccuracy[r]),
      decisions,
      timeline,
    };
  }
}

function isHold({ kind }: Decision): boolean {
  return kind === "held" || kind === "released" || kind === "placed";
}

function known(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}

/** What replicas tell comes late; what happens at one time stays in the order in which it was heard. */
function sorted(timeline: readonly TimelineEvent[]): TimelineEvent[] {
  return [...timeline].sort((a, b) => a.atSeconds - b.atSeconds);
}

/** An object that answers for another one, but for some members. */
function overlaid<T extends object>(target: T, members: Partial<T>): T {
  const bound = new Map<PropertyKey, unknown>();
  return new Proxy(target, {
    get(_, key) {
      if (Object.hasOwn(members, key)) return members[key as keyof T];
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== "function") return value;
      // Private members of a class are there for the object itself alone.
      if (!bound.has(key)) bound.set(key, value.bind(target));
      return bound.get(key);
    },
  });
}
