/** The order of a table's rows. */

/**
 * Sorted stably; rows without a value come last in either order.
 *
 * @param {readonly number[]} rows
 * @param {{ readonly value?: ((row: number) => number | string | null) | undefined }} column
 * @param {boolean} descending
 */
export function sortRows(rows, { value }, descending) {
  const keyed = rows.map((row) => {
    const key = value?.(row) ?? null;
    return { row, key, parts: typeof key === "string" ? partsOf(key) : [] };
  });
  const sign = descending ? -1 : 1;
  keyed.sort((a, b) => {
    if (a.key === null || b.key === null) return Number(a.key === null) - Number(b.key === null);
    if (typeof a.key === "string") return sign * compareParts(a.parts, b.parts);
    return sign * (a.key - Number(b.key));
  });
  return keyed.map(({ row }) => row);
}

/**
 * Words and the numbers between them.
 *
 * @param {string} text
 */
function partsOf(text) {
  return text
    .split(/(\d+(?:\.\d+)?(?:e[-+]?\d+)?)/)
    .map((part, index) => (index % 2 === 1 ? Number(part) : part));
}

/**
 * By words as people sort them and by numbers as numbers: `rate 9.5` before `rate 12`.
 *
 * @param {readonly (string | number)[]} a
 * @param {readonly (string | number)[]} b
 */
function compareParts(a, b) {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = i % 2 === 1 ? Number(a[i]) - Number(b[i]) : WORDS.compare(String(a[i]), String(b[i]));
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

const WORDS = new Intl.Collator();
