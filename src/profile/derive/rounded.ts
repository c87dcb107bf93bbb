/** To that many digits after the point, halves of the exact value up. */
export function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
