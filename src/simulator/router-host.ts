import type { RouterHost } from "../routers/contract.ts";
import { fitRequest } from "./admission.ts";
import type { EndpointState } from "./endpoint-state.ts";
import { orderReplicas } from "./fleet-events.ts";
import type { Explanation } from "./options.ts";
import { AT } from "./request-table.ts";
import { EVENT, LARGEST_TIMER_ID, ORDER, packEvent, type RunState } from "./run-state.ts";

interface PeriodicTimer {
  readonly intervalSeconds: number;
  readonly onlyWhileHolding: boolean;
  /** It fires at multiples after this time. */
  readonly setAtSeconds: number;
  /** When it is due; NaN while it is not set. An event of another time is of a timer since replaced. */
  dueSeconds: number;
}

/** What the router may do, done to a run. Misuse by a router ends the run with an error that names it. */
export class Host implements RouterHost {
  readonly #run: RunState;
  readonly #timers = new Map<number, PeriodicTimer>();
  readonly #whileHolding: number[] = [];
  /** What the router has explained of requests that it holds: of their next placements. */
  readonly #unplaced = new Map<number, { -readonly [K in keyof Explanation]: Explanation[K] }[]>();

  constructor(run: RunState) {
    this.#run = run;
  }

  get now(): number {
    return this.#run.now;
  }

  get held(): number {
    return this.#run.held;
  }

  get explaining(): boolean {
    return this.#run.options.explain;
  }

  place(request: number, endpointIndex: number, decodeAt = -1, priority = 0): boolean {
    const run = this.#run;
    const { table } = run;
    this.#checkHeld(request, "place");
    const endpoint = this.#endpoint(endpointIndex, "placed a request on");
    const split = decodeAt !== -1 && decodeAt !== endpointIndex;
    this.#checkTarget(request, endpointIndex, split ? decodeAt : endpointIndex);
    if (!endpoint.up || (split && !run.endpoints[decodeAt].up)) return false;
    if (endpoint.definition.maxOutstanding < Number.POSITIVE_INFINITY) {
      endpoint.advance(run.now);
      if (endpoint.atCap) return false;
    }
    const decodeDefinition = split ? run.endpoints[decodeAt].definition : null;
    const fit = fitRequest(table, request, endpoint.definition, decodeDefinition);
    run.held--;
    if (fit.truncated && table.truncated[request] === 0) {
      table.truncated[request] = 1;
      run.truncatedCount++;
    }
    if (fit.refusal !== null) {
      this.#unplaced.delete(request);
      run.reject(request, fit.refusal);
      return true;
    }
    if (Number.isNaN(table.dispatchedSeconds[request])) {
      table.dispatchedSeconds[request] = run.now;
      if (!Number.isNaN(table.holdStartSeconds[request])) {
        table.heldSeconds[request] += run.now - table.holdStartSeconds[request];
      }
    }
    table.priority[request] = priority;
    table.endpoint[request] = endpointIndex;
    table.decodeAt[request] = split ? decodeAt : endpointIndex;
    endpoint.outstanding++;
    endpoint.placed++;
    if (table.nextStep[request] !== -1) endpoint.followed++;
    run.lastProgressSeconds = run.now;
    run.telemetry.placed(endpointIndex, table.promptTokens[request] + table.producedTokens[request]);
    run.sink.placed(request, endpointIndex, run.now);
    if (this.#unplaced.size > 0) this.#noteEndpoint(request, endpointIndex);
    endpoint.send(request, run.now);
    if (run.mayCouple(endpoint)) run.recouple(endpoint);
    return true;
  }

  hold(request: number): void {
    this.#checkHeld(request, "hold");
    const { table } = this.#run;
    if (!Number.isNaN(table.holdStartSeconds[request])) return;
    table.holdStartSeconds[request] = this.#run.now;
    if (table.deferred[request] === 1) return;
    table.deferred[request] = 1;
    this.#run.deferredCount++;
  }

  release(request: number): void {
    this.#checkHeld(request, "release");
    const { table, now } = this.#run;
    if (Number.isNaN(table.holdStartSeconds[request])) return;
    if (Number.isNaN(table.dispatchedSeconds[request]))
      table.heldSeconds[request] += now - table.holdStartSeconds[request];
    table.holdStartSeconds[request] = Number.NaN;
  }

  reject(request: number, reason: string): void {
    this.#checkHeld(request, "reject");
    this.#unplaced.delete(request);
    this.#run.held--;
    this.#run.reject(request, reason);
  }

  preempt(request: number): void {
    const run = this.#run;
    const { table } = run;
    const before = table.at[request];
    if (before === undefined || before === AT.future)
      throw misuse(`took back request number ${request}, which does not exist`);
    if (before === AT.ended || before === AT.router || before === AT.returning) return;
    const endpoint = run.endpoints[table.endpoint[request]];
    endpoint.advance(run.now);
    const at = table.at[request];
    if (at === AT.ended || at === AT.returning) return;
    if (at === AT.running) {
      const replica = endpoint.replicas[table.replica[request]];
      if (replica.endAt < Number.POSITIVE_INFINITY) {
        if (table.takeBack[request] === 0) {
          table.takeBack[request] = 1;
          replica.takeBacks++;
        }
        run.telemetry.touch(endpoint.index);
        run.recouple(endpoint);
        return;
      }
      endpoint.detach(request);
      table.preemptions[request]++;
    } else {
      endpoint.withdraw(request);
    }
    endpoint.drawFromQueue(run.now);
    run.telemetry.touch(endpoint.index);
    run.giveToRouter(request);
    if (run.mayCouple(endpoint)) run.recouple(endpoint);
    this.armWhileHolding();
    run.router.returned?.(request, "preempted");
  }

  setWeights(requestClass: number, weights: Float64Array): void {
    this.#run.sink.weights(requestClass, weights, this.#run.now);
  }

  setReplicas(endpointIndex: number, replicas: number): void {
    const endpoint = this.#endpoint(endpointIndex, "set the replicas of");
    if (!Number.isInteger(replicas)) {
      throw misuse(`set ${replicas} replicas of ${endpoint.definition.name}, which is no whole number`);
    }
    orderReplicas(this.#run, endpoint, replicas);
  }

  setPowerState(endpointIndex: number, state: number): void {
    const endpoint = this.#endpoint(endpointIndex, "set the power state of");
    const powerState = endpoint.definition.powerStates[state];
    if (powerState === undefined) {
      throw misuse(`set power state ${state} of ${endpoint.definition.name}, which has none of that number`);
    }
    endpoint.advance(this.#run.now);
    endpoint.setPowerState(powerState);
    if (this.#run.mayCouple(endpoint)) this.#run.recouple(endpoint);
    this.#run.telemetry.touch(endpointIndex);
  }

  every(id: number, intervalSeconds: number, onlyWhileHolding = false): void {
    checkTimerId(id);
    // An interval that the clock cannot resolve would never come to its next multiple.
    if (!(this.#run.now + intervalSeconds > this.#run.now && intervalSeconds < Number.POSITIVE_INFINITY)) {
      throw misuse(`set timer ${id} to every ${intervalSeconds} s at ${this.#run.now} s`);
    }
    this.#timers.set(id, {
      intervalSeconds,
      onlyWhileHolding,
      setAtSeconds: this.#run.now,
      dueSeconds: Number.NaN,
    });
    const listed = this.#whileHolding.indexOf(id);
    if (listed >= 0) this.#whileHolding.splice(listed, 1);
    if (onlyWhileHolding) this.#whileHolding.push(id);
    else this.#arm(id);
    this.armWhileHolding();
  }

  at(id: number, atSeconds: number): void {
    const run = this.#run;
    checkTimerId(id);
    if (!(atSeconds >= run.now))
      throw misuse(`set timer ${id} to ${atSeconds} s, which is before ${run.now} s`);
    run.events.push(atSeconds, ORDER.timer, id, packEvent(EVENT.once, id));
  }

  watchCapacity(on: boolean): void {
    const run = this.#run;
    if (run.watching === on) return;
    // What happened up to now is not news: advance the endpoints before anybody watches.
    const capped = run.endpoints.filter((e) => e.definition.maxOutstanding < Number.POSITIVE_INFINITY);
    for (const endpoint of capped) endpoint.advance(run.now);
    run.watching = on;
    for (const endpoint of capped) run.recouple(endpoint);
  }

  predict(request: number, accuracy: number, floor: number, feasible: boolean): void {
    this.#checkHeld(request, "predict");
    const { table } = this.#run;
    table.predictedAccuracy[request] = accuracy;
    table.accuracyFloor[request] = floor;
    table.feasible[request] = feasible ? 1 : 0;
  }

  explain(request: number, reason: string, scores?: Float64Array): void {
    const run = this.#run;
    if (!run.options.explain) return;
    const placed = run.table.at[request] !== AT.router;
    const explanation = {
      id: run.table.id[request],
      atSeconds: run.now,
      endpoint: placed ? run.table.endpoint[request] : -1,
      reason,
      scores: scores === undefined ? null : Array.from(scores),
    };
    run.explanations.push(explanation);
    if (placed) return;
    const others = this.#unplaced.get(request);
    if (others === undefined) this.#unplaced.set(request, [explanation]);
    else others.push(explanation);
  }

  #noteEndpoint(request: number, endpoint: number): void {
    for (const explanation of this.#unplaced.get(request) ?? []) explanation.endpoint = endpoint;
    this.#unplaced.delete(request);
  }

  /** Sets the timers that run only while the router holds something, when it does. */
  armWhileHolding(): void {
    if (this.#run.held === 0) return;
    for (let i = 0; i < this.#whileHolding.length; i++) {
      const id = this.#whileHolding[i];
      if (Number.isNaN((this.#timers.get(id) as PeriodicTimer).dueSeconds)) this.#arm(id);
    }
  }

  /** A periodic timer is due: fires it, and sets its next time. */
  firePeriodic(id: number): void {
    const run = this.#run;
    const timer = this.#timers.get(id) as PeriodicTimer;
    if (timer.dueSeconds !== run.now) return;
    timer.dueSeconds = Number.NaN;
    if (!timer.onlyWhileHolding || run.held > 0) {
      run.observe();
      run.router.timer?.(id);
    }
    const after = this.#timers.get(id) as PeriodicTimer;
    if (Number.isNaN(after.dueSeconds) && (!after.onlyWhileHolding || run.held > 0)) this.#arm(id);
  }

  /** Sets a periodic timer to its first multiple that is still to come. */
  #arm(id: number): void {
    const run = this.#run;
    const timer = this.#timers.get(id) as PeriodicTimer;
    const { intervalSeconds } = timer;
    const thisInstantToo = run.phase < ORDER.timer && run.now > timer.setAtSeconds;
    let k = Math.max(0, Math.floor(run.now / intervalSeconds) - 1);
    while (k * intervalSeconds < run.now || (!thisInstantToo && k * intervalSeconds === run.now)) k++;
    timer.dueSeconds = k * intervalSeconds;
    run.events.push(timer.dueSeconds, ORDER.timer, id, packEvent(EVENT.periodic, id));
  }

  #endpoint(index: number, action: string): EndpointState {
    const endpoint = this.#run.endpoints[index];
    if (endpoint === undefined) throw misuse(`${action} endpoint ${index}, which does not exist`);
    return endpoint;
  }

  #checkHeld(request: number, action: string): void {
    if (this.#run.table.at[request] !== AT.router) {
      throw misuse(`called ${action} for request ${this.#run.table.id[request]}, which it does not hold`);
    }
  }

  #checkTarget(request: number, at: number, decodeAt: number): void {
    const run = this.#run;
    const split = at !== decodeAt;
    const first = run.endpoints[at].definition;
    const last = run.endpoints[decodeAt]?.definition;
    if (last === undefined)
      throw misuse(`placed a request's decode on endpoint ${decodeAt}, which does not exist`);
    if (split && (first.role !== "prefill" || last.role !== "decode")) {
      throw misuse(`split a request over ${first.name} (${first.role}) and ${last.name} (${last.role})`);
    }
    if (first.model !== last.model) {
      throw misuse(`split a request over ${first.name} and ${last.name}, which serve different models`);
    }
    if (!split && first.role !== "mixed") {
      throw misuse(`placed a whole request on ${first.name}, which has the role ${first.role}`);
    }
    if (run.table.needsLarge[request] === 1 && !run.options.fleet.models[last.model].large) {
      throw misuse(
        `placed request ${run.table.id[request]}, which needs a large model, on ${last.name}, which serves a small one`,
      );
    }
  }
}

function checkTimerId(id: number): void {
  if (!(Number.isInteger(id) && id >= 0 && id <= LARGEST_TIMER_ID)) {
    throw misuse(`set a timer of id ${id}, which is no whole number from 0 to ${LARGEST_TIMER_ID}`);
  }
}

/** A router that broke its contract: the run fails, the others go on. */
function misuse(what: string): Error {
  return new Error(`the router ${what}`);
}
