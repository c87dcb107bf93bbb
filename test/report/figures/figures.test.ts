import { parseHTML } from "linkedom";
import { expect, test } from "vitest";
import { Stream } from "../../../src/numeric/random.ts";
import { barsFigure } from "../../../src/report/figures/bars.ts";
import { cdfFigure } from "../../../src/report/figures/cdf.ts";
import { textWidth } from "../../../src/report/figures/font.ts";
import { linesFigure } from "../../../src/report/figures/lines.ts";
import { percentilesFigure } from "../../../src/report/figures/percentiles.ts";
import { svgToPng } from "../../../src/report/figures/png.ts";
import { scatterFigure } from "../../../src/report/figures/scatter.ts";

const ROUTERS =
  "cedar cedar-heuristic cedar-sac cedar-no-carbon cedar-no-queue round-robin least-loaded performance-only my-router".split(
    " ",
  );
const latencies = (id: string): number[] =>
  [0.1, 0.4, 0.6, 1.2, 2.4].map((v) => v * (1 + ROUTERS.indexOf(id) / 3));
const interval = (v: number): [number, number] => [0.9 * v, 1.12 * v];

const FIGURES: Record<string, () => Promise<string>> = {
  scatter: () =>
    scatterFigure({
      title: "Cost < carbon & “quotes”",
      subtitle: "relative to performance-only",
      notes: ["Provenance: modelled."],
      x: { label: "cost per request", unit: "ratio" },
      y: { label: "carbon per request", unit: "ratio" },
      reference: { x: 1, y: 1 },
      points: ROUTERS.map((id, i) => ({
        id,
        x: 0.7 + 0.04 * i,
        y: 0.75 + 0.3 * Math.sin(i),
        xCi: interval(0.7 + 0.04 * i),
        ...(i % 3 === 0 ? { paper: { x: 0.8 + 0.03 * i, y: 0.9 } } : {}),
      })),
    }),
  percentiles: () =>
    percentilesFigure({
      title: "Latency by percentile",
      y: { label: "time to first token", unit: "s" },
      limits: [
        { value: 0.5, label: "SLO HIGH" },
        { value: 2, label: "SLO MED" },
      ],
      series: ROUTERS.map((id) => ({
        id,
        values: id === "cedar-sac" ? [null, ...latencies(id).slice(1)] : latencies(id),
        ci: latencies(id).map(interval),
        ...(id === "cedar" ? { paper: [0.3, 0.7, 0.88, 1.3, 1.9] } : {}),
      })),
    }),
  lines: () =>
    linesFigure({
      title: "Carbon against telemetry age",
      x: { label: "telemetry interval", unit: "s", scale: "log" },
      y: { label: "carbon", unit: "gCO₂/request" },
      events: [{ x: 0.5, label: "default" }],
      series: ROUTERS.map((id, i) => ({
        id,
        x: [0.05, 0.1, 0.5, 1],
        y: [1, 2, 3, 4].map((k) => k + i / 4),
        low: [1, 2, 3, 4].map((k) => k + i / 4 - 0.2),
        high: [1, 2, 3, 4].map((k) => k + i / 4 + 0.2),
      })),
    }),
  cdf: () => {
    const stream = new Stream(7, "cdf");
    return cdfFigure({
      title: "Time to first token",
      x: { label: "time to first token", unit: "s", scale: "log" },
      limits: [{ value: 0.5, label: "SLO HIGH" }],
      series: ROUTERS.map((id, i) => ({
        id,
        values: Array.from({ length: 400 }, () => stream.logNormal(i / 5 - 2, 0.8)),
      })),
    });
  },
  bars: () =>
    barsFigure({
      title: "Violations by tier",
      x: { label: "violations", unit: "%" },
      reference: { value: 5, label: "budget" },
      categories: ROUTERS.map((id) => ({ id })),
      series: ["HIGH", "MED"].map((id, k) => ({
        id,
        bars: ROUTERS.map((_, i) =>
          i === 2 ? { value: null } : { value: i + k + 1, ci: interval(i + k + 1), paper: i + 2 },
        ),
      })),
    }),
};

/** Elements, attribute values and texts of an SVG text; throws where tags do not nest or quotes are missing. */
function parseStrictly(svg: string): { name: string; attributes: Record<string, string>; text: string }[] {
  const elements: { name: string; attributes: Record<string, string>; text: string }[] = [];
  const open: (typeof elements)[number][] = [];
  const token = /<(\/?)([a-zA-Z]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>|([^<]+)/y;
  while (token.lastIndex < svg.length) {
    const at = token.lastIndex;
    const match = token.exec(svg);
    if (match === null) throw new Error(`not well-formed at ${at}: ${svg.slice(at, at + 60)}`);
    const [, close, name, attributeText, empty, text] = match;
    if (text !== undefined) {
      if (/&(?!(amp|lt|gt|quot|apos|#\d+|#x[\da-f]+);)/i.test(text)) throw new Error(`bare & in ${text}`);
      const top = open.at(-1);
      if (top !== undefined) top.text += text;
    } else if (close === "/") {
      if (open.pop()?.name !== name) throw new Error(`</${name}> closes another element`);
    } else {
      const attributes = Object.fromEntries(
        [...attributeText.matchAll(/([\w:-]+)="([^"]*)"/g)].map(([, key, value]) => [key, value]),
      );
      const element = { name, attributes, text: "" };
      elements.push(element);
      if (empty !== "/") open.push(element);
    }
  }
  if (open.length > 0) throw new Error(`<${open[0].name}> is not closed`);
  return elements;
}

const names = Object.keys(FIGURES);

test.each(names)("%s: the same bytes each time, also after other figures", async (name) => {
  const first = await FIGURES[name]();
  await FIGURES.scatter();
  expect(await FIGURES[name]()).toBe(first);
});

test.each(names)("%s: as it was last looked at", async (name) => {
  await expect(await FIGURES[name]()).toMatchFileSnapshot(`./snapshots/${name}.svg`);
});

test.each(names)("%s: a well-formed file of its own, without a style sheet", async (name) => {
  const elements = parseStrictly(await FIGURES[name]());
  const root = elements[0];
  expect(root.name).toBe("svg");
  expect(root.attributes.xmlns).toBe("http://www.w3.org/2000/svg");
  expect(root.attributes["font-family"]).toMatch(/^IBM Plex Sans,/);
  expect(elements[1].name).toBe("title");
  expect(elements.some((e) => e.name === "style")).toBe(false);
  expect(
    elements.some((e) => Object.values(e.attributes).some((v) => /NaN|undefined|currentColor/.test(v))),
  ).toBe(false);
});

test.each(names)("%s: every router is named, and no text leaves the picture", async (name) => {
  const svg = await FIGURES[name]();
  const { document } = parseHTML(svg);
  const root = document.querySelector("svg");
  const width = Number(root?.getAttribute("width"));
  const height = Number(root?.getAttribute("height"));
  const texts = [...document.querySelectorAll("text")];
  const words = texts.map((t) => t.textContent);
  for (const id of ROUTERS) expect(words).toContain(id);
  for (const node of texts) {
    const size = Number(node.getAttribute("font-size"));
    const weight = node.getAttribute("font-weight") === "600" ? "semibold" : "regular";
    const length = textWidth(node.textContent ?? "", size, weight);
    const anchor = node.getAttribute("text-anchor");
    const x =
      Number(node.getAttribute("x")) - (anchor === "end" ? length : anchor === "middle" ? length / 2 : 0);
    const y = Number(node.getAttribute("y"));
    expect(x, node.textContent ?? "").toBeGreaterThanOrEqual(0);
    expect(x + length, node.textContent ?? "").toBeLessThanOrEqual(width);
    expect(y - size / 2, node.textContent ?? "").toBeGreaterThanOrEqual(0);
    expect(y + size / 2, node.textContent ?? "").toBeLessThanOrEqual(height);
  }
});

test("series aside are grey, behind, and named below alone; the others have a hue each", async () => {
  const ids = ["marlin-balanced", "marlin-min-cost", "slit", "nsga2", "uniform", "greedy-carbon"];
  const svg = await linesFigure({
    title: "Many planners",
    x: { label: "time" },
    y: { label: "objective" },
    series: ids.map((id, i) => ({
      ...{ id, family: "marlin", x: [0, 1, 2], y: [i, 2, 6 - i] },
      ...(i % 2 === 0 ? {} : { aside: true }),
    })),
  });
  const { document } = parseHTML(svg);
  const words = [...document.querySelectorAll("text")].map((node) => node.textContent);
  expect(ids.map((id) => words.includes(id))).toEqual([true, false, true, false, true, false]);
  expect(words).toContain("Grey: marlin-min-cost, nsga2, greedy-carbon.");
  const strokes = [...document.querySelectorAll("[aria-label=line] path")].map(
    (node) => node.getAttribute("stroke") ?? node.parentElement?.getAttribute("stroke"),
  );
  expect(strokes).toHaveLength(6);
  expect(new Set(strokes.slice(0, 3)).size).toBe(1);
  expect(new Set(strokes.slice(3)).size).toBe(3);
  expect(strokes.slice(3)).not.toContain(strokes[0]);
});

test("signs of XML in titles are taken literally", async () => {
  const svg = await FIGURES.scatter();
  expect(svg).toContain("Cost &lt; carbon &amp; “quotes”");
});

test("coordinates keep two decimals", async () => {
  for (const element of parseStrictly(await FIGURES.cdf())) {
    for (const [key, value] of Object.entries(element.attributes)) {
      if (["d", "transform", "x", "y", "x1", "x2", "y1", "y2"].includes(key)) {
        expect(value).not.toMatch(/\.\d{3}/);
      }
    }
  }
});

test("a PNG has its signature, twice the figure's size, the same bytes each time, and letters in it", async () => {
  const svg = await FIGURES.bars();
  const png = await svgToPng(svg);
  expect([...png.subarray(0, 8)]).toEqual([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const size = svg.match(/ width="(\d+)"/)?.[1];
  const height = svg.match(/ height="(\d+)"/)?.[1];
  expect(png.readUInt32BE(16)).toBe(2 * Number(size));
  expect(png.readUInt32BE(20)).toBe(2 * Number(height));
  expect(png.equals(await svgToPng(svg))).toBe(true);
  const silent = await svgToPng(svg.replaceAll(/<text[^>]*>[^<]*<\/text>/g, ""));
  expect(silent.equals(png)).toBe(false);
  expect((await svgToPng(svg, 1)).readUInt32BE(16)).toBe(Number(size));
});

test("what is no SVG is refused", async () => {
  await expect(svgToPng("<svg><g></svg>")).rejects.toThrow();
});
