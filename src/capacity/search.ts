/** The search for the highest rate at which a router attains a share of its objectives. */

export interface SearchLimits {
  /** The search ends when the lowest rate that misses is at most this share above the highest that attains. */
  readonly tolerance: number;
  /** Least and largest multiple of the experiment's own rate that is tried: at most 1 and at least 1. */
  readonly least: number;
  readonly most: number;
}

/**
 * What a search has found of one level:
 * - `found`: the rate at `attains` attains the level and that at `misses` does not;
 * - `at least`: it attains at the highest rate tried;
 * - `not attained`: it misses at the lowest rate tried.
 */
export interface Finding {
  readonly level: number;
  readonly state: "found" | "at least" | "not attained";
  /** Ends of the last bracket, as multiples of the experiment's own rate; null where there is none. */
  readonly attains: number | null;
  readonly misses: number | null;
  /**
   * Whether every rate probed up to `attains` attains the level and every one from `misses` on misses it. Where not,
   * the rate found is the first crossing that the search came to, and `against` has the probes that contradict it.
   */
  readonly monotone: boolean;
  readonly against: readonly number[];
}

export interface SearchOutcome {
  readonly findings: readonly Finding[];
  /** Every rate that was tried, as multiples of the experiment's own, rising, with what was attained there. */
  readonly probes: readonly { readonly factor: number; readonly attainment: number }[];
}

/**
 * Brackets each level by doubling or halving the experiment's own rate, then halves the bracket on the scale of the
 * logarithm until its ends are within the tolerance. Levels share their probes, which depend on what is attained alone,
 * never on the order in which probes end.
 *
 * @param attain share of the requests that attain their objective at a multiple of the rate; asked once for each.
 *   NaN for a rate that cannot be run: the search goes no further that way
 * @param levels shares in (0, 1)
 */
export async function searchCapacity(
  attain: (factor: number) => Promise<number>,
  levels: readonly number[],
  limits: SearchLimits,
): Promise<SearchOutcome> {
  const known = new Map<number, Promise<number>>();
  const probe = (factor: number): Promise<number> => {
    const before = known.get(factor);
    if (before !== undefined) return before;
    const asked = attain(factor);
    known.set(factor, asked);
    return asked;
  };
  const brackets = await Promise.all(levels.map((level) => bracketOf(level, probe, limits)));
  const factors = [...known.keys()].sort((a, b) => a - b);
  const all = await Promise.all(factors.map(async (factor) => ({ factor, attainment: await probe(factor) })));
  const probes = all.filter(({ attainment }) => !Number.isNaN(attainment));
  const findings = brackets.map((bracket, i) => judged(levels[i], bracket, probes));
  return { findings, probes };
}

interface Bracket {
  readonly attains: number | null;
  readonly misses: number | null;
}

async function bracketOf(
  level: number,
  probe: (factor: number) => Promise<number>,
  { tolerance, least, most }: SearchLimits,
): Promise<Bracket> {
  let attains = 1;
  let misses = 1;
  if ((await probe(1)) >= level) {
    for (;;) {
      if (attains >= most) return { attains, misses: null };
      misses = Math.min(most, 2 * attains);
      const share = await probe(misses);
      if (Number.isNaN(share)) return { attains, misses: null };
      if (share < level) break;
      attains = misses;
    }
  } else {
    for (;;) {
      if (misses <= least) return { attains: null, misses };
      attains = Math.max(least, misses / 2);
      const share = await probe(attains);
      if (Number.isNaN(share)) return { attains: null, misses };
      if (share >= level) break;
      misses = attains;
    }
  }
  while (misses > attains * (1 + tolerance)) {
    const middle = Math.sqrt(attains * misses);
    if ((await probe(middle)) >= level) attains = middle;
    else misses = middle;
  }
  return { attains, misses };
}

function judged(level: number, { attains, misses }: Bracket, probes: SearchOutcome["probes"]): Finding {
  const against = probes
    .filter(({ factor, attainment }) =>
      attains !== null && factor <= attains ? attainment < level : attainment >= level,
    )
    .map(({ factor }) => factor);
  const state = attains === null ? "not attained" : misses === null ? "at least" : "found";
  return { level, state, attains, misses, monotone: against.length === 0, against };
}

/** The most probes that a search can take. */
export function mostProbes(levels: number, { tolerance, least, most }: SearchLimits): number {
  const [up, down] = [most, 1 / least].map((span) => Math.ceil(Math.log2(span) - 1e-9));
  // Levels may be found on both sides of the experiment's own rate; one is found on one side alone.
  const outwards = levels > 1 ? up + down : Math.max(up, down);
  return 1 + outwards + (up + down > 0 ? levels * halvings(tolerance) : 0);
}

/** Halvings of a bracket whose ends are a factor of two apart. */
function halvings(tolerance: number): number {
  return Math.max(0, Math.ceil(-Math.log2(Math.log2(1 + tolerance)) - 1e-9));
}
