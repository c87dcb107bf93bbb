/** Closed forms of queueing theory, and what is needed to compare a simulated mean with them. */
import { logGamma, studentQuantile } from "../../src/numeric/special.ts";
import { mean, sampleStd } from "../../src/numeric/statistics.ts";

/** Mean wait of M/G/1 in order of arrival (Pollaczek and Khinchine) from the first two moments of the service time. */
export function pollaczekKhinchine(rate: number, serviceMean: number, serviceSquare: number): number {
  return (rate * serviceSquare) / (2 * (1 - rate * serviceMean));
}

/** Mean waits of the classes of M/G/1 served by priority without preemption (Cobham), most important first. */
export function cobham(
  classes: readonly { readonly rate: number; readonly mean: number; readonly square: number }[],
): number[] {
  const residual = classes.reduce((sum, { rate, square }) => sum + (rate * square) / 2, 0);
  let above = 0;
  return classes.map(({ rate, mean: service }) => {
    const upTo = above + rate * service;
    const wait = residual / ((1 - above) * (1 - upTo));
    above = upTo;
    return wait;
  });
}

/** Mean wait of M/M/c (Erlang's C formula) at the offered load `load` = rate * service, in service times. */
export function erlangWait(servers: number, load: number): number {
  let blocked = 1;
  for (let k = 1; k <= servers; k++) blocked = (load * blocked) / (k + load * blocked);
  const busy = load / servers;
  const waits = blocked / (1 - busy * (1 - blocked));
  return waits / (servers - load);
}

/** Mean wait of M/D/c in order of arrival (Crommelin 1932) at the offered load `load`, in service times. */
export function crommelinWait(servers: number, load: number): number {
  let sum = 0;
  for (let i = 1; i < 100_000; i++) {
    const [atLeast, more] = poissonTails(i * load, i * servers);
    const term = atLeast - (servers / load) * more;
    sum += term;
    if (term < 1e-14 * sum) break;
  }
  return sum;
}

/** P(N >= k) and P(N > k) of a Poisson variate of the given mean, for k >= mean. */
function poissonTails(average: number, k: number): [atLeast: number, more: number] {
  const first = Math.exp(k * Math.log(average) - average - logGamma(k + 1));
  let more = 0;
  let term = first;
  for (let n = k + 1; term > 1e-18 * (first + more); n++) {
    term *= average / n;
    more += term;
  }
  return [first + more, more];
}

export interface Interval {
  readonly mean: number;
  /** Half of the width of the interval. */
  readonly halfWidth: number;
}

/**
 * Interval of the mean of a stationary series by batch means: Student's t over the means of long batches, whose
 * correlation is small. The first batch is left out: the run starts empty.
 */
export function batchMeans(series: ArrayLike<number>, batches: number, confidence: number): Interval {
  const size = Math.floor(series.length / (batches + 1));
  const means = Array.from({ length: batches }, (_, batch) => {
    let sum = 0;
    for (let i = 0; i < size; i++) sum += series[(batch + 1) * size + i];
    return sum / size;
  });
  const t = studentQuantile((1 + confidence) / 2, batches - 1);
  return { mean: mean(means), halfWidth: (t * sampleStd(means)) / Math.sqrt(batches) };
}
