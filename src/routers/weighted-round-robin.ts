/**
 * Smooth weighted round robin, the rule of nginx: every turn each current value grows by its weight, the largest
 * (ties: lowest index) is taken and gives back the sum of the weights. Weights 5, 1, 1 give A A B A C A A.
 *
 * Looking and taking are two steps, so that a choice that is refused changes nothing. With a mask only the open
 * entries take part in a turn; weights may change at any time. Allocates nothing after construction.
 */
export class SmoothWeightedRoundRobin {
  readonly weights: Float64Array;
  readonly #current: Float64Array;

  /** @param weights non-negative, of any sum; copied */
  constructor(weights: ArrayLike<number>) {
    this.weights = Float64Array.from(weights);
    this.#current = new Float64Array(weights.length);
  }

  /**
   * The entry whose turn it is; -1 when no open entry has a weight above 0.
   *
   * @param open 1 for entries that take part; all do without it
   */
  peek(open?: Uint8Array): number {
    const { weights } = this;
    const current = this.#current;
    let best = -1;
    let most = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < weights.length; i++) {
      if (weights[i] <= 0 || (open !== undefined && open[i] === 0)) continue;
      const value = current[i] + weights[i];
      if (value > most) {
        most = value;
        best = i;
      }
    }
    return best;
  }

  /** Takes the turn of an entry, normally the one that {@link peek} gave for the same mask. */
  take(index: number, open?: Uint8Array): void {
    const { weights } = this;
    const current = this.#current;
    let total = 0;
    for (let i = 0; i < weights.length; i++) {
      if (weights[i] <= 0 || (open !== undefined && open[i] === 0)) continue;
      current[i] += weights[i];
      total += weights[i];
    }
    current[index] -= total;
  }

  /** Forgets whose turn it is; the weights stay. */
  reset(): void {
    this.#current.fill(0);
  }
}

/**
 * Interleaved weighted round robin, Helix's rule for request-level choices: the entry with the least
 * load + workload / capacity (ties: lowest index) is taken, and its load grows by that much. Capacities 100, 50, 25
 * and seven workloads of 100 give 0 0 1 0 0 1 2 and loads of 4 everywhere.
 */
export class InterleavedWeightedRoundRobin {
  /** Work per unit of load: entries of capacity 0 are never taken. */
  readonly capacities: Float64Array;
  readonly loads: Float64Array;

  /** @param capacities non-negative; copied */
  constructor(capacities: ArrayLike<number>) {
    this.capacities = Float64Array.from(capacities);
    this.loads = new Float64Array(capacities.length);
  }

  /**
   * The entry that a request of `workload` would go to; -1 when no open entry has a capacity above 0.
   *
   * @param workload in the unit of the capacities, e.g. tokens
   * @param open 1 for entries that take part; all do without it
   */
  peek(workload: number, open?: Uint8Array): number {
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.loads.length; i++) {
      if (this.capacities[i] <= 0 || (open !== undefined && open[i] === 0)) continue;
      const load = this.loads[i] + workload / this.capacities[i];
      if (load < least) {
        least = load;
        best = i;
      }
    }
    return best;
  }

  /** Adds a request's load to an entry. */
  take(index: number, workload: number): void {
    this.loads[index] += workload / this.capacities[index];
  }
}
