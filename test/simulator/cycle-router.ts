import type { Router } from "../../src/routers/contract.ts";
import { routerOf } from "../oracle/build.ts";

/** Calls in which a request that nobody takes is tried again before it is refused. */
const MOST_TRIES = 6;

export interface CycleOptions {
  /** Names of the endpoints to use, in turn; all of the fleet in listed order by default. */
  readonly names?: readonly string[];
  /** Ask for telemetry and completions, and set timers, without a use for them. */
  readonly looks?: boolean;
}

/**
 * A router that sees neither time, nor load, nor signals, nor the index of an endpoint: requests go to the named
 * endpoints in turn, those that nobody takes are tried again when something changes, those that come back are
 * placed again. What it does can change only with what the requests do.
 */
export function cycleRouter({ names, looks = false }: CycleOptions = {}): Router {
  let turn = 0;
  let held: { readonly request: number; tries: number }[] = [];
  const router = routerOf((gateway) => {
    function place(request: number): boolean {
      const { endpoints, requests } = gateway.world;
      const cycle = (names ?? endpoints.names).map((name) => endpoints.names.indexOf(name));
      const decoders = cycle.filter((e) => endpoints.role[e] === 2);
      const fit = cycle.filter(
        (e) =>
          (endpoints.role[e] === 0 || (endpoints.role[e] === 1 && decoders.length > 0)) &&
          endpoints.large[e] >= requests.needsLarge[request],
      );
      if (fit.length === 0) {
        gateway.host.reject(request, "no endpoint may serve it");
        return true;
      }
      for (let tried = 0; tried < fit.length; tried++) {
        const e = fit[turn++ % fit.length];
        const decodeAt = endpoints.role[e] === 1 ? decoders[0] : -1;
        if (gateway.host.place(request, e, decodeAt, requests.promptTokens[request] % 3)) return true;
      }
      return false;
    }
    function enter(request: number): void {
      if (!place(request)) held.push({ request, tries: 0 });
      gateway.host.watchCapacity(held.length > 0);
    }
    function retry(): void {
      held = held.filter((entry) => {
        if (place(entry.request)) return false;
        if (++entry.tries < MOST_TRIES) return true;
        gateway.host.reject(entry.request, "nobody took it");
        return false;
      });
      gateway.host.watchCapacity(held.length > 0);
    }
    return {
      start() {
        if (!looks) return;
        gateway.host.every(1, 0.0173);
        gateway.host.every(2, 0.0031, true);
      },
      arrival: enter,
      returned: enter,
      capacity: retry,
      fleet: retry,
      signal: (region) => {
        if (region === 0) retry();
      },
    };
  });
  return looks ? Object.assign(router, { needs: { telemetry: true, completions: true } }) : router;
}
