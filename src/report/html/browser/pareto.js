/** Two metrics against each other, and the rows that none beats in both. */
import { areaX, areaY, frame } from "./axes.js";
import { choice } from "./controls.js";
import { chiefMetrics, intervalOf, meanOf, metricTitle, placesOf } from "./data.js";
import { colouredBy, drawn, element } from "./dom.js";
import { routerLink } from "./leaderboard.js";
import { leadingRows, MOST_NAMED } from "./leading.js";
import { namesOf } from "./names.js";
import { shortNumber } from "./numbers.js";
import { markAt } from "./router-mark.js";
import { sortedTable } from "./table.js";

/** An axis is logarithmic where the greatest value is more than so many times the least. */
const FAR_APART = 12;

/** @param {import("../report-data.ts").ReportData} data */
export function paretoSection(data) {
  const places = placesOf(data).filter(({ rows }) => rows.length > 1);
  if (places.length === 0) return element("p", {}, "No experiment here has two routers to compare.");
  const judged = data.metrics.flatMap(({ better }, index) => (better === "neither" ? [] : [index]));
  const chief = chiefMetrics(data);
  const named = (name) => data.metrics.findIndex((metric) => metric.name === name);
  const state = {
    place: places.reduce((most, place) => (place.rows.length > most.rows.length ? place : most), places[0]),
    x: named("carbon_g_per_request") >= 0 ? named("carbon_g_per_request") : chief[0],
    y: named("slo_violation") >= 0 ? named("slo_violation") : (chief[1] ?? chief[0]),
    axes: "auto",
  };
  const holder = element("div");
  const rule = element("p", { class: "quiet" });
  const table = sortedTable("Rows, those of the front first");

  function show() {
    const { place, x, y } = state;
    const rows = place.rows.filter((row) => meanOf(data, x, row) !== null && meanOf(data, y, row) !== null);
    const front = frontOf(data, rows, x, y);
    holder.replaceChildren(
      rows.length === 0 ? element("p", {}, "No row has both metrics.") : chart(rows, front),
    );
    const ordered = [...rows].sort(
      (a, b) => Number(front.has(b)) - Number(front.has(a)) || meanOf(data, x, a) - meanOf(data, x, b),
    );
    table.show(
      [
        { title: "router", value: (row) => data.rows.label[row], cell: (row) => routerLink(data, row) },
        ...[x, ...(x === y ? [] : [y])].map((metric) => ({
          title: metricTitle(data.metrics[metric]),
          number: true,
          value: (row) => meanOf(data, metric, row),
          cell: (row) => shortNumber(meanOf(data, metric, row)),
        })),
        {
          title: "on the front",
          value: (row) => Number(!front.has(row)),
          cell: (row) => (front.has(row) ? "yes" : "no"),
        },
      ],
      ordered,
    );
  }

  function chart(rows, front) {
    const { x, y, place } = state;
    const isMany = rows.length > MOST_NAMED;
    const leading = isMany ? new Set([...front, ...leadingRows(data, [x, y], rows)]) : new Set(rows);
    rule.textContent = `The dashed line joins the rows that none beats in both metrics; bars are 95 % intervals. ${
      isMany
        ? "Named are these rows, reference rows, and the best system and the best baseline of each family by the mean of both metrics, each scaled to its range; all others are small marks without bars."
        : ""
    } Names that find no room are in the table.`;
    const [xs, ys] = [axisOf(x, rows, leading, areaX), axisOf(y, rows, leading, areaY)];
    const at = (row) => [xs.position(meanOf(data, x, row)), ys.position(meanOf(data, y, row))];
    const members = rows
      .filter((row) => front.has(row))
      .sort((a, b) => meanOf(data, x, a) - meanOf(data, x, b));
    const line = members
      .map((row) =>
        at(row)
          .map((value) => value.toFixed(1))
          .join(","),
      )
      .join(" ");
    // Those named lie over the others, the front over all.
    const ordered = [...rows].sort(
      (a, b) =>
        Number(leading.has(a)) - Number(leading.has(b)) || Number(front.has(a)) - Number(front.has(b)),
    );
    const marks = ordered.map((row) => markOf(row, at(row), leading.has(row), xs, ys));
    const places = ordered.map((row) => {
      const [px, py] = at(row);
      return { row, x: px, y: py, radius: leading.has(row) ? 6 : 3.5 };
    });
    const names = places
      .filter(({ row }) => leading.has(row))
      .sort((a, b) => Number(front.has(b.row)) - Number(front.has(a.row)))
      .filter(({ x: px, y: py }, i, all) => all.findIndex((other) => other.x === px && other.y === py) === i)
      .map(({ row, x: px, y: py }) => ({
        x: px,
        y: py,
        text: labelOf(rows.filter((other) => at(other).join() === at(row).join())),
        colour: data.routers[data.rows.router[row]].colour,
        strong: front.has(row),
      }));
    return frame(
      `${data.metrics[y].label} against ${data.metrics[x].label} of ${rows.length} routers, ${place.text}`,
      xs,
      ys,
      axisName(data.metrics[x], xs.log),
      axisName(data.metrics[y], ys.log),
      drawn("polyline", { points: line, class: "front" }),
      ...marks,
      ...namesOf(names, places),
    );
  }

  /** One name for rows at one place. */
  function labelOf(equal) {
    const [first, ...others] = equal.map((row) => data.rows.label[row]);
    return others.length <= 2 ? [first, ...others].join(" = ") : `${first} (and ${others.length} equal)`;
  }

  /** Of the rows' values and the intervals that are drawn; where they lie far apart logarithmic, unless chosen. */
  function axisOf(metric, rows, leading, area) {
    const means = rows.map((row) => meanOf(data, metric, row));
    const ends = rows.flatMap((row) => (leading.has(row) ? (intervalOf(data, metric, row) ?? []) : []));
    const least = means.reduce((a, b) => Math.min(a, b), Infinity);
    const most = means.reduce((a, b) => Math.max(a, b), -Infinity);
    const log = least > 0 && (state.axes === "log" || (state.axes === "auto" && most > FAR_APART * least));
    const shown = log ? [...means, ...ends.filter((end) => end > 0)] : [...means, ...ends];
    const scale = area(shown, { log, padded: true });
    const lowest = shown.reduce((a, b) => Math.min(a, b), Infinity);
    // An interval that reaches 0 ends with the axis.
    return { ...scale, log, position: (value) => scale.position(log ? Math.max(value, lowest) : value) };
  }

  function markOf(row, place, isNamed, xs, ys) {
    const [px, py] = place;
    const { x, y } = state;
    const router = data.routers[data.rows.router[row]];
    const [xi, yi] = isNamed ? [intervalOf(data, x, row), intervalOf(data, y, row)] : [null, null];
    const bar = (x1, x2, y1, y2) =>
      drawn("line", {
        x1: x1.toFixed(1),
        x2: x2.toFixed(1),
        y1: y1.toFixed(1),
        y2: y2.toFixed(1),
        class: "bar own",
        style: colouredBy(router.colour),
      });
    return drawn(
      "g",
      {},
      drawn(
        "title",
        {},
        `${data.rows.label[row]}: ${[x, y].map((metric) => `${data.metrics[metric].label} ${shortNumber(meanOf(data, metric, row))} ${data.metrics[metric].unit}`).join(", ")}`,
      ),
      ...(xi === null ? [] : [bar(xs.position(xi[0]), xs.position(xi[1]), py, py)]),
      ...(yi === null ? [] : [bar(px, px, ys.position(yi[0]), ys.position(yi[1]))]),
      markAt(router, px, py, isNamed ? 1 : 0.6),
    );
  }

  const metricChoices = judged.map((index) => [String(index), metricTitle(data.metrics[index])]);
  show();
  return element(
    "div",
    {},
    element(
      "div",
      { class: "fields" },
      choice(
        "experiment",
        places.map(({ key, text }) => [key, text]),
        (value) => {
          state.place = places.find(({ key }) => key === value) ?? places[0];
          show();
        },
        state.place.key,
      ),
      choice(
        "across",
        metricChoices,
        (value) => {
          state.x = Number(value);
          show();
        },
        String(state.x),
      ),
      choice(
        "up",
        metricChoices,
        (value) => {
          state.y = Number(value);
          show();
        },
        String(state.y),
      ),
      choice(
        "axes",
        [
          ["auto", "by the values"],
          ["linear", "linear"],
          ["log", "logarithmic"],
        ],
        (value) => {
          state.axes = value;
          show();
        },
      ),
    ),
    holder,
    rule,
    table.node,
  );
}

function axisName(metric, log) {
  return `${metricTitle(metric)}, ${metric.better} is better${log ? ", logarithmic" : ""}`;
}

/** Rows that no other row beats: at least as good in both metrics and better in one. */
export function frontOf(data, rows, x, y) {
  const sign = (metric) => (data.metrics[metric].better === "higher" ? -1 : 1);
  const points = rows.map((row) => [sign(x) * meanOf(data, x, row), sign(y) * meanOf(data, y, row)]);
  return new Set(
    rows.filter(
      (_, i) =>
        !points.some(
          ([px, py]) => px <= points[i][0] && py <= points[i][1] && (px < points[i][0] || py < points[i][1]),
        ),
    ),
  );
}
