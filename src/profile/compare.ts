import { interpolateDecodeMs, interpolateDecodeWatts, interpolatePrefillMs } from "./interpolate.ts";
import type { PlainTable } from "./plain-table.ts";
import type { Profile } from "./schema.ts";

/** A quantity of two profiles at the same place, and the second over the first. */
export interface ComparedPoint {
  readonly at: number;
  readonly a: number;
  readonly b: number;
  readonly ratio: number;
}

/** Two profiles where the grids of both reach. */
export interface ProfileComparison {
  /** Milliseconds of a decode step by batch, for some contexts. */
  readonly decode: readonly { readonly contextTokens: number; readonly points: readonly ComparedPoint[] }[];
  /** Milliseconds of a prefill by prompt tokens. */
  readonly prefill: readonly ComparedPoint[];
  /** Watts of one GPU by batch; empty where one of the two has no power. */
  readonly watts: readonly ComparedPoint[];
}

/** Contexts that are compared: the nearest of the first profile's grid that the second reaches too. */
const CONTEXTS = [512, 2048, 8192];

/** Values between grid points are interpolated as the simulator does; nothing is compared beyond a grid. */
export function compareProfiles(a: Profile, b: Profile): ProfileComparison {
  const contexts = shared(a.decode.contextTokens, b.decode.contextTokens);
  const chosen = [...new Set(CONTEXTS.map((wanted) => nearest(contexts, wanted)))].filter(
    (context) => context !== undefined,
  );
  const batches = shared(a.decode.batch, b.decode.batch);
  const { power: powerA } = a;
  const { power: powerB } = b;
  return {
    decode: chosen.map((contextTokens) => ({
      contextTokens,
      points: batches.map((batch) =>
        point(
          batch,
          interpolateDecodeMs(a, batch, contextTokens),
          interpolateDecodeMs(b, batch, contextTokens),
        ),
      ),
    })),
    prefill: shared(a.prefill.promptTokens, b.prefill.promptTokens).map((tokens) =>
      point(tokens, interpolatePrefillMs(a, tokens), interpolatePrefillMs(b, tokens)),
    ),
    watts:
      powerA === null || powerB === null
        ? []
        : shared(
            powerA.decode.map(({ batch }) => batch),
            powerB.decode.map(({ batch }) => batch),
          ).map((batch) =>
            point(batch, interpolateDecodeWatts(powerA, batch), interpolateDecodeWatts(powerB, batch)),
          ),
  };
}

/** What `canopy profile compare` prints; `b / a` is the second profile over the first. */
export function comparisonTables(a: Profile, b: Profile, compared: ProfileComparison): PlainTable[] {
  const columns = (at: string) => [at, "a", "b", "b / a"];
  const rows = (points: readonly ComparedPoint[]) => points.map(({ at, a, b, ratio }) => [at, a, b, ratio]);
  const table = (title: string, at: string, points: readonly ComparedPoint[]) =>
    points.length === 0 ? [] : [{ title, columns: columns(at), whole: [at], rows: rows(points) }];
  return [
    {
      title: "profiles",
      columns: ["field", "a", "b"],
      rows: FACTS.map(([name, of]) => [name, factText(of(a)), factText(of(b))]),
    },
    ...compared.decode.flatMap(({ contextTokens, points }) =>
      table(`decode step (ms) at ${contextTokens} tokens of context`, "batch", points),
    ),
    ...table("prefill (ms)", "prompt tokens", compared.prefill),
    ...table("decode power (W per GPU)", "batch", compared.watts),
  ];
}

const FACTS: readonly (readonly [name: string, of: (profile: Profile) => string | number | null])[] = [
  ["id", ({ id }) => id],
  ["GPU", ({ gpu }) => (gpu === null ? "CPU" : `${gpu.count} x ${gpu.sku}`)],
  ["model", ({ model, precision }) => `${model.name} ${precision}`],
  ["engine", ({ engine }) => `${engine.name} ${engine.version ?? ""}`.trim()],
  ["provenance", ({ provenance }) => provenance],
  ["KV cache (tokens)", ({ kvCapacityTokens }) => kvCapacityTokens],
  ["longest sequence (tokens)", ({ maxModelTokens }) => maxModelTokens],
  ["idle, loaded (W per GPU)", ({ power }) => power?.idleLoadedWattsPerGpu ?? null],
  ["prefill (W per GPU)", ({ power }) => power?.prefillWattsPerGpu ?? null],
];

function factText(value: string | number | null): string | null {
  return value === null ? null : String(value);
}

/** Places of either grid that lie inside both. */
function shared(a: readonly number[], b: readonly number[]): number[] {
  const low = Math.max(a[0], b[0]);
  const high = Math.min(a[a.length - 1], b[b.length - 1]);
  return [...new Set([...a, ...b])].filter((x) => x >= low && x <= high).sort((x, y) => x - y);
}

function nearest(values: readonly number[], wanted: number): number | undefined {
  return values.reduce<number | undefined>(
    (best, value) =>
      best === undefined || Math.abs(Math.log(value / wanted)) < Math.abs(Math.log(best / wanted))
        ? value
        : best,
    undefined,
  );
}

function point(at: number, a: number, b: number): ComparedPoint {
  return { at, a, b, ratio: b / a };
}
