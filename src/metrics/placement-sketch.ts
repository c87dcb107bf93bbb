/**
 * What a run's placements were, in a few kilobytes: the first endpoint of every k-th request, and a hash over the first
 * endpoint of all of them. Two runs of the same requests can be compared by it: an ablation that places like its
 * parent ablates nothing here.
 */
export interface PlacementSketch {
  /** Requests that were placed at least once. */
  readonly placed: number;
  /** Order-independent hash over (request, endpoint) of every first placement, 16 hexadecimal digits. */
  readonly hash: string;
  /** The sample holds requests 0, every, 2 every, … */
  readonly every: number;
  /** Base64 of little-endian 16-bit endpoints, 65535 for a request that was never placed. */
  readonly sample: string;
}

const NEVER = 0xffff;
const MOST_SAMPLES = 4096;

/** Collects first placements; allocates nothing per request. */
export class PlacementSketcher {
  #every = 1;
  readonly #sample = new Uint16Array(MOST_SAMPLES).fill(NEVER);
  #samples = 0;
  #placed = 0;
  readonly #hash = new Uint32Array(2);

  /** @param id number of the request in the workload @param endpoint below 65,535 */
  place(id: number, endpoint: number): void {
    this.#placed++;
    const low = id | 0;
    const high = Math.floor(id / 4294967296) | 0;
    const first = mix(low ^ Math.imul(high, 0x85ebca6b) ^ Math.imul(endpoint + 1, 0x9e3779b1));
    this.#hash[0] += first;
    this.#hash[1] += mix(first ^ 0x6a09e667 ^ low);
    while (id / this.#every >= MOST_SAMPLES) this.#thin();
    // A power of two: the lowest bits tell whether it divides the number.
    if ((low & (this.#every - 1)) !== 0) return;
    const at = id / this.#every;
    this.#sample[at] = endpoint;
    if (at >= this.#samples) this.#samples = at + 1;
  }

  sketch(): PlacementSketch {
    const hex = (word: number) => word.toString(16).padStart(8, "0");
    const bytes = new Uint8Array(2 * this.#samples);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < this.#samples; i++) view.setUint16(2 * i, this.#sample[i], true);
    return {
      placed: this.#placed,
      hash: hex(this.#hash[0]) + hex(this.#hash[1]),
      every: this.#every,
      sample: Buffer.from(bytes).toString("base64"),
    };
  }

  /** Keeps every other sample. */
  #thin(): void {
    this.#every *= 2;
    for (let i = 0; i < MOST_SAMPLES / 2; i++) this.#sample[i] = this.#sample[2 * i];
    this.#sample.fill(NEVER, MOST_SAMPLES / 2);
    this.#samples = Math.ceil(this.#samples / 2);
  }
}

/**
 * Share of requests that two runs of the same workload first placed at the same endpoint: 1 exactly when all were,
 * else from the samples (standard error below 0.8 %, and below 0.16 % near 99 %).
 */
export function placementAgreement(a: PlacementSketch, b: PlacementSketch): number {
  if (a.hash === b.hash && a.placed === b.placed) return 1;
  const first = Buffer.from(a.sample, "base64");
  const second = Buffer.from(b.sample, "base64");
  const every = Math.max(a.every, b.every);
  const at = (bytes: Buffer, step: number, i: number) => {
    const offset = 2 * i * (every / step);
    return offset < bytes.length ? bytes.readUInt16LE(offset) : NEVER;
  };
  const samples = Math.max(samplesOf(first, a.every, every), samplesOf(second, b.every, every));
  if (samples === 0) return 1;
  let equal = 0;
  for (let i = 0; i < samples; i++) if (at(first, a.every, i) === at(second, b.every, i)) equal++;
  return equal / samples;
}

function samplesOf(bytes: Buffer, every: number, common: number): number {
  return Math.ceil(bytes.length / 2 / (common / every));
}

/** The finaliser of MurmurHash3. */
function mix(word: number): number {
  let h = word ^ (word >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
