/** What the figures share: sizes in pixels, inks, and a colour and mark for each router. */
export const SIZES = {
  width: 720,
  plotHeight: 300,
  title: 15,
  text: 12,
  small: 11,
  line: 1.8,
  aside: 0.9,
  mark: 4.6,
} as const;

export const INKS = {
  text: "#1f2328",
  quiet: "#656d76",
  grid: "#e3e6ea",
  axis: "#8c959f",
  aside: "#c4cad1",
  paper: "#ffffff",
} as const;

/** A mark's outline on a circle of radius 1: a circle, or the corners of a polygon. */
export type SymbolShape = "circle" | readonly (readonly [number, number])[];

/** The look of one series: the same in every figure. */
export interface SeriesStyle {
  readonly colour: string;
  readonly symbol: SymbolShape;
}

/** What decides a style: a router's id (or any name of a series), and its family when the registry knows it. */
export interface StyleKey {
  readonly id: string;
  readonly family?: string | undefined;
}

/**
 * Hues by family, from the palette of Okabe and Ito (2008), which stays distinct for colour-blind readers and
 * in grey. Members of a family share the hue and differ in shade and mark.
 */
const HUES: Readonly<Record<string, string>> = {
  cedar: "#0072B2",
  gar: "#009E73",
  caps: "#D55E00",
  marlin: "#B5528F",
  planner: "#C98500",
  classic: "#6B7280",
};
const FURTHER_HUES = ["#8A7A00", "#111827", "#7A4A21", "#3A9BD9"];

/** The order of a family's members gives their shade and mark, whichever of them a figure shows. */
const MEMBERS: Readonly<Record<string, readonly string[]>> = {
  cedar: ["cedar", "cedar-heuristic", "cedar-sac", "cedar-no-carbon", "cedar-no-queue", "cedar-no-model"],
  gar: ["gar-pd", "gar-eps", "gar-strict", "gar-balanced", "gar-green"],
  caps: ["caps", "caps-no-predictor", "caps-no-carbon", "caps-no-tenant"],
  marlin: [
    "marlin-balanced",
    "marlin-min-latency",
    "marlin-min-carbon",
    "marlin-min-water",
    "marlin-min-cost",
  ],
  planner: ["helix", "splitwise", "perllm", "slit", "nsga2", "qlearning", "ddqn", "actor-critic"],
  classic: [
    "round-robin",
    "least-loaded",
    "performance-only",
    "random",
    "edf",
    "slo-aware",
    "carbon-aware",
    "carbon-greedy",
    "largest-model",
    "smallest-model",
  ],
};

const FAMILIES = Object.keys(HUES);
/** For series that are no routers, in an order that keeps neighbours apart. */
const PLAIN_HUES = [HUES.cedar, HUES.planner, HUES.gar, HUES.marlin, HUES.caps, HUES.classic];

/** Mixture with black (below 0) or white (above 0) for the members of a family. */
const SHADES = [0, -0.42, 0.34, -0.62, 0.17, -0.22];

const SYMBOLS: readonly SymbolShape[] = [
  "circle",
  regular(4, Math.PI / 4, 1.2),
  regular(3, -Math.PI / 2, 1.3),
  regular(4, 0, 1.32),
  regular(3, Math.PI / 2, 1.3),
  plus(),
  star(),
  regular(6, 0, 1.15),
];

/**
 * Styles for the series of one figure. Known routers always look the same; others take the hue of their
 * family (given, or the first word of the id) and the next free shade and mark in it. Where no series is a
 * known router or has a family (regions, tiers), each takes a hue of its own.
 */
export function assignStyles(series: readonly StyleKey[]): SeriesStyle[] {
  if (series.every((key) => key.family === undefined && knownFamily(key.id) === undefined)) {
    return distinctStyles(series.length);
  }
  const taken = new Map<string, Set<number>>();
  const familyOf = (key: StyleKey): string => knownFamily(key.id) ?? key.family ?? prefixFamily(key.id);
  const families = [...FAMILIES];
  for (const key of series) {
    const family = familyOf(key);
    if (!families.includes(family)) families.push(family);
    const members = taken.get(family) ?? new Set<number>();
    const known = MEMBERS[family]?.indexOf(key.id) ?? -1;
    if (known >= 0) members.add(known);
    taken.set(family, members);
  }
  return series.map((key) => {
    const family = familyOf(key);
    let member = MEMBERS[family]?.indexOf(key.id) ?? -1;
    if (member < 0) {
      const members = taken.get(family) as Set<number>;
      for (member = 0; members.has(member); ) member++;
      members.add(member);
    }
    const rank = families.indexOf(family);
    const hue = HUES[family] ?? FURTHER_HUES[(rank - FAMILIES.length) % FURTHER_HUES.length];
    return {
      colour: shade(hue, SHADES[member % SHADES.length]),
      symbol: SYMBOLS[(rank + member) % SYMBOLS.length],
    };
  });
}

/** A style for each family as a whole; those that have no hue of their own take the further ones in turn. */
export function familyStyles(families: readonly string[]): SeriesStyle[] {
  let others = 0;
  return families.map((family, i) => ({
    colour: HUES[family] ?? FURTHER_HUES[others++ % FURTHER_HUES.length],
    symbol: SYMBOLS[i % SYMBOLS.length],
  }));
}

/** So many styles that are told apart by hue as far as there are hues. */
export function distinctStyles(count: number): SeriesStyle[] {
  return Array.from({ length: count }, (_, i) => ({
    colour: shade(
      PLAIN_HUES[i % PLAIN_HUES.length],
      SHADES[Math.floor(i / PLAIN_HUES.length) % SHADES.length],
    ),
    symbol: SYMBOLS[i % SYMBOLS.length],
  }));
}

function knownFamily(id: string): string | undefined {
  return FAMILIES.find((family) => MEMBERS[family].includes(id));
}

function prefixFamily(id: string): string {
  return id.split(/[-/:. ]/)[0];
}

/** The SVG path of a mark around the origin. */
export function symbolPath(symbol: SymbolShape, radius: number): string {
  const at = (value: number): string => String(Math.round(value * radius * 100) / 100);
  if (symbol === "circle") {
    const r = at(1);
    return `M-${r},0A${r},${r},0,1,1,${r},0A${r},${r},0,1,1,-${r},0Z`;
  }
  return `M${symbol.map(([x, y]) => `${at(x)},${at(y)}`).join("L")}Z`;
}

/** Mixture with black (amount below 0) or white (above 0). */
export function shade(hue: string, amount: number): string {
  const target = amount < 0 ? 0 : 255;
  const mixed = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(hue.slice(at, at + 2), 16);
    return Math.round(channel + (target - channel) * Math.abs(amount));
  });
  return `#${mixed.map((channel) => channel.toString(16).padStart(2, "0")).join("")}`;
}

function regular(corners: number, start: number, radius: number): [number, number][] {
  return Array.from({ length: corners }, (_, i) => {
    const angle = start + (2 * Math.PI * i) / corners;
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  });
}

function plus(): [number, number][] {
  const arm = 1.2;
  const half = 0.42;
  return [
    [-half, -arm],
    [half, -arm],
    [half, -half],
    [arm, -half],
    [arm, half],
    [half, half],
    [half, arm],
    [-half, arm],
    [-half, half],
    [-arm, half],
    [-arm, -half],
    [-half, -half],
  ];
}

function star(): [number, number][] {
  return Array.from({ length: 10 }, (_, i) => {
    const angle = -Math.PI / 2 + (Math.PI * i) / 5;
    const radius = i % 2 === 0 ? 1.45 : 0.62;
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  });
}
