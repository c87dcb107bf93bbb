/** A first-in, first-out queue of request numbers: a ring that doubles when full. Pure data, no clock. */
export class FifoQueue {
  #ring: Int32Array;
  #first = 0;
  #count = 0;

  /** @param capacity requests that fit before the first doubling */
  constructor(capacity = 256) {
    // A power of two lets `& mask` stand for the remainder.
    this.#ring = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(2, capacity))));
  }

  get count(): number {
    return this.#count;
  }

  push(request: number): void {
    if (this.#count === this.#ring.length) this.#grow();
    this.#ring[(this.#first + this.#count) & (this.#ring.length - 1)] = request;
    this.#count++;
  }

  /** Puts a request before all others, e.g. one that came back. */
  pushFront(request: number): void {
    if (this.#count === this.#ring.length) this.#grow();
    this.#first = (this.#first - 1) & (this.#ring.length - 1);
    this.#ring[this.#first] = request;
    this.#count++;
  }

  /** The request at `place` from the front, 0 for the first; -1 when the queue is shorter. */
  peek(place = 0): number {
    return place < this.#count ? this.#ring[(this.#first + place) & (this.#ring.length - 1)] : -1;
  }

  /** Removes and returns the first request; -1 when the queue is empty. */
  pop(): number {
    if (this.#count === 0) return -1;
    const request = this.#ring[this.#first];
    this.#first = (this.#first + 1) & (this.#ring.length - 1);
    this.#count--;
    return request;
  }

  /** Removes a request wherever it stands, in time linear in the queue; false when it is not there. */
  remove(request: number): boolean {
    const mask = this.#ring.length - 1;
    for (let place = 0; place < this.#count; place++) {
      if (this.#ring[(this.#first + place) & mask] !== request) continue;
      for (let next = place + 1; next < this.#count; next++) {
        this.#ring[(this.#first + next - 1) & mask] = this.#ring[(this.#first + next) & mask];
      }
      this.#count--;
      return true;
    }
    return false;
  }

  #grow(): void {
    const wider = new Int32Array(2 * this.#ring.length);
    for (let place = 0; place < this.#count; place++) wider[place] = this.peek(place);
    this.#ring = wider;
    this.#first = 0;
  }
}
