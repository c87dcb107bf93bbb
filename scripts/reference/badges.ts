/** Small pictures of the words that say what a number rests on. */
import { PROVENANCES, type Provenance } from "../../src/profile/provenance.ts";

/** Background by word: green for readings, amber for what is made of them, red for what lies beyond or is invented. */
const COLOURS: Readonly<Record<Provenance, string>> = {
  measured: "#1a7f37",
  published: "#1a7f37",
  derived: "#8a5a00",
  modelled: "#8a5a00",
  extrapolated: "#b3261e",
  synthetic: "#b3261e",
};
const LABEL = "rests on";
/** Width of a character at 11 px, near enough for letters of any sans-serif. */
const CHARACTER = 6.6;

/** By name of the file below docs/badges. */
export function badges(): Readonly<Record<string, string>> {
  return Object.fromEntries(PROVENANCES.map((word) => [`${word}.svg`, badge(word)]));
}

function badge(word: Provenance): string {
  const left = Math.round(CHARACTER * LABEL.length + 12);
  const right = Math.round(CHARACTER * word.length + 12);
  const width = left + right;
  const text = (x: number, shown: string) =>
    `<text x="${x}" y="14" fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">${shown}</text>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="20" role="img" aria-label="${LABEL}: ${word}"><title>${LABEL}: ${word}</title><rect width="${width}" height="20" rx="3" fill="#444"/><path d="M${left} 0h${right - 3}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-${right - 3}z" fill="${COLOURS[word]}"/>${text(left / 2, LABEL)}${text(left + right / 2, word)}</svg>\n`;
}
