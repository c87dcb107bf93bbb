import { sha256OfText } from "../files.ts";

/**
 * JSON with sorted keys and without spaces: equal values give equal texts. `undefined` members are left out, as in
 * JSON; numbers that JSON lacks become the texts NaN, Infinity and -Infinity.
 *
 * @throws TypeError for values that are no data, e.g. functions or typed arrays
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(",")}]`;
  switch (typeof value) {
    case "number":
      return Number.isFinite(value) ? JSON.stringify(value) : JSON.stringify(String(value));
    case "string":
    case "boolean":
      return JSON.stringify(value);
    case "object": {
      if (value === null) return "null";
      if (ArrayBuffer.isView(value)) throw new TypeError("canonical JSON of a typed array");
      const members = Object.entries(value)
        .filter(([, member]) => member !== undefined)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
      return `{${members.join(",")}}`;
    }
    default:
      throw new TypeError(`canonical JSON of a ${typeof value}`);
  }
}

/** SHA-256 of the canonical JSON, 64 hexadecimal digits. */
export function hashOfJson(value: unknown): string {
  return sha256OfText(canonicalJson(value));
}
