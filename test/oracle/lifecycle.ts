/** How a replica goes out of service. */
import { endUpTime } from "./meters.ts";
import type { Replica, Sim } from "./state.ts";

/** A draining replica stops when it has no requests. */
export function stopIfDrained(sim: Sim, replica: Replica): void {
  if (replica.state !== "draining" || replica.waiting.length + replica.running.length > 0) return;
  stop(sim, replica);
}

export function stop(sim: Sim, replica: Replica): void {
  if (replica.startup !== null) sim.events.remove(replica.startup);
  replica.startup = null;
  replica.state = "stopped";
  replica.caches = [];
  endUpTime(replica, sim.now);
}
