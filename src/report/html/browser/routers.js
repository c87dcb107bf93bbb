/** A section for each router: what it is, and where it stands in each experiment. */
import { provenanceBadge, statusBadge } from "./badges.js";
import { choice } from "./controls.js";
import { chiefMetrics, meanOf, metricTitle, placesOf } from "./data.js";
import { element } from "./dom.js";
import { shortNumber } from "./numbers.js";
import { routerMark } from "./router-mark.js";
import { sortedTable } from "./table.js";

/** @param {import("../report-data.ts").ReportData} data */
export function routersSection(data) {
  const places = placesOf(data);
  const chief = chiefMetrics(data);
  const holder = element("div");
  const order = data.routers.map((_, index) => index);
  order.sort((a, b) => data.routers[a].id.localeCompare(data.routers[b].id));
  const list = choice(
    "router",
    order.map((index) => [String(index), data.routers[index].id]),
    (value) => {
      location.hash = `router-${value}`;
    },
  );

  function show(index) {
    const router = data.routers[index];
    const rows = data.rows.router.flatMap((own, row) => (own === index ? [row] : []));
    const standings = sortedTable(`${router.id}: where it stands`);
    standings.show(columnsOf(rows), rows);
    list.querySelector("select").value = String(index);
    holder.replaceChildren(
      element("h3", {}, routerMark(router), ` ${router.id}${router.clairvoyant ? " †" : ""}`),
      ...(router.summary === "" ? [] : [element("p", {}, router.summary)]),
      facts([
        ["source", router.source],
        ["status", statusBadge(router.status)],
        ["family", router.family],
        ["group", router.group],
        ...(router.ablationOf === "" ? [] : [["ablation of", router.ablationOf]]),
        ...(router.clairvoyant ? [["clairvoyant", "sees what no gateway can"]] : []),
      ]),
      element("h4", {}, "Where it stands"),
      element(
        "p",
        { class: "quiet" },
        "Value, and in brackets the rank among the routers that met the same requests.",
      ),
      standings.node,
      element("h4", {}, "Parameters"),
      router.parameters.length === 0
        ? element("p", {}, "None.")
        : facts(router.parameters.map(([name, text]) => [name, element("code", {}, text)])),
    );
  }

  function columnsOf(own) {
    const { rows, results } = data;
    const peersOf = (row) =>
      places.find(({ key }) => key === `${rows.result[row]} ${rows.point[row]}`)?.rows ?? [];
    return [
      { title: "experiment", value: (row) => textOf(row), cell: (row) => textOf(row) },
      ...(own.every((row) => rows.label[row] === data.routers[rows.router[row]].id)
        ? []
        : [{ title: "as", value: (row) => rows.label[row], cell: (row) => rows.label[row] }]),
      ...chief.map((metric) => ({
        title: metricTitle(data.metrics[metric]),
        hint: data.metrics[metric].description,
        number: true,
        value: (row) => meanOf(data, metric, row),
        cell: (row) => standing(metric, row, peersOf(row)),
      })),
      {
        title: "provenance",
        value: (row) => rows.provenance[row],
        cell: (row) => provenanceBadge(data.provenances[rows.provenance[row]] ?? "unknown"),
      },
      { title: "notes", cell: (row) => element("span", { class: "why" }, rows.notes[row]) },
    ];

    function textOf(row) {
      const result = results[rows.result[row]];
      const point = result.points[rows.point[row]];
      return point ? `${result.experiment}, ${point}` : result.experiment;
    }
  }

  function standing(metric, row, peers) {
    const value = meanOf(data, metric, row);
    const { better } = data.metrics[metric];
    if (value === null) return "–";
    if (better === "neither") return shortNumber(value);
    const known = peers.map((peer) => meanOf(data, metric, peer)).filter((other) => other !== null);
    const ahead = known.filter((other) => (better === "lower" ? other < value : other > value)).length;
    return `${shortNumber(value)} (${ahead + 1}/${known.length})`;
  }

  return {
    node: element("div", {}, element("div", { class: "fields" }, list), holder),
    show,
    first: order[0],
  };
}

/** Names with what they are. */
export function facts(entries) {
  return element(
    "dl",
    {},
    ...entries.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]),
  );
}
