import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export type Weight = "regular" | "semibold";

/** The family of the shipped files; browsers without it take the next. */
export const FONT_FAMILY = "IBM Plex Sans, Helvetica, Arial, sans-serif";
export const SHIPPED_FAMILY = "IBM Plex Sans";

/** Up to the package and down again: the same path leads there from src and from the built output. */
const FOLDER = new URL("../../../src/report/fonts/", import.meta.url);

/** Paths of the shipped font files (SIL Open Font License 1.1). */
export function fontFiles(): string[] {
  return ["IBMPlexSans-Regular.ttf", "IBMPlexSans-SemiBold.ttf"].map((name) =>
    fileURLToPath(new URL(name, FOLDER)),
  );
}

/** Width in pixels of a line of text at `size` pixels, by the font's advance widths (no kerning). */
export function textWidth(text: string, size: number, weight: Weight = "regular"): number {
  const metrics = metricsOf(weight);
  let units = 0;
  for (const character of text) {
    const glyph = metrics.glyphs.get(character.codePointAt(0) as number) ?? 0;
    units += metrics.advances[Math.min(glyph, metrics.advances.length - 1)];
  }
  return (units * size) / metrics.unitsPerEm;
}

/** Lines of at most `width` pixels, broken at spaces; a longer word keeps its own line. */
export function wrapToWidth(text: string, width: number, size: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).filter((w) => w !== "")) {
    const last = lines.at(-1);
    if (last !== undefined && textWidth(`${last} ${word}`, size) <= width) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return lines;
}

interface Metrics {
  readonly unitsPerEm: number;
  /** Glyph index by code point. */
  readonly glyphs: ReadonlyMap<number, number>;
  /** Advance width by glyph index; later glyphs repeat the last. */
  readonly advances: readonly number[];
}

const loaded = new Map<Weight, Metrics>();

function metricsOf(weight: Weight): Metrics {
  let metrics = loaded.get(weight);
  if (metrics === undefined) {
    metrics = readMetrics(readFileSync(fontFiles()[weight === "regular" ? 0 : 1]));
    loaded.set(weight, metrics);
  }
  return metrics;
}

/** Reads the tables head, hhea, hmtx and cmap (format 4) of a TrueType file (OpenType specification 1.9). */
function readMetrics(font: Buffer): Metrics {
  const tables = new Map<string, number>();
  for (let i = 0; i < font.readUInt16BE(4); i++) {
    const record = 12 + 16 * i;
    tables.set(font.toString("latin1", record, record + 4), font.readUInt32BE(record + 8));
  }
  const table = (name: string): number => {
    const offset = tables.get(name);
    if (offset === undefined) throw new Error(`font file without the table ${name}`);
    return offset;
  };
  const advanceCount = font.readUInt16BE(table("hhea") + 34);
  const advances = Array.from({ length: advanceCount }, (_, i) => font.readUInt16BE(table("hmtx") + 4 * i));
  return {
    unitsPerEm: font.readUInt16BE(table("head") + 18),
    glyphs: readCharacterMap(font, table("cmap")),
    advances,
  };
}

function readCharacterMap(font: Buffer, cmap: number): Map<number, number> {
  const glyphs = new Map<number, number>();
  for (let i = 0; i < font.readUInt16BE(cmap + 2); i++) {
    const sub = cmap + font.readUInt32BE(cmap + 4 + 8 * i + 4);
    if (font.readUInt16BE(sub) !== 4) continue;
    const bytes = font.readUInt16BE(sub + 6);
    for (let s = 0; s < bytes; s += 2) {
      const end = font.readUInt16BE(sub + 14 + s);
      const start = font.readUInt16BE(sub + 16 + bytes + s);
      const delta = font.readUInt16BE(sub + 16 + 2 * bytes + s);
      const rangeAt = sub + 16 + 3 * bytes + s;
      const range = font.readUInt16BE(rangeAt);
      for (let code = start; code <= end && code < 0xffff; code++) {
        const raw = range === 0 ? code : font.readUInt16BE(rangeAt + range + 2 * (code - start));
        if (range === 0 || raw !== 0) glyphs.set(code, (raw + delta) & 0xffff);
      }
    }
    return glyphs;
  }
  throw new Error("font file without a character map of format 4");
}
