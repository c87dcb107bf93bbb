import type { Stream } from "../../numeric/random.ts";

/** A request from its dispatch to its completion. */
export interface RequestFlight {
  readonly state: Float32Array;
  readonly action: Float32Array;
  readonly nextState: Float32Array;
  /** Element 0; an array, since a field that holds a number may get boxed when written. */
  readonly reward: Float64Array;
  /** Whether its action is known: what the heuristic did is only known when the interval ends. */
  knowsAction: boolean;
  hasEnded: boolean;
}

export interface RequestTransitionsOptions {
  readonly stateSize: number;
  readonly actionSize: number;
  /** Share of the requests that are followed, above 0. */
  readonly share: number;
}

/** Takes a flight that has ended and whose action is known. */
export type TakeFlight = (flight: RequestFlight) => void;

const FIRST_FLIGHTS = 64;
const NONE = -1;

/**
 * The requests in flight whose transitions are kept (CEDAR Algorithm 1: state and action at dispatch, reward and next
 * state at completion). Which they are is drawn: as many are passed over before the next as there are failures before a
 * success of probability `share`, so that one that is passed over costs a subtraction. Flights are used again; nothing
 * is allocated unless more requests are followed at a time, or their numbers are higher, than ever before.
 */
export class RequestTransitions {
  readonly #options: RequestTransitionsOptions;
  readonly #random: Stream;
  readonly #flights: RequestFlight[] = [];
  /** Numbers of the flights that are free: the first {@link #freeCount}. */
  #free = new Int32Array(0);
  #freeCount = 0;
  /** Flight by request. */
  #flightOf = new Int32Array(0);
  /** Request by flight, also once it has ended; {@link NONE} for a free one. */
  #requestOf = new Int32Array(0);
  /** Requests to pass over before the next is followed. */
  #toPass = 0;

  constructor(options: RequestTransitionsOptions, random: Stream) {
    this.#options = options;
    this.#random = random;
    this.#drawGap();
  }

  /** Requests followed at present, those included that have ended and wait for their action. */
  get count(): number {
    return this.#flights.length - this.#freeCount;
  }

  /** Room for requests at a time. */
  get capacity(): number {
    return this.#flights.length;
  }

  /** The request is dispatched: a flight with its state and action to fill, or undefined where it is not followed. */
  begin(request: number): RequestFlight | undefined {
    if (this.#toPass > 0) {
      this.#toPass--;
      return undefined;
    }
    this.#drawGap();
    if (this.#freeCount === 0) this.#addFlights();
    if (request >= this.#flightOf.length) this.#addRequests(request);
    const slot = this.#free[--this.#freeCount];
    this.#flightOf[request] = slot;
    this.#requestOf[slot] = request;
    const flight = this.#flights[slot];
    flight.knowsAction = false;
    flight.hasEnded = false;
    return flight;
  }

  /** Its flight, while it is followed and has not ended. */
  find(request: number): RequestFlight | undefined {
    const slot = request < this.#flightOf.length ? this.#flightOf[request] : NONE;
    return slot === NONE ? undefined : this.#flights[slot];
  }

  /** The request goes elsewhere: what was noted at its last dispatch says nothing of its end. */
  forget(request: number): void {
    if (request >= this.#flightOf.length) return;
    const slot = this.#flightOf[request];
    if (slot === NONE) return;
    this.#flightOf[request] = NONE;
    this.#release(slot);
  }

  /** The request has ended: hands its flight on where its action is known, else it waits for {@link acted}. */
  end(request: number, take: TakeFlight): void {
    const slot = this.#flightOf[request];
    this.#flightOf[request] = NONE;
    const flight = this.#flights[slot];
    flight.hasEnded = true;
    if (!flight.knowsAction) return;
    take(flight);
    this.#release(slot);
  }

  /** What was done in the interval is known: the action of all flights without one; hands on those that have ended. */
  acted(action: Float32Array, take: TakeFlight): void {
    for (let slot = 0; slot < this.#flights.length; slot++) {
      const flight = this.#flights[slot];
      if (this.#requestOf[slot] === NONE || flight.knowsAction) continue;
      flight.action.set(action);
      flight.knowsAction = true;
      if (!flight.hasEnded) continue;
      take(flight);
      this.#release(slot);
    }
  }

  #release(slot: number): void {
    this.#requestOf[slot] = NONE;
    this.#free[this.#freeCount++] = slot;
  }

  #drawGap(): void {
    const { share } = this.#options;
    if (share === 1) return;
    this.#toPass = Math.floor(Math.log1p(-this.#random.uniform()) / Math.log1p(-share));
  }

  #addFlights(): void {
    const { stateSize, actionSize } = this.#options;
    const before = this.#flights.length;
    const after = Math.max(FIRST_FLIGHTS, 2 * before);
    for (let slot = before; slot < after; slot++) {
      this.#flights.push({
        state: new Float32Array(stateSize),
        action: new Float32Array(actionSize),
        nextState: new Float32Array(stateSize),
        reward: new Float64Array(1),
        knowsAction: false,
        hasEnded: false,
      });
    }
    const requests = new Int32Array(after).fill(NONE);
    requests.set(this.#requestOf);
    this.#requestOf = requests;
    this.#free = new Int32Array(after);
    // The lowest number is taken first.
    for (let slot = after - 1; slot >= before; slot--) this.#free[this.#freeCount++] = slot;
  }

  #addRequests(request: number): void {
    const flights = new Int32Array(Math.max(2 * this.#flightOf.length, 1024, request + 1)).fill(NONE);
    flights.set(this.#flightOf);
    this.#flightOf = flights;
  }
}
