/** Share of random choices after so many steps: from `first` to `last` in a straight line over `steps`, then `last`. */
export function epsilonAt(step: number, first: number, last: number, steps: number): number {
  return step >= steps ? last : first + ((last - first) * step) / steps;
}
