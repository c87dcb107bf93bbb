import { parseHTML } from "linkedom";
import { describe, expect, test } from "vitest";
import { Stream } from "../../../src/numeric/random.ts";
import { namedPoints } from "../../../src/report/figures/dense-scatter.ts";
import { textWidth } from "../../../src/report/figures/font.ts";
import { overlap, runsThrough } from "../../../src/report/figures/place-labels.ts";
import { type ScatterPoint, scatterFigure } from "../../../src/report/figures/scatter.ts";

const LESS = { x: "lower", y: "lower" } as const;

describe("which of many points are named", () => {
  const at = (x: number, y: number, more: Partial<ScatterPoint> = {}): ScatterPoint => ({
    id: `${x}-${y}`,
    family: "f",
    group: "system",
    x,
    y,
    ...more,
  });

  test("the front from left to right, and what is equal once", () => {
    const points = [at(5, 1), at(2, 2), at(1, 5), at(2, 2, { id: "twin" }), at(4, 4)];
    const { front, named } = namedPoints(points, LESS);
    expect(front.map((i) => points[i].id)).toEqual(["1-5", "2-2", "twin", "5-1"]);
    expect(named).toEqual([0, 1, 2]);
  });

  test("more may be better", () => {
    const points = [at(5, 1), at(2, 2), at(1, 5), at(4, 4)];
    expect(namedPoints(points, { x: "higher", y: "higher" }).front).toEqual([2, 3, 0]);
    expect(namedPoints(points, { x: "lower", y: "higher" }).front).toEqual([2]);
  });

  test("what sees the future is named and on no front", () => {
    const points = [at(0, 0, { isClairvoyant: true }), at(1, 1), at(2, 2)];
    expect(namedPoints(points, LESS)).toEqual({ front: [1], named: [0, 1] });
  });

  test("references, and the best system and baseline of each family by the mean of what is scaled", () => {
    const points = [
      at(0, 0, { family: "winner" }),
      // Scaled by 10 and 1000: 0.55 and 0.6.
      at(9, 200, { group: "baseline" }),
      at(3, 900, { group: "baseline" }),
      at(8, 100),
      at(7, 950),
      at(1, 1, { group: "ablation" }),
      at(10, 1000, { isReference: true, group: "baseline", family: "winner" }),
      at(6, 990, { group: "baseline", family: "winner" }),
    ];
    expect(namedPoints(points, LESS)).toEqual({ front: [0], named: [0, 1, 3, 6, 7] });
  });

  test("the first of each where a metric is neither good nor bad", () => {
    const points = [at(2, 2), at(1, 1), at(1, 1, { family: "g", group: "baseline" })];
    expect(namedPoints(points, { x: "neither", y: "lower" })).toEqual({ front: [], named: [0, 2] });
    expect(namedPoints(points, undefined)).toEqual({ front: [], named: [0, 2] });
  });
});

test("a segment runs through a box, beside it, or ends before it", () => {
  const box = { left: 10, right: 20, top: 10, bottom: 14 };
  expect(runsThrough({ x: 0, y: 12 }, { x: 30, y: 12 }, box)).toBe(true);
  expect(runsThrough({ x: 15, y: 0 }, { x: 15, y: 11 }, box)).toBe(true);
  expect(runsThrough({ x: 0, y: 0 }, { x: 30, y: 30 }, box)).toBe(true);
  expect(runsThrough({ x: 0, y: 12 }, { x: 9, y: 12 }, box)).toBe(false);
  expect(runsThrough({ x: 0, y: 20 }, { x: 30, y: 20 }, box)).toBe(false);
  expect(runsThrough({ x: 0, y: 14 }, { x: 14, y: 0 }, box)).toBe(false);
});

describe("a scatter of many points", () => {
  const stream = new Stream(11, "dense scatter");
  const FAMILIES = ["cedar", "gar", "caps", "marlin", "production"];
  // Most in two clouds, as routers are that decide alike.
  const points = Array.from({ length: 60 }, (_, i): ScatterPoint => {
    const isGood = i % 2 === 0;
    return {
      id: `router-number-${i}`,
      family: FAMILIES[i % FAMILIES.length],
      group: i % 3 === 0 ? "system" : "baseline",
      isReference: i === 7,
      x: (isGood ? 50 : 110) + 8 * stream.uniform(),
      y: (isGood ? 1 : 3) * stream.logNormal(0, 0.2),
    };
  });
  const spec = {
    title: "Many",
    x: { label: "carbon", unit: "mg" },
    y: { label: "violations", unit: "%" },
    better: LESS,
    points,
  };

  test("names those of the rule, apart from each other and inside the picture; the rest are small marks", async () => {
    const { document } = parseHTML(await scatterFigure(spec));
    const texts = [...document.querySelectorAll("text")];
    const labels = texts.filter((node) => node.textContent?.startsWith("router-number-"));
    const { named } = namedPoints(points, LESS);
    expect(named.length).toBeGreaterThan(10);
    expect(new Set(labels.map((node) => node.textContent))).toEqual(new Set(named.map((i) => points[i].id)));
    const boxes = labels.map((node) => {
      const [x, y] = [Number(node.getAttribute("x")), Number(node.getAttribute("y"))];
      return { left: x, right: x + textWidth(node.textContent ?? "", 12), top: y - 6, bottom: y + 6 };
    });
    for (const [i, box] of boxes.entries()) {
      for (const other of boxes.slice(i + 1)) expect(overlap(box, other)).toBe(0);
      expect(box.left).toBeGreaterThanOrEqual(0);
      expect(box.right).toBeLessThanOrEqual(720);
    }
    const words = texts.map((node) => node.textContent ?? "");
    for (const family of [...FAMILIES, "front"]) expect(words).toContain(family);
    expect(words.join(" ")).toContain("Named of 60: the front, which nothing beats in both (less is better)");
  });

  test("two dozen points keep all their names", async () => {
    const few = points.slice(0, 24);
    const { document } = parseHTML(await scatterFigure({ ...spec, points: few }));
    const words = [...document.querySelectorAll("text")].map((node) => node.textContent);
    for (const { id } of few) expect(words).toContain(id);
    expect(words.join(" ")).not.toContain("Named of");
  });

  test("what lies on one place has one label", async () => {
    const twins = [
      ...points,
      { ...points[0], id: "a" },
      { ...points[0], id: "b" },
      { ...points[0], id: "c" },
    ];
    const named = points.map((point, i) => ({ ...point, isReference: i === 0 }));
    const svg = await scatterFigure({ ...spec, points: [...named, ...twins.slice(60, 62)] });
    expect(svg).toContain(">router-number-0 = a = b<");
    expect(await scatterFigure({ ...spec, points: [...named, ...twins.slice(60)] })).toContain(
      ">router-number-0 (and 3 equal)<",
    );
  });
});
