import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { badges } from "../scripts/reference/badges.ts";
import { referencePages } from "../scripts/reference/pages.ts";
import { unitOf } from "../scripts/reference/schema-tables.ts";
import { experimentJsonSchema, type JsonSchemaNode } from "../src/experiment/json-schema.ts";
import { METRICS } from "../src/metrics/metric-catalogue.ts";
import { listRouters } from "../src/routers/registry.ts";

const pages = referencePages();
const DOCS = new URL("../docs/", import.meta.url);

const FOUNDATIONS = "foundations.md";
const ofCode = Object.keys(pages).filter((name) => name !== FOUNDATIONS);
test.each(ofCode)("docs/reference/%s is what the code says (npm run docs:reference)", (name) => {
  const file = new URL(`reference/${name}`, DOCS);
  expect(existsSync(file)).toBe(true);
  expect(readFileSync(file, "utf8") === pages[name]).toBe(true);
});

test("docs/reference/foundations.md says nothing of a result but what is in it", () => {
  // A result that is being made is in the folder before its row is on the page.
  const made = new Set(pages[FOUNDATIONS].split("\n"));
  const shown = readFileSync(new URL(`reference/${FOUNDATIONS}`, DOCS), "utf8").split("\n");
  for (const line of shown) expect.soft(made).toContain(line);
  expect(shown.filter((line) => line.startsWith("| [")).length).toBeGreaterThan(40);
});

test.each(Object.entries(badges()))("docs/badges/%s is what the code draws", (name, svg) => {
  expect(readFileSync(new URL(`badges/${name}`, DOCS), "utf8")).toBe(svg);
  expect(svg).toContain(`aria-label="rests on: ${name.replace(".svg", "")}"`);
});

/** Names of every key that a schema has anywhere. */
function keysOf(node: JsonSchemaNode, into = new Set<string>()): Set<string> {
  for (const [key, child] of Object.entries(node.properties ?? {})) keysOf(child, into.add(key));
  if (node.items !== undefined) keysOf(node.items, into);
  for (const form of node.anyOf ?? node.oneOf ?? []) keysOf(form, into);
  if (typeof node.additionalProperties === "object") keysOf(node.additionalProperties, into);
  return into;
}

test("every key of the schema has a row, and every link inside the page a heading", () => {
  const page = pages["experiment.md"];
  const paths = [...page.matchAll(/^\| `([^`]+)` \|/gm)].map(([, path]) => path);
  const headings = [...page.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
  const shown = new Set([...paths.flatMap((path) => path.split(/[.[\]]+/)), ...headings]);
  for (const key of keysOf(experimentJsonSchema())) expect.soft(shown, key).toContain(key);
  const anchors = headings.map((heading) => heading.toLowerCase().replace(":", "").replaceAll(" ", "-"));
  for (const [, anchor] of page.matchAll(/\]\(#([^)]+)\)/g)) expect.soft(anchors).toContain(anchor);
});

test("defaults and units are shown as the code has them", () => {
  const row = (path: string) =>
    pages["experiment.md"].split("\n").find((line) => line.startsWith(`| \`${path}\` |`));
  expect(row("telemetryIntervalS")).toContain("| `0.1` | s |");
  expect(row("fleet[].roundTripMs")).toContain("| ms |");
  expect(row("fleet[].endpoint")).toContain("| required |");
  expect(row("ratePerS")).toContain("| 1/s |");
});

describe("unitOf", () => {
  test.each([
    ["durationS", "s"],
    ["roundTripMs", "ms"],
    ["ratePerS", "1/s"],
    ["gigabytesPerS", "GB/s"],
    ["idleW", "W"],
    ["hostWattsPerReplica", "W"],
    ["siteLPerItKwh", "L/kWh"],
    ["replicas", ""],
    ["pue", ""],
  ])("%s is in %s", (key, unit) => {
    expect(unitOf(key)).toBe(unit);
  });
});

test("metrics and routers are all there", () => {
  for (const { name } of METRICS) expect.soft(pages["metrics.md"]).toContain(`| \`${name}\` |`);
  for (const { id, status, source } of listRouters()) {
    expect.soft(pages["routers.md"]).toContain(`### ${id}\n`);
    expect.soft(pages["routers.md"]).toContain(`| ${status} | ${source.replaceAll("|", "\\|")} |`);
  }
  const row = (metric: string) =>
    pages["metrics.md"].split("\n").find((line) => line.startsWith(`| \`${metric}\` |`));
  expect(row("oscillation")).toMatch(/\| CEDAR, equation 3 \|$/);
  expect(row("carbon_kg")).toMatch(/\| MARLIN, equation 10 \|$/);
  expect(row("ttft_p95_s")).toMatch(/\| {2}\|$/);
});
