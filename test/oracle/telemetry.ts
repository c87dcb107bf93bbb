/** Snapshots of the endpoints and the completions reported with them (simulation rules, section 9). */
import type { TelemetryView } from "../../src/routers/contract.ts";
import { BATCH_START, DELIVERY, type Event } from "./events.ts";
import { type Job, type Replica, type Sim, type Site, serves, timeFactor, tokensOf } from "./state.ts";

type Writable<T> = { -readonly [K in keyof T]: T[K] };

interface Snapshot {
  readonly takenAtSeconds: number;
  readonly rows: readonly ReturnType<typeof observe>[];
}

/** Columns that a router which asks for counts alone is not shown. */
const TOKENS_HELD = ["outstandingTokens", "contextTokens", "kvFraction"];

export class Telemetry {
  readonly view: Writable<TelemetryView>;
  /** Snapshots that the router was shown. */
  taken = 0;
  readonly #sim: Sim;
  readonly #interval: number;
  /** The last state at a multiple of the interval, shown with the next call of the router. */
  #latest: Snapshot | null = null;
  #shownAt = Number.NEGATIVE_INFINITY;
  #unreported: Job[] = [];

  constructor(sim: Sim) {
    this.#sim = sim;
    this.#interval = sim.options.telemetryIntervalSeconds;
    const n = sim.sites.length;
    this.view = {
      takenAtSeconds: 0,
      up: new Uint8Array(n),
      replicas: new Int32Array(n),
      running: new Float64Array(n),
      waiting: new Float64Array(n),
      outstanding: new Float64Array(n),
      queuedPrefillTokens: new Float64Array(n),
      outstandingTokens: new Float64Array(n),
      contextTokens: new Float64Array(n),
      decoding: new Float64Array(n),
      kvFraction: new Float64Array(n),
      utilisation: new Float64Array(n),
      timeFactor: new Float64Array(n).fill(1),
    };
    for (const site of sim.sites) this.refreshServing(site);
  }

  get #kept(): boolean {
    const { needs } = this.#sim.router;
    return (needs?.telemetry ?? false) !== false || needs?.completions === true;
  }

  /** `up` and `replicas` are no snapshot. */
  refreshServing(site: Site): void {
    this.view.up[site.index] = site.up ? 1 : 0;
    this.view.replicas[site.index] = site.replicas.filter(serves).length;
  }

  /** Before an event: remembers the state if a multiple of the interval lies behind the batch ends. */
  before(event: Event): void {
    if (!this.#kept) return;
    const settled = event.kind > DELIVERY;
    if (this.#interval === 0) {
      if (settled && event.kind < BATCH_START) this.#observe(event.time);
      return;
    }
    let k = Math.ceil(event.time / this.#interval) + 1;
    while (k * this.#interval > event.time || (k * this.#interval === event.time && !settled)) k--;
    if (k >= 0) this.#observe(k * this.#interval);
  }

  #observe(time: number): void {
    if (this.#latest !== null && this.#latest.takenAtSeconds >= time) return;
    this.#latest = { takenAtSeconds: time, rows: this.#sim.sites.map((site) => observe(this.#sim, site)) };
  }

  /** The very first state, for `start`. */
  observeStart(): void {
    if (this.#kept) this.#observe(0);
  }

  /** Before a call of the router: shows the latest snapshot, and the completions it includes. */
  show(): void {
    const latest = this.#latest;
    if (latest === null || latest.takenAtSeconds <= this.#shownAt) return;
    this.#shownAt = latest.takenAtSeconds;
    this.taken++;
    this.view.takenAtSeconds = latest.takenAtSeconds;
    const hidden = this.#sim.router.needs?.telemetry === "counts" ? TOKENS_HELD : [];
    latest.rows.forEach((row, e) => {
      for (const [key, value] of Object.entries(row)) {
        this.view[key as keyof typeof row][e] = hidden.includes(key) ? Number.NaN : value;
      }
    });
    this.#report(latest.takenAtSeconds);
  }

  /** Corrects the view by a placement. */
  placed(site: Site, tokens: number): void {
    this.view.waiting[site.index]++;
    this.view.outstanding[site.index]++;
    this.view.queuedPrefillTokens[site.index] += tokens;
    this.view.outstandingTokens[site.index] += tokens;
  }

  finished(job: Job): void {
    this.#unreported.push(job);
  }

  /** At the end of the run: a last snapshot, and the completions that are left. */
  reportRest(): void {
    if (this.#unreported.length === 0 || !this.#kept) return;
    this.#observe(this.#sim.now);
    this.show();
  }

  /** Reports the requests that finished not after `time`. */
  #report(time: number): void {
    const sim = this.#sim;
    const { columns, router } = sim;
    const due = this.#unreported.filter((job) => columns.finishedSeconds[job.id] <= time);
    this.#unreported = this.#unreported.filter((job) => !due.includes(job));
    if (router.needs?.completions !== true || router.completion === undefined) return;
    const finish = (job: Job) => columns.finishedSeconds[job.id];
    const place = (job: Job) => columns.endpoint[job.id];
    due.sort((x, y) => finish(x) - finish(y) || place(x) - place(y) || x.id - y.id);
    for (const { id, sloSeconds } of due) {
      const ttftSeconds = columns.ttftSeconds[id];
      const e2eSeconds = columns.e2eSeconds[id];
      Object.assign(sim.completed, {
        endpoint: columns.endpoint[id],
        ttftSeconds,
        e2eSeconds,
        finishedAtSeconds: columns.finishedSeconds[id],
        promptTokens: columns.promptTokens[id],
        outputTokens: columns.producedTokens[id],
        energyJoules: columns.energyJoules[id],
        costUsd: columns.costUsd[id],
        carbonGrams: columns.carbonGrams[id],
        correct: columns.correct[id] === 255 ? Number.NaN : columns.correct[id],
        sloMet: countedLatency(sim, id, ttftSeconds, e2eSeconds) <= sloSeconds,
      });
      sim.counts.calls++;
      router.completion(id);
    }
  }
}

/** The latency that the objective bounds, without the deliberate hold where that does not count. */
function countedLatency(sim: Sim, id: number, ttftSeconds: number, e2eSeconds: number): number {
  const { latency, clock, workload } = sim.options;
  const seconds = latency === "ttft" ? ttftSeconds : e2eSeconds;
  const tier = workload.tiers[sim.columns.tier[id]];
  const held = sim.columns.heldSeconds[id];
  const isAllowed = held <= (tier.deferrable ? (tier.deferralSeconds ?? tier.sloSeconds) : 0);
  return clock === "dispatch" && isAllowed ? seconds - held : seconds;
}

/** One row of a snapshot. */
function observe(sim: Sim, site: Site) {
  const running = site.replicas.flatMap((replica) => replica.running);
  const waiting = [...site.flying, ...site.lobby, ...site.replicas.flatMap((replica) => replica.waiting)];
  const decoding = running.filter((job) => job.state === "running" && job.computed >= job.target);
  const { kvBlocks, maxRequests } = site.endpoint.batching;
  const powered = site.up ? site.replicas.filter(isPowered) : [];
  const held = running.reduce((total, job) => total + job.blocks, 0);
  const places = site.replicas.filter(serves).length * maxRequests;
  const tokens = (jobs: readonly Job[]) =>
    jobs.reduce((total, job) => total + (job.state === "finished" ? 0 : tokensOf(sim, job)), 0);
  const rest = (job: Job) => (job.handedOver || job.state === "finished" ? 0 : job.target - job.computed);
  return {
    running: running.length,
    waiting: waiting.length,
    outstanding: running.length + waiting.length,
    queuedPrefillTokens: [...running, ...waiting].reduce((total, job) => total + rest(job), 0),
    outstandingTokens: tokens(running) + tokens(waiting),
    contextTokens: tokens(decoding),
    decoding: decoding.length,
    kvFraction: powered.length === 0 ? 0 : held / (powered.length * kvBlocks),
    utilisation: places === 0 ? 0 : running.length / places,
    timeFactor: timeFactor(site),
  };
}

function isPowered(replica: Replica): boolean {
  return replica.state === "serving" || replica.state === "draining";
}
