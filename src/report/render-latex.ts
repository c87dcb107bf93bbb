import { composeColumn, type Dialect } from "./compose-cells.ts";
import type { Align, Table } from "./table.ts";
import { type LaidColumn, layOut } from "./table-layout.ts";

export interface LatexOptions {
  /** Key for `\ref`; default `tab:` and the title in lower case with hyphens. */
  readonly label?: string;
}

const DIALECT: Dialect = {
  dash: "--",
  escape: escapeLatex,
  indent: "\\quad ",
  number: latexNumber,
  raise: (letter) => `\\textsuperscript{${letter}}`,
  mark: (text) => `\\textsuperscript{${escapeLatex(text)}}`,
  padLeft: (sample) => (sample === "" ? "" : `\\phantom{${sample}}`),
  padRight: (sample) => (sample === "" ? "" : `\\phantom{${sample}}`),
  padSuffix: (sample) => (sample === "" ? "" : `\\phantom{\\textsuperscript{${escapeLatex(sample)}}}`),
};

/** Lines of a table above which a page does not hold it. */
const LINES_OF_A_PAGE = 45;

/**
 * A table as a LaTeX `table` float around a `tabular`, or as a `longtable` over several pages where it has too many
 * lines for one; needs the packages booktabs, and longtable for those, and nothing else. Closes with a line break.
 */
export function renderLatex(table: Table, options: LatexOptions = {}): string {
  const layout = layOut(table);
  const { columns } = layout;
  const texts = columns.map((column, at) =>
    composeColumn(
      layout.rows.map((row) => row.cells[at]),
      column.align,
      DIALECT,
    ),
  );
  const label = options.label ?? `tab:${slug(table.title)}`;
  const caption = [table.title, table.caption].filter((t) => t !== undefined).map(sentence);
  const rows = layout.rows.map(({ style, line }, i) =>
    tabularRow(
      texts.map((column) => {
        const text = column[i];
        if (text === "" || style === null || style === "paper" || line !== "row") return text;
        return style === "marked" ? `\\textbf{${text}}` : `\\textit{${text}}`;
      }),
    ),
  );
  const remarks = [
    ...(layout.rows.some((row) => row.style === "reference") ? ["\\textit{Italic}: reference."] : []),
    ...layout.footnotes.map(({ letter, text }) => `\\textsuperscript{${letter}}~${escapeLatex(text)}`),
    ...table.notes.map(escapeLatex),
  ];
  const letters = `@{}${columns.map((c) => letterOf(c.align)).join("")}@{}`;
  const head = [
    ...groupRows(columns),
    tabularRow(columns.map((c) => heading(c, escapeLatex(c.header)))),
    ...(columns.some((c) => c.unit !== null)
      ? [tabularRow(columns.map((c) => (c.unit === null ? "" : heading(c, `(${escapeLatex(c.unit)})`))))]
      : []),
  ];
  const parts: Parts = { caption: caption.join(" "), label, letters, head, rows, remarks };
  return `${(rows.length > LINES_OF_A_PAGE ? longTable : float)(parts).join("\n")}\n`;
}

/** Lines of LaTeX. */
interface Parts {
  readonly caption: string;
  readonly label: string;
  readonly letters: string;
  readonly head: readonly string[];
  readonly rows: readonly string[];
  readonly remarks: readonly string[];
}

function float({ caption, label, letters, head, rows, remarks }: Parts): string[] {
  return [
    "% \\usepackage{booktabs}",
    "\\begin{table}[t]",
    "  \\centering",
    `  \\caption{${caption}}`,
    `  \\label{${label}}`,
    `  \\begin{tabular}{${letters}}`,
    "    \\toprule",
    ...head.map((line) => `    ${line}`),
    "    \\midrule",
    ...rows.map((row) => `    ${row}`),
    "    \\bottomrule",
    "  \\end{tabular}",
    ...(remarks.length === 0 ? [] : ["  \\par\\smallskip", ...minipage(remarks).map((line) => `  ${line}`)]),
    "\\end{table}",
  ];
}

function longTable({ caption, label, letters, head, rows, remarks }: Parts): string[] {
  const top = ["  \\toprule", ...head.map((line) => `  ${line}`), "  \\midrule"];
  return [
    "% \\usepackage{booktabs,longtable}",
    `\\begin{longtable}{${letters}}`,
    `  \\caption{${caption}}`,
    `  \\label{${label}} \\\\`,
    ...top,
    "  \\endfirsthead",
    ...top,
    "  \\endhead",
    "  \\bottomrule",
    "  \\endfoot",
    ...rows.map((row) => `  ${row}`),
    "\\end{longtable}",
    ...(remarks.length === 0 ? [] : ["\\noindent", ...minipage(remarks)]),
  ];
}

function minipage(remarks: readonly string[]): string[] {
  const last = remarks.length - 1;
  return [
    "\\begin{minipage}{\\linewidth}\\footnotesize\\raggedright",
    ...remarks.map((remark, i) => `  ${remark}${i < last ? "\\par" : ""}`),
    "\\end{minipage}",
  ];
}

/** Text that LaTeX sets as written: its ten special signs, and the Unicode signs that the default fonts lack. */
export function escapeLatex(text: string): string {
  return [...text.replace(/\s+/g, " ")].map((sign) => SIGNS[sign] ?? sign).join("");
}

const SIGNS: Readonly<Record<string, string>> = {
  "\\": "\\textbackslash{}",
  "{": "\\{",
  "}": "\\}",
  $: "\\$",
  "&": "\\&",
  "#": "\\#",
  "%": "\\%",
  _: "\\_",
  "~": "\\textasciitilde{}",
  "^": "\\textasciicircum{}",
  "<": "\\textless{}",
  ">": "\\textgreater{}",
  "|": "\\textbar{}",
  '"': "''",
  "–": "--",
  "—": "---",
  "…": "\\ldots{}",
  "“": "``",
  "”": "''",
  "‘": "`",
  "’": "'",
  "−": "$-$",
  "×": "$\\times$",
  "·": "$\\cdot$",
  "±": "$\\pm$",
  "≤": "$\\leq$",
  "≥": "$\\geq$",
  "≈": "$\\approx$",
  "≠": "$\\neq$",
  "→": "$\\to$",
  "←": "$\\leftarrow$",
  "↓": "$\\downarrow$",
  "↑": "$\\uparrow$",
  "∞": "$\\infty$",
  "°": "$^\\circ$",
  "²": "$^2$",
  "³": "$^3$",
  "₀": "$_0$",
  "₁": "$_1$",
  "₂": "$_2$",
  "₃": "$_3$",
  µ: "$\\mu$",
  μ: "$\\mu$",
  α: "$\\alpha$",
  β: "$\\beta$",
  γ: "$\\gamma$",
  Δ: "$\\Delta$",
  ε: "$\\varepsilon$",
  η: "$\\eta$",
  κ: "$\\kappa$",
  λ: "$\\lambda$",
  ρ: "$\\rho$",
  σ: "$\\sigma$",
  τ: "$\\tau$",
  ω: "$\\omega$",
  "†": "\\dag{}",
  "‡": "\\ddag{}",
  "§": "\\S{}",
  "○": "$\\circ$",
  "\u00A0": "~",
};

function latexNumber(text: string): string {
  const [mantissa, exponent] = text.split("e");
  if (exponent !== undefined && /^-?[\d.]+$/.test(mantissa) && /^[-+]?\d+$/.test(exponent)) {
    return `$${mantissa}\\times10^{${Number(exponent)}}$`;
  }
  return /^-[\d.]+$/.test(text) ? `$${text}$` : escapeLatex(text);
}

/** A row's first `[` or `*` would be read as an argument of the line break before it. */
function tabularRow(cells: readonly string[]): string {
  const guard = /^[[*]/.test(cells[0]) ? "{}" : "";
  return `${guard}${cells.join(" & ")} \\\\`;
}

/** Numbers with intervals are wide: their headings stand better over the middle than over the last bracket. */
function heading(column: LaidColumn, text: string): string {
  return column.align === "decimal" ? `\\multicolumn{1}{c}{${text}}` : text;
}

/** The line of group headings and the rules under them; nothing where the table has no groups. */
function groupRows(columns: readonly LaidColumn[]): string[] {
  if (columns.every((c) => c.group === null)) return [];
  const cells: string[] = [];
  const rules: string[] = [];
  for (let at = 0; at < columns.length; ) {
    const { group } = columns[at];
    let end = at + 1;
    while (group !== null && end < columns.length && columns[end].group === group) end++;
    if (group === null) cells.push("");
    else {
      cells.push(`\\multicolumn{${end - at}}{c}{${escapeLatex(group)}}`);
      rules.push(`\\cmidrule(lr){${at + 1}-${end}}`);
    }
    at = end;
  }
  return [tabularRow(cells), rules.join(" ")];
}

function letterOf(align: Align): string {
  return align === "left" ? "l" : align === "center" ? "c" : "r";
}

function sentence(text: string): string {
  const escaped = escapeLatex(text);
  return /[.!?:]$/.test(escaped) ? escaped : `${escaped}.`;
}

function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
}
