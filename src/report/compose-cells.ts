import type { Align } from "./table.ts";
import type { LaidCell } from "./table-layout.ts";

/** How a format writes the pieces of a cell. All texts that come from the table go through `escape`. */
export interface Dialect {
  readonly dash: string;
  escape(text: string): string;
  /** Before the label of a line that belongs to the row above. */
  readonly indent: string;
  number(text: string): string;
  /** A footnote's letter, or a mark, behind a value. */
  raise(letter: string): string;
  mark(text: string): string;
  /** Invisible matter as wide as `sample`, before a piece. */
  padLeft(sample: string): string;
  /** The same behind a piece. */
  padRight(sample: string): string;
  /** The same for a mark or footnote that other rows have. */
  padSuffix(sample: string): string;
}

/**
 * The texts of one column's cells. In a `decimal` column the decimal points, marks and intervals of all rows
 * stand under each other; other alignments are left to the renderer.
 */
export function composeColumn(cells: readonly LaidCell[], align: Align, dialect: Dialect): string[] {
  if (align !== "decimal") {
    return cells.map((cell) => {
      if (cell.kind === "aside") return dialect.indent + body(cell, dialect);
      const interval = cell.interval === null ? "" : ` [${cell.interval.map(dialect.number).join(", ")}]`;
      return body(cell, dialect) + suffix(cell, dialect) + interval;
    });
  }
  const heads = alignPoints(cells, dialect);
  const suffixSample = longest(cells.map((cell) => cell.mark + cell.footnote));
  const intervals = cells.map((cell) => (cell.interval === null ? "" : ` [${cell.interval.join(", ")}]`));
  const intervalSample = longest(intervals);
  return cells.map((cell, i) => {
    if (cell.kind === "empty") return "";
    if (cell.kind === "aside") return body(cell, dialect) + suffix(cell, dialect);
    const { text, sample } = heads[i];
    const ownSuffix = cell.mark + cell.footnote;
    const gap = dialect.padSuffix(suffixSample.slice(ownSuffix.length));
    const interval = cell.interval === null ? "" : ` [${cell.interval.map(dialect.number).join(", ")}]`;
    const tail =
      interval === ""
        ? dialect.padRight(intervalSample)
        : interval + dialect.padRight("0".repeat(intervalSample.length - intervals[i].length));
    // Marks stand at the digits they belong to, also where other rows have more decimals.
    return text + suffix(cell, dialect) + dialect.padRight(sample) + gap + tail;
  });
}

function body(cell: LaidCell, dialect: Dialect): string {
  if (cell.kind === "number") return dialect.number(cell.text);
  if (cell.kind === "missing") return dialect.dash;
  return dialect.escape(cell.text);
}

function suffix(cell: LaidCell, dialect: Dialect): string {
  const mark = cell.mark === "" ? "" : dialect.mark(cell.mark);
  return mark + (cell.footnote === "" ? "" : dialect.raise(cell.footnote));
}

/** Each text padded to one length before the decimal points, with the sample of what it lacks behind. */
function alignPoints(cells: readonly LaidCell[], dialect: Dialect): { text: string; sample: string }[] {
  const split = cells.map((cell) => {
    if (cell.kind === "number") return splitAtPoint(cell.text);
    if (cell.kind === "aside") return { whole: "", fraction: "" };
    return { whole: cell.kind === "missing" ? "–" : cell.text, fraction: "" };
  });
  const wholeLength = Math.max(0, ...split.map((s) => s.whole.length));
  const fraction = longest(split.map((s) => s.fraction));
  return cells.map((cell, i) => ({
    text: dialect.padLeft("0".repeat(wholeLength - split[i].whole.length)) + body(cell, dialect),
    sample: fraction.slice(split[i].fraction.length).replace(/[^.]/g, "0"),
  }));
}

function splitAtPoint(text: string): { whole: string; fraction: string } {
  const at = text.search(/[.e]/);
  return at < 0 ? { whole: text, fraction: "" } : { whole: text.slice(0, at), fraction: text.slice(at) };
}

function longest(texts: readonly string[]): string {
  return texts.reduce((best, text) => (text.length > best.length ? text : best), "");
}
