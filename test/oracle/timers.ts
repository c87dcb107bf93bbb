/** The router's timers. */
import { type Event, TIMER } from "./events.ts";
import { tell } from "./requests.ts";
import type { Sim } from "./state.ts";

export class Timers {
  readonly #sim: Sim;
  /** The pending call of each periodic timer. */
  readonly #periodic = new Map<number, Event>();

  constructor(sim: Sim) {
    this.#sim = sim;
  }

  /** At every multiple of the interval after now; a periodic timer of the same id is replaced. */
  every(id: number, intervalSeconds: number, onlyWhileHolding: boolean): void {
    checkId(id);
    if (!(intervalSeconds > 0)) throw new RangeError(`timer ${id}: an interval of ${intervalSeconds} s`);
    let k = Math.ceil(this.#sim.now / intervalSeconds) + 1;
    while ((k - 1) * intervalSeconds > this.#sim.now) k--;
    const pending = this.#periodic.get(id);
    if (pending !== undefined) this.#sim.events.remove(pending);
    this.#schedule(id, intervalSeconds, k, onlyWhileHolding);
  }

  at(id: number, atSeconds: number): void {
    checkId(id);
    if (!(atSeconds >= this.#sim.now)) throw new RangeError(`timer ${id} at ${atSeconds} s is in the past`);
    this.#sim.events.add(atSeconds, TIMER, [id, 0, 0], () => this.#fire(id, false));
  }

  #schedule(id: number, interval: number, k: number, onlyWhileHolding: boolean): void {
    const event = this.#sim.events.add(k * interval, TIMER, [id, 0, 0], () => {
      this.#schedule(id, interval, k + 1, onlyWhileHolding);
      this.#fire(id, onlyWhileHolding);
    });
    this.#periodic.set(id, event);
  }

  #fire(id: number, onlyWhileHolding: boolean): void {
    const { router, held } = this.#sim;
    if (router.timer === undefined || (onlyWhileHolding && held === 0)) return;
    tell(this.#sim, () => router.timer?.(id));
  }
}

function checkId(id: number): void {
  if (!(Number.isInteger(id) && id >= 0 && id < 2 ** 27)) throw new RangeError(`a timer of id ${id}`);
}
