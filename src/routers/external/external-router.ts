import { suggestion, UserError } from "../../errors.ts";
import { QuantileStore } from "../../numeric/quantile-store.ts";
import type { FleetChange, ReturnReason, RoundTrips, Router, RouterHost, World } from "../contract.ts";
import { readAction, shown } from "./actions.ts";
import { FrameError, FrameReader, frameOf } from "./frames.ts";
import type { ExternalParameters } from "./parameters.ts";
import { PipedProcess, PipeError } from "./piped-process.ts";
import { ROLES, requestFacts, worldFacts } from "./world-facts.ts";

/** Version of the protocol, in the start frame. */
export const PROTOCOL = 1;
const DISPATCH_TIMER = 0;
/** Characters of the command in messages: a word of it may be a whole program. */
const LONGEST_NAME = 120;
const ANSWER_KEYS = ["frame", "actions"];

/**
 * A router that asks a process of the user's, in step with the simulator: a frame for each decision, and one for all
 * that is held at each dispatch tick; the simulated clock stands still until the answer is there. Protocol:
 * docs/external-routers.md. A decision allocates.
 */
export class ExternalRouter implements Router {
  readonly needs: NonNullable<Router["needs"]>;
  readonly #parameters: ExternalParameters;
  readonly #folder: string;
  readonly #roundTrips = new QuantileStore({ exactUpTo: 1_000_000 });
  #world!: World;
  #host!: RouterHost;
  #process: PipedProcess | undefined;
  #reader!: FrameReader;
  /** Frames sent; the start frame is number 0. */
  #frames = 0;
  /** Requests that it has, in order of arrival, and what the process calls each. */
  #held: number[] = [];
  readonly #ids = new Map<number, number>();
  #nextId = 0;
  readonly #returned = new Map<number, ReturnReason>();
  /** What has happened since the last frame. */
  #completions: unknown[] = [];
  #fleetChanges: unknown[] = [];

  constructor(parameters: ExternalParameters, folder: string) {
    this.#parameters = parameters;
    this.#folder = folder;
    this.needs = { telemetry: parameters.telemetry.length > 0, completions: parameters.completions };
  }

  start(world: World, host: RouterHost): void {
    this.#world = world;
    this.#host = host;
    const { command, options, telemetry, startTimeoutSeconds, dispatchSeconds } = this.#parameters;
    try {
      this.#process = new PipedProcess(command, this.#folder);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      throw new UserError(error.code, `${this.#name}: ${error.message}`);
    }
    this.#reader = new FrameReader(this.#process);
    const start = {
      type: "start",
      protocol: PROTOCOL,
      frame: this.#frames,
      seed: world.random.uint32(),
      explain: host.explaining,
      options,
      telemetry,
      ...worldFacts(world),
    };
    this.#exchange(start, startTimeoutSeconds);
    host.every(DISPATCH_TIMER, dispatchSeconds, true);
  }

  arrival(request: number): void {
    this.#ids.set(request, this.#nextId++);
    this.#take(request);
  }

  returned(request: number, reason: ReturnReason): void {
    this.#returned.set(request, reason);
    this.#take(request);
  }

  timer(): void {
    if (this.#held.length > 0) this.#held = this.#decide(this.#held);
  }

  fleet(endpoint: number, change: FleetChange): void {
    this.#fleetChanges.push({ endpoint, change });
  }

  completion(request: number): void {
    const { completed } = this.#world;
    this.#completions.push({
      id: this.#ids.get(request),
      endpoint: completed.endpoint,
      ttftSeconds: completed.ttftSeconds,
      e2eSeconds: completed.e2eSeconds,
      finishedAtSeconds: completed.finishedAtSeconds,
      promptTokens: completed.promptTokens,
      outputTokens: completed.outputTokens,
      energyJoules: completed.energyJoules,
      costUsd: completed.costUsd,
      carbonGrams: completed.carbonGrams,
      sloMet: completed.sloMet,
      correct: completed.correct,
    });
  }

  notes(): readonly string[] {
    return ["its decisions come from a process outside the harness, in no simulated time"];
  }

  roundTrips(): RoundTrips {
    const trips = this.#roundTrips;
    return {
      count: trips.count,
      meanMicroseconds: trips.sum / Math.max(1, trips.count),
      p99Microseconds: trips.count === 0 ? 0 : trips.quantile(0.99),
    };
  }

  async stop(): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    if (process === undefined) return;
    try {
      process.write(frameOf({ type: "end" }), performance.now() + 100);
    } catch (error) {
      if (!(error instanceof PipeError)) throw error;
    }
    await process.end();
  }

  /** A request has come, or come back: it is decided at once, or with the others at the next tick. */
  #take(request: number): void {
    const kept = this.#parameters.decide === "arrival" ? this.#decide([request]) : [request];
    this.#held.push(...kept);
  }

  /** Asks for an action for each request and does it. Returns those that stay. */
  #decide(requests: readonly number[]): number[] {
    const { telemetry, signals } = this.#world;
    const completions = this.#completions;
    const fleet = this.#fleetChanges;
    this.#completions = [];
    this.#fleetChanges = [];
    const answer = this.#exchange(
      {
        type: "decide",
        frame: ++this.#frames,
        now: this.#host.now,
        requests: requests.map((request) => ({
          id: this.#ids.get(request),
          ...requestFacts(this.#world, request),
          ...(this.#returned.has(request) ? { returned: this.#returned.get(request) } : {}),
        })),
        telemetry: Object.fromEntries(
          this.#parameters.telemetry.map((column) => [column, Array.from(telemetry[column])]),
        ),
        carbon: Array.from(signals.carbon),
        energyPrice: Array.from(signals.energyPrice),
        ...(completions.length === 0 ? {} : { completions }),
        ...(fleet.length === 0 ? {} : { fleet }),
      },
      this.#parameters.timeoutSeconds,
    );
    const { actions } = answer;
    if (!Array.isArray(actions) || actions.length !== requests.length) {
      const got = Array.isArray(actions) ? `${actions.length} actions` : "no list of actions";
      throw this.#refuse(`the answer has ${got}, expected ${requests.length} actions, one for each request`);
    }
    return requests.filter((request, i) => !this.#act(request, actions[i], i));
  }

  /** Does an action. Returns whether the request is gone. */
  #act(request: number, given: unknown, index: number): boolean {
    const host = this.#host;
    const action = readAction(given, this.#world.endpoints.count);
    if (typeof action === "string") throw this.#refuse(`actions[${index}] ${action}`);
    if (action.kind === "place") {
      const { endpoint, decodeAt, priority, reason, scores } = action;
      const problem = this.#inadmissible(request, endpoint, decodeAt === -1 ? endpoint : decodeAt);
      if (problem !== undefined) throw this.#refuse(`actions[${index}] ${problem}`);
      if (!host.place(request, endpoint, decodeAt, priority)) return false;
      if (host.explaining && reason !== "") host.explain(request, reason, scores);
      this.#returned.delete(request);
      return true;
    }
    if (action.kind === "reject") {
      host.reject(request, action.reason);
      this.#returned.delete(request);
      return true;
    }
    if (action.kind === "hold") host.hold(request);
    else host.release(request);
    return false;
  }

  /** What no host takes, in words; it would end the run without naming the process. */
  #inadmissible(request: number, endpoint: number, decodeAt: number): string | undefined {
    const { requests, endpoints } = this.#world;
    const { names, model } = endpoints;
    const [first, last] = [endpoint, decodeAt].map((e) => ROLES[endpoints.role[e]]);
    if (endpoint === decodeAt && first !== "mixed") {
      return `places a whole request on ${names[endpoint]}, which has the role ${first}: expected the role mixed, or a decodeAt`;
    }
    if (
      endpoint !== decodeAt &&
      (first !== "prefill" || last !== "decode" || model[endpoint] !== model[decodeAt])
    ) {
      return `splits a request over ${names[endpoint]} (${first}) and ${names[decodeAt]} (${last}): expected the roles prefill and decode, and the same model`;
    }
    if (requests.needsLarge[request] === 0 || endpoints.large[decodeAt] === 1) return undefined;
    return `places a request that needs the large model on ${names[decodeAt]}, which has a small one: expected an endpoint whose large is 1`;
  }

  /** Sends a frame and waits for the answer to it. */
  #exchange(frame: Record<string, unknown>, timeoutSeconds: number): Record<string, unknown> {
    const process = this.#process;
    if (process === undefined) throw new Error("the external router has not been started");
    const bytes = frameOf(frame);
    const began = performance.now();
    const until = began + 1000 * timeoutSeconds;
    let answer: unknown;
    try {
      if (this.#reader.surplus > 0) throw new FrameError("a frame that answers none");
      this.#send(process, bytes, until);
      answer = this.#reader.next(until);
    } catch (error) {
      throw this.#failure(error, timeoutSeconds);
    }
    if (frame["type"] === "decide") this.#roundTrips.add(1000 * (performance.now() - began));
    if (typeof answer !== "object" || answer === null || Array.isArray(answer)) {
      throw this.#refuse(`the answer is ${shown(answer)}, expected a map`);
    }
    const given = answer as Record<string, unknown>;
    const stray = Object.keys(given).find((key) => !ANSWER_KEYS.includes(key));
    if (stray !== undefined)
      throw this.#refuse(`the answer has a key "${stray}"${suggestion(stray, ANSWER_KEYS)}`);
    if (given["frame"] !== this.#frames) {
      throw this.#refuse(`the answer is to frame ${shown(given["frame"])}, expected frame ${this.#frames}`);
    }
    return given;
  }

  /** Of a process that has ended, what it printed before says more than that it did. */
  #send(process: PipedProcess, bytes: Uint8Array, until: number): void {
    try {
      process.write(bytes, until);
    } catch (error) {
      try {
        if (error instanceof PipeError && error.trouble === "ended") this.#reader.next(performance.now());
      } catch (printed) {
        if (printed instanceof FrameError) throw printed;
      }
      throw error;
    }
  }

  #failure(error: unknown, timeoutSeconds: number): unknown {
    if (error instanceof FrameError) return this.#refuse(`the answer is ${error.message}`);
    if (!(error instanceof PipeError)) return error;
    const { begun } = this.#reader;
    if (error.trouble === "timeout") {
      this.#process?.kill();
      const what = begun === "" ? "" : `, only ${begun}`;
      return this.#trouble("CANOPY_EXTERNAL_TIMEOUT", `no answer within ${timeoutSeconds} s${what}`);
    }
    const what = begun === "" ? "it answered" : `the answer was whole: only ${begun} came`;
    return this.#trouble("CANOPY_EXTERNAL_ENDED", `the process ended before ${what}`);
  }

  #refuse(what: string): UserError {
    this.#process?.kill();
    return this.#trouble("CANOPY_EXTERNAL_ANSWER", what);
  }

  #trouble(code: string, what: string): UserError {
    const words = this.#process?.lastWords() ?? "";
    const stderr = words === "" ? "" : `; its standard error ends: ${words}`;
    const when =
      this.#frames === 0 ? "start frame" : `frame ${this.#frames} at ${Number(this.#host.now.toFixed(6))} s`;
    return new UserError(code, `${this.#name}, ${when}: ${what}${stderr}`);
  }

  get #name(): string {
    const words = this.#parameters.command.join(" ").replaceAll(/\s+/g, " ");
    return `external router (${words.length > LONGEST_NAME ? `${words.slice(0, LONGEST_NAME)}…` : words})`;
  }
}
