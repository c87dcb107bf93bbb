import type { ExperimentResult } from "../experiment/result.ts";
import { groupBy } from "./result-names.ts";

/** What the inputs of planners are, each once, with the factors by which requests were multiplied; none of routers. */
export function epochHeaders({ provenance }: Pick<ExperimentResult, "provenance">): string[] {
  const known = provenance.points.flatMap(({ epochs }) => (epochs === undefined ? [] : [epochs]));
  return [...groupBy(known, ({ header }) => header)].map(([header, own]) => {
    const factors = own.flatMap(({ factor }) => factor ?? []);
    if (factors.length === 0) return header;
    const ends = [Math.min(...factors), Math.max(...factors)].map((factor) =>
      Math.round(factor).toLocaleString("en-US"),
    );
    return `${header}; requests times ${[...new Set(ends)].join(" to ")}`;
  });
}
