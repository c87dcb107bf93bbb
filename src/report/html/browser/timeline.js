/** What happens over a run: load, weights of the groups, power, carbon intensity. */
import { areaX, areaY, frame } from "./axes.js";
import { choice } from "./controls.js";
import { placeText } from "./data.js";
import { element } from "./dom.js";
import { hueOf, keyOf, lineOf } from "./lines.js";
import { clockText } from "./numbers.js";

/** @param {import("../report-data.ts").ReportData} data */
export function timelineSection(data) {
  const { timelines, rows } = data;
  if (timelines.length === 0) {
    return element(
      "p",
      {},
      "No result here holds time series: they are kept where an experiment has a figure of the kind timeline.",
    );
  }
  const holder = element("div");
  const show = (index) => {
    const timeline = timelines[index];
    holder.replaceChildren(
      chart("Load", loadOf(timeline)),
      chart("Weights: shares of the placements", weightsOf(timeline)),
      ...powerCharts(timeline),
      ...(timeline.carbon.length === 0 ? [] : [chart("Carbon intensity", carbonOf(timeline))]),
    );
  };
  show(0);
  return element(
    "div",
    {},
    element(
      "div",
      { class: "fields" },
      choice(
        "run",
        timelines.map(({ row }, index) => [String(index), `${placeText(data, row)}: ${rows.label[row]}`]),
        (value) => show(Number(value)),
      ),
    ),
    holder,
    element(
      "p",
      { class: "quiet" },
      "Of the first run of each row. Power is the energy of an interval over its length: its sum over time is the energy of the run.",
    ),
  );
}

function chart(title, { y, series, end }) {
  const hidden = new Set();
  const holder = element("div");
  const draw = () => {
    const visible = series.filter((_, place) => !hidden.has(place));
    const xs = areaX([0, end], { zero: true, time: true, text: clockText });
    const ys = areaY(
      visible.flatMap(({ points }) => points.map(([, value]) => value)),
      { zero: true },
    );
    holder.replaceChildren(
      frame(
        title,
        xs,
        ys,
        "time",
        y,
        ...visible.map(({ points, colour, name }) => lineOf(steps(points, end, xs, ys), colour, name)),
      ),
    );
  };
  draw();
  return element(
    "section",
    { class: "block" },
    element("h3", {}, title),
    holder,
    ...(series.length > 1 ? [keyOf(series, hidden, draw)] : []),
  );
}

/** A value holds until the next one. */
function steps(points, end, xs, ys) {
  return points.flatMap(([time, value], i) => {
    const height = ys.position(value);
    return [
      [xs.position(time), height],
      [xs.position(points[i + 1]?.[0] ?? end), height],
    ];
  });
}

function endOf({ counts, widthSeconds }) {
  return (counts[0]?.length ?? 0) * widthSeconds;
}

function totalsOf({ counts }) {
  return (counts[0] ?? []).map((_, bucket) => counts.reduce((sum, own) => sum + own[bucket], 0));
}

function loadOf(timeline) {
  const { widthSeconds } = timeline;
  const points = totalsOf(timeline).map((total, bucket) => [bucket * widthSeconds, total / widthSeconds]);
  return { y: "placements per s", end: endOf(timeline), series: [{ name: "all", colour: hueOf(0), points }] };
}

function weightsOf(timeline) {
  const { groups, counts, widthSeconds } = timeline;
  const totals = totalsOf(timeline);
  const series = groups.map((name, group) => ({
    name,
    colour: hueOf(group),
    points: totals.flatMap((total, bucket) =>
      total === 0 ? [] : [[bucket * widthSeconds, (100 * counts[group][bucket]) / total]],
    ),
  }));
  return { y: "share (%)", end: endOf(timeline), series };
}

function powerCharts({ groups, power }) {
  if (power === null) {
    return [element("p", { class: "quiet" }, "Power: this result was made before it was kept over time.")];
  }
  const titles = {
    server: "Power of servers: GPUs working and idle, and their hosts",
    gpu: "Power of GPUs while they work",
  };
  return Object.entries(titles).flatMap(([boundary, title]) => {
    const known = power[boundary].flatMap((watts, place) =>
      watts === null || watts.length === 0 ? [] : [{ name: groups[place], colour: hueOf(place), watts }],
    );
    if (known.length === 0) return [];
    // A sum over some groups would be read as that of all.
    const isAll = known.length > 1 && known.length === groups.length;
    const sums = known[0].watts.map((_, i) => known.reduce((sum, { watts }) => sum + watts[i], 0));
    const most = Math.max(...(isAll ? [sums] : known.map(({ watts }) => watts)).flat());
    const [unit, factor] = most >= 1e4 ? ["kW", 1e-3] : ["W", 1];
    const all = { name: "all", colour: hueOf(groups.length), watts: sums };
    const series = [...known, ...(isAll ? [all] : [])].map(({ name, colour, watts }) => ({
      name,
      colour,
      points: watts.map((value, i) => [i * power.widthSeconds, value * factor]),
    }));
    const missing = groups.filter((_, place) => power[boundary][place] === null);
    return [
      chart(title, { y: `power (${unit})`, end: power.endSeconds, series }),
      ...(missing.length === 0
        ? []
        : [element("p", { class: "quiet" }, `Not known of ${missing.join(", ")}: a profile without power.`)]),
    ];
  });
}

function carbonOf(timeline) {
  const series = timeline.carbon.map(({ region, times, values }, place) => ({
    name: region,
    colour: hueOf(place),
    points: times.map((time, i) => [time, values[i]]),
  }));
  return { y: "g/kWh", end: endOf(timeline), series };
}
