/** Rows of the tables from what cells have found. */
import { fitPowerLaw } from "./growth.ts";
import type { RawRow } from "./measure-cell.ts";
import { EMPTY, type Measured, type OverheadPlan } from "./overhead-plan.ts";
import type { DecisionKind, GrowthLaw, InSituRow, OverheadRow, OverheadState } from "./result.ts";
import type { CellOutcome } from "./run-cell.ts";
import { PLAIN_ROUTER } from "./setting.ts";

const KINDS: readonly DecisionKind[] = ["request", "dispatch", "control"];
/** CEDAR's control interval. */
const INTERVAL_MICROSECONDS = 100_000;

/** What the cells of a state found, by router's id. */
export type CellRows = ReadonlyMap<string, CellOutcome>;

/** All kinds of calls of all routers on one state. */
export function rowsOf(
  state: Pick<OverheadState, "endpoints" | "load" | "ratePerSecond">,
  cells: CellRows,
  routers: readonly Measured[],
): OverheadRow[] {
  const rawOf = (router: string, kind: DecisionKind): RawRow | undefined =>
    cells.get(router)?.rows.find((row) => row.kind === kind);
  const rows: OverheadRow[] = [];
  for (const { definition } of routers) {
    for (const kind of KINDS) {
      const raw = rawOf(definition.id, kind);
      const empty = rawOf(EMPTY, kind);
      const net = netOf(raw, empty);
      const plain = netOf(rawOf(PLAIN_ROUTER.name, kind), empty);
      const bytes = raw?.bytes ?? null;
      const completion = micro(raw?.completion ?? null);
      rows.push({
        router: definition.id,
        family: definition.family,
        kind,
        endpoints: state.endpoints,
        load: state.load,
        call: raw?.call ?? "",
        meanMicroseconds: micro(raw?.mean ?? null),
        emptyMicroseconds: micro(empty?.mean ?? null),
        netMicroseconds: net,
        p50Microseconds: micro(raw?.p50 ?? null),
        p99Microseconds: micro(raw?.p99 ?? null),
        p999Microseconds: micro(raw?.p999 ?? null),
        samples: raw?.samples ?? 0,
        clock: raw?.clock ?? "wall",
        bytesPerDecision: bytes === null ? null : Math.max(0, bytes - (empty?.bytes ?? 0)),
        intervalShare: raw?.p99 == null ? null : (1000 * raw.p99) / INTERVAL_MICROSECONDS,
        busyShare:
          kind === "request" && net !== null ? ((net + (completion ?? 0)) * state.ratePerSecond) / 1e6 : null,
        completionMicroseconds: completion,
        timesRoundRobin: net === null || plain === null || !(plain > 0) ? null : net / plain,
        held: raw?.held ?? null,
        reason:
          raw?.reason ?? (raw === undefined ? (cells.get(definition.id)?.reason ?? "not measured") : null),
      });
    }
  }
  return rows;
}

function netOf(raw: RawRow | undefined, empty: RawRow | undefined): number | null {
  if (raw?.mean == null || empty?.mean == null) return null;
  return micro(Math.max(0, raw.mean - empty.mean));
}

function micro(milliseconds: number | null): number | null {
  return milliseconds === null ? null : 1000 * milliseconds;
}

/** Laws of the net time over the sizes of the fleet, where there are enough of them. */
export function growthOf(rows: readonly OverheadRow[]): GrowthLaw[] {
  const laws: GrowthLaw[] = [];
  const series = new Map<string, OverheadRow[]>();
  for (const row of rows) {
    const key = `${row.router} ${row.kind} ${row.load}`;
    const list = series.get(key) ?? [];
    if (row.netMicroseconds !== null) list.push(row);
    series.set(key, list);
  }
  for (const list of series.values()) {
    const law = fitPowerLaw(
      list.map(({ endpoints }) => endpoints),
      list.map(({ netMicroseconds }) => netMicroseconds ?? 0),
    );
    if (law === undefined) continue;
    const [{ router, kind, load }] = list;
    laws.push({ router, kind, load, ...law, sizes: list.length });
  }
  return laws;
}

/** @param cells by router's id, in the order of the rows */
export function inSituRows({ endpoints, load }: OverheadPlan["inside"], cells: CellRows): InSituRow[] {
  const plain = cells.get(PLAIN_ROUTER.name)?.inSitu?.processorSeconds;
  return [...cells].map(([router, { inSitu, reason }]) => {
    const processorSeconds = inSitu?.processorSeconds ?? 0;
    return {
      router,
      endpoints,
      load,
      requests: inSitu?.requests ?? 0,
      processorSeconds,
      share: inSitu?.share ?? null,
      microsecondsPerRequest: inSitu === null ? null : (1e6 * inSitu.routerSeconds) / inSitu.requests,
      timeOverRoundRobin: inSitu === null || plain === undefined ? null : processorSeconds / plain,
      reason,
    };
  });
}
