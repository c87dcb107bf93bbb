/** Columns that a text takes on a terminal: combining marks take none, East Asian wide characters two. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += /\p{M}/u.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
  return width;
}

/** `text` filled with spaces to `width` columns; longer text is left as it is. */
export function pad(text: string, width: number, side: "left" | "right" | "center"): string {
  const missing = Math.max(0, width - displayWidth(text));
  if (side === "left") return text + " ".repeat(missing);
  if (side === "right") return " ".repeat(missing) + text;
  const before = Math.floor(missing / 2);
  return " ".repeat(before) + text + " ".repeat(missing - before);
}

/**
 * Lines of at most `width` columns, broken at spaces; a longer word keeps its own line whole. Lines after the
 * first begin with `indent`.
 */
export function wrap(text: string, width: number, indent = ""): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/).filter((w) => w !== "")) {
    const start = lines.length === 0 ? "" : indent;
    if (line === "") line = start + word;
    else if (displayWidth(line) + 1 + displayWidth(word) <= width) line += ` ${word}`;
    else {
      lines.push(line);
      line = indent + word;
    }
  }
  return line === "" ? lines : [...lines, line];
}

const WIDE = /[\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60]/u;
