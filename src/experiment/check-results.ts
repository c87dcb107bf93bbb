/** Rules between the keys of an experiment of any kind: labels, seeds, and what concerns its results. */
import { nearest } from "../errors.ts";
import { metricInfo, nearestMetric } from "../metrics/metric-catalogue.ts";
import type { ResultHead } from "./head-schema.ts";
import type { TreePath } from "./located-tree.ts";

export type Add = (path: TreePath, message: string) => void;

/** What is compared: labels in the order of the list under `key`. */
export interface Contenders {
  readonly key: "routers" | "planners";
  readonly labels: readonly string[];
}

export function checkContenders(
  { seeds, baseline }: ResultHead,
  { key, labels }: Contenders,
  add: Add,
): void {
  const kind = key.slice(0, -1);
  const taken = new Set<string>();
  for (const [i, label] of labels.entries()) {
    if (taken.has(label))
      add([key, i], `has the label "${label}" of another ${kind}, expected its own: set as`);
    taken.add(label);
  }
  if (new Set(seeds).size < seeds.length) add(["seeds"], "name a seed twice, expected different ones");
  if (baseline !== undefined && !labels.includes(baseline)) {
    add(["baseline"], `there is no ${kind} "${baseline}"${hint(baseline, labels)}`);
  }
}

export function checkResults(experiment: ResultHead, { key, labels }: Contenders, add: Add): void {
  const { outputs, published, calibrated, comparable } = experiment;
  // What the user brings may report figures of its own, so only what looks like a slip is refused.
  const metric = (path: TreePath, name: string) => {
    const near = metricInfo(name) === undefined ? nearestMetric(name) : undefined;
    if (near !== undefined) add(path, `there is no metric "${name}" (did you mean "${near}"?)`);
  };
  const router = (path: TreePath, name: string) => {
    if (!labels.includes(name)) add(path, `there is no ${key.slice(0, -1)} "${name}"${hint(name, labels)}`);
  };
  for (const [t, table] of outputs.tables.entries()) {
    const path = ["outputs", "tables", t];
    for (const [c, column] of table.columns.entries()) {
      metric([...path, "columns", c], typeof column === "string" ? column : column.metric);
    }
    for (const [r, label] of (table.rows ?? []).entries()) router([...path, "rows", r], label);
    if (table.ratioTo !== undefined) router([...path, "ratioTo"], table.ratioTo);
  }
  unique(
    outputs.windows.map(({ name }) => name),
    (i) => ["outputs", "windows", i, "name"],
    add,
  );
  for (const [w, { fromS, toS }] of outputs.windows.entries()) {
    if (toS <= fromS) add(["outputs", "windows", w, "toS"], `is ${toS}, expected more than fromS, ${fromS}`);
  }
  if (outputs.reward !== undefined) {
    router(["outputs", "reward", "reference"], outputs.reward.reference);
    if (outputs.reward.regretTo !== undefined)
      router(["outputs", "reward", "regretTo"], outputs.reward.regretTo);
  }
  for (const [f, figure] of outputs.figures.entries()) {
    const path = ["outputs", "figures", f];
    if (figure.kind === "scatter") {
      metric([...path, "x"], figure.x);
      metric([...path, "y"], figure.y);
    } else if (figure.kind === "bars" || figure.kind === "sweep") metric([...path, "metric"], figure.metric);
    if ("ratioTo" in figure && figure.ratioTo !== undefined) router([...path, "ratioTo"], figure.ratioTo);
  }
  for (const [p, value] of published.entries()) {
    for (const label of [value.router].flat()) router(["published", p, "router"], label);
    metric(["published", p, "metric"], value.metric);
    if (value.ratioTo !== undefined) router(["published", p, "ratioTo"], value.ratioTo);
  }
  for (const [c, value] of calibrated.entries()) {
    router(["calibrated", c, "router"], value.router);
    metric(["calibrated", c, "metric"], value.metric);
  }
  for (const name of Object.keys(comparable)) metric(["comparable", name], name);
}

/** Complains of names that are taken. */
export function unique(names: readonly string[], path: (index: number) => TreePath, add: Add): void {
  const seen = new Set<string>();
  for (const [i, name] of names.entries()) {
    if (seen.has(name)) add(path(i), `"${name}" is taken, expected different names`);
    seen.add(name);
  }
}

/** The nearest name, or all of them. */
export function hint(given: string, names: readonly string[]): string {
  const near = nearest(given, names);
  return near !== undefined ? ` (did you mean "${near}"?)` : `, expected one of: ${names.join(", ")}`;
}
