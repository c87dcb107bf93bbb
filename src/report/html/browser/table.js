/** Tables that are sorted by their heads and grow by pages. */
import { element } from "./dom.js";
import { sortRows } from "./sort-rows.js";

const PAGE = 200;

/**
 * @typedef {object} TableColumn
 * @property {string} title
 * @property {string} [hint]
 * @property {boolean} [number]
 * @property {string} [first] `ascending` or `descending`: order of the first click
 * @property {(row: number) => number | string | null} [value] what is sorted by; a column without it is not sorted
 * @property {(row: number) => Node | string} cell
 */

/**
 * A table over numbers of rows. The element stays; `show` fills it.
 *
 * @param {string} caption
 */
export function sortedTable(caption) {
  const table = element("table");
  const more = element("button", { type: "button", class: "more", hidden: true });
  const scroller = element(
    "div",
    { class: "scroller", role: "region", "aria-label": caption, tabindex: "0" },
    table,
  );
  /** @type {{ column: number, descending: boolean } | undefined} */
  let order;
  let shown = PAGE;
  /** @type {readonly TableColumn[]} */
  let columns = [];
  /** @type {readonly number[]} */
  let rows = [];

  more.addEventListener("click", () => {
    shown += 5 * PAGE;
    fill();
  });

  function sortBy(index) {
    const { first = "ascending" } = columns[index];
    order =
      order?.column === index
        ? { column: index, descending: !order.descending }
        : { column: index, descending: first === "descending" };
    fill();
    /** @type {HTMLElement} */ (table.querySelectorAll("thead button")[sortable().indexOf(index)])?.focus();
  }

  function sortable() {
    return columns.flatMap(({ value }, index) => (value === undefined ? [] : [index]));
  }

  function head(column, index) {
    const state = order?.column === index ? (order.descending ? "descending" : "ascending") : "none";
    const sign = state === "none" ? "" : state === "ascending" ? " ▲" : " ▼";
    const label =
      column.value === undefined
        ? column.title
        : element(
            "button",
            { type: "button", title: column.hint, onclick: () => sortBy(index) },
            column.title + sign,
          );
    return element(
      "th",
      {
        scope: "col",
        class: column.number ? "number" : undefined,
        "aria-sort": column.value === undefined ? undefined : state,
        title: column.value === undefined ? column.hint : undefined,
      },
      label,
    );
  }

  function fill() {
    const sorted = order === undefined ? rows : sortRows(rows, columns[order.column], order.descending);
    const body = sorted
      .slice(0, shown)
      .map((row) =>
        element(
          "tr",
          {},
          ...columns.map((column, index) =>
            element(
              index === 0 ? "th" : "td",
              { scope: index === 0 ? "row" : undefined, class: column.number ? "number" : undefined },
              column.cell(row),
            ),
          ),
        ),
      );
    table.replaceChildren(
      element("caption", {}, caption),
      element("thead", {}, element("tr", {}, ...columns.map(head))),
      element("tbody", {}, ...body),
    );
    more.hidden = sorted.length <= shown;
    more.textContent = `Show more: ${shown} of ${sorted.length} rows are shown`;
  }

  return {
    node: element("div", {}, scroller, more),
    /**
     * @param {readonly TableColumn[]} newColumns
     * @param {readonly number[]} newRows
     */
    show(newColumns, newRows) {
      const title = order === undefined ? undefined : columns[order.column].title;
      const at = newColumns.findIndex((column) => column.title === title);
      order = order === undefined || at < 0 ? undefined : { column: at, descending: order.descending };
      columns = newColumns;
      rows = newRows;
      shown = PAGE;
      fill();
    },
  };
}
