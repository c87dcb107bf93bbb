/** Pieces of Markdown that the pages of the reference are made of. */

export const WRITTEN = "<!-- Written by npm run docs:reference from the code: change it there. -->";

/** A table; bars and line ends in cells are kept from ending them. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const body = rows.map((cells) => line(cells.map(cell)));
  return [line(head), line(head.map(() => "---")), ...body].join("\n");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replace(/\s+/g, " ").trim();
}

/** Text as code; nothing for nothing. */
export function code(text: string): string {
  return text === "" ? "" : `\`${text}\``;
}

/** A default as an experiment file writes it. */
export function defaultText(value: unknown): string {
  return value === undefined ? "" : code(typeof value === "string" ? value : JSON.stringify(value));
}
