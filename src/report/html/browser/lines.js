/** Lines of a chart, with a key that hides and shows them. */
import { tick } from "./controls.js";
import { colouredBy, drawn, element } from "./dom.js";

const HUES = ["#0072B2", "#C98500", "#009E73", "#B5528F", "#D55E00", "#6B7280", "#3A9BD9", "#7A4A21"];

export function hueOf(index) {
  return HUES[index % HUES.length];
}

const DASHES = ["", "7 3", "2 3", "9 3 2 3", "4 4", "12 4"];

/** A dash of its own for the n-th line of a hue. */
function dashOf(dash) {
  return DASHES[dash % DASHES.length] || undefined;
}

/**
 * A line through points; broken where one has no value.
 *
 * @param {readonly (readonly [number, number] | null)[]} points in the drawing's units
 */
export function lineOf(points, colour, label, dash = 0) {
  let path = "";
  let open = false;
  for (const point of points) {
    if (point === null) {
      open = false;
      continue;
    }
    path += `${open ? "L" : "M"}${point[0].toFixed(1)},${point[1].toFixed(1)}`;
    open = true;
  }
  return drawn(
    "path",
    { d: path, class: "line own", "stroke-dasharray": dashOf(dash), style: colouredBy(colour) },
    drawn("title", {}, label),
  );
}

/** Lines of which one can tell apart how they run. */
const MOST_LINES = 12;

/**
 * A key with a box for each series; of many, with buttons for all, none and those that were drawn at first.
 *
 * @param {readonly { name: string, colour: string, dash?: number }[]} series
 * @param {Set<number>} hidden places of those not drawn; changed by the boxes
 */
export function keyOf(series, hidden, changed) {
  const first = new Set(hidden);
  const boxes = element("div", { class: "key" });
  const fill = () =>
    boxes.replaceChildren(
      ...series.map((one, place) =>
        boxOf(one, !hidden.has(place), (checked) => {
          if (checked) hidden.delete(place);
          else hidden.add(place);
          changed();
        }),
      ),
    );
  const button = (text, isHidden) =>
    element(
      "button",
      {
        type: "button",
        onclick: () => {
          hidden.clear();
          for (const place of series.keys()) if (isHidden(place)) hidden.add(place);
          fill();
          changed();
        },
      },
      text,
    );
  fill();
  if (series.length <= MOST_LINES) return boxes;
  return element(
    "div",
    {},
    element(
      "div",
      { class: "choices" },
      button("all", () => false),
      button("none", () => true),
      ...(first.size === 0 ? [] : [button("leading", (place) => first.has(place))]),
    ),
    boxes,
  );
}

function boxOf({ name, colour, dash = 0 }, checked, changed) {
  return tick(
    name,
    checked,
    changed,
    drawn(
      "svg",
      { viewBox: "0 0 20 8", width: 20, height: 8, "aria-hidden": "true" },
      drawn("line", {
        x1: 0,
        x2: 20,
        y1: 4,
        y2: 4,
        class: "line own",
        "stroke-dasharray": dashOf(dash),
        style: colouredBy(colour),
      }),
    ),
  );
}
