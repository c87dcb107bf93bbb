/**
 * Carbon and cost at equal attainment. Routers that attain differently are not compared by their carbon: one that is late
 * more often may save by it. So each is taken at the highest load of a sweep at which it still attains the level, and
 * carbon and cost are those of that load, all between two loads of the sweep by linear interpolation. A router that
 * attains more at the same load gets more work out of the same fleet, which is up all the time: with idle replicas
 * counted its carbon and cost per request are the lower.
 */
import { isIncomplete, loadSweepOf, meanOf, type Setting } from "./settings.ts";

export interface EqualAttainment {
  readonly router: string;
  /** Load at which the level is attained; null with a reason. */
  readonly load: number | null;
  /** Whether every load of the sweep attains the level: the real load is higher. */
  readonly isLeast: boolean;
  readonly carbonServerGrams: number | null;
  readonly fleetUsd: number | null;
  readonly reason: string | null;
  /** Whether runs of the router failed at a load of the sweep. */
  readonly isIncomplete: boolean;
}

/** One router at one load. */
export interface LoadPoint {
  readonly load: number;
  readonly violation: number;
  readonly carbonServerGrams: number | undefined;
  readonly fleetUsd: number | undefined;
}

/** Every router of the sweep of loads among the settings; empty without one. */
export function equalAttainments(settings: readonly Setting[], attainment: number): EqualAttainment[] {
  const curves = new Map<string, LoadPoint[]>();
  const incomplete = new Set<string>();
  for (const { load, setting } of loadSweepOf(settings)?.loads ?? []) {
    for (const row of setting.rows) {
      const violation = meanOf(row, "slo_violation");
      if (violation === undefined) continue;
      if (isIncomplete(row)) incomplete.add(row.router);
      const own = curves.get(row.router) ?? [];
      curves.set(row.router, own);
      own.push({
        load,
        violation,
        carbonServerGrams: meanOf(row, "carbon_server_g_per_request"),
        fleetUsd: meanOf(row, "fleet_cost_usd_per_request"),
      });
    }
  }
  return [...curves].map(([router, curve]) => ({
    router,
    ...atAttainment(curve, attainment),
    isIncomplete: incomplete.has(router),
  }));
}

/**
 * The highest load at which a curve attains the level: beyond the last load that attains it, where the line to the next
 * one crosses it.
 */
export function atAttainment(
  points: readonly LoadPoint[],
  attainment: number,
): Omit<EqualAttainment, "router" | "isIncomplete"> {
  const curve = [...points].sort((a, b) => a.load - b.load);
  const most = 1 - attainment;
  const last = curve.findLastIndex(({ violation }) => violation <= most);
  const percent = Number((100 * attainment).toPrecision(6));
  if (last < 0) {
    const none = { load: null, isLeast: false, carbonServerGrams: null, fleetUsd: null };
    return { ...none, reason: `attains ${percent} % at no load of the sweep` };
  }
  const low = curve[last];
  const high = curve[last + 1];
  const share = high === undefined ? 0 : (most - low.violation) / (high.violation - low.violation);
  const between = (of: (point: LoadPoint) => number | undefined): number | null => {
    const [a, b] = [of(low), high === undefined ? 0 : of(high)];
    return a === undefined || b === undefined ? null : a + share * (b - a);
  };
  return {
    load: between(({ load }) => load),
    isLeast: high === undefined,
    carbonServerGrams: between((point) => point.carbonServerGrams),
    fleetUsd: between((point) => point.fleetUsd),
    reason: null,
  };
}
