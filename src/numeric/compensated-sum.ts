/**
 * A running sum that keeps what rounding takes away (Neumaier 1974): the error does not grow with the number of
 * terms, also when values are taken out again by adding their negatives.
 */
export class CompensatedSum {
  #sum = 0;
  #lost = 0;

  get value(): number {
    return this.#sum + this.#lost;
  }

  add(term: number): void {
    const sum = this.#sum + term;
    if (Math.abs(this.#sum) >= Math.abs(term)) this.#lost += this.#sum - sum + term;
    else this.#lost += term - sum + this.#sum;
    this.#sum = sum;
  }

  /** Back to 0. */
  clear(): void {
    this.#sum = 0;
    this.#lost = 0;
  }
}

/** Sum of all values, compensated. */
export function sumOf(values: ArrayLike<number>): number {
  const sum = new CompensatedSum();
  for (let i = 0; i < values.length; i++) sum.add(values[i]);
  return sum.value;
}
