/** What papers print, beside what the runs gave. */
import { verdictBadge } from "./badges.js";
import { allOr, choice } from "./controls.js";
import { metricTitle } from "./data.js";
import { element } from "./dom.js";
import { routerLink } from "./leaderboard.js";
import { shortNumber } from "./numbers.js";
import { sortedTable } from "./table.js";

/** @param {import("../report-data.ts").ReportData} data */
export function comparisonSection(data) {
  const { comparisons, rows, metrics, results } = data;
  const entries = comparisons.row.map((_, entry) => entry);
  if (entries.length === 0) return element("p", {}, "No result here has figures of a paper to compare with.");
  const resultOf = (entry) => rows.result[comparisons.row[entry]];
  const filters = { result: "", verdict: "" };
  const holder = element("div");

  function show() {
    const list = entries.filter(
      (entry) =>
        (filters.result === "" || String(resultOf(entry)) === filters.result) &&
        (filters.verdict === "" || comparisons.verdict[entry] === filters.verdict),
    );
    const places = [...new Set(list.map(resultOf))];
    holder.replaceChildren(
      ...places.map((place) =>
        resultTable(
          place,
          list.filter((entry) => resultOf(entry) === place),
        ),
      ),
    );
    if (places.length === 0) holder.append(element("p", {}, "Nothing fits these filters."));
  }

  function resultTable(place, list) {
    const { experiment, paper, ranks, points } = results[place];
    const table = sortedTable(`${paper || experiment}: paper and run`);
    const factor = (entry) => metrics[comparisons.metric[entry]].factor;
    const scaled = (column, entry) => (column[entry] === null ? null : column[entry] * factor(entry));
    const number = (title, value) => ({
      title,
      number: true,
      value,
      cell: (entry) => shortNumber(value(entry)),
    });
    table.show(
      [
        {
          title: "router",
          value: (entry) => rows.label[comparisons.row[entry]],
          cell: (entry) => routerLink(data, comparisons.row[entry]),
        },
        ...(points.length > 1
          ? [
              {
                title: "point",
                value: (entry) => points[rows.point[comparisons.row[entry]]],
                cell: (entry) => points[rows.point[comparisons.row[entry]]],
              },
            ]
          : []),
        {
          title: "metric",
          value: (entry) => metrics[comparisons.metric[entry]].label,
          cell: (entry) => metricTitle(metrics[comparisons.metric[entry]]),
        },
        number("paper", (entry) => scaled(comparisons.paper, entry)),
        number("run", (entry) => scaled(comparisons.run, entry)),
        number("paper, ratio", (entry) => comparisons.ratioPaper[entry]),
        number("run, ratio", (entry) => comparisons.ratioRun[entry]),
        {
          title: "ratio to",
          value: (entry) => comparisons.against[entry],
          cell: (entry) => comparisons.against[entry],
        },
        {
          title: "verdict",
          value: (entry) => comparisons.verdict[entry],
          cell: (entry) => verdictBadge(comparisons.verdict[entry]),
        },
        { title: "why", cell: (entry) => element("span", { class: "why" }, comparisons.note[entry]) },
      ],
      list,
    );
    const counts = new Map();
    for (const entry of list) {
      counts.set(comparisons.verdict[entry], (counts.get(comparisons.verdict[entry]) ?? 0) + 1);
    }
    const taus = ranks.map(
      ([point, metric, tau]) =>
        `${metrics[metric].label}${points.length > 1 ? ` at ${points[point]}` : ""} ${tau === null ? "no order" : shortNumber(tau)}`,
    );
    return element(
      "section",
      { class: "block" },
      element(
        "h3",
        {},
        paper === "" ? experiment : `${paper} `,
        paper === "" ? "" : element("small", {}, experiment),
      ),
      element("p", {}, ...[...counts].flatMap(([word, count]) => [`${count} `, verdictBadge(word), " "])),
      table.node,
      ...(taus.length === 0
        ? []
        : [
            element(
              "p",
              { class: "quiet" },
              `Rank agreement with the paper (Kendall's tau, 1: the same order): ${taus.join(", ")}.`,
            ),
          ]),
    );
  }

  show();
  return element(
    "div",
    {},
    element(
      "p",
      { class: "quiet" },
      "A figure agrees within 20 % of the paper's; of ratios to the baseline, direction only is the same side of 1. What was fitted to a paper is calibrated and never counts as agreement.",
    ),
    element(
      "div",
      { class: "fields" },
      choice(
        "result",
        [
          ["", "all"],
          ...[...new Set(entries.map(resultOf))].map((place) => [
            String(place),
            results[place].paper || results[place].experiment,
          ]),
        ],
        (value) => {
          filters.result = value;
          show();
        },
      ),
      choice("verdict", allOr(comparisons.verdict), (value) => {
        filters.verdict = value;
        show();
      }),
    ),
    holder,
  );
}
