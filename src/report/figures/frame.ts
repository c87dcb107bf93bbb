import type * as PlotLibrary from "@observablehq/plot";
import { Canvas, type SvgNode, serialise } from "./canvas.ts";
import { textWidth, wrapToWidth } from "./font.ts";
import type { Box } from "./place-labels.ts";
import { INKS, SIZES, type SymbolShape } from "./style.ts";
import type { ResolvedAxis, ScaleKind } from "./ticks.ts";

/** What every figure has around its plot. */
export interface FrameSpec {
  readonly title: string;
  /** What the data is: workload, fleet, seeds, what the bars mean. */
  readonly subtitle?: string;
  /** Small lines under the plot: provenance, what was left out. */
  readonly notes?: readonly string[];
  /** Pixels of the whole figure, default 720. */
  readonly width?: number;
  /** Pixels of the plot between its axes, default 300; title, key, labels and notes come on top. */
  readonly plotHeight?: number;
}

/** An axis as its caller describes it. */
export interface AxisSpec {
  readonly label: string;
  readonly unit?: string;
  readonly scale?: ScaleKind;
  /** Both ends fixed; default the data's extent with a margin. */
  readonly domain?: readonly [number, number];
  readonly format?: (value: number) => string;
  /** Distance of the ticks of a linear axis, e.g. 24 for hours; default a 1, 2 or 5 times a power of ten. */
  readonly tickStep?: number;
}

/** An entry of the key above the plot. */
export interface KeyEntry {
  readonly label: string;
  readonly colour: string;
  readonly symbol?: SymbolShape;
  readonly hollow?: boolean;
  readonly line?: "solid" | "dashed";
  readonly swatch?: boolean;
}

/** A drawn plot, for labels and marks over it. */
export interface Drawn {
  readonly canvas: Canvas;
  /** Pixel of a value. */
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
  /** The plot's inside, pixels. */
  readonly area: Box;
  /** Width and height of the whole figure. */
  readonly width: number;
  readonly height: number;
}

export type Plot = typeof PlotLibrary;
export type Marks = (plot: Plot) => readonly PlotLibrary.Markish[];

export interface FigureParts {
  readonly frame: FrameSpec;
  readonly x: ResolvedAxis;
  readonly y: ResolvedAxis;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly key?: readonly KeyEntry[];
  /** Room right of the plot for labels, pixels. */
  readonly marginRight?: number;
  readonly grid?: { readonly x?: boolean; readonly y?: boolean };
  readonly marks: Marks;
  readonly over?: (drawn: Drawn) => void;
}

const EDGE = 14;
const KEY_ROW = 19;
const SUBTITLE_ROW = 17;
const NOTE_ROW = 15;
/** Browsers that lack the shipped font take another one, up to so much wider: lines must not run out of the figure. */
const WIDER_FONTS = 1.16;

/** Label of an axis: its quantity, and the unit in brackets. */
export function axisLabel(axis: AxisSpec): string {
  return axis.unit === undefined ? axis.label : `${axis.label} (${axis.unit})`;
}

/** Draws axes, marks, title, key and notes, and gives the SVG file's text. */
export async function drawFigure(parts: FigureParts): Promise<string> {
  const [plot, { parseHTML }] = await Promise.all([import("@observablehq/plot"), import("linkedom")]);
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const { frame } = parts;
  const width = frame.width ?? SIZES.width;
  const inner = width - 2 * EDGE;
  const sure = inner / WIDER_FONTS;
  const notes = (frame.notes ?? []).flatMap((note) => wrapToWidth(note, sure, SIZES.small));
  const subtitle = frame.subtitle === undefined ? [] : wrapToWidth(frame.subtitle, sure, SIZES.text);
  const keyRows = layKey(parts.key ?? [], inner);
  const headTop = EDGE + 8;
  const subtitleTop = headTop + 22;
  const keyTop = subtitleTop + subtitle.length * SUBTITLE_ROW + (keyRows.length > 0 ? 4 : 0);
  const yLabelTop = keyTop + keyRows.length * KEY_ROW + (subtitle.length + keyRows.length > 0 ? 4 : 0);
  const tickWidth = Math.max(0, ...parts.y.ticks.map(({ label }) => textWidth(label, SIZES.small)));
  const top = yLabelTop + (parts.yLabel === "" ? 0 : 20);
  const bottom = top + (frame.plotHeight ?? SIZES.plotHeight);
  const foot = (parts.xLabel === "" ? 24 : 43) + (notes.length > 0 ? 8 : 0) + notes.length * NOTE_ROW;
  const height = Math.ceil(bottom + foot + EDGE / 2);
  const area: Box = {
    left: Math.max(34, EDGE + tickWidth + 10),
    top,
    right: width - Math.max(EDGE + 8, parts.marginRight ?? 0),
    bottom,
  };
  const xTicks = parts.x.ticks.map(({ value }) => value);
  const yTicks = parts.y.ticks.map(({ value }) => value);
  const svg = plot.plot({
    document,
    width,
    height,
    marginLeft: area.left,
    marginTop: area.top,
    marginRight: width - area.right,
    marginBottom: height - area.bottom,
    x: { type: parts.x.kind, domain: [...parts.x.domain], label: null, axis: null },
    y: { type: parts.y.kind, domain: [...parts.y.domain], label: null, axis: null },
    marks: [
      ...(parts.grid?.y === false ? [] : [plot.gridY(yTicks, { stroke: INKS.grid, strokeOpacity: 1 })]),
      ...(parts.grid?.x === true ? [plot.gridX(xTicks, { stroke: INKS.grid, strokeOpacity: 1 })] : []),
      ...parts.marks(plot),
    ],
  });
  const root = svg as unknown as SvgNode;
  const canvas = new Canvas(root);
  const pixel = (name: "x" | "y"): ((value: number) => number) => {
    const scale = svg.scale(name);
    if (scale === undefined) throw new Error(`figure "${frame.title}": no ${name} scale`);
    return (value) => scale.apply(value) as number;
  };
  const drawn: Drawn = { canvas, x: pixel("x"), y: pixel("y"), area, width, height };
  drawAxes(parts, drawn);
  canvas.text(EDGE, headTop, frame.title, { size: SIZES.title, weight: "semibold" });
  subtitle.forEach((line, i) => {
    canvas.text(EDGE, subtitleTop + SUBTITLE_ROW * i, line, { fill: INKS.quiet });
  });
  drawKey(keyRows, keyTop, canvas);
  if (parts.yLabel !== "") canvas.text(EDGE, yLabelTop, parts.yLabel, { size: SIZES.text });
  parts.over?.(drawn);
  notes.forEach((note, i) => {
    const y = height - EDGE - (notes.length - 1 - i) * NOTE_ROW;
    canvas.text(EDGE, y, note, { size: SIZES.small, fill: INKS.quiet });
  });
  return serialise(root, frame.title);
}

function drawAxes(parts: FigureParts, { canvas, x, y, area }: Drawn): void {
  canvas.line(area.left, area.bottom, area.right, area.bottom, INKS.axis);
  let edge = Number.NEGATIVE_INFINITY;
  for (const { value, label } of parts.x.ticks) {
    const at = x(value);
    canvas.line(at, area.bottom, at, area.bottom + 5, INKS.axis);
    const half = textWidth(label, SIZES.small) / 2;
    if (at - half < edge + 4) continue;
    canvas.text(at, area.bottom + 14, label, { anchor: "middle", size: SIZES.small, fill: INKS.text });
    edge = at + half;
  }
  for (const { value, label } of parts.y.ticks) {
    canvas.text(area.left - 7, y(value), label, { anchor: "end", size: SIZES.small });
  }
  if (parts.xLabel !== "") {
    canvas.text((area.left + area.right) / 2, area.bottom + 33, parts.xLabel, { anchor: "middle" });
  }
}

interface LaidKey extends KeyEntry {
  readonly x: number;
}

const SAMPLE = 24;

function layKey(entries: readonly KeyEntry[], width: number): LaidKey[][] {
  const rows: LaidKey[][] = [];
  let x = 0;
  for (const entry of entries) {
    const own = SAMPLE + 6 + textWidth(entry.label, SIZES.text);
    if (rows.length === 0 || x + own > width) {
      rows.push([]);
      x = 0;
    }
    rows[rows.length - 1].push({ ...entry, x: EDGE + x });
    x += own + 18;
  }
  return rows;
}

function drawKey(rows: readonly LaidKey[][], top: number, canvas: Canvas): void {
  rows.forEach((row, i) => {
    const y = top + i * KEY_ROW;
    for (const entry of row) {
      drawSample(entry, entry.x, y, canvas);
      canvas.text(entry.x + SAMPLE + 6, y, entry.label);
    }
  });
}

/** The sample of a key entry or of a label beside a line, 24 pixels wide from `x` on. */
export function drawSample(entry: KeyEntry, x: number, y: number, canvas: Canvas): void {
  if (entry.swatch === true) canvas.rectangle(x + 5, y - 6, 14, 12, entry.colour);
  if (entry.line !== undefined) {
    canvas.line(x, y, x + SAMPLE, y, entry.colour, SIZES.line, entry.line === "dashed" ? "4 3" : "");
  }
  if (entry.symbol !== undefined) {
    canvas.mark(x + SAMPLE / 2, y, entry.symbol, entry.colour, entry.hollow ?? false);
  }
}
