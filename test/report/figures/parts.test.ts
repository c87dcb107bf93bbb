import fc from "fast-check";
import { expect, test } from "vitest";
import { Stream } from "../../../src/numeric/random.ts";
import { distribution } from "../../../src/report/figures/cdf.ts";
import { fontFiles, textWidth, wrapToWidth } from "../../../src/report/figures/font.ts";
import { percentileName } from "../../../src/report/figures/percentiles.ts";
import { overlap, placeLabels } from "../../../src/report/figures/place-labels.ts";
import { spreadPositions } from "../../../src/report/figures/spread.ts";
import { assignStyles } from "../../../src/report/figures/style.ts";
import { thinOut } from "../../../src/report/figures/thin-out.ts";
import { resolveAxis } from "../../../src/report/figures/ticks.ts";

const labels = (axis: ReturnType<typeof resolveAxis>): string[] => axis.ticks.map((t) => t.label);

test.each([
  [[0, 1] as const, 5, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]],
  [[-3, 12] as const, 4, ["0", "5", "10"]],
  [[0, 250_000] as const, 5, ["0", "50000", "100000", "150000", "200000", "250000"]],
  [[0.071, 0.123] as const, 6, ["0.08", "0.09", "0.10", "0.11", "0.12"]],
])("linear ticks of %j", (domain, count, expected) => {
  expect(labels(resolveAxis([], { domain, count }))).toEqual(expected);
});

test("ticks at a fixed step", () => {
  expect(labels(resolveAxis([], { domain: [0, 80], tickStep: 24 }))).toEqual(["0", "24", "48", "72"]);
});

test.each([
  [[0.05, 40] as const, 9, ["0.05", "0.1", "0.2", "0.5", "1", "2", "5", "10", "20"]],
  [[0.001, 1000] as const, 8, ["0.001", "0.01", "0.1", "1", "10", "100", "1000"]],
  [[0.2, 0.6] as const, 9, ["0.2", "0.3", "0.5"]],
  [[1e-9, 1e9] as const, 5, ["1e-8", "0.0001", "1", "10000", "1e8"]],
])("log ticks of %j", (domain, count, expected) => {
  expect(labels(resolveAxis([], { kind: "log", domain, count }))).toEqual(expected);
});

test("an axis holds its data with a margin, from zero where asked, and ignores what it cannot show", () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1 }), (values) => {
      const free = resolveAxis([...values, Number.NaN]);
      expect(free.domain[0]).toBeLessThan(Math.min(...values));
      expect(free.domain[1]).toBeGreaterThan(Math.max(...values));
      const zero = resolveAxis(values, { fromZero: true });
      expect(zero.domain[0]).toBeLessThanOrEqual(0);
      expect(zero.domain[1]).toBeGreaterThanOrEqual(0);
    }),
  );
  expect(resolveAxis([0, -1, 2, 4], { kind: "log" }).domain[0]).toBeGreaterThan(1);
});

test("spreading: the least movement that leaves the gap", () => {
  expect(spreadPositions([10, 10], 10, 0, 100)).toEqual([5, 15]);
  expect(spreadPositions([50, 10], 10, 0, 100)).toEqual([50, 10]);
  expect(spreadPositions([0, 0, 0], 10, 0, 100)).toEqual([0, 10, 20]);
  expect(spreadPositions([100, 99], 10, 0, 100)).toEqual([100, 90]);
});

test("spreading keeps the order, the gap and the bounds for any wishes that fit", () => {
  const wishes = fc.array(fc.double({ min: -50, max: 350, noNaN: true }), { minLength: 1, maxLength: 17 });
  fc.assert(
    fc.property(wishes, (wanted) => {
      const places = spreadPositions(wanted, 17, 0, 300);
      const order = wanted.map((_, i) => i).sort((a, b) => wanted[a] - wanted[b] || a - b);
      for (let k = 0; k < order.length; k++) {
        expect(places[order[k]]).toBeGreaterThanOrEqual(-1e-9);
        expect(places[order[k]]).toBeLessThanOrEqual(300 + 1e-9);
        if (k > 0) expect(places[order[k]] - places[order[k - 1]]).toBeGreaterThanOrEqual(17 - 1e-9);
      }
    }),
  );
});

test("labels of eleven routers neither overlap nor leave the frame, also when crowded into a corner", () => {
  const frame = { left: 40, top: 60, right: 690, bottom: 360 };
  for (let seed = 0; seed < 40; seed++) {
    const stream = new Stream(seed, "points");
    const crowd = seed % 2 === 0 ? 1 : 0.3;
    const requests = Array.from({ length: 11 }, () => ({
      x: 50 + 620 * crowd * stream.uniform(),
      y: 350 - 280 * crowd * stream.uniform(),
      radius: 6,
      width: 40 + 60 * stream.uniform(),
      height: 14,
    }));
    const placed = placeLabels(requests, [], frame);
    expect(placeLabels(requests, [], frame)).toEqual(placed);
    placed.forEach(({ box }, i) => {
      expect(box.left).toBeGreaterThanOrEqual(frame.left);
      expect(box.right).toBeLessThanOrEqual(frame.right);
      expect(box.top).toBeGreaterThanOrEqual(frame.top);
      expect(box.bottom).toBeLessThanOrEqual(frame.bottom);
      for (let j = 0; j < i; j++) expect(overlap(box, placed[j].box), `seed ${seed}: ${j}, ${i}`).toBe(0);
    });
  }
});

test("a lone label stands to the right of its mark, without a leader", () => {
  const frame = { left: 0, top: 0, right: 500, bottom: 300 };
  const request = { x: 100, y: 100, radius: 6, width: 50, height: 14 };
  const [{ box, leader }] = placeLabels([request], [], frame);
  expect(box).toEqual({ left: 109, right: 159, top: 93, bottom: 107 });
  expect(leader).toBe(false);
});

test("a router looks the same in every figure, and no two known routers look alike", () => {
  const ids =
    "cedar cedar-heuristic cedar-sac cedar-no-carbon cedar-no-queue cedar-no-model gar-pd gar-eps caps \
caps-no-predictor marlin-balanced marlin-min-carbon helix splitwise perllm round-robin least-loaded \
performance-only random edf slo-aware carbon-aware carbon-greedy my-router your-router"
      .split(/\s+/)
      .map((id) => ({ id }));
  const all = assignStyles(ids);
  expect(new Set(all.map((style) => JSON.stringify(style))).size).toBe(ids.length);
  const reversed = assignStyles([...ids].reverse()).reverse();
  for (let i = 0; i < ids.length - 2; i++) {
    expect(reversed[i]).toEqual(all[i]);
    expect(assignStyles([ids[i]])[0]).toEqual(all[i]);
  }
});

test("series that are no routers take hues of their own", () => {
  const colours = assignStyles([{ id: "us-east-1" }, { id: "us-west-2" }, { id: "eu-west-1" }]).map(
    (s) => s.colour,
  );
  expect(new Set(colours).size).toBe(3);
});

test("text widths are those that resvg draws with the shipped font", async () => {
  const { Resvg } = await import("@resvg/resvg-js");
  const font = { loadSystemFonts: false, fontFiles: fontFiles(), defaultFontFamily: "IBM Plex Sans" };
  const drawn = (text: string, weight: number): number => {
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="900" height="60"><text x="10" y="40" font-family="IBM Plex Sans" font-weight="${weight}" font-size="24">${text}</text></svg>`;
    return new Resvg(svg, { font }).getBBox()?.width ?? 0;
  };
  for (const [name, weight] of [["regular", 400] as const, ["semibold", 600] as const]) {
    // Side bearings and kerning, which advance widths leave out, are within a few pixels.
    for (const text of ["performance-only", "gCO₂/request – 95 %", "0123456789"]) {
      expect(Math.abs(textWidth(text, 24, name) - drawn(text, weight)), text).toBeLessThan(5);
    }
  }
  expect(textWidth("1111", 12)).toBe(textWidth("0000", 12));
  expect(textWidth("semibold", 12, "semibold")).toBeGreaterThan(textWidth("semibold", 12));
});

test("wrapped lines keep every word and the width", () => {
  const text = "Provenance of the profiles: modelled. Relative axes, since absolute grams are impossible.";
  const lines = wrapToWidth(text, 150, 12);
  expect(lines.join(" ")).toBe(text);
  expect(lines.length).toBeGreaterThan(2);
  for (const line of lines) expect(textWidth(line, 12)).toBeLessThanOrEqual(150);
});

test("thinning keeps both extremes, the order and at most two points a bucket", () => {
  const n = 100_000;
  const x = Float64Array.from({ length: n }, (_, i) => i);
  const y = x.map((i) => Math.sin(i / 9000));
  y[31_415] = 40;
  y[77_777] = -40;
  const points = thinOut({ x, y }, 500);
  expect(points.length).toBeLessThanOrEqual(1000);
  expect(points.find((p) => p.x === 31_415)?.y).toBe(40);
  expect(points.find((p) => p.x === 77_777)?.y).toBe(-40);
  expect(points.every((p, i) => i === 0 || p.x > points[i - 1].x)).toBe(true);
  expect(points.every((p) => p.low <= p.y && p.y <= p.high)).toBe(true);
  expect(thinOut({ x: [1, 2], y: [3, 4], low: [2, 3], high: [4, 5] })).toEqual([
    { x: 1, y: 3, low: 2, high: 4 },
    { x: 2, y: 4, low: 3, high: 5 },
  ]);
});

test("a distribution function steps by 1/n, and what is not finite keeps it below 1", () => {
  expect(distribution([3, 1, 2, Number.POSITIVE_INFINITY])).toEqual([
    { x: 1, y: 0 },
    { x: 1, y: 0.25 },
    { x: 2, y: 0.5 },
    { x: 3, y: 0.75 },
  ]);
  const large = distribution(Float64Array.from({ length: 50_000 }, (_, i) => i));
  expect(large.length).toBeLessThanOrEqual(301);
  expect(large.at(-1)).toEqual({ x: 49_999, y: 1 });
  for (const { x, y } of large.slice(1)) expect(y).toBe((x + 1) / 50_000);
});

test("percentiles by their usual names", () => {
  expect([0.5, 0.95, 0.999, 0.9999].map(percentileName)).toEqual(["p50", "p95", "p99.9", "p99.99"]);
});
