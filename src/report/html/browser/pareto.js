/** Two metrics against each other, and the rows that none beats in both. */
import { areaX, areaY, frame, sizeNow } from "./axes.js";
import { choice } from "./controls.js";
import { chiefMetrics, intervalOf, meanOf, metricTitle, placesOf } from "./data.js";
import { colouredBy, drawn, element } from "./dom.js";
import { routerLink } from "./leaderboard.js";
import { shortNumber } from "./numbers.js";
import { markAt } from "./router-mark.js";
import { sortedTable } from "./table.js";

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
  };
  const holder = element("div");
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
    const ends = (metric) =>
      rows.flatMap((row) => [meanOf(data, metric, row), ...(intervalOf(data, metric, row) ?? [])]);
    const [xs, ys] = [areaX(ends(x)), areaY(ends(y))];
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
    const marks = rows.map((row) => {
      const [px, py] = at(row);
      const router = data.routers[data.rows.router[row]];
      const [xi, yi] = [intervalOf(data, x, row), intervalOf(data, y, row)];
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
        markAt(router, px, py),
      );
    });
    return frame(
      `${data.metrics[y].label} against ${data.metrics[x].label} of ${rows.length} routers, ${place.text}`,
      xs,
      ys,
      axisName(data.metrics[x]),
      axisName(data.metrics[y]),
      drawn("polyline", { points: line, class: "front" }),
      ...marks,
      ...labels(rows, front, at),
    );
  }

  /** Names beside the marks, those of the front first; one that finds no free place is left to the table. */
  function labels(rows, front, at) {
    const taken = rows.map((row) => {
      const [px, py] = at(row);
      return { left: px - 6, right: px + 6, top: py - 6, bottom: py + 6 };
    });
    const ordered = [...rows].sort((a, b) => Number(front.has(b)) - Number(front.has(a)));
    const { left, width: most, height, bottom } = sizeNow();
    return ordered.flatMap((row) => {
      const [px, py] = at(row);
      const text = data.rows.label[row];
      const width = 6.4 * text.length;
      for (const [dx, dy] of [
        [9, 4],
        [-9 - width, 4],
        [-width / 2, -10],
        [-width / 2, 19],
        [9, -9],
        [9, 17],
      ]) {
        const box = { left: px + dx, right: px + dx + width, top: py + dy - 11, bottom: py + dy + 3 };
        const inside = box.left > left && box.right < most && box.top > 0 && box.bottom < height - bottom;
        const free = taken.every(
          (other) =>
            box.right < other.left ||
            box.left > other.right ||
            box.bottom < other.top ||
            box.top > other.bottom,
        );
        if (!inside || !free) continue;
        taken.push(box);
        return [
          drawn(
            "text",
            {
              x: box.left.toFixed(1),
              y: (py + dy).toFixed(1),
              class: front.has(row) ? "name strong" : "name",
            },
            text,
          ),
        ];
      }
      return [];
    });
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
    ),
    holder,
    element(
      "p",
      { class: "quiet" },
      "The dashed line joins the rows that none beats in both metrics; bars are 95 % intervals. Names that find no room are in the table.",
    ),
    table.node,
  );
}

function axisName(metric) {
  return `${metricTitle(metric)}, ${metric.better} is better`;
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
