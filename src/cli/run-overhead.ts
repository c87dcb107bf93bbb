/** What `canopy overhead` does. */
import { join, relative } from "node:path";
import { type CellRecord, type Estimate, estimateCells, type KnownCells } from "../overhead/estimate.ts";
import { measureOverhead } from "../overhead/measure-overhead.ts";
import { type CellPart, type OverheadPlan, planOverhead } from "../overhead/overhead-plan.ts";
import { allRowsTable, overheadTables } from "../overhead/tables.ts";
import { readJournal } from "../sweep/journal.ts";
import { duration, Progress } from "../sweep/progress.ts";
import { RunStore } from "../sweep/store.ts";
import type { OverheadCommandOptions } from "./commands/overhead.ts";
import { interruptible } from "./interruptible.ts";
import { print } from "./output.ts";
import { withoutOption, words } from "./shell-words.ts";

const PARTS: Readonly<Record<CellPart, string>> = {
  capacity: "what twelve endpoints can serve",
  state: "states of the fleet",
  decisions: "routers on states",
  inside: "routers inside a simulation",
  components: "components",
  planner: "planners",
};

export async function overhead(options: OverheadCommandOptions): Promise<void> {
  const { router = [], out, cap, quick = false, fresh = false, quiet = false, format } = options;
  const startedAt = new Date();
  const plan = await planOverhead({
    routers: router,
    endpoints: options.endpoints ?? (quick ? [12, 100] : [12, 100, 1000, 10_000]),
    loads: options.load ?? (quick ? [0.7] : [0.3, 0.7, 0.95]),
    quick,
    capSeconds: cap,
  });
  const folder = join(out ?? ".", ".canopy", "store", "overhead");
  if (options.dryRun === true) return printEstimate(plan, fresh ? new Map() : readCells(folder), options);
  const store = new RunStore<CellRecord>(folder, { fresh });
  const say = (text: string) => {
    if (!quiet) process.stderr.write(`${text}\n`);
  };
  try {
    const result = await interruptible(
      () =>
        `what is measured is kept in ${relative(".", store.path)}; the same command does the rest:\n  ${words(["canopy", ...withoutOption(process.argv.slice(2), "--fresh")])}`,
      (signal) =>
        measureOverhead(plan, {
          store,
          signal,
          progress: quiet ? undefined : new Progress({ unit: "cells" }),
        }),
    );
    const { reused } = result.conditions;
    if (reused != null) {
      say(
        `${reused.cells} of ${reused.of} cells were measured before, the first at ${reused.since}; --fresh measures them again`,
      );
    }
    for (const { router: id, kind, endpoints, load, reason } of result.rows) {
      if (reason?.startsWith("cut") || reason?.startsWith("failed"))
        process.stderr.write(`${id}, ${kind}, ${endpoints} endpoints, load ${load}: ${reason}\n`);
    }
    if (out !== undefined) {
      const { writeOverhead } = await import("../overhead/write-overhead.ts");
      const command = ["canopy", ...process.argv.slice(2)];
      const files = await writeOverhead(out, result, { command, startedAt, endedAt: new Date() });
      say(`${files.length} files written to ${out}`);
    }
    await print(format, {
      tables: format === "csv" ? [allRowsTable(result)] : overheadTables(result),
      json: result as typeof result & Record<string, unknown>,
    });
  } finally {
    await store.close();
  }
}

/** Cells of a journal; none where there is no journal. */
function readCells(folder: string): KnownCells {
  const known = new Map<string, CellRecord>();
  readJournal(folder, ({ key, result }) => known.set(key, result as CellRecord));
  return known;
}

async function printEstimate(
  { cells, options: { capSeconds } }: OverheadPlan,
  known: KnownCells,
  { format }: OverheadCommandOptions,
): Promise<void> {
  const parts = estimateCells(cells, known);
  const sum = (of: (part: Estimate) => number) => parts.reduce((total, part) => total + of(part), 0);
  const seconds = sum((part) => part.seconds);
  const left = sum((part) => part.cells - part.known);
  const whole = (key: string, header: string) => ({ key, header, format: "integer" as const });
  await print(format, {
    tables: [
      {
        title: "Cells",
        columns: [
          { key: "part", header: "part", rowHeader: true },
          whole("cells", "cells"),
          whole("known", "done before"),
          { key: "minutes", header: "minutes left", digits: 1, format: "fixed" as const },
        ],
        rows: parts.map((part) => ({
          cells: { part: PARTS[part.part], cells: part.cells, known: part.known, minutes: part.seconds / 60 },
        })),
        notes: [
          left === 0
            ? "Nothing is left to do; --fresh measures everything anew."
            : `${left} of ${sum((part) => part.cells)} cells are to be measured, in about ${duration(seconds)}: an estimate from cells done before, or on a machine of our own; a busy machine, and routers that reach their ${capSeconds} s, take longer.`,
        ],
      },
    ],
    json: {
      schema: "canopy/overhead-plan/1",
      cells: sum((part) => part.cells),
      pending: left,
      estimatedSeconds: seconds,
      parts: parts.map(({ part, ...facts }) => ({ part, ...facts })),
    },
  });
}
