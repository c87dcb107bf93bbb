/**
 * A router for tests only that does everything a router may do, at random: but as a function of its seed and
 * of all it is shown, so that any difference in a view becomes a difference in placements.
 */
import { Stream } from "../../src/numeric/random.ts";
import type { Router, RouterHost, World } from "../../src/routers/contract.ts";

interface Entry {
  readonly request: number;
  tries: number;
  taken: number;
}

const RETRY = 1;
const CONTROL = 2;
const ONCE = 3;
/** Tries to place a request before it is refused, and times that it is taken back. */
const MOST_TRIES = 8;
const MOST_TAKEN = 2;
const REQUEST_COLUMNS = [
  "arrivalSeconds",
  "deadlineSeconds",
  "promptTokens",
  "producedTokens",
  "session",
  "step",
  "prefixTokens",
  "tier",
  "recordedEndpoint",
  "tenant",
  "turns",
] as const;
/** Calls after which a run is taken to go on for ever. */
const MOST_CALLS = 50_000;
/** Turns of the control timer that change the fleet; then all replicas are ordered. */
const CONTROL_TURNS = 24;

/**
 * @param seed of its own choices
 * @param calm only places requests, as soon as it can: load and memory pressure stay high
 * @param log receives a line for each call with what the router knew, to find the first difference of two runs
 */
export function chaosRouter(seed: number, calm: boolean, log?: string[]): Router {
  const stream = new Stream(seed, "chaos");
  // Every third is shown no tokens held.
  const needs = { telemetry: seed % 3 === 0 ? ("counts" as const) : true, completions: true };
  let world: World;
  let host: RouterHost;
  let held: Entry[] = [];
  let placed: Entry[] = [];
  let digest = 0;
  let turns = 0;
  let calls = 0;

  function mix(value: number): void {
    bits[0] = value;
    digest = (Math.imul(digest ^ words[0], 0x9e3779b1) ^ words[1]) | 0;
    digest = Math.imul(digest ^ (digest >>> 15), 0x85ebca6b);
  }
  /** A whole number below n, which everything seen so far has a part in. */
  function draw(n: number): number {
    return ((stream.uint32() ^ digest) >>> 0) % n;
  }
  function see(call: string, request = -1): void {
    const { telemetry, signals, endpoints, requests } = world;
    if (++calls > MOST_CALLS) throw new Error(`the run does not end: ${calls} calls until ${host.now} s`);
    mix(host.now);
    mix(host.held);
    mix(telemetry.takenAtSeconds);
    for (let e = 0; e < endpoints.count; e++) {
      mix(telemetry.up[e]);
      mix(telemetry.replicas[e]);
      mix(telemetry.running[e]);
      mix(telemetry.waiting[e]);
      mix(telemetry.outstanding[e]);
      mix(telemetry.queuedPrefillTokens[e]);
      mix(telemetry.decoding[e]);
      if (needs.telemetry === true) {
        mix(telemetry.outstandingTokens[e]);
        mix(telemetry.contextTokens[e]);
        mix(rounded(telemetry.kvFraction[e]));
      }
      mix(rounded(telemetry.utilisation[e]));
      mix(rounded(telemetry.timeFactor[e]));
    }
    for (let region = 0; region < signals.regions.length; region++) {
      mix(signals.carbon[region]);
      mix(signals.energyPrice[region]);
      mix(signals.forecastCarbon(region, 0.125));
    }
    if (request >= 0) {
      for (const name of REQUEST_COLUMNS) mix(requests[name][request]);
    }
    if (log === undefined) return;
    const about =
      request < 0
        ? ""
        : ` of ${REQUEST_COLUMNS.map((name) => `${name}=${requests[name][request]}`).join(" ")}`;
    const views = Object.entries(telemetry).map(([name, column]) => `${name}=${String(column)}`);
    log.push(`${host.now} ${call}${about} held=${host.held} digest=${digest} ${views.join(" ")}`);
  }

  function candidates(request: number): number[] {
    const { endpoints, requests } = world;
    const hasDecode = endpoints.role.includes(2);
    return Array.from(endpoints.role.keys()).filter(
      (e) =>
        (endpoints.role[e] === 0 || (endpoints.role[e] === 1 && hasDecode)) &&
        (requests.needsLarge[request] === 0 || endpoints.large[e] === 1),
    );
  }
  function pick(among: readonly number[]): number {
    if (draw(2) === 0) return among[draw(among.length)];
    const { outstanding, outstandingTokens } = world.telemetry;
    const load = needs.telemetry === true ? outstandingTokens : outstanding;
    return among.reduce((x, y) => (load[y] < load[x] ? y : x));
  }
  /** Whether the router is rid of the request. */
  function place(entry: Entry): boolean {
    const { request } = entry;
    const among = candidates(request);
    if (among.length === 0 || entry.tries++ >= MOST_TRIES) {
      host.reject(request, "chaos gives up");
      return true;
    }
    const e = pick(among);
    const roles = world.endpoints.role;
    const decodes = Array.from(roles.keys()).filter((d) => roles[d] === 2);
    const d = roles[e] === 1 ? decodes[draw(decodes.length)] : -1;
    if (draw(4) === 0) host.explain(request, "chaos", world.telemetry.utilisation);
    if (draw(4) === 0)
      host.predict(request, draw(8) / 8, draw(2) === 0 ? Number.NaN : draw(8) / 8, draw(3) > 0);
    const before = world.telemetry.outstanding[e];
    if (!host.place(request, e, d, draw(3))) {
      host.watchCapacity(true);
      return false;
    }
    // What the endpoint refused for good is not counted as outstanding, and its number may be used again.
    if (world.telemetry.outstanding[e] > before) placed.push(entry);
    return true;
  }
  function placeHeld(oneIn: number): void {
    for (const entry of [...held]) {
      if (draw(5) === 0) host.release(entry.request);
      if (draw(7) === 0) host.hold(entry.request);
      if (draw(oneIn) !== 0) continue;
      if (place(entry)) held = held.filter((other) => other !== entry);
    }
    if (held.length === 0) host.watchCapacity(false);
  }
  function consider(entry: Entry): void {
    const mood = calm ? 20 : draw(20);
    if (mood === 0) {
      host.reject(entry.request, "chaos refuses");
      return;
    }
    if (mood < 4) host.hold(entry.request);
    if (mood < 6 || !place(entry)) held.push(entry);
  }
  function control(): void {
    const { endpoints, tiers, groups } = world;
    const e = draw(endpoints.count);
    turns++;
    if (turns > CONTROL_TURNS) {
      for (let i = 0; i < endpoints.count; i++) host.setReplicas(i, endpoints.maxReplicas[i]);
      return;
    }
    if (draw(2) === 0) host.setReplicas(e, draw(endpoints.maxReplicas[e] + 2));
    if (draw(3) === 0) host.setPowerState(draw(endpoints.count), draw(2));
    if (draw(3) === 0) {
      const weights = Float64Array.from(groups, () => draw(8) / 8);
      host.setWeights(draw(tiers.length), weights);
    }
    takeBack();
  }
  /** Takes up to two requests back; the last thing that a call does. */
  function takeBack(): void {
    const chosen = placed.filter((entry) => entry.taken < MOST_TAKEN && draw(4) === 0).slice(0, 2);
    for (const entry of chosen) {
      entry.taken++;
      host.preempt(entry.request);
    }
  }

  return {
    needs,
    start(givenWorld, givenHost) {
      world = givenWorld;
      host = givenHost;
      see("start");
      host.every(RETRY, 1 / 32, true);
      if (calm) return;
      host.every(CONTROL, 0.07);
      host.at(ONCE, 0.1);
    },
    arrival(request) {
      see("arrival", request);
      consider({ request, tries: 0, taken: 0 });
      if (!calm && draw(10) === 0) takeBack();
    },
    timer(id) {
      see(`timer ${id}`);
      if (id === RETRY) placeHeld(2);
      else if (id === CONTROL) control();
      else if (turns < CONTROL_TURNS) host.at(ONCE, host.now + (draw(3) === 0 ? 1 / 64 : 0.0371));
    },
    capacity(endpoint) {
      see(`capacity ${endpoint}`);
      placeHeld(1);
    },
    signal(region) {
      see(`signal ${region}`);
      placeHeld(4);
    },
    fleet(endpoint, change) {
      see(`fleet ${endpoint} ${change}`);
      if (change === "up" || change === "scaled") placeHeld(2);
    },
    completion(request) {
      const { completed } = world;
      mix(completed.endpoint);
      mix(rounded(completed.ttftSeconds));
      mix(rounded(completed.e2eSeconds));
      mix(completed.finishedAtSeconds);
      mix(completed.promptTokens);
      mix(completed.outputTokens);
      mix(completed.sloMet ? 1 : 0);
      mix(completed.correct);
      see("completion", request);
      placed = placed.filter((entry) => entry.request !== request);
    },
    returned(request, reason) {
      see(`returned ${reason}`, request);
      const entry = placed.find((other) => other.request === request);
      if (entry === undefined) throw new Error("a request came back that was not placed");
      placed = placed.filter((other) => other !== entry);
      if (draw(3) === 0) host.hold(request);
      if (reason === "preempted" || draw(2) === 0 || !place(entry)) held.push(entry);
    },
  };
}

const bits = new Float64Array(1);
const words = new Uint32Array(bits.buffer);

/** To 2^-40, so that the order of two additions does not matter. */
function rounded(value: number): number {
  return Math.round(value * 2 ** 40);
}
