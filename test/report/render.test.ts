import { expect, test } from "vitest";
import { renderCsv } from "../../src/report/render-csv.ts";
import { escapeLatex, renderLatex } from "../../src/report/render-latex.ts";
import { escapeMarkdown, renderMarkdown } from "../../src/report/render-markdown.ts";
import { renderTerminal, terminalColours } from "../../src/report/render-terminal.ts";
import type { Table } from "../../src/report/table.ts";
import { displayWidth } from "../../src/report/text-width.ts";
import { sampleTable } from "./sample-table.ts";

test("terminal", () => {
  expect(renderTerminal(sampleTable, { width: 100, colours: false })).toMatchInlineSnapshot(`
    "Routers & ratios
    Setting H, 5 seeds

                   ──────────────── p95 (s) ─────────────────
    router                              run  paper  verdict            carbon  replicas
                                                               (gCO₂/request)
    ─────────────  ────────────────────────  ─────  ─────────  ──────────────  ────────
    ▸ cedar         0.612    [0.590, 0.641]  0.880  agrees            –ᵃ             12
    ○ round_robin  12.0*     [11.1, 13.2]    1.58   disagrees         0.0871          8
      edf           3.12e-5                  –                        1.50

    ○ reference row
    ᵃ profile without power
    * 100 % of requests
    "
  `);
});

test("Markdown", () => {
  expect(renderMarkdown(sampleTable)).toMatchInlineSnapshot(`
    "### Routers & ratios

    Setting H, 5 seeds

    | router                  |              p95 (s), run | p95 (s), paper | p95 (s), verdict | carbon (gCO₂/request) | replicas |
    | ----------------------- | ------------------------: | -------------: | ---------------- | --------------------: | -------: |
    | **cedar**               |   0.612    [0.590, 0.641] |          0.880 | agrees           |               –ᵃ      |       12 |
    | round_robin (reference) | 12.0\\*     [11.1, 13.2]   |          1.58  | disagrees        |               0.0871  |        8 |
    | edf                     |   3.12e-5                 |          –     |                  |               1.50    |          |

    - ᵃ profile without power
    - \\* 100 % of requests
    "
  `);
});

test("LaTeX", () => {
  expect(renderLatex(sampleTable)).toMatchInlineSnapshot(`
    "% \\usepackage{booktabs}
    \\begin{table}[t]
      \\centering
      \\caption{Routers \\& ratios. Setting H, 5 seeds.}
      \\label{tab:routers-ratios}
      \\begin{tabular}{@{}lrrlrr@{}}
        \\toprule
         & \\multicolumn{3}{c}{p95 (s)} &  &  \\\\
        \\cmidrule(lr){2-4}
        router & \\multicolumn{1}{c}{run} & \\multicolumn{1}{c}{paper} & verdict & \\multicolumn{1}{c}{carbon} & \\multicolumn{1}{c}{replicas} \\\\
         &  &  &  & \\multicolumn{1}{c}{(gCO$_2$/request)} &  \\\\
        \\midrule
        \\textbf{cedar} & \\textbf{\\phantom{0}0.612\\phantom{00}\\phantom{\\textsuperscript{*}} [0.590, 0.641]} & \\textbf{0.880} & \\textbf{agrees} & \\textbf{--\\textsuperscript{a}\\phantom{.0000}} & \\textbf{12} \\\\
        \\textit{round\\_robin} & \\textit{12.0\\textsuperscript{*}\\phantom{0000} [11.1, 13.2]\\phantom{00}} & \\textit{1.58\\phantom{0}} & \\textit{disagrees} & \\textit{0.0871\\phantom{\\textsuperscript{a}}} & \\textit{\\phantom{0}8} \\\\
        edf & \\phantom{0}$3.12\\times10^{-5}$\\phantom{\\textsuperscript{*}}\\phantom{ [0.590, 0.641]} & --\\phantom{.000} &  & 1.50\\phantom{00}\\phantom{\\textsuperscript{a}} &  \\\\
        \\bottomrule
      \\end{tabular}
      \\par\\smallskip
      \\begin{minipage}{\\linewidth}\\footnotesize\\raggedright
        \\textit{Italic}: reference.\\par
        \\textsuperscript{a}~profile without power\\par
        * 100 \\% of requests
      \\end{minipage}
    \\end{table}
    "
  `);
});

test("CSV", () => {
  expect(renderCsv(sampleTable)).toMatchInlineSnapshot(`
    "router,ttft_p95_s,ttft_p95_s_ci_lo,ttft_p95_s_ci_hi,ttft_p95_s_paper,ttft_p95_s_verdict,carbon_g,carbon_g_reason,replicas
    cedar,0.612,0.59,0.641,0.88,agrees,,profile without power,12
    round_robin,12.04,11.1,13.2,1.58,disagrees,0.0871,,8
    edf,0.0000312,,,,,1.5,,
    "
  `);
});

test("CSV keeps every bit of a number and quotes what needs quotes", () => {
  const value = 0.1 + 0.2;
  const table: Table = {
    title: "t",
    columns: [
      { key: "name", header: "name" },
      { key: "x", header: "x" },
    ],
    rows: [{ cells: { name: 'a "b", c\nd', x: value } }],
    notes: [],
  };
  expect(renderCsv(table)).toBe('name,x\n"a ""b"", c\nd",0.30000000000000004\n');
  expect(Number(renderCsv(table).trimEnd().split(",").at(-1))).toBe(value);
});

test("three groups over all metrics when arranged by source", () => {
  const text = renderTerminal({ ...sampleTable, arrange: "by-source" }, { width: 120, colours: false });
  expect(text).toMatchInlineSnapshot(`
    "Routers & ratios
    Setting H, 5 seeds

                   ────────────────────── run ───────────────────────  paper   verdict
    router                              p95          carbon  replicas    p95  p95
                                        (s)  (gCO₂/request)              (s)
    ─────────────  ────────────────────────  ──────────────  ────────  ─────  ─────────
    ▸ cedar         0.612    [0.590, 0.641]         –ᵃ             12  0.880  agrees
    ○ round_robin  12.0*     [11.1, 13.2]           0.0871          8  1.58   disagrees
      edf           3.12e-5                         1.50               –

    ○ reference row
    ᵃ profile without power
    * 100 % of requests
    "
  `);
});

test("the decimal points of a column stand under each other", () => {
  const values = [0.00189, 12.3456, 999.4, 0.5, 42, 123456];
  const table: Table = {
    title: "t",
    columns: [
      { key: "x", header: "x" },
      { key: "y", header: "y" },
    ],
    rows: values.map((y, i) => ({ cells: { x: `r${i}`, y } })),
    notes: [],
  };
  const lines = renderTerminal(table, { colours: false }).split("\n").slice(4, 10);
  const places = lines.map((line) => (line.includes(".") ? line.indexOf(".") : line.length));
  expect(new Set(places).size).toBe(1);
});

function wideTable(metrics: number): Table {
  const keys = Array.from({ length: metrics }, (_, i) => `metric_${i}`);
  return {
    title: "A wide table",
    columns: [{ key: "router", header: "router" }, ...keys.map((key) => ({ key, header: key, unit: "s" }))],
    rows: ["round-robin", "least-loaded"].map((router, r) => ({
      cells: Object.fromEntries([
        ["router", router],
        ...keys.map((key, i) => [key, { value: i + r + 0.5, paper: i + 1, verdict: "direction only" }]),
      ]),
    })),
    notes: ["word ".repeat(60)],
  };
}

test("a table too wide is split between groups, repeating the row header, and stays within the width", () => {
  for (const width of [60, 100, 120]) {
    const text = renderTerminal(wideTable(7), { width, colours: false });
    const lines = text.split("\n");
    expect(Math.max(...lines.map(displayWidth))).toBeLessThanOrEqual(width);
    const parts = lines.filter((line) => line.startsWith("router")).length;
    expect(parts).toBeGreaterThan(1);
    expect(lines.filter((line) => line.startsWith("round-robin"))).toHaveLength(parts);
    for (let i = 0; i < 7; i++) expect(text.split(` metric_${i} (s) `)).toHaveLength(2);
  }
});

test("a group wider than the width is split into its columns", () => {
  const text = renderTerminal(wideTable(1), { width: 30, colours: false });
  expect(Math.max(...text.split("\n").map(displayWidth))).toBeLessThanOrEqual(30);
  expect(text.match(/^router/gm)).toHaveLength(2);
  expect(text).toContain("direction only");
});

test("NO_COLOR wins over a terminal and over FORCE_COLOR; no terminal means no colours", () => {
  const terminal = { isTTY: true };
  expect(terminalColours(terminal, {})).toBe(true);
  expect(terminalColours(terminal, { NO_COLOR: "1" })).toBe(false);
  expect(terminalColours(terminal, { NO_COLOR: "1", FORCE_COLOR: "1" })).toBe(false);
  expect(terminalColours(terminal, { NO_COLOR: "" })).toBe(true);
  expect(terminalColours(terminal, { TERM: "dumb" })).toBe(false);
  expect(terminalColours({}, { CI: "true" })).toBe(false);
  expect(terminalColours({}, { FORCE_COLOR: "1" })).toBe(true);
});

test("colours change no letter", () => {
  const coloured = renderTerminal(sampleTable, { colours: true });
  expect(coloured).toContain("\u001B[32m");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape sequences are what is removed
  const bare = coloured.replace(/\u001B\[\d+m/g, "");
  const trim = (text: string): string => text.replace(/ +$/gm, "");
  expect(trim(bare)).toBe(trim(renderTerminal(sampleTable, { colours: false })));
});

test("LaTeX takes its special signs literally", () => {
  expect(escapeLatex("a_b 5% $1 #2 {x} ~ ^ \\ & <y>")).toBe(
    "a\\_b 5\\% \\$1 \\#2 \\{x\\} \\textasciitilde{} \\textasciicircum{} \\textbackslash{} \\& \\textless{}y\\textgreater{}",
  );
  expect(escapeLatex("gCO₂ – 3 × 10")).toBe("gCO$_2$ -- 3 $\\times$ 10");
});

test("a LaTeX row that begins with a bracket is no argument of the line break before it", () => {
  const rows = [{ cells: { router: "[mine]" } }, { cells: { router: "*" } }];
  const latex = renderLatex({ ...sampleTable, rows });
  expect(latex).toContain("    {}[mine] & ");
  expect(latex).toContain("    {}* & ");
});

test("a LaTeX table of more lines than a page holds goes over several pages, under its heads on each", () => {
  const rows = Array.from({ length: 50 }, () => sampleTable.rows).flat();
  const lines = renderLatex({ ...sampleTable, rows }).split("\n");
  expect(lines[0]).toBe("% \\usepackage{booktabs,longtable}");
  const at = (line: string) => lines.indexOf(line);
  const first = lines.slice(at("  \\toprule"), at("  \\endfirsthead"));
  expect(first.length).toBeGreaterThanOrEqual(3);
  expect(lines.slice(at("  \\endfirsthead") + 1, at("  \\endhead"))).toEqual(first);
  const body = lines.slice(at("  \\endfoot") + 1, at("\\end{longtable}"));
  expect(body).toHaveLength(rows.length);
  const alone = renderLatex(sampleTable);
  for (const line of body.slice(0, sampleTable.rows.length)) expect(alone).toContain(line.trim());
  expect(lines.join("\n")).not.toContain("{table}");
  expect(renderLatex({ ...sampleTable, rows: rows.slice(0, 45) })).toContain("\\begin{table}");
});

test("LaTeX rows have one cell for each column, braces balance, and no sign stays bare", () => {
  const nasty = { ...sampleTable, title: "50% of $x_i & #1^2 ~ {a}", notes: ["\\end{table} 100%"] };
  const latex = renderLatex(nasty);
  const body = latex.split("\\begin{tabular}")[1].split("\\end{tabular}")[0];
  const columns = body.match(/@\{\}([lrc]+)@\{\}/)?.[1].length;
  expect(columns).toBe(6);
  for (const row of body.split("\n").filter((line) => line.endsWith("\\\\"))) {
    const spans = [...row.matchAll(/\\multicolumn\{(\d+)\}/g)].reduce((sum, m) => sum + Number(m[1]) - 1, 0);
    expect(row.split(/(?<!\\)&/).length + spans, row).toBe(columns);
  }
  const withoutEscapes = latex
    .split("\n")
    .slice(1)
    .join("\n")
    .replace(/\\[{}$&#%_]/g, "");
  expect(withoutEscapes).not.toMatch(/[#%~](?!profile|\\)/);
  let depth = 0;
  for (const sign of withoutEscapes) {
    depth += sign === "{" ? 1 : sign === "}" ? -1 : 0;
    expect(depth).toBeGreaterThanOrEqual(0);
  }
  expect(depth).toBe(0);
  expect((withoutEscapes.match(/\$/g) ?? []).length % 2).toBe(0);
  expect(latex.match(/\\end\{table\}/g)).toHaveLength(1);
});

test("Markdown takes its signs literally, and leaves names with underscores readable", () => {
  expect(escapeMarkdown("slo_violation | *x* _y_ `z` <b>")).toBe(
    "slo_violation \\| \\*x\\* \\_y\\_ \\`z\\` \\<b>",
  );
});

test("one reason gets one letter, however often it is given", () => {
  const cell = { value: null, reason: "profile without power" };
  const text = renderTerminal(
    {
      title: "t",
      columns: [
        { key: "a", header: "a" },
        { key: "b", header: "b" },
        { key: "c", header: "c" },
      ],
      rows: [
        { cells: { a: "x", b: cell, c: cell } },
        { cells: { a: "y", b: { value: null, reason: "undefined for one token" }, c: null } },
      ],
      notes: [],
    },
    { colours: false },
  );
  expect(text).toMatchInlineSnapshot(`
    "t

    a  b   c
    ─  ──  ──
    x  –ᵃ  –ᵃ
    y  –ᵇ  –

    ᵃ profile without power
    ᵇ undefined for one token
    "
  `);
});

test("long notes inside a row are wrapped in their column", () => {
  const text = renderTerminal(
    {
      title: "t",
      columns: [
        { key: "a", header: "router" },
        { key: "b", header: "note" },
      ],
      rows: [{ cells: { a: "x", b: "seven words make a line of text ".repeat(3) } }],
      notes: [],
    },
    { colours: false },
  );
  expect(text).toMatchInlineSnapshot(`
    "t

    router  note
    ──────  ───────────────────────────────────────────
    x       seven words make a line of text seven words
            make a line of text seven words make a line
            of text
    "
  `);
});

test("a cell without a column, or a key used twice, is refused", () => {
  const table = { ...sampleTable, rows: [{ cells: { nobody: 1 } }] };
  expect(() => renderTerminal(table)).toThrow("no column has the key nobody");
  expect(() =>
    renderCsv({ ...sampleTable, columns: [...sampleTable.columns, sampleTable.columns[0]] }),
  ).toThrow("two columns have the key router");
});
