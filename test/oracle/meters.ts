/** Energy, carbon, cost: charged segment by segment and shared among the requests (section 10). */
import type { Track } from "../../src/signal/series.ts";
import type { Batch, Interval, Job, Replica, Sim, Site } from "./state.ts";

const JOULES_PER_KWH = 3.6e6;

/** Value of a step function: that of the last time not after `t`, or the first value. */
export function trackAt(track: Track, t: number): number {
  let value = track.values[0];
  for (let i = 0; i < track.times.length && track.times[i] <= t; i++) value = track.values[i];
  return value;
}

/** Integral of `watts` times the track over [from, to], per kWh. */
function priced(track: Track, watts: number, from: number, to: number): number {
  let sum = 0;
  for (let i = 0; i < track.times.length; i++) {
    const lo = i === 0 ? from : Math.max(from, track.times[i]);
    const hi = i + 1 < track.times.length ? Math.min(to, track.times[i + 1]) : to;
    if (hi > lo) sum += (watts * (hi - lo) * track.values[i]) / JOULES_PER_KWH;
  }
  return sum;
}

function gramsOf(sim: Sim, site: Site, watts: number, from: number, to: number): number {
  return priced(sim.options.fleet.regions[site.endpoint.region].carbon, watts, from, to);
}

function energyUsdOf(sim: Sim, site: Site, watts: number, from: number, to: number): number {
  const { energyPrice } = sim.options.fleet.regions[site.endpoint.region];
  return energyPrice === null ? 0 : priced(energyPrice, watts, from, to);
}

/** Water at the site and at the power stations for energy of the GPUs; NaN where nobody knows. */
function litresOf(sim: Sim, site: Site, joules: number): number {
  const { water } = sim.options.fleet.regions[site.endpoint.region];
  if (water === null) return Number.NaN;
  const kwh = joules / JOULES_PER_KWH;
  return water.siteLitresPerItKwh * kwh + water.gridLitresPerKwh * kwh;
}

interface Share {
  readonly job: Job;
  readonly ofEnergy: number;
  readonly ofCost: number;
}

function charge(
  sim: Sim,
  site: Site,
  watts: number,
  from: number,
  to: number,
  shares: readonly Share[],
): void {
  const joules = watts * (to - from);
  const grams = gramsOf(sim, site, watts, from, to);
  const litres = litresOf(sim, site, joules);
  const usd = (site.endpoint.usdPerReplicaHour / 3600) * (to - from);
  site.totals.busySeconds += to - from;
  site.totals.activeJoules += joules;
  site.totals.activeGrams += grams;
  site.totals.busyUsd += usd;
  site.totals.energyUsd += energyUsdOf(sim, site, watts, from, to);
  for (const { job, ofEnergy, ofCost } of shares) {
    sim.columns.energyJoules[job.id] += joules * ofEnergy;
    sim.columns.carbonGrams[job.id] += grams * ofEnergy;
    sim.columns.waterLitres[job.id] += litres * ofEnergy;
    sim.columns.costUsd[job.id] += usd * ofCost;
    site.totals.literalJoules += joules;
    site.totals.literalGrams += grams;
  }
}

/** An iteration over at `end`, by its own end, a fault or the end of the run. */
export function meterBatch(sim: Sim, replica: Replica, batch: Batch, end: number): void {
  const { site } = replica;
  const { prefills, decodes, P, K, watts } = batch;
  const D = decodes.length;
  site.totals.iterations++;
  if (site.endpoint.law.isOutside(P, D, K)) {
    site.totals.outsideIterations++;
    site.totals.outsideJoules += watts * (end - batch.start);
  }
  const last = replica.busy[replica.busy.length - 1];
  if (last?.to === batch.start) last.to = end;
  else replica.busy.push({ from: batch.start, to: end });
  if (P === 0) {
    if (replica.run === null) {
      const { start, powerState, timeFactor } = batch;
      replica.run = { start, end, jobs: decodes, watts, powerState, timeFactor };
    } else {
      replica.run.end = end;
    }
    return;
  }
  const requests = D + prefills.length;
  charge(sim, site, watts, batch.start, end, [
    ...decodes.map((job) => ({ job, ofEnergy: 1 / (D + P), ofCost: 1 / requests })),
    ...prefills.map(({ job, tokens }) => ({ job, ofEnergy: tokens / (D + P), ofCost: 1 / requests })),
  ]);
}

/** Whether a batch goes on with the open run of decode iterations. */
export function continuesRun(replica: Replica, batch: Batch): boolean {
  const { run } = replica;
  return (
    run !== null &&
    batch.P === 0 &&
    run.end === batch.start &&
    run.powerState === batch.powerState &&
    run.timeFactor === batch.timeFactor &&
    run.jobs.length === batch.decodes.length &&
    run.jobs.every((job) => batch.decodes.includes(job))
  );
}

/** Charges the open run of decode iterations, e.g. since one of its requests leaves. */
export function closeRun(sim: Sim, replica: Replica): void {
  const { run } = replica;
  if (run === null) return;
  replica.run = null;
  const share = 1 / run.jobs.length;
  const shares = run.jobs.map((job) => ({ job, ofEnergy: share, ofCost: share }));
  charge(sim, replica.site, run.watts, run.start, run.end, shares);
}

/** What is not an iteration: idle power, host power and the price of the fleet, over [0, horizon]. */
export function meterUpTime(sim: Sim, site: Site, horizonSeconds: number): void {
  const { law, hostWattsPerReplica, usdPerReplicaHour } = site.endpoint;
  const { totals } = site;
  for (const replica of site.replicas) {
    for (const { from, to } of replica.up) {
      const end = Math.min(to, horizonSeconds);
      if (end <= from) continue;
      totals.upSeconds += end - from;
      totals.fleetUsd += (usdPerReplicaHour / 3600) * (end - from);
      totals.hostJoules += hostWattsPerReplica * (end - from);
      totals.hostGrams += gramsOf(sim, site, hostWattsPerReplica, from, end);
      for (const idle of gaps({ from, to: end }, replica.busy)) {
        totals.idleJoules += law.idleWatts * (idle.to - idle.from);
        totals.idleGrams += gramsOf(sim, site, law.idleWatts, idle.from, idle.to);
        totals.energyUsd += energyUsdOf(sim, site, law.idleWatts, idle.from, idle.to);
      }
    }
  }
}

function gaps(whole: Interval, busy: readonly Interval[]): Interval[] {
  const idle: Interval[] = [];
  let from = whole.from;
  for (const work of busy) {
    if (work.to <= whole.from || work.from >= whole.to) continue;
    if (work.from > from) idle.push({ from, to: work.from });
    from = Math.max(from, work.to);
  }
  if (whole.to > from) idle.push({ from, to: whole.to });
  return idle;
}

/** The replica begins or stops to draw power and cost money. */
export function startUpTime(replica: Replica, now: number): void {
  replica.up.push({ from: now, to: Number.POSITIVE_INFINITY });
}

export function endUpTime(replica: Replica, now: number): void {
  const last = replica.up[replica.up.length - 1];
  if (last !== undefined && last.to === Number.POSITIVE_INFINITY) last.to = now;
}
