import { quantileSorted } from "../numeric/quantile.ts";
import type { Workload } from "./requests.ts";

/** A column of lengths. */
export interface LengthSummary {
  readonly mean: number;
  readonly median: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
  /** Mean and standard deviation of the natural logarithm: the parameters of the log-normal of same moments. */
  readonly logMean: number;
  readonly logSd: number;
}

/** What a workload is like. Figures of arrivals leave dependent steps out, whose times a run decides. */
export interface WorkloadSummary {
  readonly requests: number;
  /** Requests with an arrival time of their own. */
  readonly arrivals: number;
  /** Different sessions; 0 without a session column. */
  readonly sessions: number;
  /** From the first arrival to the last. */
  readonly durationSeconds: number;
  /** Gaps over duration, per second; NaN below two arrivals. */
  readonly ratePerSecond: number;
  /** Coefficient of variation of the gaps: 1 for Poisson arrivals. */
  readonly gapCv: number;
  /** Variance over mean of the counts in seconds (whole ones, from the first arrival): 1 for Poisson arrivals. */
  readonly fanoFactor: number;
  /** Most arrivals in a minute over the mean of the minutes, counted from the first arrival. */
  readonly peakToMeanMinute: number;
  readonly promptTokens: LengthSummary;
  readonly outputTokens: LengthSummary;
  /** Correlation of ln(prompt) and ln(output). */
  readonly logCorrelation: number;
  /** Share of the requests, by tier name. */
  readonly tierShares: Readonly<Record<string, number>>;
  readonly needsLargeShare: number;
  /** Share of all prompt tokens that repeat the previous step's context. */
  readonly prefixShare: number;
}

/** Reads a workload once and describes it; keeps its lengths in memory (8 bytes a request). */
export function summarise(workload: Workload): WorkloadSummary {
  const prompts = new Int32Array(workload.requests);
  const outputs = new Int32Array(workload.requests);
  const arrivals = new ArrivalStatistics();
  const sessions = new Set<number>();
  const tiers = new Float64Array(workload.tiers.length);
  let rows = 0;
  let needsLarge = 0;
  let prefix = 0;
  const cursor = workload.open();
  for (let chunk = cursor.next(); chunk !== undefined; chunk = cursor.next()) {
    for (let i = 0; i < chunk.count; i++, rows++) {
      prompts[rows] = chunk.promptTokens[i];
      outputs[rows] = chunk.outputTokens[i];
      tiers[chunk.tier[i]]++;
      needsLarge += chunk.needsLarge[i];
      if (!Number.isNaN(chunk.arrivalSeconds[i])) arrivals.add(chunk.arrivalSeconds[i]);
      if (chunk.prefixTokens !== undefined) prefix += chunk.prefixTokens[i];
      if (chunk.session !== undefined && chunk.session[i] >= 0) sessions.add(chunk.session[i]);
    }
  }
  const logCorrelation = correlationOfLogs(prompts, outputs);
  const promptTokens = summariseLengths(prompts);
  return {
    requests: rows,
    sessions: sessions.size,
    ...arrivals.finish(),
    promptTokens,
    outputTokens: summariseLengths(outputs),
    logCorrelation,
    tierShares: Object.fromEntries(workload.tiers.map((tier, i) => [tier.name, tiers[i] / rows])),
    needsLargeShare: needsLarge / rows,
    prefixShare: prefix / (promptTokens.mean * rows),
  };
}

/** Sorts `lengths` in place. */
function summariseLengths(lengths: Int32Array): LengthSummary {
  lengths.sort();
  const n = lengths.length;
  let sum = 0;
  let logSum = 0;
  for (let i = 0; i < n; i++) {
    sum += lengths[i];
    logSum += Math.log(lengths[i]);
  }
  const logMean = logSum / n;
  let squares = 0;
  for (let i = 0; i < n; i++) squares += (Math.log(lengths[i]) - logMean) ** 2;
  return {
    mean: sum / n,
    median: quantileSorted(lengths, 0.5),
    p95: quantileSorted(lengths, 0.95),
    p99: quantileSorted(lengths, 0.99),
    max: n === 0 ? Number.NaN : lengths[n - 1],
    logMean,
    logSd: Math.sqrt(squares / n),
  };
}

function correlationOfLogs(x: Int32Array, y: Int32Array): number {
  const n = x.length;
  let meanX = 0;
  let meanY = 0;
  for (let i = 0; i < n; i++) {
    meanX += Math.log(x[i]) / n;
    meanY += Math.log(y[i]) / n;
  }
  let xy = 0;
  let xx = 0;
  let yy = 0;
  for (let i = 0; i < n; i++) {
    const dx = Math.log(x[i]) - meanX;
    const dy = Math.log(y[i]) - meanY;
    xy += dx * dy;
    xx += dx * dx;
    yy += dy * dy;
  }
  return xy / Math.sqrt(xx * yy);
}

/** Gaps and counts of arrivals that come in order. */
class ArrivalStatistics {
  #count = 0;
  #first = 0;
  #last = 0;
  /** Mean and sum of squared deviations of the gaps (Welford). */
  #gapMean = 0;
  #gapSquares = 0;
  readonly #seconds = new CellCounts(1);
  readonly #minutes = new CellCounts(60);

  add(time: number): void {
    if (this.#count++ === 0) this.#first = time;
    else {
      const gap = time - this.#last;
      const difference = gap - this.#gapMean;
      this.#gapMean += difference / (this.#count - 1);
      this.#gapSquares += difference * (gap - this.#gapMean);
    }
    this.#last = time;
    this.#seconds.add(time - this.#first);
    this.#minutes.add(time - this.#first);
  }

  finish() {
    const durationSeconds = this.#last - this.#first;
    const gaps = this.#count - 1;
    return {
      arrivals: this.#count,
      durationSeconds,
      ratePerSecond: gaps >= 1 ? gaps / durationSeconds : Number.NaN,
      gapCv: gaps >= 1 ? Math.sqrt(this.#gapSquares / gaps) / this.#gapMean : Number.NaN,
      fanoFactor: this.#seconds.finish(durationSeconds).fanoFactor,
      peakToMeanMinute: this.#minutes.finish(durationSeconds).peakToMean,
    };
  }
}

/** Counts in consecutive cells of time, of which only the current one is kept. */
class CellCounts {
  readonly #widthSeconds: number;
  #cell = 0;
  #current = 0;
  #sum = 0;
  #squares = 0;
  #peak = 0;

  constructor(widthSeconds: number) {
    this.#widthSeconds = widthSeconds;
  }

  add(time: number): void {
    const cell = Math.floor(time / this.#widthSeconds);
    if (cell !== this.#cell) this.#close(cell);
    this.#current++;
  }

  /** Over the whole cells up to `endSeconds`; NaN when there is none. */
  finish(endSeconds: number): { fanoFactor: number; peakToMean: number } {
    const cells = Math.floor(endSeconds / this.#widthSeconds);
    if (this.#cell < cells) this.#close(cells);
    const mean = this.#sum / cells;
    return { fanoFactor: (this.#squares / cells - mean * mean) / mean, peakToMean: this.#peak / mean };
  }

  #close(next: number): void {
    this.#sum += this.#current;
    this.#squares += this.#current * this.#current;
    this.#peak = Math.max(this.#peak, this.#current);
    this.#current = 0;
    this.#cell = next;
  }
}
