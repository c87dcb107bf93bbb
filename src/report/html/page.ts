/** The page of a report: one file of HTML that refers to nothing outside it but the data files beside it. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import type { ReportData } from "./report-data.ts";

/** Up to the package and down again: the same path leads there from src and from the built output. */
const FOLDER = new URL("../../../src/report/html/browser/", import.meta.url);

/** In the order in which they build on each other; `import` and `export` fall away when they become one script. */
export const SCRIPTS = [
  "dom",
  "numbers",
  "data",
  "controls",
  "sort-rows",
  "table",
  "badges",
  "router-mark",
  "leaderboard",
  "comparison",
  "axes",
  "leading",
  "names",
  "pareto",
  "lines",
  "latency",
  "timeline",
  "routers",
  "provenance",
  "sheets",
  "theme",
  "main",
] as const;

/** Data above this size are packed. */
const PACK_BYTES = 500_000;

/**
 * The text of the file. Its security policy allows its own script, pictures that it carries itself, and nothing else: no
 * request, no handler in markup, whatever a result says. Data are never part of the markup; they enter the page as text.
 */
export function reportPage(data: ReportData): string {
  const script = pageScript();
  const style = read("report.css");
  const hash = createHash("sha256").update(script, "utf8").digest("base64");
  const policy = `default-src 'none'; script-src 'sha256-${hash}'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Canopy report</title>
<style>
${style}</style>
</head>
<body>
<div id="page"><noscript>This report needs JavaScript to show its tables and charts. The tables of each result also lie beside it as text, Markdown, LaTeX and CSV.</noscript></div>
${dataElement(data)}
<script>${script}</script>
</body>
</html>
`;
}

/** One script of all, in a scope of its own. */
export function pageScript(): string {
  const parts = SCRIPTS.map((name) =>
    read(`${name}.js`)
      .replace(/^import [^;]+;\n/gm, "")
      .replace(/^export (?=(?:async )?function|const)/gm, ""),
  );
  const script = `"use strict";(() => {\n${parts.join("\n")}})();`;
  if (/<\/script|<!--/i.test(script)) throw new Error("the page's script would end its own element");
  return script;
}

function dataElement(data: ReportData): string {
  const json = JSON.stringify(data);
  if (json.length > PACK_BYTES) {
    const packed = gzipSync(json, { level: 6 }).toString("base64");
    return `<script type="application/octet-stream" id="data" data-packed="gzip">${packed}</script>`;
  }
  return `<script type="application/json" id="data">${escapeJson(json)}</script>`;
}

/** JSON that cannot end the element that holds it, nor begin a comment in it. */
export function escapeJson(json: string): string {
  return json.replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function read(name: string): string {
  return readFileSync(new URL(name, FOLDER), "utf8");
}
