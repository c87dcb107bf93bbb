import { FONT_FAMILY, type Weight } from "./font.ts";
import { INKS, SIZES, type SymbolShape, symbolPath } from "./style.ts";

/** The parts of an SVG element (of linkedom) that figures use. */
export interface SvgNode {
  readonly ownerDocument: { createElementNS(namespace: string, name: string): SvgNode };
  readonly childNodes: Iterable<SvgNode>;
  readonly attributes: Iterable<{ readonly name: string; readonly value: string }>;
  readonly outerHTML: string;
  textContent: string;
  setAttribute(name: string, value: string): void;
  removeAttribute(name: string): void;
  append(child: SvgNode): void;
  prepend(child: SvgNode): void;
  querySelectorAll(selector: string): Iterable<SvgNode>;
  remove(): void;
}

export interface TextOptions {
  readonly anchor?: "start" | "middle" | "end";
  readonly size?: number;
  readonly weight?: Weight;
  readonly fill?: string;
  /** A rim of the paper's colour, so that lines behind do not cross the letters. */
  readonly halo?: boolean;
}

const SVG = "http://www.w3.org/2000/svg";

/** Draws texts, lines and marks over a plot, in pixels. */
export class Canvas {
  readonly #root: SvgNode;

  constructor(root: SvgNode) {
    this.#root = root;
  }

  /** A line of text whose middle height is at `y`. */
  text(x: number, y: number, text: string, options: TextOptions = {}): void {
    const node = this.#add("text", {
      x: String(x),
      y: String(y),
      dy: "0.34em",
      "text-anchor": options.anchor ?? "start",
      "font-size": String(options.size ?? SIZES.text),
      fill: options.fill ?? INKS.text,
    });
    if (options.weight === "semibold") node.setAttribute("font-weight", "600");
    if (options.halo === true) {
      node.setAttribute("stroke", INKS.paper);
      node.setAttribute("stroke-width", "3");
      node.setAttribute("stroke-linejoin", "round");
      node.setAttribute("paint-order", "stroke");
    }
    node.textContent = text;
  }

  line(x1: number, y1: number, x2: number, y2: number, stroke: string, width = 1, dash = ""): void {
    const node = this.#add("line", {
      x1: String(x1),
      y1: String(y1),
      x2: String(x2),
      y2: String(y2),
      stroke,
      "stroke-width": String(width),
    });
    if (dash !== "") node.setAttribute("stroke-dasharray", dash);
  }

  rectangle(x: number, y: number, width: number, height: number, fill: string): void {
    this.#add("rect", {
      x: String(x),
      y: String(y),
      width: String(width),
      height: String(height),
      fill,
    });
  }

  /** A mark of a series, filled or (for published values) hollow. */
  mark(
    x: number,
    y: number,
    symbol: SymbolShape,
    colour: string,
    hollow = false,
    radius: number = SIZES.mark,
  ): void {
    this.#add("path", {
      d: symbolPath(symbol, radius),
      transform: `translate(${x},${y})`,
      fill: hollow ? INKS.paper : colour,
      stroke: hollow ? colour : INKS.paper,
      "stroke-width": hollow ? "1.6" : "0.8",
      "stroke-linejoin": "round",
    });
  }

  #add(name: string, attributes: Readonly<Record<string, string>>): SvgNode {
    const node = this.#root.ownerDocument.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    this.#root.append(node);
    return node;
  }
}

/**
 * The SVG file's text: namespace and font on the root, no style sheet, every coordinate to a hundredth of a
 * pixel (so that the last bit of a logarithm, which differs between machines, never shows).
 */
export function serialise(root: SvgNode, title: string): string {
  for (const style of root.querySelectorAll("style")) style.remove();
  root.removeAttribute("class");
  root.setAttribute("xmlns", SVG);
  root.setAttribute("font-family", FONT_FAMILY);
  root.setAttribute("font-size", String(SIZES.text));
  root.setAttribute("fill", INKS.text);
  root.setAttribute("role", "img");
  const name = root.ownerDocument.createElementNS(SVG, "title");
  name.textContent = title;
  root.prepend(name);
  for (const node of root.querySelectorAll("*")) {
    for (const { name: key, value } of [...node.attributes]) {
      if (value === "currentColor") node.setAttribute(key, INKS.text);
      else if (COORDINATES.has(key)) node.setAttribute(key, rounded(value));
    }
  }
  return `${root.outerHTML}\n`;
}

const COORDINATES = new Set([
  "d",
  "transform",
  "x",
  "y",
  "x1",
  "x2",
  "y1",
  "y2",
  "cx",
  "cy",
  "r",
  "width",
  "height",
  "dx",
  "dy",
]);

function rounded(value: string): string {
  return value.replace(/-?\d+\.\d{3,}(e-?\d+)?/g, (number) =>
    String(Math.round(Number(number) * 100) / 100 + 0),
  );
}
