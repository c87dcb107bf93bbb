import type { World } from "../contract.ts";
import { ByteSnapshot } from "./byte-snapshot.ts";
import { FIXED, NETWORK, PROMPT, ROW, STEP, USD_OUTPUT, USD_PROMPT, WAIT } from "./coefficients.ts";
import type { ServiceEstimate } from "./estimate.ts";

/** Endpoints in a block: small enough to look at one by one, large enough that a fleet has few blocks. */
const BLOCK = 16;

/**
 * The endpoints that may serve a request, sorted into classes whose members differ in nothing but their estimate:
 * equal cost, energy, region, group, network and size of the model. A class is cut into blocks of endpoints in
 * order of index; a block knows the least of each coefficient of the estimate among its members, from which a
 * search for the lowest score has a lower bound and can pass over the block.
 *
 * Members stand side by side in columns indexed by place. `wait` holds FIXED + queuedPrefillTokens * WAIT, and
 * Infinity for an endpoint that is down or blocked. The columns follow the telemetry: all of them when a snapshot
 * or a fleet event made the estimate anew or `up` changed, one endpoint when {@link update} is told of it.
 */
export class EndpointClasses {
  /** Number of classes. */
  readonly count: number;
  /** Members by place, and by class the members that are up and not blocked. */
  readonly endpoint: Int32Array;
  readonly admissible: Int32Array;
  /** Class by endpoint, -1 for endpoints that never serve. */
  readonly classOf: Int32Array;
  /** By class: the first member, which stands for all in what they have in common; network, large, group. */
  readonly first: Int32Array;
  readonly network: Float64Array;
  readonly large: Uint8Array;
  readonly group: Int32Array;
  /** First block of each class, then the number of blocks; first place of each block, then the number of places. */
  readonly firstBlock: Int32Array;
  readonly firstPlace: Int32Array;
  /** Seconds by place: fixed and of the queue, per own prompt token, per output; and their minima by block. */
  readonly wait: Float64Array;
  readonly prompt: Float64Array;
  readonly step: Float64Array;
  readonly leastWait: Float64Array;
  readonly leastPrompt: Float64Array;
  readonly leastStep: Float64Array;
  readonly #world: World;
  readonly #estimate: ServiceEstimate;
  readonly #blocked: Uint8Array;
  readonly #placeOf: Int32Array;
  readonly #blockOf: Int32Array;
  /** What `up` was when the columns were filled. */
  readonly #up: ByteSnapshot;
  /** Revision of the estimate that the columns hold; -1 for none. */
  #revision = -1;

  /**
   * @param candidates endpoints that may serve any request, in order of index
   * @param blocked 1 for endpoints to leave out; {@link update} is told of every change
   * @param energy columns by endpoint that members of a class have in common, beside those of the estimate's table
   */
  constructor(
    world: World,
    estimate: ServiceEstimate,
    candidates: Int32Array,
    blocked: Uint8Array,
    energy: readonly Float64Array[],
  ) {
    this.#world = world;
    this.#estimate = estimate;
    this.#blocked = blocked;
    const { count, region, group, large } = world.endpoints;
    const { table } = estimate;
    const classes = new Map<string, number[]>();
    for (const e of candidates) {
      const coefficients = [USD_PROMPT, USD_OUTPUT, NETWORK].map((column) => table[ROW * e + column]);
      const key = [region[e], group[e], large[e], ...coefficients, ...energy.map((c) => c[e])].join(" ");
      const members = classes.get(key);
      if (members === undefined) classes.set(key, [e]);
      else members.push(e);
    }
    this.count = classes.size;
    const firstBlock = [0];
    const firstPlace: number[] = [];
    const endpoints: number[] = [];
    this.#placeOf = new Int32Array(count).fill(-1);
    this.classOf = new Int32Array(count).fill(-1);
    this.#blockOf = new Int32Array(count).fill(-1);
    for (const members of classes.values()) {
      members.forEach((e, i) => {
        if (i % BLOCK === 0) firstPlace.push(endpoints.length);
        this.#placeOf[e] = endpoints.length;
        this.classOf[e] = firstBlock.length - 1;
        this.#blockOf[e] = firstPlace.length - 1;
        endpoints.push(e);
      });
      firstBlock.push(firstPlace.length);
    }
    const blocks = firstPlace.length;
    firstPlace.push(endpoints.length);
    this.endpoint = Int32Array.from(endpoints);
    this.firstBlock = Int32Array.from(firstBlock);
    this.firstPlace = Int32Array.from(firstPlace);
    this.first = Int32Array.from(classes.values(), (members) => members[0]);
    this.network = Float64Array.from(this.first, (e) => table[ROW * e + NETWORK]);
    this.large = Uint8Array.from(this.first, (e) => large[e]);
    this.group = Int32Array.from(this.first, (e) => group[e]);
    this.admissible = new Int32Array(this.count);
    this.wait = new Float64Array(endpoints.length);
    this.prompt = new Float64Array(endpoints.length);
    this.step = new Float64Array(endpoints.length);
    this.leastWait = new Float64Array(blocks);
    this.leastPrompt = new Float64Array(blocks);
    this.leastStep = new Float64Array(blocks);
    this.#up = new ByteSnapshot(count);
  }

  /** Brings the columns up to date with the estimate and with `up`. */
  sync(): void {
    const { up } = this.#world.telemetry;
    if (this.#revision !== this.#estimate.revision || this.#up.differs(up)) this.#fill();
  }

  /** The queue of an endpoint, or whether it is blocked, has changed. */
  update(e: number): void {
    const place = this.#placeOf[e];
    if (place < 0) return;
    const before = this.wait[place];
    this.#setWait(place);
    const now = this.wait[place];
    if (now === before) return;
    if (now === Number.POSITIVE_INFINITY) this.admissible[this.classOf[e]]--;
    else if (before === Number.POSITIVE_INFINITY) this.admissible[this.classOf[e]]++;
    const block = this.#blockOf[e];
    setLeast(this.leastWait, block, this.wait, this.firstPlace[block], this.firstPlace[block + 1]);
  }

  /** Nothing is returned: a call that is not inlined would box it. */
  #setWait(place: number): void {
    const e = this.endpoint[place];
    const { up, queuedPrefillTokens } = this.#world.telemetry;
    const { table } = this.#estimate;
    this.wait[place] =
      up[e] === 0 || this.#blocked[e] === 1
        ? Number.POSITIVE_INFINITY
        : table[ROW * e + FIXED] + queuedPrefillTokens[e] * table[ROW * e + WAIT];
  }

  #fill(): void {
    const { up } = this.#world.telemetry;
    const { table, revision } = this.#estimate;
    this.#revision = revision;
    this.#up.take(up);
    this.admissible.fill(0);
    for (let place = 0; place < this.endpoint.length; place++) {
      const e = this.endpoint[place];
      this.#setWait(place);
      if (this.wait[place] < Number.POSITIVE_INFINITY) this.admissible[this.classOf[e]]++;
      this.prompt[place] = table[ROW * e + PROMPT];
      this.step[place] = table[ROW * e + STEP];
    }
    for (let block = 0; block < this.leastWait.length; block++) {
      const first = this.firstPlace[block];
      const end = this.firstPlace[block + 1];
      setLeast(this.leastWait, block, this.wait, first, end);
      setLeast(this.leastPrompt, block, this.prompt, first, end);
      setLeast(this.leastStep, block, this.step, first, end);
    }
  }
}

/** Writes the least of a part of a column into a place of another. */
function setLeast(to: Float64Array, at: number, column: Float64Array, first: number, end: number): void {
  let least = column[first];
  for (let i = first + 1; i < end; i++) if (column[i] < least) least = column[i];
  to[at] = least;
}
