/** Seconds of the monotonic clock, that of the addon's times and power samples too. */
export function monotonicSeconds(): number {
  return Number(process.hrtime.bigint()) / 1e9;
}
