import type { Cell, CellPart } from "./overhead-plan.ts";

/** A finished cell as the journal keeps it. */
export interface CellRecord<Found = unknown> {
  readonly found: Found;
  /** Wall time, the start of the process included. */
  readonly seconds: number;
  /** At its end. */
  readonly loadAverage: number;
  readonly endedAt: string;
}

/** Where finished cells are looked up. */
export interface KnownCells {
  get(key: string): CellRecord | undefined;
}

export interface Estimate {
  readonly part: CellPart;
  readonly cells: number;
  /** Of these, found in the journal. */
  readonly known: number;
  /** What the others will take. */
  readonly seconds: number;
}

/**
 * Seconds of a cell by part: of one of few endpoints, and of 10,000; between them by the logarithm. Of 12 and 100
 * endpoints as they were on two cores at load averages of 5 to 9; the others are reckoned from what a cell is given
 * (budgets, planners' 8 s, components' 0.5 s twice) and from the requests of a state.
 */
const TYPICAL: Readonly<Record<CellPart, readonly [number, number]>> = {
  capacity: [6, 6],
  state: [4, 60],
  decisions: [5, 12],
  inside: [5, 5],
  components: [40, 40],
  planner: [9, 9],
};
/** Of short parts. */
const TYPICAL_QUICK = 3;
const FEW_ENDPOINTS = 12;
const MANY_ENDPOINTS = 10_000;

/** How long a cell will take: as those of its part and size that are known, else what is typical. */
export function cellSeconds(cells: readonly Cell[], known: KnownCells): (cell: Cell) => number {
  const sums = new Map<string, { seconds: number; count: number }>();
  for (const cell of cells) {
    const record = known.get(cell.key);
    if (record === undefined) continue;
    const sum = sums.get(groupOf(cell)) ?? { seconds: 0, count: 0 };
    sums.set(groupOf(cell), { seconds: sum.seconds + record.seconds, count: sum.count + 1 });
  }
  return (cell) => {
    const sum = sums.get(groupOf(cell));
    return sum === undefined ? typicalSeconds(cell) : sum.seconds / sum.count;
  };
}

function groupOf({ part, size }: Cell): string {
  return `${part} ${size}`;
}

function typicalSeconds({ part, size, isQuick }: Cell): number {
  if (isQuick) return TYPICAL_QUICK;
  const [few, many] = TYPICAL[part];
  const share =
    Math.log(Math.max(size, FEW_ENDPOINTS) / FEW_ENDPOINTS) / Math.log(MANY_ENDPOINTS / FEW_ENDPOINTS);
  return few * (many / few) ** share;
}

/** Cells and time by part, in the order in which they are measured. */
export function estimateCells(cells: readonly Cell[], known: KnownCells): Estimate[] {
  const secondsOf = cellSeconds(cells, known);
  return [...new Set(cells.map(({ part }) => part))].map((part) => {
    const own = cells.filter((cell) => cell.part === part);
    const left = own.filter(({ key }) => known.get(key) === undefined);
    return {
      part,
      cells: own.length,
      known: own.length - left.length,
      seconds: left.reduce((sum, cell) => sum + secondsOf(cell), 0),
    };
  });
}
