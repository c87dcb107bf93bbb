/** Entries that share a set: a new session drops the one of its set that was used longest ago. */
const WAYS = 8;

/**
 * Which endpoint a session's last step went to, for a bounded number of sessions: a set-associative table that
 * forgets the session used longest ago of a set of eight. All of it is allocated at once.
 */
export class SessionTable {
  readonly #sessions: Float64Array;
  readonly #endpoints: Int32Array;
  /** Turn of the last use. */
  readonly #used: Float64Array;
  readonly #setMask: number;
  #turn = 0;

  /** @param capacity sessions to remember, rounded up to a power of two of at least eight */
  constructor(capacity: number) {
    const sets = 2 ** Math.ceil(Math.log2(Math.max(1, capacity / WAYS)));
    this.#setMask = sets - 1;
    this.#sessions = new Float64Array(sets * WAYS).fill(-1);
    this.#endpoints = new Int32Array(sets * WAYS);
    this.#used = new Float64Array(sets * WAYS);
  }

  /**
   * Endpoint of the session of a request; -1 when it has none or was forgotten.
   *
   * @param session column indexed by request, -1 for none
   */
  find(session: Float64Array, request: number): number {
    const at = this.#slotOf(session[request]);
    if (at < 0) return -1;
    this.#used[at] = ++this.#turn;
    return this.#endpoints[at];
  }

  /** Remembers where the session of a request went; nothing for a request without one. */
  set(session: Float64Array, request: number, endpoint: number): void {
    const id = session[request];
    if (id < 0) return;
    let at = this.#slotOf(id);
    if (at < 0) {
      const first = this.#firstOf(id);
      at = first;
      for (let way = first + 1; way < first + WAYS; way++) {
        if (this.#used[way] < this.#used[at]) at = way;
      }
      this.#sessions[at] = id;
    }
    this.#endpoints[at] = endpoint;
    this.#used[at] = ++this.#turn;
  }

  #slotOf(id: number): number {
    if (id < 0) return -1;
    const first = this.#firstOf(id);
    for (let at = first; at < first + WAYS; at++) {
      if (this.#sessions[at] === id) return at;
    }
    return -1;
  }

  /** Multiplicative hash of the low and high halves of the number. */
  #firstOf(id: number): number {
    const high = Math.floor(id / 4294967296);
    const hash = Math.imul(id ^ Math.imul(high, 0x85ebca6b), 0x9e3779b1);
    return ((hash ^ (hash >>> 15)) & this.#setMask) * WAYS;
  }
}
