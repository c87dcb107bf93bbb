/** Distributions of latency. */
import { areaX, areaY, frame } from "./axes.js";
import { choice } from "./controls.js";
import { meanOf, placesOf } from "./data.js";
import { element } from "./dom.js";
import { leadingRows } from "./leading.js";
import { keyOf, lineOf } from "./lines.js";
import { tickText } from "./numbers.js";

/** Rows whose curves are all drawn at first. */
const MOST_AT_FIRST = 16;
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
  const some = element(
    "p",
    { class: "quiet" },
    "Drawn at first are reference rows, and of each family the system and the baseline of least p95 of the latency that counts.",
  );

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

  /** Of many rows some are drawn at first. */
  function show() {
    const { rows } = state.place;
    const p95 = data.metrics.findIndex(({ name }) => name === "latency_p95_s");
    const known = p95 < 0 ? [] : rows.filter((row) => meanOf(data, p95, row) !== null);
    const isMany = rows.length > MOST_AT_FIRST && known.length > 0;
    const leading = isMany ? leadingRows(data, [p95], known) : new Set(rows);
    state.hidden = new Set(rows.flatMap((row, place) => (leading.has(row) ? [] : [place])));
    some.hidden = !isMany;
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
    some,
    element(
      "p",
      { class: "quiet" },
      "Each quantile is the mean over a row's runs, as the user sees it, network included.",
    ),
  );
}
