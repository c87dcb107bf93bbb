/** Scales, ticks and the frame of a chart. */
import { drawn } from "./dom.js";
import { tickText } from "./numbers.js";

const WIDE = { width: 760, height: 380, left: 68, right: 16, top: 14, bottom: 48 };
const NARROW = { width: 400, height: 330, left: 60, right: 12, top: 12, bottom: 48 };

/** Of a chart that is drawn now, so that its words can be read on a phone. */
export function sizeNow() {
  return matchMedia("(max-width: 640px)").matches ? NARROW : WIDE;
}

/**
 * A linear or logarithmic scale with its ticks; one of time has whole seconds, minutes, hours or days.
 *
 * @param {readonly number[]} values
 * @param {{ log?: boolean, padded?: boolean, zero?: boolean, time?: boolean, from: number, to: number, text?: (value: number) => string }} options
 * `padded`: room at the ends of a logarithmic scale, as linear ones have it
 */
export function scaleOf(
  values,
  { log = false, padded = false, zero = false, time = false, from, to, text = tickText },
) {
  let least = values.reduce((a, b) => Math.min(a, b), Infinity);
  let most = values.reduce((a, b) => Math.max(a, b), -Infinity);
  if (!Number.isFinite(least)) [least, most] = log ? [1, 10] : [0, 1];
  if (zero) least = Math.min(0, least);
  if (least === most)
    [least, most] = log
      ? [least / 2, most * 2]
      : [least - (Math.abs(least) || 1) / 2, most + (Math.abs(most) || 1) / 2];
  if (log && padded) {
    const room = (most / least) ** 0.05;
    [least, most] = [least / room, most * room];
  }
  const pad = log || time ? 0 : (most - least) * 0.04;
  if (!(zero && least === 0)) least -= pad;
  most += pad;
  const position = log
    ? (value) =>
        from + ((Math.log(value) - Math.log(least)) / (Math.log(most) - Math.log(least))) * (to - from)
    : (value) => from + ((value - least) / (most - least)) * (to - from);
  const about = to > from ? (to - from) / 90 : (from - to) / 60;
  const ticks = log ? logTicks(least, most, about) : linearTicks(least, most, about, time);
  return { position, ticks, text };
}

const TIME_STEPS = [
  1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 21600, 43200, 86400,
];

function linearTicks(least, most, about, time) {
  const rough = (most - least) / Math.max(2, about);
  const power = 10 ** Math.floor(Math.log10(rough));
  const round = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const step = time
    ? (TIME_STEPS.find((seconds) => seconds >= rough) ?? 86400 * Math.ceil(rough / 86400))
    : round;
  const ticks = [];
  for (let k = Math.ceil(least / step); k * step <= most; k++) ticks.push(k * step);
  return ticks;
}

function logTicks(least, most, about) {
  const ticks = [];
  const decades = Math.log10(most / least);
  const every = Math.max(1, Math.ceil(decades / Math.max(2, about)));
  const factors = 3 * decades <= 1.3 * about ? [1, 2, 5] : [1];
  for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(most)); power++) {
    for (const factor of factors) {
      const value = factor * 10 ** power;
      if (power % every === 0 && value >= least && value <= most) ticks.push(value);
    }
  }
  return ticks;
}

/**
 * A chart's frame: grid, ticks and the names of the axes.
 *
 * @param {string} description read to those who do not see it
 */
export function frame(description, x, y, xName, yName, ...marks) {
  const { width, height, left, right, top, bottom } = sizeNow();
  const grid = [];
  for (const tick of x.ticks) {
    const at = x.position(tick).toFixed(1);
    grid.push(drawn("line", { x1: at, x2: at, y1: top, y2: height - bottom, class: "grid" }));
    grid.push(drawn("text", { x: at, y: height - bottom + 17, "text-anchor": "middle" }, x.text(tick)));
  }
  for (const tick of y.ticks) {
    const at = y.position(tick);
    grid.push(
      drawn("line", { x1: left, x2: width - right, y1: at.toFixed(1), y2: at.toFixed(1), class: "grid" }),
    );
    grid.push(drawn("text", { x: left - 8, y: (at + 4).toFixed(1), "text-anchor": "end" }, y.text(tick)));
  }
  return drawn(
    "svg",
    { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": description },
    ...grid,
    drawn(
      "text",
      { x: (left + width - right) / 2, y: height - 8, "text-anchor": "middle", class: "axis" },
      xName,
    ),
    drawn(
      "text",
      {
        transform: `translate(14 ${(top + height - bottom) / 2}) rotate(-90)`,
        "text-anchor": "middle",
        class: "axis",
      },
      yName,
    ),
    ...marks,
  );
}

/** Scales of the frame's area. */
export function areaX(values, options = {}) {
  const { left, width, right } = sizeNow();
  return scaleOf(values, { ...options, from: left, to: width - right });
}
export function areaY(values, options = {}) {
  const { height, bottom, top } = sizeNow();
  return scaleOf(values, { ...options, from: height - bottom, to: top });
}
