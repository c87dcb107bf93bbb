/**
 * From when a latency counts: from the arrival of the request, or from the end of the time in which the router held it
 * on purpose, where that was within what its tier allows.
 */
export type ServiceClock = "arrival" | "dispatch";

/**
 * Latency on the dispatch clock.
 *
 * @param latencySeconds from arrival
 * @param heldSeconds held on purpose before the first dispatch
 * @param deferralSeconds how long a request of the tier may be held; a longer hold counts in full
 */
export function dispatchLatency(
  latencySeconds: number,
  heldSeconds: number,
  deferralSeconds: number,
): number {
  return heldSeconds <= deferralSeconds ? latencySeconds - heldSeconds : latencySeconds;
}
