/** What `canopy reproduce` does. */
import { availableParallelism } from "node:os";
import { relative } from "node:path";
import { UserError } from "../errors.ts";
import {
  type CatalogueItem,
  COMMITTED_RESULTS,
  findItem,
  readCatalogue,
} from "../report/reproduction/catalogue.ts";
import { type Reproduction, reproduce, updateSmall } from "../report/reproduction/reproduce.ts";
import { pointText } from "../report/result-names.ts";
import type { Table } from "../report/table.ts";
import { Progress } from "../sweep/progress.ts";
import type { ReproduceCommandOptions } from "./commands/reproduce.ts";
import { interruptible } from "./interruptible.ts";
import { print } from "./output.ts";

/** Codes of results whose data are not on this machine: with `all` they are passed over by name. */
const ABSENT = ["CANOPY_REPRODUCE_INPUTS", "CANOPY_EXPERIMENT_DATA", "CANOPY_REPRODUCE_SMALL"];
/** Changes that a table shows of an item. */
const SHOWN_CHANGES = 20;

export async function reproduceItems(
  ids: readonly string[],
  options: ReproduceCommandOptions,
): Promise<void> {
  const folder = options.results ?? COMMITTED_RESULTS;
  if (options.update === true && options.small !== true) {
    throw new UserError(
      "CANOPY_USAGE",
      "--update without --small: full results are made by canopy run --out",
    );
  }
  const items = await readCatalogue(folder);
  if (options.list === true) return printList(items, options);
  if (ids.length === 0) {
    throw new UserError(
      "CANOPY_USAGE",
      "name a committed result, or all: canopy reproduce --list shows them",
    );
  }
  const all = ids.includes("all");
  const chosen = all ? items : ids.map((id) => findItem(id, items));
  const done: Reproduction[] = [];
  const updated: string[] = [];
  const absent: string[] = [];
  await interruptible(
    () => `${done.length} of ${chosen.length} results were compared; nothing is kept`,
    async (signal) => {
      for (const item of chosen) {
        const work = {
          workers: options.workers ?? availableParallelism(),
          small: options.small === true,
          folder,
          signal,
          ...(options.quiet === true ? {} : { progress: new Progress() }),
        };
        try {
          if (options.update === true) updated.push(relative(".", await updateSmall(item, work)));
          else done.push(await reproduce(item, work));
        } catch (error) {
          if (!all || !(error instanceof UserError) || !ABSENT.includes(error.code)) throw error;
          absent.push(error.message);
        }
      }
    },
  );
  for (const message of absent) process.stderr.write(`passed over: ${message}\n`);
  if (options.update === true) return printUpdated(updated, options);
  await printReproductions(done, options);
  const drifted = done.filter(({ reproduced }) => !reproduced).map(({ item }) => item);
  if (drifted.length === 0) return;
  throw new UserError(
    "CANOPY_REPRODUCE_DRIFT",
    `${drifted.join(", ")}: figures are not those that are committed`,
    { exitCode: 1 },
  );
}

function printList(items: readonly CatalogueItem[], { format }: ReproduceCommandOptions): Promise<void> {
  const facts = items.map(({ id, file, sets, runs, requests, estimatedSeconds, threads }) => ({
    item: id,
    runs,
    requests,
    minutes: estimatedSeconds === null ? null : estimatedSeconds / 60,
    file,
    sets: sets.join(" "),
    threads,
  }));
  const machines = [...new Set(items.map(({ threads }) => threads))].join(" or ");
  return print(format, {
    tables: [
      {
        title: "Committed results",
        columns: [
          { key: "item", header: "item" },
          { key: "runs", header: "runs", format: "integer" },
          { key: "requests", header: "requests", format: "integer" },
          { key: "minutes", header: "minutes", format: "fixed", digits: 1 },
          { key: "file", header: "experiment" },
          ...(facts.some(({ sets }) => sets !== "") ? [{ key: "sets", header: "overrides" }] : []),
        ],
        rows: facts.map(({ threads: _, sets, ...cells }) => ({
          cells: facts.some((other) => other.sets !== "") ? { ...cells, sets } : cells,
        })),
        notes: [`minutes by the rate at which the committed runs were made, on ${machines} threads`],
      },
    ],
    json: { schema: "canopy/reproducible/1", items: facts },
  });
}

function printUpdated(paths: readonly string[], { format }: ReproduceCommandOptions): Promise<void> {
  return print(format, {
    tables: [
      {
        title: "Reduced versions kept",
        columns: [{ key: "file", header: "file" }],
        rows: paths.map((file) => ({ cells: { file } })),
        notes: [],
      },
    ],
    json: { schema: "canopy/small-kept/1", files: paths },
  });
}

async function printReproductions(
  done: readonly Reproduction[],
  { format }: ReproduceCommandOptions,
): Promise<void> {
  const summary: Table = {
    title: "Reproduction",
    columns: [
      { key: "item", header: "item" },
      { key: "verdict", header: "verdict" },
      { key: "figures", header: "figures", format: "integer" },
      { key: "same", header: "the same", format: "integer" },
      { key: "within", header: "within interval", format: "integer" },
      { key: "moved", header: "drifted or gone", format: "integer" },
      { key: "runs", header: "runs", format: "integer" },
      { key: "requests", header: "requests", format: "integer" },
      { key: "seconds", header: "time", unit: "s", format: "fixed", digits: 1 },
    ],
    rows: done.map((one) => ({
      cells: {
        item: one.item,
        verdict: verdictOf(one),
        figures: one.figures,
        same: one.same,
        within: one.within,
        moved: one.changes.length - one.within,
        runs: one.runs,
        requests: one.requests,
        seconds: one.seconds,
      },
    })),
    notes: [
      ...(done.some(({ small }) => small)
        ? ["Reduced versions: first seed, first start, harness/small.yaml."]
        : []),
      ...(done.some(({ rule }) => rule === "other kernels")
        ? [
            "other kernels: something learned on other dense kernels than here; a reduced version has no intervals, so that its figures are not judged.",
          ]
        : []),
      ...(done.some(({ rule }) => rule === "within interval")
        ? [
            "Where the committed result comes from another Node or other dense kernels, within its 95 % interval is enough.",
          ]
        : []),
      ...done.flatMap(({ item, added }) =>
        added.length === 0 ? [] : [`${item}: metrics that are new since: ${added.join(", ")}.`],
      ),
    ],
  };
  const tables = [summary, ...done.filter(({ changes }) => changes.length > 0).map(changesOf)];
  await print(format, { tables, json: { schema: "canopy/reproduction/1", items: done } });
}

function verdictOf({ reproduced, changes, rule }: Reproduction): string {
  if (!reproduced) return "drift";
  return changes.length === 0 ? "identical" : rule;
}

function changesOf({ item, changes }: Reproduction): Table {
  const shown = changes.slice(0, SHOWN_CHANGES);
  return {
    title: `${item}: what moved`,
    columns: [
      { key: "row", header: "row" },
      { key: "metric", header: "metric" },
      { key: "state", header: "state" },
      { key: "committed", header: "committed", digits: 6 },
      { key: "now", header: "now", digits: 6 },
      { key: "change", header: "change", unit: "%", digits: 3 },
    ],
    rows: shown.map(({ router, point, metric, state, committed, now }) => ({
      cells: {
        row: [router, pointText(point)].filter((text) => text !== "").join(", "),
        metric,
        state,
        committed,
        now,
        change: committed === null || now === null || committed === 0 ? null : 100 * (now / committed - 1),
      },
    })),
    notes: changes.length > shown.length ? [`${changes.length - shown.length} more are not shown`] : [],
  };
}
