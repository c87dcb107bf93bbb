import type { EpochState } from "../../datacenter/epoch-state.ts";

/** Terciles of load, and of carbon and price of the datacentre with most of a row. */
const SITUATIONS = 27;

/** States of the table. */
export function qStates(sites: number): number {
  return SITUATIONS * sites;
}

/** Actions: to stay (0), or to move a share from one datacentre to another. */
export function qActions(sites: number): number {
  return 1 + sites * (sites - 1);
}

/** Where an action from 1 on takes its share from, and where to. */
export function moveOf(action: number, sites: number): { from: number; to: number } {
  const from = Math.floor((action - 1) / (sites - 1));
  const place = (action - 1) % (sites - 1);
  return { from, to: place < from ? place : place + 1 };
}

/** @param load of the fleet, @param first index of the row in the plan */
export function qState(state: EpochState, load: number, plan: Float64Array, first: number): number {
  let largest = 0;
  for (let d = 1; d < state.sites; d++) if (plan[first + d] > plan[first + largest]) largest = d;
  const busy = Math.min(2, Math.floor(3 * load));
  const carbon = rankTercile(state.carbonKgPerKwh, largest);
  const price = rankTercile(state.usdPerKwh, largest);
  return largest * SITUATIONS + 9 * busy + 3 * carbon + price;
}

/** Third of the ranks, lowest first, in which a value lies; the first of equals ranks lower. */
export function rankTercile(values: ArrayLike<number>, place: number): number {
  let below = 0;
  for (let i = 0; i < values.length; i++) {
    if (values[i] < values[place] || (values[i] === values[place] && i < place)) below++;
  }
  return Math.floor((3 * below) / values.length);
}
