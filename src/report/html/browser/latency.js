/** Distributions of latency. */
import { areaX, areaY, frame } from "./axes.js";
import { choice } from "./controls.js";
import { placesOf } from "./data.js";
import { element } from "./dom.js";
import { keyOf, lineOf } from "./lines.js";
import { tickText } from "./numbers.js";

const NAMES = { ttft: "time to first token", e2e: "time to last token" };

/** @param {import("../report-data.ts").ReportData} data */
export function latencySection(data) {
  const curveOf = new Map(data.curves.row.map((row, curve) => [row, curve]));
  const places = placesOf(data)
    .map((place) => ({ ...place, rows: place.rows.filter((row) => curveOf.has(row)) }))
    .filter(({ rows }) => rows.length > 0);
  if (places.length === 0) return element("p", {}, "No result here holds the distribution of its latencies.");
  const state = { place: places[0], of: "ttft", hidden: new Set() };
  const holder = element("div");
  const key = element("div");

  function series() {
    return state.place.rows.map((row, place) => ({
      row,
      name: data.rows.label[row],
      colour: data.routers[data.rows.router[row]].colour,
      curve: curveOf.get(row),
      // Routers of a family share a hue.
      dash: place,
    }));
  }

  function draw() {
    const all = series();
    const visible = all.filter((_, place) => !state.hidden.has(place));
    const values = visible.flatMap(({ curve }) =>
      data.curves[state.of][curve].filter((value) => value !== null && value > 0),
    );
    const x = areaX(values, { log: true, text: (value) => `${tickText(value)} s` });
    const y = areaY([0, 1], { zero: true, text: (value) => `${Math.round(100 * value)} %` });
    holder.replaceChildren(
      frame(
        `Distribution of the ${NAMES[state.of]}, ${state.place.text}`,
        x,
        y,
        `${NAMES[state.of]}, logarithmic`,
        "share of the requests",
        ...visible.map(({ curve, colour, name, dash }) =>
          lineOf(
            data.curves.quantiles[curve].map((quantile, i) => {
              const value = data.curves[state.of][curve][i] ?? null;
              return value === null || !(value > 0) ? null : [x.position(value), y.position(quantile)];
            }),
            colour,
            name,
            dash,
          ),
        ),
      ),
    );
  }

  function show() {
    state.hidden = new Set();
    key.replaceChildren(keyOf(series(), state.hidden, draw));
    draw();
  }

  show();
  return element(
    "div",
    {},
    element(
      "div",
      { class: "fields" },
      choice(
        "experiment",
        places.map(({ key: id, text }) => [id, text]),
        (value) => {
          state.place = places.find((place) => place.key === value) ?? places[0];
          show();
        },
      ),
      choice("latency", Object.entries(NAMES), (value) => {
        state.of = value;
        draw();
      }),
    ),
    holder,
    key,
    element(
      "p",
      { class: "quiet" },
      "Each quantile is the mean over a row's runs, as the user sees it, network included.",
    ),
  );
}
