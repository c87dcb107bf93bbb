/**
 * Seeded random streams, one per purpose.
 *
 * A stream is named by (seed, purpose): adding a consumer never shifts another's draws, so every router
 * sees the same requests (common random numbers). The generator is sfc32 (Chris Doty-Humphrey's Small Fast
 * Counting generator, 128 bits of state); normal and exponential variates use the ziggurat of Marsaglia and
 * Tsang (2000) with the tables built at load time.
 */
export class Stream {
  /** a, b, c, counter: an Int32Array, since fields outside 31 bits would be boxed at each write. */
  readonly #state = new Int32Array(4);

  /** The stream of `purpose` under `seed`; the same pair always gives the same draws. */
  constructor(seed: number | string, purpose: string) {
    const words = hashWords(`${seed}\u0000${purpose}`);
    this.#state.set([words[0] | 0, words[1] | 0, words[2] | 0, 1]);
    for (let i = 0; i < 15; i++) this.uint32();
  }

  /** The generator's memory itself: a checkpoint copies it out, and back in to go on from there. */
  get state(): Int32Array {
    return this.#state;
  }

  /** Uniform integer in [0, 2^32). */
  uint32(): number {
    const state = this.#state;
    const b = state[1];
    const c = state[2];
    const t = (state[0] + b + state[3]++) | 0;
    state[0] = b ^ (b >>> 9);
    state[1] = (c + (c << 3)) | 0;
    state[2] = (((c << 21) | (c >>> 11)) + t) | 0;
    return t >>> 0;
  }

  /** Uniform in [0, 1), 53 bits. */
  uniform(): number {
    return ((this.uint32() >>> 5) * 67108864 + (this.uint32() >>> 6)) / 9007199254740992;
  }

  /** Uniform integer in [0, n), n up to 2^32, without modulo bias worth measuring (53-bit scaling). */
  below(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** Standard normal variate. */
  normal(): number {
    for (;;) {
      const bits = this.uint32();
      const layer = bits & 127;
      const signed = bits | 0;
      const x = signed * NORMAL.width[layer];
      if (Math.abs(signed) < NORMAL.inside[layer]) return x;
      if (layer === 0) {
        let tail: number;
        let height: number;
        do {
          tail = -Math.log(this.#open()) / NORMAL_TAIL;
          height = -Math.log(this.#open());
        } while (height + height < tail * tail);
        return signed > 0 ? NORMAL_TAIL + tail : -NORMAL_TAIL - tail;
      }
      const f0 = NORMAL.density[layer];
      const f1 = NORMAL.density[layer - 1];
      if (f0 + this.uniform() * (f1 - f0) < Math.exp(-0.5 * x * x)) return x;
    }
  }

  /** Exponential variate of mean 1. */
  exponential(): number {
    for (;;) {
      const bits = this.uint32();
      const layer = bits & 255;
      const x = bits * EXPONENTIAL.width[layer];
      if (bits < EXPONENTIAL.inside[layer]) return x;
      if (layer === 0) return EXPONENTIAL_TAIL - Math.log(this.#open());
      const f0 = EXPONENTIAL.density[layer];
      const f1 = EXPONENTIAL.density[layer - 1];
      if (f0 + this.uniform() * (f1 - f0) < Math.exp(-x)) return x;
    }
  }

  /** exp(mu + sigma * normal): the log-normal of parameters mu and sigma of its logarithm. */
  logNormal(mu: number, sigma: number): number {
    return Math.exp(mu + sigma * this.normal());
  }

  /** Poisson variate of the given mean, by exponential gaps below 30 and by splitting above. */
  poisson(mean: number): number {
    if (mean > 30) {
      const half = mean / 2;
      return this.poisson(half) + this.poisson(mean - half);
    }
    let count = 0;
    for (let left = mean - this.exponential(); left > 0; left -= this.exponential()) count++;
    return count;
  }

  /** Index drawn with probability proportional to `weights` (need not sum to one). */
  choice(weights: ArrayLike<number>): number {
    let total = 0;
    for (let i = 0; i < weights.length; i++) total += weights[i];
    let left = this.uniform() * total;
    for (let i = 0; i < weights.length - 1; i++) {
      left -= weights[i];
      if (left < 0) return i;
    }
    return weights.length - 1;
  }

  #open(): number {
    return 1 - this.uniform();
  }
}

/** Four 32-bit words of a string (cyrb128); not cryptographic. */
export function hashWords(text: string): Uint32Array {
  let h1 = 1779033703;
  let h2 = 3144134277;
  let h3 = 1013904242;
  let h4 = 2773480762;
  for (let i = 0; i < text.length; i++) {
    const k = text.charCodeAt(i);
    h1 = h2 ^ Math.imul(h1 ^ k, 597399067);
    h2 = h3 ^ Math.imul(h2 ^ k, 2869860233);
    h3 = h4 ^ Math.imul(h3 ^ k, 951274213);
    h4 = h1 ^ Math.imul(h4 ^ k, 2716044179);
  }
  h1 = Math.imul(h3 ^ (h1 >>> 18), 597399067);
  h2 = Math.imul(h4 ^ (h2 >>> 22), 2869860233);
  h3 = Math.imul(h1 ^ (h3 >>> 17), 951274213);
  h4 = Math.imul(h2 ^ (h4 >>> 19), 2716044179);
  h1 ^= h2 ^ h3 ^ h4;
  h2 ^= h1;
  h3 ^= h1;
  h4 ^= h1;
  return Uint32Array.of(h1, h2, h3, h4);
}

const NORMAL_TAIL = 3.442619855899;
const EXPONENTIAL_TAIL = 7.69711747013105;
const NORMAL = zigguratNormal();
const EXPONENTIAL = zigguratExponential();

interface Ziggurat {
  readonly inside: Float64Array;
  readonly width: Float64Array;
  readonly density: Float64Array;
}

function zigguratNormal(): Ziggurat {
  const scale = 2147483648;
  const area = 9.91256303526217e-3;
  const inside = new Float64Array(128);
  const width = new Float64Array(128);
  const density = new Float64Array(128);
  let x = NORMAL_TAIL;
  let previous = x;
  const q = area / Math.exp(-0.5 * x * x);
  inside[0] = (x / q) * scale;
  inside[1] = 0;
  width[0] = q / scale;
  width[127] = x / scale;
  density[0] = 1;
  density[127] = Math.exp(-0.5 * x * x);
  for (let i = 126; i >= 1; i--) {
    x = Math.sqrt(-2 * Math.log(area / x + Math.exp(-0.5 * x * x)));
    inside[i + 1] = (x / previous) * scale;
    previous = x;
    density[i] = Math.exp(-0.5 * x * x);
    width[i] = x / scale;
  }
  return { inside, width, density };
}

function zigguratExponential(): Ziggurat {
  const scale = 4294967296;
  const area = 3.949659822581572e-3;
  const inside = new Float64Array(256);
  const width = new Float64Array(256);
  const density = new Float64Array(256);
  let x = EXPONENTIAL_TAIL;
  let previous = x;
  const q = area / Math.exp(-x);
  inside[0] = (x / q) * scale;
  inside[1] = 0;
  width[0] = q / scale;
  width[255] = x / scale;
  density[0] = 1;
  density[255] = Math.exp(-x);
  for (let i = 254; i >= 1; i--) {
    x = -Math.log(area / x + Math.exp(-x));
    inside[i + 1] = (x / previous) * scale;
    previous = x;
    density[i] = Math.exp(-x);
    width[i] = x / scale;
  }
  return { inside, width, density };
}
