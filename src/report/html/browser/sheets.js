/** Tables and figures of other commands than `canopy run`: leaderboards, capacities, overhead, validations. */
import { choice } from "./controls.js";
import { element } from "./dom.js";
import { fileList } from "./provenance.js";
import { facts } from "./routers.js";
import { sortedTable } from "./table.js";

const SHOWN_NOTES = 4;

/** @param {import("../report-data.ts").ReportData} data */
export function sheetsSection({ sheets }) {
  const blocks = sheets.map(() => element("div", { class: "sheet", hidden: true }));
  const fill = (place) => {
    if (blocks[place].childElementCount === 0) blocks[place].append(...contentOf(sheets[place]));
  };
  const show = (chosen) => {
    fill(chosen);
    for (const [place, block] of blocks.entries()) block.hidden = place !== chosen;
  };
  const isTwice = ({ title }) => sheets.filter((other) => other.title === title).length > 1;
  const list = element(
    "div",
    { class: "fields", hidden: sheets.length < 2 },
    choice(
      "of command",
      sheets.map((sheet, place) => [
        String(place),
        isTwice(sheet) ? `${sheet.title} (${sheet.folder})` : sheet.title,
      ]),
      (value) => show(Number(value)),
    ),
  );
  return {
    node: element("div", {}, list, ...blocks),
    show,
    /** For paper, which shows all of them. */
    showAll: () => {
      for (const place of blocks.keys()) fill(place);
    },
  };
}

function contentOf({ by, title, folder, tables, figures, facts: known, files }) {
  return [
    element("h3", {}, `${title} `, element("small", {}, `canopy ${by}, ${folder}`)),
    ...figures.map(([name, svg]) =>
      element("img", { alt: name, src: `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}` }),
    ),
    ...tables.map(tableBlock),
    element("h4", {}, "Made by"),
    facts(known),
    element("h4", {}, "Files"),
    fileList(files),
  ];
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
