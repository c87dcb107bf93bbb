/** Tables and figures of other commands than `canopy run`: leaderboards, capacities, overhead, validations. */
import { choice } from "./controls.js";
import { element } from "./dom.js";
import { fileList } from "./provenance.js";
import { facts } from "./routers.js";
import { sortedTable } from "./table.js";

const SHOWN_NOTES = 4;

/** @param {import("../report-data.ts").ReportData} data */
export function sheetsSection({ sheets }) {
  const blocks = sheets.map((sheet, place) => sheetBlock(sheet, place > 0));
  if (sheets.length === 1) return blocks[0];
  return element(
    "div",
    {},
    element(
      "div",
      { class: "fields" },
      choice(
        "of command",
        sheets.map(({ title }, place) => [String(place), title]),
        (value) => {
          for (const [place, block] of blocks.entries()) block.hidden = String(place) !== value;
        },
      ),
    ),
    ...blocks,
  );
}

function sheetBlock({ by, title, tables, figures, facts: known, files }, hidden) {
  return element(
    "div",
    { class: "sheet", hidden },
    element("h3", {}, `${title} `, element("small", {}, `canopy ${by}`)),
    ...figures.map(([name, svg]) =>
      element("img", { alt: name, src: `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}` }),
    ),
    ...tables.map(tableBlock),
    element("h4", {}, "Made by"),
    facts(known),
    element("h4", {}, "Files"),
    fileList(files),
  );
}

function tableBlock({ title, caption, columns, rows, notes }) {
  const table = sortedTable(title);
  table.show(
    columns.map((column, at) => ({
      title: column.title,
      number: column.isNumber,
      value: (row) => rows[row].cells[at].value,
      cell: (row) => cellOf(rows[row].cells[at], rows[row].isReference && at === 0),
    })),
    rows.map((_, row) => row),
  );
  return element(
    "div",
    {},
    element("h4", {}, title),
    ...(caption === "" ? [] : [element("p", { class: "quiet" }, caption)]),
    table.node,
    ...(notes.length === 0 ? [] : [notesOf(notes)]),
  );
}

/** Many are folded away until they are asked for. */
function notesOf(notes) {
  const list = element("ul", { class: "quiet" }, ...notes.map((note) => element("li", {}, note)));
  if (notes.length <= SHOWN_NOTES) return list;
  return element("details", { class: "block" }, element("summary", {}, `${notes.length} notes`), list);
}

function cellOf({ text, interval, reason }, isReference) {
  return element(
    "span",
    { title: reason },
    isReference ? element("em", {}, text) : text,
    ...(interval === undefined ? [] : [" ", element("small", {}, interval)]),
    ...(reason === undefined ? [] : [" ", element("small", { class: "why" }, reason)]),
  );
}
