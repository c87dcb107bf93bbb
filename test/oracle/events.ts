/** The one list of things to come, kept in order of (time, class, a, b, c, order of entry). */

/** Classes of events at one time, first to last (simulation rules, section 1). */
export const BATCH_END = 1;
export const HAND_OUT = 2;
export const DELIVERY = 3;
export const FLEET = 4;
export const RETURNED = 5;
export const CAPACITY = 6;
export const SIGNAL = 7;
export const TIMER = 8;
export const ARRIVAL = 9;
export const BATCH_START = 10;

export interface Event {
  readonly time: number;
  readonly kind: number;
  /** Ties among events of one class, e.g. endpoint, replica, request. */
  readonly ties: readonly [number, number, number];
  readonly order: number;
  readonly run: () => void;
}

export class EventList {
  /** Latest first, so that the next one is popped from the end. */
  readonly #events: Event[] = [];
  #entered = 0;

  add(time: number, kind: number, ties: readonly [number, number, number], run: () => void): Event {
    const event: Event = { time, kind, ties, order: this.#entered++, run };
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(this.#events[middle], event) > 0) low = middle + 1;
      else high = middle;
    }
    this.#events.splice(low, 0, event);
    return event;
  }

  remove(event: Event): void {
    const at = this.#events.indexOf(event);
    if (at >= 0) this.#events.splice(at, 1);
  }

  next(): Event | undefined {
    return this.#events[this.#events.length - 1];
  }

  pop(): void {
    this.#events.pop();
  }

  some(condition: (event: Event) => boolean): boolean {
    return this.#events.some(condition);
  }
}

function compare(x: Event, y: Event): number {
  return (
    x.time - y.time ||
    x.kind - y.kind ||
    x.ties[0] - y.ties[0] ||
    x.ties[1] - y.ties[1] ||
    x.ties[2] - y.ties[2] ||
    x.order - y.order
  );
}
