/**
 * The requests that are in the system, as columns indexed by slot. Slots are recycled: memory follows the
 * number of requests in flight, not the length of the run.
 */
import type { RequestView } from "../routers/contract.ts";
import type { RecordColumns } from "./options.ts";

/** Where a request is. */
export const AT = {
  /** A later step of a session, not yet arrived. */
  future: 0,
  /** With the router. */
  router: 1,
  /** On the network to its endpoint. */
  network: 2,
  /** At its endpoint, waiting for a replica. */
  queue: 3,
  waiting: 4,
  running: 5,
  /** On its way to a decode endpoint as KV. */
  kv: 6,
  /** About to be handed back to the router: preempted, or lost with its endpoint. */
  returning: 7,
  ended: 8,
} as const;

/** In a column of flags: nothing is known. */
const UNTOLD = 255;

type Column = Float64Array | Int32Array | Uint8Array;

/**
 * Elements from one request to the next in every column. A request's values of one type lie side by side, since the
 * simulator needs most of them at once and its requests are spread over all memory: as columns on their own, each
 * value would cost a cache line.
 */
const STRIDE = 25;

export class RequestTable implements RequestView, RecordColumns {
  /** Number in workload order. */
  id = new Float64Array(0);
  arrivalSeconds = new Float64Array(0);
  deadlineSeconds = new Float64Array(0);
  dispatchedSeconds = new Float64Array(0);
  heldSeconds = new Float64Array(0);
  /** Since when the router holds it on purpose, or did when it was first dispatched; NaN if it does not. */
  holdStartSeconds = new Float64Array(0);
  startedSeconds = new Float64Array(0);
  firstTokenSeconds = new Float64Array(0);
  finishedSeconds = new Float64Array(0);
  ttftSeconds = new Float64Array(0);
  e2eSeconds = new Float64Array(0);
  session = new Float64Array(0);
  thinkSeconds = new Float64Array(0);
  energyJoules = new Float64Array(0);
  costUsd = new Float64Array(0);
  carbonGrams = new Float64Array(0);
  waterLitres = new Float64Array(0);
  /** The replica's counters per decoding request when this one began to decode. */
  joulesMark = new Float64Array(0);
  usdMark = new Float64Array(0);
  gramsMark = new Float64Array(0);
  /** Order in which requests reach replicas: the fifo key. */
  reachedOrder = new Float64Array(0);
  /** When it reaches the endpoint, while it is on the network. */
  deliverySeconds = new Float64Array(0);
  /** How hard it is to answer, as a standard normal draw; 0 where the workload does not say. */
  difficulty = new Float64Array(0);
  /** What the router declared of its placement ({@link RouterHost.predict}), NaN where it did not. */
  predictedAccuracy = new Float64Array(0);
  accuracyFloor = new Float64Array(0);

  promptTokens = new Int32Array(0);
  outputTokens = new Int32Array(0);
  producedTokens = new Int32Array(0);
  step = new Int32Array(0);
  prefixTokens = new Int32Array(0);
  recordedEndpoint = new Int32Array(0);
  endpoint = new Int32Array(0);
  decodeAt = new Int32Array(0);
  replica = new Int32Array(0);
  preemptions = new Int32Array(0);
  priority = new Int32Array(0);
  /** Prompt tokens to compute: prompt, and what was produced before a preemption. */
  target = new Int32Array(0);
  computed = new Int32Array(0);
  /** KV blocks held while prefilling. */
  blocks = new Int32Array(0);
  /** While decoding: tokens held minus the replica's decode-step number. */
  heldOffset = new Int32Array(0);
  /** While decoding: the replica's decode-step number at which it finishes. */
  finishStep = new Int32Array(0);
  /** Links of the waiting queue or the running list. */
  previous = new Int32Array(0);
  next = new Int32Array(0);
  wheelPrevious = new Int32Array(0);
  wheelNext = new Int32Array(0);
  /** Slot of the session's next step, -1 for none. */
  nextStep = new Int32Array(0);
  /** Stamp of the last batch that took it in. */
  batchStamp = new Int32Array(0);
  tenant = new Int32Array(0);
  turns = new Int32Array(0);

  tier = new Uint8Array(0);
  needsLarge = new Uint8Array(0);
  taskType = new Uint8Array(0);
  at = new Uint8Array(0);
  /** 1 while the router waits to have it back at the end of the batch. */
  takeBack = new Uint8Array(0);
  /** 1 when its prefill was computed at another endpoint. */
  transferred = new Uint8Array(0);
  /** 1 when it was cut to the longest sequence of an endpoint. */
  truncated = new Uint8Array(0);
  /** 1 once the router has held it on purpose. */
  deferred = new Uint8Array(0);
  /** 1 where the router declared that some endpoint met all it asks for, 0 that none did, {@link UNTOLD} otherwise. */
  feasible = new Uint8Array(0);
  /** 1 for a right answer, 0 for a wrong one, {@link UNTOLD} before the answer and where it is not modelled. */
  correct = new Uint8Array(0);

  /** Slots in use. */
  live = 0;
  #capacity = 0;
  #free = new Int32Array(0);

  constructor() {
    this.#grow(256);
  }

  /** An unused slot; every column that a run reads before writing is reset. */
  allocate(): number {
    if (this.live === this.#capacity) this.#grow(this.#capacity * 2);
    const slot = this.#free[this.live++];
    this.dispatchedSeconds[slot] = Number.NaN;
    this.heldSeconds[slot] = 0;
    this.holdStartSeconds[slot] = Number.NaN;
    this.startedSeconds[slot] = Number.NaN;
    this.firstTokenSeconds[slot] = Number.NaN;
    this.finishedSeconds[slot] = Number.NaN;
    this.ttftSeconds[slot] = Number.NaN;
    this.e2eSeconds[slot] = Number.NaN;
    this.energyJoules[slot] = 0;
    this.costUsd[slot] = 0;
    this.carbonGrams[slot] = 0;
    this.waterLitres[slot] = 0;
    this.producedTokens[slot] = 0;
    this.endpoint[slot] = -1;
    this.decodeAt[slot] = -1;
    this.preemptions[slot] = 0;
    this.priority[slot] = 0;
    this.nextStep[slot] = -1;
    this.batchStamp[slot] = 0;
    this.takeBack[slot] = 0;
    this.transferred[slot] = 0;
    this.truncated[slot] = 0;
    this.deferred[slot] = 0;
    this.predictedAccuracy[slot] = Number.NaN;
    this.accuracyFloor[slot] = Number.NaN;
    this.feasible[slot] = UNTOLD;
    this.correct[slot] = UNTOLD;
    return slot;
  }

  release(slot: number): void {
    this.at[slot] = AT.ended;
    this.#free[--this.live] = slot;
  }

  /** Slots of the requests that have not ended, in no order to rely on. */
  *unended(): Generator<number> {
    for (let i = 0; i < this.#capacity; i++) if (this.at[i * STRIDE] !== AT.ended) yield i * STRIDE;
  }

  #grow(capacity: number): void {
    const columns = Object.entries(this).filter(([, value]) => ArrayBuffer.isView(value)) as [
      keyof this,
      Column,
    ][];
    for (const type of [Float64Array, Int32Array, Uint8Array]) {
      const own = columns.filter(([, column]) => column instanceof type);
      if (own.length > STRIDE) throw new RangeError(`${own.length} columns of a type, room for ${STRIDE}`);
      const rows = new type(capacity * STRIDE);
      rows.set(new type(own[0][1].buffer as ArrayBuffer));
      own.forEach(([name], offset) => {
        this[name] = rows.subarray(offset) as this[typeof name];
      });
    }
    const free = new Int32Array(capacity);
    free.set(this.#free);
    for (let i = this.#capacity; i < capacity; i++) {
      free[i] = i * STRIDE;
      this.at[i * STRIDE] = AT.ended;
    }
    this.#free = free;
    this.#capacity = capacity;
  }
}
