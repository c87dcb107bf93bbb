/** All rows of all results, with filters and an order of one's own. */
import { provenanceBadge, statusBadge } from "./badges.js";
import { allOr, choice, textField, tick } from "./controls.js";
import { bestRows, chiefMetrics, intervalOf, meanOf, metricTitle, placesOf, placeText } from "./data.js";
import { element } from "./dom.js";
import { shortNumber } from "./numbers.js";
import { routerMark } from "./router-mark.js";
import { sortedTable } from "./table.js";

/** @param {import("../report-data.ts").ReportData} data */
export function leaderboard(data) {
  const { rows, routers, metrics } = data;
  const all = rows.result.map((_, row) => row);
  const filters = { experiment: "", family: "", group: "", status: "", provenance: "", metric: "", text: "" };
  const shown = new Set(chiefMetrics(data));
  const best = new Map();
  const places = placesOf(data);
  const table = sortedTable("Leaderboard");
  const count = element("p", { class: "quiet", role: "status" });

  const tests = {
    experiment: (row) => data.results[rows.result[row]].experiment,
    family: (row) => routers[rows.router[row]].family,
    group: (row) => routers[rows.router[row]].group,
    status: (row) => routers[rows.router[row]].status,
    provenance: (row) => data.provenances[rows.provenance[row]] ?? "unknown",
  };

  function kept() {
    const text = filters.text.trim().toLowerCase();
    const metric = filters.metric === "" ? -1 : metrics.findIndex(({ name }) => name === filters.metric);
    return all.filter(
      (row) =>
        Object.entries(tests).every(([name, test]) => filters[name] === "" || test(row) === filters[name]) &&
        (metric < 0 || meanOf(data, metric, row) !== null) &&
        (text === "" ||
          `${rows.label[row]} ${routers[rows.router[row]].id} ${placeText(data, row)}`
            .toLowerCase()
            .includes(text)),
    );
  }

  function bestOf(metric) {
    if (!best.has(metric)) {
      best.set(metric, new Set(places.flatMap((place) => [...bestRows(data, metric, place.rows)])));
    }
    return best.get(metric);
  }

  function metricColumn(metric) {
    const { better, description } = metrics[metric];
    return {
      title: metricTitle(metrics[metric]),
      hint: description,
      number: true,
      first: better === "higher" ? "descending" : "ascending",
      value: (row) => meanOf(data, metric, row),
      cell: (row) => {
        const interval = intervalOf(data, metric, row);
        const text = shortNumber(meanOf(data, metric, row));
        const title =
          interval === null
            ? undefined
            : `95 % interval ${interval.map((end) => shortNumber(end)).join(" to ")}`;
        return bestOf(metric).has(row)
          ? element(
              "strong",
              { title: `best of its experiment${title === undefined ? "" : `; ${title}`}` },
              text,
            )
          : element("span", { title }, text);
      },
    };
  }

  function columns() {
    const asked = filters.metric === "" ? -1 : metrics.findIndex(({ name }) => name === filters.metric);
    const chosen = metrics.flatMap((_, index) => (shown.has(index) || index === asked ? [index] : []));
    return [
      {
        title: "router",
        value: (row) => rows.label[row],
        cell: (row) => routerLink(data, row),
      },
      {
        title: "experiment",
        value: (row) => placeText(data, row),
        cell: (row) => element("span", { class: "place" }, placeText(data, row)),
      },
      ...chosen.map(metricColumn),
      {
        title: "provenance",
        hint: "weakest of what the row rests on",
        value: (row) => rows.provenance[row],
        cell: (row) => provenanceBadge(tests.provenance(row)),
      },
      { title: "family", value: tests.family, cell: tests.family },
      { title: "group", value: tests.group, cell: tests.group },
      { title: "status", value: tests.status, cell: (row) => statusBadge(tests.status(row)) },
      {
        title: "runs",
        number: true,
        value: (row) => rows.done[row],
        cell: (row) =>
          rows.done[row] === rows.planned[row]
            ? `${rows.done[row]}`
            : `${rows.done[row]} of ${rows.planned[row]}`,
      },
    ];
  }

  function show() {
    const list = kept();
    count.textContent = `${list.length} of ${all.length} rows`;
    table.show(columns(), list);
  }

  const filter = (name, label) =>
    choice(label, allOr(all.map(tests[name])), (value) => {
      filters[name] = value;
      show();
    });
  const ticks = metrics.map((metric, index) =>
    tick(metricTitle(metric), shown.has(index), (checked) => {
      if (checked) shown.add(index);
      else shown.delete(index);
      show();
    }),
  );
  show();
  return element(
    "div",
    {},
    element(
      "p",
      { class: "quiet" },
      "Rows of one experiment met the same requests and can be compared; rows of different experiments cannot. Bold is best of its experiment. † sees what no gateway can.",
    ),
    element(
      "div",
      { class: "fields" },
      textField("find", (value) => {
        filters.text = value;
        show();
      }),
      filter("experiment", "experiment"),
      filter("family", "family"),
      filter("group", "group"),
      filter("status", "status"),
      filter("provenance", "provenance"),
      choice("has metric", [["", "any"], ...metrics.map(({ name, label }) => [name, label])], (value) => {
        filters.metric = value;
        show();
      }),
    ),
    element(
      "details",
      { class: "columns" },
      element("summary", {}, "Columns"),
      element("div", { class: "ticks" }, ...ticks),
    ),
    count,
    table.node,
  );
}

/** A router's mark and name, leading to its section. */
export function routerLink(data, row) {
  const router = data.routers[data.rows.router[row]];
  const name = `${data.rows.label[row]}${router.clairvoyant ? " †" : ""}`;
  return element(
    "a",
    { href: `#router-${data.rows.router[row]}`, title: data.rows.notes[row] || undefined },
    routerMark(router),
    name,
  );
}
