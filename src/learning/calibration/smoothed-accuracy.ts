/** Share of right answers under a uniform prior, Beta(1, 1): (correct + 1) / (n + 2), a half without any answer. */
export function smoothedAccuracy(correct: number, answers: number): number {
  return (correct + 1) / (answers + 2);
}
