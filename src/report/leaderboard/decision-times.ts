/** Decision times beside a leaderboard, from a measurement of `canopy overhead`. */
import { join } from "node:path";
import { UserError } from "../../errors.ts";
import { readTextFile } from "../../files.ts";

export interface OverheadFigures {
  readonly endpoints: number;
  readonly load: number;
  /** Net mean time of a decision at a request's arrival, in microseconds, by router's id. */
  readonly byRouter: ReadonlyMap<string, number>;
}

interface Measured {
  readonly schema?: unknown;
  readonly rows?: readonly {
    readonly router: string;
    readonly kind: string;
    readonly endpoints: number;
    readonly load: number;
    readonly netMicroseconds: number | null;
  }[];
}

/**
 * Times at the fewest endpoints and the load nearest to 70 %.
 *
 * @param folder what `canopy overhead --out` has written
 * @throws UserError CANOPY_FILE_MISSING, or CANOPY_RESULT_FORMAT where it is something else
 */
export async function readDecisionTimes(folder: string): Promise<OverheadFigures> {
  const path = join(folder, "overhead.json");
  const text = await readTextFile(path, "measurement of overhead");
  let measured: Measured | null = null;
  try {
    measured = JSON.parse(text) as Measured | null;
  } catch {
    // Refused below, as any other file.
  }
  const all = measured?.schema === "canopy/overhead/1" && Array.isArray(measured.rows) ? measured.rows : [];
  const rows = all.filter(({ kind }) => kind === "request");
  if (rows.length === 0) {
    throw new UserError(
      "CANOPY_RESULT_FORMAT",
      `${path}: is no measurement of overhead, expected what canopy overhead --out writes`,
    );
  }
  const endpoints = Math.min(...rows.map((row) => row.endpoints));
  const load = rows.reduce(
    (best, row) => (Math.abs(row.load - 0.7) < Math.abs(best - 0.7) ? row.load : best),
    rows[0].load,
  );
  return {
    endpoints,
    load,
    byRouter: new Map(
      rows.flatMap((row) =>
        row.endpoints === endpoints && row.load === load && row.netMicroseconds !== null
          ? [[row.router, row.netMicroseconds] as const]
          : [],
      ),
    ),
  };
}
